//! The suites that hold an adapter to its port's promises, and adapters that live in memory.
//!
//! An adapter's own test file has one line, [`store_contract!`](crate::store_contract): it becomes a test for each promise.

#![allow(clippy::unwrap_used, reason = "a broken promise has to end the test that found it")]

pub mod contract;
mod due;
mod given;
mod histories;
mod memory;

pub use contract::{Damage, Subject};
pub use given::{Wallet, core_terms, id, ledger_terms, moment};
pub use histories::histories_read_back;
pub use memory::{ManualClock, MemoryStore};
