//! Log lines about strangers: anybody can cause them, so they come once a minute at most.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How far apart two lines are.
const EVERY: Duration = Duration::from_secs(60);

/// Lets one line of its kind through in a minute, and counts the others.
#[derive(Default)]
pub(crate) struct QuietLog(Mutex<Said>);

#[derive(Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl QuietLog {
    /// Whether a line is written now, and how many were not since the last one.
    pub(crate) fn line(&self) -> Option<u64> {
        self.line_at(Instant::now())
    }

    fn line_at(&self, now: Instant) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.last.is_some_and(|last| now.saturating_duration_since(last) < EVERY) {
            said.unsaid += 1;
            return None;
        }
        said.last = Some(now);
        Some(std::mem::take(&mut said.unsaid))
    }
}

/// One for each kind; kinds are a few texts of the program.
#[derive(Default)]
pub(crate) struct QuietLogs(Mutex<Vec<(&'static str, Arc<QuietLog>)>>);

impl QuietLogs {
    pub(crate) fn of(&self, kind: &'static str) -> Arc<QuietLog> {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, log)) = logs.iter().find(|(known, _)| *known == kind) {
            return Arc::clone(log);
        }
        let log = Arc::<QuietLog>::default();
        logs.push((kind, Arc::clone(&log)));
        log
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_says_how_many_there_were_between() {
        let (log, begin) = (QuietLog::default(), Instant::now());
        let at = |seconds| log.line_at(begin + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(59)], [Some(0), None, None]);
        assert_eq!([at(60), at(61), at(200)], [Some(2), None, Some(1)]);
    }

    #[test]
    fn each_kind_has_lines_of_its_own() {
        let logs = QuietLogs::default();
        assert_eq!(["a", "a", "b"].map(|kind| logs.of(kind).line()), [Some(0), None, Some(0)]);
    }
}
