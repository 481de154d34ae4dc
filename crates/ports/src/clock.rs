//! What time it is.

use std::time::Instant;

use chrono::{DateTime, Utc};

/// The one clock. Rules are decided, days closed and keys counted by it, so that each of them can be tested at any moment.
pub trait Clock: Send + Sync {
    /// The present moment.
    ///
    /// - It MUST NOT block: no call to another machine, no lock that is held for long.
    /// - It MUST NOT go back of its own accord, on whichever thread it is read. It may follow a machine's clock that is set back.
    fn now(&self) -> DateTime<Utc>;

    /// The present moment for measuring how long something takes.
    ///
    /// - It MUST NOT go back, also where the machine's clock is set back.
    /// - It MUST go with tokio's timers: what slept for a second finds it a second later.
    fn instant(&self) -> Instant;
}
