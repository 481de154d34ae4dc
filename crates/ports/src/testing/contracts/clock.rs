//! The promises of [`Clock`], but for one: that a reading does not block would need a test that depends on time.

use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::Clock;

/// So many readings show what is asked of every reading.
const READINGS: u32 = 20_000;
/// How long a timer sleeps for the instants.
const SLEEP: Duration = Duration::from_millis(5);

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
    ///
    ///     fn instant(&self) -> std::time::Instant {
    ///         std::time::Instant::now()
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

    /// Of two instants the second is not earlier, and what slept for a while finds it later by no less.
    async fn its_instants_go_on_with_the_timers(clock: &impl Clock) {
        let mut last = clock.instant();
        for _ in 0..READINGS {
            let now = clock.instant();
            assert!(now >= last, "an instant is earlier than the one before it");
            last = now;
        }
        tokio::time::sleep(SLEEP).await;
        assert!(clock.instant().duration_since(last) >= SLEEP, "it stood still while a timer went on");
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
