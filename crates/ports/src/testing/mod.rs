//! The suites that hold an adapter to its port's promises, and adapters that live in memory.
//!
//! [`contracts`] lists the suites. An adapter's tests have one line for each port, such as
//! [`cases_contract!`](crate::cases_contract): it becomes a test for each promise.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a broken promise has to end the test that found it")]

pub mod contracts;
mod fixtures;
mod memory;

/// For the subjects of a crate that has no such dependency of its own.
pub use async_trait::async_trait;
pub use contracts::store::{Damage, Subject};
use fixtures::DAY_LONG;
pub use fixtures::{Wallet, core_policy, day, id, ledger_policy, moment, replies, sha256};
pub use memory::{ManualClock, MemoryClearingFiles, MemoryFindings, MemorySorter, MemoryStatements, MemoryStore};
