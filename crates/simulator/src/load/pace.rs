//! When requests are due.

use std::time::{Duration, Instant};

/// How requests follow one another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// A connection sends its next request as soon as it has the answer to the last one.
    AsFastAsItGoes,
    /// So many a second, whether earlier ones are answered or not.
    PerSecond(f64),
}

/// The moments at which requests are due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pace: Pace,
    begun: Instant,
}

impl Schedule {
    pub(crate) fn begin(pace: Pace, begun: Instant) -> Self {
        Self { pace, begun }
    }

    /// When a request is due; `None` is whenever a connection is free. Requests are due at whole milliseconds, since nothing wakes
    /// up more often, and a latency is not to be what this program waited for.
    pub(crate) fn due(&self, index: usize) -> Option<Instant> {
        match self.pace {
            Pace::AsFastAsItGoes => None,
            Pace::PerSecond(rate) => {
                let milliseconds = (index as f64 / rate * 1_000.0).ceil();
                Some(self.begun + Duration::from_millis(milliseconds as u64))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_due_at_the_rate_in_whole_milliseconds() {
        let begun = Instant::now();
        let schedule = Schedule::begin(Pace::PerSecond(2_500.0), begun);
        let due: Vec<_> = (0..6).map(|index| (schedule.due(index).unwrap() - begun).as_millis()).collect();
        assert_eq!(due, [0, 1, 1, 2, 2, 2]);
        assert_eq!((schedule.due(25_000).unwrap() - begun).as_secs(), 10);
        assert_eq!(Schedule::begin(Pace::AsFastAsItGoes, begun).due(25_000), None);
    }
}
