//! What lookups have come to lately, for the log and for the worker.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{info, warn};

/// How often the log says that lookups fail, all of them in one line.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What lookups have come to lately. A core that is away fails them by the thousand: the log says so once for all of them.
#[derive(Debug, Default)]
pub(crate) struct LookupHealth(Mutex<LookupCounts>);

#[derive(Debug, Default)]
struct LookupCounts {
    /// The last lookup failed.
    is_failing: bool,
    /// A lookup succeeded after others had failed, and nobody has acted on it.
    has_recovered: bool,
    /// Since the last line of the log.
    failed: u64,
    /// Deferred cancels that a lookup decided, since the last line.
    decided: u64,
    last_error: String,
    told_at: Option<Instant>,
}

impl LookupHealth {
    fn counts(&self) -> MutexGuard<'_, LookupCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fails(&self, error: &str, now: Instant) {
        let mut counts = self.counts();
        counts.is_failing = true;
        counts.failed += 1;
        error.clone_into(&mut counts.last_error);
        counts.tell(now);
    }

    pub(super) fn succeeds(&self) {
        let mut counts = self.counts();
        counts.has_recovered |= counts.is_failing;
        counts.is_failing = false;
    }

    /// A lookup decided a deferred cancel.
    pub(super) fn decides(&self, now: Instant) {
        let mut counts = self.counts();
        counts.decided += 1;
        counts.tell(now);
    }

    /// Tells what was counted, if it is time.
    pub(super) fn tell(&self, now: Instant) {
        self.counts().tell(now);
    }

    /// Whether a lookup succeeded after others had failed, since this was asked last.
    pub(super) fn take_recovered(&self) -> bool {
        std::mem::take(&mut self.counts().has_recovered)
    }
}

impl LookupCounts {
    fn tell(&mut self, now: Instant) {
        let is_due = self.told_at.is_none_or(|told_at| now.saturating_duration_since(told_at) >= TELL_EVERY);
        if !is_due || (self.failed, self.decided) == (0, 0) {
            return;
        }
        self.told_at = Some(now);
        let (failed, decided) = (std::mem::take(&mut self.failed), std::mem::take(&mut self.decided));
        if failed > 0 {
            let error = &self.last_error;
            warn!(failed, %error, "payments could not be looked up at the wallet core: the last one's error is given (their cancels wait and are looked up again)");
        }
        if decided > 0 {
            info!(decided, "deferred cancels were decided: the wallet core named their payments");
        }
    }
}
