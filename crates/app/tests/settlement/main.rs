//! Days are closed, statements written, and Alipay+'s files compared, by the commands that accountants run.
#![cfg(test)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "../common/mod.rs"]
mod common;

mod checking;
mod exporting;
mod fixtures;
mod histories;
mod malformed;
mod races;
mod scale;
