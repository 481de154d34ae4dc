//! `rescind settlement`: what accountants need.

mod check;
mod comparing;
mod export;
mod lines;
mod records;
mod report;
mod sorting;
mod whole;

pub(crate) use check::{CheckArgs, check};
pub(crate) use export::export;
