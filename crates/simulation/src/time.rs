//! The true time of a run, and the clocks of its processes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use ports::Clock;

use crate::recorder::lock;

/// The present moment on the clock of tokio's timers, which is paused and goes on only while everybody waits.
pub(crate) fn timer_now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What time it truly is. Between two windows of a day it jumps.
#[derive(Debug)]
pub(crate) struct TrueTime(Mutex<(DateTime<Utc>, Instant)>);

impl TrueTime {
    pub(crate) fn at(begins: DateTime<Utc>) -> Self {
        Self(Mutex::new((begins, timer_now())))
    }

    /// A window begins.
    pub(crate) fn jump(&self, to: DateTime<Utc>) {
        *lock(&self.0) = (to, timer_now());
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        let (begins, instant) = *lock(&self.0);
        begins + in_micros(timer_now().saturating_duration_since(instant))
    }
}

/// Whole microseconds, as every store keeps them.
fn in_micros(passed: std::time::Duration) -> TimeDelta {
    TimeDelta::microseconds(i64::try_from(passed.as_micros()).unwrap_or_default())
}

/// A process's clock: the true time, as far as it is right.
#[derive(Debug)]
pub(crate) struct SimulatedClock {
    truth: std::sync::Arc<TrueTime>,
    started: Instant,
    ahead: AtomicI64,
    /// How many microseconds it gains in a second.
    drift: i64,
}

impl SimulatedClock {
    /// One that starts now, ahead by so many microseconds.
    pub(crate) fn start(truth: &std::sync::Arc<TrueTime>, ahead: i64, drift: i64) -> Self {
        Self { truth: std::sync::Arc::clone(truth), started: timer_now(), ahead: AtomicI64::new(ahead), drift }
    }

    /// Somebody sets it, to so many microseconds ahead of the truth.
    pub(crate) fn set(&self, ahead: i64) {
        self.ahead.store(ahead, Ordering::Relaxed);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> DateTime<Utc> {
        let ran = timer_now().saturating_duration_since(self.started).as_millis();
        let gained = i64::try_from(ran).unwrap_or_default() * self.drift / 1_000;
        self.truth.now() + TimeDelta::microseconds(self.ahead.load(Ordering::Relaxed) + gained)
    }

    fn instant(&self) -> Instant {
        timer_now()
    }
}
