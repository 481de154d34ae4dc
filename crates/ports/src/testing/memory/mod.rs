//! Adapters that live in memory. They keep every promise but durability.

mod cases;
mod clock;
mod days;
mod store;

pub use clock::ManualClock;
pub use store::MemoryStore;
