//! The suites that hold an adapter to its port's promises, and adapters that live in memory.
//!
//! An adapter's own test file has a line for each port, [`store_contract!`](crate::store_contract) or
//! [`settlement_contract!`](crate::settlement_contract): it becomes a test for each promise.

#![allow(clippy::unwrap_used, reason = "a broken promise has to end the test that found it")]

pub mod contract;
pub mod contracts;
mod fixtures;
mod histories;
mod identity;
mod leases;
mod memory;
mod memory_settlement;
pub mod settlement_contract;
mod sha256;

pub use contract::{Damage, Subject};
pub use fixtures::{Wallet, core_policy, id, ledger_policy, moment, replies};
pub use histories::histories_read_back;
pub use memory::{ManualClock, MemoryClearingFiles, MemoryFindings, MemorySorter, MemoryStatements, MemoryStore};
pub use sha256::sha256;
