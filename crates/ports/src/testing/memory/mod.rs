//! Adapters that live in memory. They keep every promise but durability.

mod cases;
mod clock;
mod days;
mod feed;
mod files;
mod store;

pub use clock::ManualClock;
pub(super) use clock::timer_instant;
pub use files::{MemoryClearingFiles, MemoryFindings, MemorySorter, MemoryStatements};
pub use store::MemoryStore;
