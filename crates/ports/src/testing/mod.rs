//! The suites that hold an adapter to its port's promises, and adapters that live in memory.
//!
//! An adapter's own test file has a line for each port, [`store_contract!`](crate::store_contract) or
//! [`settlement_contract!`](crate::settlement_contract): it becomes a test for each promise.

#![allow(clippy::unwrap_used, reason = "a broken promise has to end the test that found it")]

pub mod contract;
mod due;
mod given;
mod histories;
mod memory;
mod memory_settlement;
mod sameness;
pub mod settling;

pub use contract::{Damage, Subject};
pub use given::{Wallet, core_terms, id, ledger_terms, moment};
pub use histories::histories_read_back;
pub use memory::{ManualClock, MemoryStore};
