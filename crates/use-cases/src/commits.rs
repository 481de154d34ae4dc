//! Whether what is asked of the store is committed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::ports::{Decided, UnavailableError, UnavailableKind};

/// What the batches of all lanes came to lately.
#[derive(Debug, Default)]
pub(crate) struct CommitHealth(Mutex<Option<Failing>>);

/// No batch has succeeded since the first of these failed.
#[derive(Debug, Clone, Copy)]
struct Failing {
    began: Instant,
    last: Instant,
    is_full: bool,
}

/// Batches were tried, and none of them succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoCommits {
    /// Since the first of them began.
    pub lasts: Duration,
    /// Whether the last one failed because the store has no room.
    pub is_full: bool,
}

impl CommitHealth {
    /// Looks at a batch that began and ended at these moments. What fails for its own sake says nothing about others.
    pub(crate) fn see(&self, (began, ended): (Instant, Instant), outcomes: &[Result<Decided, UnavailableError>]) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if outcomes.iter().any(Result::is_ok) {
            *failing = None;
            return;
        }
        let kinds = || outcomes.iter().filter_map(|outcome| outcome.as_ref().err().map(UnavailableError::kind));
        if kinds().any(|kind| kind != UnavailableKind::Alone) {
            let is_full = kinds().any(|kind| kind == UnavailableKind::StoreFull);
            let began = failing.map_or(began, |failing| failing.began.min(began));
            *failing = Some(Failing { began, last: ended, is_full });
        }
    }

    /// How long none has succeeded.
    pub(crate) fn none_since(&self, now: Instant) -> Option<NoCommits> {
        let failing = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failing.map(|Failing { began, is_full, .. }| NoCommits { lasts: now.saturating_duration_since(began), is_full })
    }

    /// Somebody else has seen the store commit. It ends a trouble that no batch has met for `quiet`: where none comes any more, because
    /// they are sent to other processes, none can end it.
    pub(crate) fn forget_after(&self, quiet: Duration, now: Instant) {
        let mut failing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *failing = failing.filter(|failing| now.saturating_duration_since(failing.last) < quiet);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test stands outside and may measure real time")]
mod tests {
    use super::*;

    type Outcome = Result<Decided, UnavailableError>;

    fn failed(kind: UnavailableKind) -> Outcome {
        Err(UnavailableError::because("planted").of_kind(kind))
    }

    fn succeeded() -> Outcome {
        let reply = domain::Reply::Cancel(domain::CancelReply::Answered(domain::Answer::Cancelled));
        Ok(Decided { reply, rule: None, parks: false })
    }

    #[test]
    fn f77_commits_are_missing_from_the_first_batch_that_failed_until_one_succeeds() {
        let (health, start) = (CommitHealth::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(health.none_since(at(9)), None);
        health.see((at(0), at(1)), &[failed(UnavailableKind::Store)]);
        health.see((at(2), at(3)), &[failed(UnavailableKind::StoreFull), failed(UnavailableKind::Alone)]);
        assert_eq!(health.none_since(at(4)), Some(NoCommits { lasts: Duration::from_secs(4), is_full: true }));
        health.see((at(4), at(5)), &[failed(UnavailableKind::Store), succeeded()]);
        assert_eq!(health.none_since(at(9)), None);
    }

    #[test]
    fn f23_a_case_in_trouble_says_nothing_about_commits() {
        let (health, now) = (CommitHealth::default(), Instant::now());
        health.see((now, now), &[failed(UnavailableKind::Alone)]);
        assert_eq!(health.none_since(now), None);
    }

    #[test]
    fn f77_where_no_batch_comes_any_more_a_commit_of_another_kind_ends_it() {
        let (health, start) = (CommitHealth::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let quiet = Duration::from_secs(3);
        health.see((at(0), at(1)), &[failed(UnavailableKind::Store)]);
        health.forget_after(quiet, at(3));
        assert!(health.none_since(at(3)).is_some(), "batches still fail");
        health.forget_after(quiet, at(4));
        assert_eq!(health.none_since(at(4)), None);
    }
}
