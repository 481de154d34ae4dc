//! A clock of the test's own time.

use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use ports::Clock;
use ports::testing::ManualClock;

/// Goes on with the timers.
pub(crate) struct TimersClock {
    began: Instant,
    at: DateTime<Utc>,
}

impl TimersClock {
    /// It is `at` now.
    pub(crate) fn at(at: DateTime<Utc>) -> Self {
        Self { began: timers_now(), at }
    }
}

impl Clock for TimersClock {
    fn now(&self) -> DateTime<Utc> {
        self.at + TimeDelta::from_std(self.instant().duration_since(self.began)).unwrap()
    }

    fn instant(&self) -> Instant {
        timers_now()
    }
}

/// The present moment by the clock of tokio's timers, which the tests stop.
pub(crate) fn timers_now() -> Instant {
    ManualClock::at(DateTime::UNIX_EPOCH).instant()
}
