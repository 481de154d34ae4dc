//! The clock of tests, and clocks that break a promise.

use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use chrono::{DateTime, Utc};
use ports::Clock;
use ports::testing::{ManualClock, moment};

ports::clock_contract!(ManualClock::at(moment(0)));

/// A clock that asks somebody else.
pub(crate) struct Sleeps;

impl Clock for Sleeps {
    fn now(&self) -> DateTime<Utc> {
        thread::sleep(Duration::from_micros(200));
        moment(0)
    }
}

/// A clock that is set back at every thousandth reading.
#[derive(Default)]
pub(crate) struct GoesBack(AtomicI64);

impl Clock for GoesBack {
    fn now(&self) -> DateTime<Utc> {
        moment(self.0.fetch_add(1, Ordering::Relaxed) % 1000)
    }
}
