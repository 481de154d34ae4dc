//! Four eyes: what one operator says of a parked reversal, and another one has to confirm.

use chrono::{DateTime, Utc};

use super::Case;

/// An operator says that the money went back by hand, and nobody else has confirmed it yet. It stands until anything else happens to the
/// case: whoever confirms it has seen all that the one who asked had seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestedResolution {
    /// What was done.
    pub note: String,
    /// Who did it.
    pub by: String,
    /// When they said so.
    pub at: DateTime<Utc>,
}

impl Case {
    /// Whether an operator decides: the reversal is parked, or the deferred cancel is.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        self.has_parked_deferral() || self.reversal.as_ref().is_some_and(super::Reversal::is_parked)
    }
}
