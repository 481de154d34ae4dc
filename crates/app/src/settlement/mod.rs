//! `rescind settlement`: what accountants need.

mod check;
mod export;
mod report;
mod verdict;

pub(crate) use check::{CheckArgs, check};
pub(crate) use export::export;
