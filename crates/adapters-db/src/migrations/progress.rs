//! What a long run says of itself.

use std::time::{Duration, Instant};

use super::MigrationRun;
use crate::runner::Runner;

/// How often something is said.
const INTERVAL: Duration = Duration::from_secs(10);

/// Says something now and then.
pub(crate) struct Every<'a> {
    run: MigrationRun<'a>,
    last: Instant,
}

impl<'a> Every<'a> {
    pub(crate) fn new(run: &MigrationRun<'a>) -> Self {
        Self { run: *run, last: Runner::THREADS.instant() }
    }

    /// Reports the sentence, if it is time for one.
    pub(crate) fn say(&mut self, sentence: impl FnOnce() -> String) {
        if Runner::THREADS.since(self.last) >= INTERVAL {
            self.last = Runner::THREADS.instant();
            (self.run.report)(&sentence());
        }
    }
}

/// How far a copy has come.
pub(crate) struct Progress<'a> {
    every: Every<'a>,
    begun: Instant,
    /// How many cases there are, about; 0 where nobody knows.
    total: i64,
    /// How many an earlier run copied.
    before: i64,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(run: &MigrationRun<'a>, total: i64, before: i64) -> Self {
        Self { every: Every::new(run), begun: Runner::THREADS.instant(), total, before }
    }

    /// Reports that so many are copied now, if it is time for it.
    pub(crate) fn copied(&mut self, copied: i64) {
        let Self { every, begun, total, before } = self;
        every.say(|| sentence((copied, *before, *total), Runner::THREADS.since(*begun)));
    }
}

/// `copied` and `before` are counts of cases; `took` is how long this run has copied.
fn sentence((copied, before, total): (i64, i64, i64), took: Duration) -> String {
    let left = u128::try_from(total - copied).unwrap_or(0);
    let done = u128::try_from(copied - before).unwrap_or(0);
    match (left * took.as_millis()).checked_div(done) {
        Some(millis) if left > 0 => {
            format!("copied {copied} of about {total} cases, about {} min left", millis.div_ceil(60_000))
        }
        Some(_) | None => format!("copied {copied} cases"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_estimated_from_what_this_run_did() {
        let minute = Duration::from_secs(60);
        assert_eq!(sentence((600, 500, 1000), minute), "copied 600 of about 1000 cases, about 4 min left");
        assert_eq!(sentence((500, 500, 1000), minute), "copied 500 cases");
        assert_eq!(sentence((1200, 500, 1000), minute), "copied 1200 cases");
        assert_eq!(sentence((999, 0, 1000), minute), "copied 999 of about 1000 cases, about 1 min left");
    }
}
