//! `rescind settlement`: what accountants need.

mod check;
mod export;
mod report;

pub(crate) use check::{CheckArgs, check};
pub(crate) use export::export;
