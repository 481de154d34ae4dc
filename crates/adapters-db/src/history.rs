//! What this process knows of its server's history: whether what it committed is still there.
//!
//! A server's log only grows, and a standby that takes its place begins a new timeline. So a server that is on another timeline, or whose
//! log ends before a commit of ours, may have forgotten what was answered.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::counter;
use ports::StoreState;
use tracing::error;

/// A place in the history of a server, as its session sees it when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerPlace {
    /// What all servers that are copies of one another share.
    pub(crate) system: String,
    /// Rises by one whenever a standby becomes the primary.
    pub(crate) timeline: u32,
    /// How far the log goes, in bytes.
    pub(crate) position: u64,
}

/// Why a server is not worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OlderTimelineError {
    found: u32,
    known: u32,
}

impl fmt::Display for OlderTimelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, known } = self;
        write!(
            f,
            "the server is on timeline {found}, and another one of its cluster has gone on to timeline {known} (stop the older one)"
        )
    }
}

impl std::error::Error for OlderTimelineError {}

/// Shared by all sessions of one database.
#[derive(Debug, Default)]
pub(crate) struct ServerHistory {
    known: Mutex<Option<ServerPlace>>,
    changes: AtomicU64,
    /// Sessions that began before it was last raised are not used again.
    pub(crate) generation: Arc<AtomicU64>,
    standby: Mutex<Option<bool>>,
    /// Whether there was no room when it was last tried.
    is_full: AtomicBool,
}

impl ServerHistory {
    /// Up to where a commit of ours was seen, before something is asked; its answer cannot lie before that.
    pub(crate) fn proven(&self) -> Option<ServerPlace> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at where a new session stands, which was asked after `before` was known. Whether it is another history.
    ///
    /// # Errors
    /// [`OlderTimelineError`] where a server of the same cluster has gone on without this one.
    pub(crate) fn meet(&self, before: Option<&ServerPlace>, place: &ServerPlace) -> Result<bool, OlderTimelineError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = known.as_ref() else {
            // Nothing was committed here yet.
            *known = Some(ServerPlace { position: 0, ..place.clone() });
            return Ok(false);
        };
        let changed = if last.system != place.system {
            "another cluster"
        } else if place.timeline < last.timeline {
            return Err(OlderTimelineError { found: place.timeline, known: last.timeline });
        } else if place.timeline > last.timeline {
            "another timeline"
        } else if before.is_some_and(|before| before.is_same_log(place) && place.position < before.position) {
            "a log that ends before what was committed"
        } else {
            return Ok(false);
        };
        error!(
            changed, timeline = place.timeline, position = place.position, was = ?last,
            "the database has another history than before: what was answered lately is looked up again (check its replication)"
        );
        counter!("rescind_database_histories_total").increment(1);
        *known = Some(place.clone());
        self.changes.fetch_add(1, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }

    /// What stands at this place is committed, on the timeline that the session began on.
    pub(crate) fn prove(&self, timeline: u32, position: u64) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.as_mut().filter(|known| known.timeline == timeline) {
            known.position = known.position.max(position);
        }
    }

    /// Whether commits wait for a standby, by the server's settings.
    pub(crate) fn set_standby(&self, waits: bool) {
        *self.standby.lock().unwrap_or_else(PoisonError::into_inner) = Some(waits);
    }

    pub(crate) fn set_full(&self, is_full: bool) {
        self.is_full.store(is_full, Ordering::Relaxed);
    }

    /// Whether there was no room when it was last tried.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// What is known without asking. A place without a server has one history only.
    pub(crate) fn state(&self) -> StoreState {
        let standby = *self.standby.lock().unwrap_or_else(PoisonError::into_inner);
        StoreState { history: standby.map(|_| self.changes.load(Ordering::Relaxed)), waits_for_standby: standby }
    }
}

impl ServerPlace {
    fn is_same_log(&self, other: &Self) -> bool {
        self.system == other.system && self.timeline == other.timeline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timeline: u32, position: u64) -> ServerPlace {
        ServerPlace { system: "7".to_owned(), timeline, position }
    }

    /// Meets the places one after the other; how many other histories were noticed.
    fn changes(places: &[(ServerPlace, Option<u64>)]) -> u64 {
        let history = ServerHistory::default();
        history.set_standby(false);
        for (place, proven) in places {
            let before = history.proven();
            history.meet(before.as_ref(), place).unwrap();
            proven.iter().for_each(|position| history.prove(place.timeline, *position));
        }
        history.state().history.unwrap()
    }

    #[test]
    fn f79_a_new_timeline_or_cluster_is_another_history() {
        assert_eq!(changes(&[(at(1, 100), Some(100)), (at(1, 100), Some(120)), (at(1, 121), None)]), 0);
        assert_eq!(changes(&[(at(1, 100), Some(100)), (at(2, 200), None), (at(2, 200), None)]), 1);
        let restored = ServerPlace { system: "8".to_owned(), ..at(1, 300) };
        assert_eq!(changes(&[(at(2, 100), Some(100)), (restored, None)]), 1);
    }

    /// What was only seen and not committed may vanish in a crash.
    #[test]
    fn f79_a_log_that_ends_before_a_commit_is_another_history() {
        assert_eq!(changes(&[(at(1, 100), Some(100)), (at(1, 99), None)]), 1);
        assert_eq!(changes(&[(at(1, 100), Some(90)), (at(1, 90), None)]), 0);
        assert_eq!(changes(&[(at(1, 100), None), (at(1, 50), None)]), 0);
    }

    #[test]
    fn f79_a_server_that_others_have_gone_on_without_is_refused() {
        let history = ServerHistory::default();
        history.meet(None, &at(2, 100)).unwrap();
        let refused = history.meet(history.proven().as_ref(), &at(1, 500)).unwrap_err();
        assert!(refused.to_string().contains("timeline 1"), "{refused}");
    }

    /// Another session may have committed while this one's answer was on its way.
    #[test]
    fn f79_an_answer_that_was_overtaken_is_no_other_history() {
        let history = ServerHistory::default();
        history.meet(None, &at(1, 100)).unwrap();
        history.prove(1, 100);
        let before = history.proven();
        history.prove(1, 150);
        history.meet(before.as_ref(), &at(1, 120)).unwrap();
        assert_eq!(history.changes.load(Ordering::Relaxed), 0);
    }
}
