//! The promises of [`Clock`], but for one: that a reading does not block would need a test that depends on time.

use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;

use crate::Clock;

/// So many readings show what is asked of every reading.
const READINGS: u32 = 20_000;

contract! {
    /// Makes one test for each promise of a [`Clock`]. The expression makes the clock.
    ///
    /// ```
    /// use chrono::{DateTime, Utc};
    ///
    /// struct OurClock;
    ///
    /// impl ports::Clock for OurClock {
    ///     fn now(&self) -> DateTime<Utc> {
    ///         std::time::SystemTime::now().into()
    ///     }
    /// }
    ///
    /// ports::clock_contract!(OurClock);
    /// # ports::testing::contracts::run(ports::testing::contracts::clock::it_does_not_go_back(&OurClock));
    /// ```
    ($) clock_contract! in (clock)

    /// Of two readings the second is not earlier.
    async fn it_does_not_go_back(clock: &impl Clock) {
        let mut last = clock.now();
        for _ in 0..READINGS {
            let now = clock.now();
            assert!(now >= last, "{now} was read after {last}");
            last = now;
        }
    }

    /// A reading on one thread is not earlier than the reading that another thread made before.
    async fn it_is_one_clock_on_all_threads(clock: &impl Clock) {
        let latest = Mutex::new(clock.now());
        let (failed, failures) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..4 {
                let (latest, failed) = (&latest, failed.clone());
                scope.spawn(move || {
                    for _ in 0..READINGS / 4 {
                        let mut latest = latest.lock().unwrap();
                        let now = clock.now();
                        if now < *latest {
                            let _ = failed.send((now, *latest));
                        }
                        *latest = now;
                    }
                });
            }
        });
        drop(failed);
        assert_eq!(failures.into_iter().next(), None, "read after another thread's reading");
    }
}
