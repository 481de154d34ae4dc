//! A clock for tests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

use crate::Clock;

/// The moment on the clock of tokio's timers, which a test can pause.
#[expect(clippy::disallowed_methods, reason = "tests that pause tokio's clock measure by it too")]
pub(crate) fn timer_instant() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A clock whose [`Clock::now`] stands still until a test moves it. Its instants go on with tokio's timers.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn at(at: DateTime<Utc>) -> Self {
        Self(Mutex::new(at))
    }

    /// Moves it on, or back.
    pub fn advance(&self, by: TimeDelta) {
        *self.shown() += by;
    }

    fn shown(&self) -> MutexGuard<'_, DateTime<Utc>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.shown()
    }

    fn instant(&self) -> Instant {
        timer_instant()
    }
}
