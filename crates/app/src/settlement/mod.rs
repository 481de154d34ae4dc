//! `rescind settlement`: what accountants need.

mod atomic_file;
mod check;
mod export;
mod lines;
mod reconcile;
mod records;
mod report;
mod sorting;

pub(crate) use check::{CheckArgs, check};
pub(crate) use export::export;
