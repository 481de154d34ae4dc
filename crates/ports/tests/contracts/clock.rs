//! The clock of tests, and clocks that break a promise.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use ports::Clock;
use ports::testing::{ManualClock, moment};

ports::clock_contract!(ManualClock::at(moment(0)));

/// A clock that is set back at every thousandth reading.
#[derive(Default)]
pub(crate) struct GoesBack(AtomicI64);

impl Clock for GoesBack {
    fn now(&self) -> DateTime<Utc> {
        moment(self.0.fetch_add(1, Ordering::Relaxed) % 1000)
    }

    fn instant(&self) -> Instant {
        let reading = self.0.fetch_add(1, Ordering::Relaxed).unsigned_abs() % 1000;
        ManualClock::at(moment(0)).instant() + Duration::from_secs(reading)
    }
}
