//! Giving money back through a wallet core. The handler of a cancel and the worker make the same attempt; with the embedded ledger
//! nothing of this runs.

mod attempt;
mod contradiction;
mod deferred;
mod doubtful;
mod lookup;
mod lookup_health;
mod supervise;
mod worker;

pub(crate) use attempt::{attempt_inline, await_or_attempt};
pub(crate) use contradiction::report_contradiction;
pub(crate) use lookup::{look_up, submit_cancel};
pub(crate) use lookup_health::LookupHealth;
pub use worker::run_worker;
