//! How much is done in one step, so that others never wait long for it.

use std::thread::sleep;
use std::time::Duration;

use crate::runner::Runner;

const SMALLEST: i64 = 8;
const LARGEST: i64 = 5_000;

/// The size of a step and the pause after it. The size follows from how long the steps take.
#[derive(Debug)]
pub(crate) struct Pace {
    /// How long a step takes at most, about.
    target: Duration,
    /// The pause is so many hundredths of the step.
    pause_percent: u32,
    size: i64,
}

impl Pace {
    pub(crate) fn new(target: Duration, pause_percent: u32) -> Self {
        Self { target, pause_percent, size: 64 }
    }

    /// Runs one step of the size that is right now, and pauses afterwards.
    pub(crate) fn step<T, E>(&mut self, step: impl FnOnce(i64) -> Result<T, E>) -> Result<T, E> {
        let begun = Runner::THREADS.instant();
        let done = step(self.size);
        let took = Runner::THREADS.since(begun);
        self.size = if done.is_err() { self.size / 4 } else { self.next_size(took) }.clamp(SMALLEST, LARGEST);
        sleep(took.min(self.target * 4) * self.pause_percent / 100);
        done
    }

    /// A step that took too long is halved; one that took less than two thirds of the time may grow by a quarter.
    fn next_size(&self, took: Duration) -> i64 {
        if took > self.target {
            self.size / 2
        } else if took < self.target * 2 / 3 {
            self.size + self.size / 4
        } else {
            self.size
        }
    }
}

/// The pause, longer or shorter by up to a half, so that two that wait do not come again at the same moment. How long one has waited
/// never is the same to the nanosecond.
pub(crate) fn jittered(pause: Duration, waited: Duration) -> Duration {
    pause * (50 + waited.subsec_nanos() % 100) / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_shrinks_when_it_takes_long_or_fails_and_grows_when_it_is_short() {
        let mut pace = Pace::new(Duration::from_millis(90), 0);
        assert_eq!(pace.next_size(Duration::from_millis(91)), 32);
        assert_eq!(pace.next_size(Duration::from_millis(90)), 64);
        assert_eq!(pace.next_size(Duration::from_millis(60)), 64);
        assert_eq!(pace.next_size(Duration::from_millis(59)), 80);
        assert_eq!(pace.step(Err::<(), _>), Err(64));
        assert_eq!(pace.size, 16);
        assert_eq!(pace.step(Err::<(), _>), Err(16));
        assert_eq!(pace.size, SMALLEST);
    }

    #[test]
    fn a_jittered_pause_is_half_to_one_and_a_half_as_long() {
        let pauses = (0..100).map(|nanos| jittered(Duration::from_secs(2), Duration::from_nanos(nanos)));
        let pauses = std::collections::BTreeSet::from_iter(pauses);
        assert_eq!(pauses.len(), 100);
        assert_eq!(pauses.first(), Some(&Duration::from_secs(1)));
        assert_eq!(pauses.last(), Some(&Duration::from_millis(2_980)));
    }
}
