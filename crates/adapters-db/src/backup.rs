//! What a copy of a database has in it.

use chrono::{DateTime, Utc};

/// A copy of a database as it was at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backup {
    /// How many cases it has.
    pub cases: u64,
    /// When the last thing was recorded that is in it. What was answered later is not.
    pub last_event_at: Option<DateTime<Utc>>,
}
