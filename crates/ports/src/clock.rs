//! What time it is.

use chrono::{DateTime, Utc};

/// The one clock. Rules are decided, days closed and keys counted by it, so that each of them can be tested at any moment.
pub trait Clock: Send + Sync {
    /// The present moment.
    ///
    /// - It MUST NOT block: no call to another machine, no lock that is held for long.
    /// - It MUST NOT go back of its own accord, on whichever thread it is read. It may follow a machine's clock that is set back.
    fn now(&self) -> DateTime<Utc>;
}
