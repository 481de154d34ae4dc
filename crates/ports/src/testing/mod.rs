//! The suites that hold an adapter to its port's promises, and adapters that live in memory.

mod memory;

pub use memory::{ManualClock, MemoryStore};
