//! What the signed `Request-Time` of many requests says about this process's clock. One header proves nothing: it may itself be wrong.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ::ports::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use domain::REQUEST_TIME_APART;

/// How many requests have to agree about the clock.
const WITNESSES: usize = 20;
/// A request is looked at where the one before came so long ago. So the witnesses span more than a minute.
const BETWEEN: Duration = Duration::from_millis(3_200);
/// Older witnesses do not count. The two kinds of clocks of a machine may differ, after it was paused for one, and a process that is not
/// ready hears of no more requests.
const OLDEST: Duration = Duration::from_secs(10 * 60);

/// The last requests that are looked at.
#[derive(Debug, Default)]
pub struct RequestTimes(Mutex<VecDeque<Sample>>);

/// When a request was sent, by its signed header, and when it arrived on the monotonic clock. Nobody sets that one, so it tells what the
/// machine's clock as it is now would have shown when the request arrived.
#[derive(Debug, Clone, Copy)]
struct Sample {
    requested_at: DateTime<Utc>,
    arrived: Instant,
}

impl RequestTimes {
    /// Takes a verified request for a witness. It never waits: where another thread is at it, one witness fewer does no harm.
    pub fn observe(&self, requested_at: DateTime<Utc>, arrived: Instant) {
        let Ok(mut samples) = self.0.try_lock() else { return };
        let is_soon = samples.back().is_some_and(|last| arrived.saturating_duration_since(last.arrived) < BETWEEN);
        if is_soon {
            return;
        }
        if samples.len() == WITNESSES {
            samples.pop_front();
        }
        samples.push_back(Sample { requested_at, arrived });
    }

    /// How far the clock is ahead, by the median of the last requests; `None` where there are too few of them.
    #[must_use]
    pub fn clock_ahead(&self, clock: &dyn Clock) -> Option<TimeDelta> {
        let (now, instant) = (clock.now(), clock.instant());
        let samples = self.0.lock().ok()?;
        let ahead = |sample: &Sample| {
            let ago = instant.saturating_duration_since(sample.arrived);
            let by_clock = now - TimeDelta::from_std(ago).ok()?;
            (ago <= OLDEST).then(|| by_clock - sample.requested_at)
        };
        let mut all: Vec<_> = samples.iter().filter_map(ahead).collect();
        drop(samples);
        all.sort();
        // The lower one of the two in the middle.
        all.get((WITNESSES - 1) / 2).filter(|_| all.len() == WITNESSES).copied()
    }

    /// Whether the last requests show that the clock is right. Without enough of them nothing is shown.
    #[must_use]
    pub fn is_clock_right(&self, clock: &dyn Clock) -> bool {
        self.clock_ahead(clock).is_some_and(|ahead| ahead.abs() <= REQUEST_TIME_APART)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct SetClock {
        now: Mutex<DateTime<Utc>>,
        instant: Mutex<Instant>,
    }

    impl Clock for SetClock {
        fn now(&self) -> DateTime<Utc> {
            *self.now.lock().unwrap()
        }

        fn instant(&self) -> Instant {
            *self.instant.lock().unwrap()
        }
    }

    impl SetClock {
        #[expect(clippy::disallowed_methods, reason = "a test begins at some moment of the monotonic clock, whichever it is")]
        fn right() -> Self {
            let now = DateTime::from_timestamp(1_772_366_400, 0).unwrap();
            Self { now: Mutex::new(now), instant: Mutex::new(Instant::now()) }
        }

        fn goes_on(&self, by: Duration) {
            *self.now.lock().unwrap() += by;
            *self.instant.lock().unwrap() += by;
        }

        fn is_set(&self, by: TimeDelta) {
            *self.now.lock().unwrap() += by;
        }
    }

    /// So many requests, `BETWEEN` apart, each sent `by` after it arrives.
    fn requests(times: &RequestTimes, clock: &SetClock, (count, by): (usize, TimeDelta)) {
        for _ in 0..count {
            clock.goes_on(BETWEEN);
            times.observe(clock.now() + by, clock.instant());
        }
    }

    #[test]
    fn f63_twenty_requests_over_a_minute_say_whether_the_clock_is_right() {
        let (times, clock) = (RequestTimes::default(), SetClock::right());
        requests(&times, &clock, (19, TimeDelta::hours(1)));
        assert_eq!(times.clock_ahead(&clock), None, "nineteen are too few");
        requests(&times, &clock, (1, TimeDelta::hours(1)));
        assert_eq!(times.clock_ahead(&clock), Some(-TimeDelta::hours(1)));
        assert!(!times.is_clock_right(&clock));
        requests(&times, &clock, (11, TimeDelta::zero()));
        assert!(times.is_clock_right(&clock), "most of the last twenty say so");
    }

    #[test]
    fn f63_a_storm_within_a_minute_says_nothing() {
        let (times, clock) = (RequestTimes::default(), SetClock::right());
        for _ in 0..10_000 {
            clock.goes_on(Duration::from_millis(5));
            times.observe(clock.now() + TimeDelta::hours(1), clock.instant());
        }
        assert_eq!(times.clock_ahead(&clock), None);
    }

    #[test]
    fn f63_nine_odd_request_times_make_nobody_unready() {
        let (times, clock) = (RequestTimes::default(), SetClock::right());
        requests(&times, &clock, (11, TimeDelta::seconds(-1)));
        requests(&times, &clock, (9, TimeDelta::hours(25)));
        assert_eq!(times.clock_ahead(&clock), Some(TimeDelta::seconds(1)));
    }

    #[test]
    fn f63_a_clock_that_is_set_is_seen_at_once_and_so_is_its_return() {
        for by in [TimeDelta::hours(25), -TimeDelta::hours(25), TimeDelta::hours(1), -TimeDelta::hours(1)] {
            let (times, clock) = (RequestTimes::default(), SetClock::right());
            requests(&times, &clock, (20, TimeDelta::zero()));
            clock.is_set(by);
            assert_eq!(times.clock_ahead(&clock), Some(by));
            assert!(!times.is_clock_right(&clock));
            clock.goes_on(Duration::from_millis(300));
            clock.is_set(-by);
            assert!(times.is_clock_right(&clock));
        }
    }

    #[test]
    fn f63_old_witnesses_say_nothing() {
        let (times, clock) = (RequestTimes::default(), SetClock::right());
        requests(&times, &clock, (20, TimeDelta::hours(1)));
        clock.goes_on(OLDEST);
        assert_eq!(times.clock_ahead(&clock), None);
    }
}
