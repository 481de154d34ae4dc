//! What the store in memory keeps, for the cases and for the days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use domain::{Case, Change, ClearingDay, Command, Entry, PaymentRequestId, Policy, decide};

use super::clock::ManualClock;
use crate::{CaseFile, Clock, ClosedDay, Decided, FeedPosition, Page, RecordedLines, TimelineEntry, UnavailableError};

/// The cases and the days in memory. Clones share them, as two processes share a database.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    pub(super) policy: Policy,
    kept: Arc<Mutex<Kept>>,
    clock: Option<Arc<ManualClock>>,
}

/// Everything that a database would keep.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) cases: BTreeMap<PaymentRequestId, CaseFile>,
    /// The embedded ledger, in the order of booking.
    pub(super) entries: Vec<(PaymentRequestId, Entry)>,
    pub(super) damaged: BTreeSet<PaymentRequestId>,
    /// What each commit added to a timeline, in the order of the commits.
    pub(super) recorded: Vec<RecordedLines>,
    /// How often the generation of the feed was raised.
    pub(super) raised: u64,
    /// The days that a closing has begun.
    pub(super) days: BTreeMap<ClearingDay, BegunDay>,
}

/// A day that a closing has begun.
#[derive(Debug, Default)]
pub(super) struct BegunDay {
    pub(super) revision: i64,
    pub(super) closed: Option<ClosedDay>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, kept: Arc::default(), clock: None }
    }

    /// The same cases, decided under another policy.
    #[must_use]
    pub fn under(&self, policy: Policy) -> Self {
        Self { policy, ..self.clone() }
    }

    /// The same cases in a store that has a clock of its own, as a database server has.
    #[must_use]
    pub fn with_clock(&self, clock: Arc<ManualClock>) -> Self {
        Self { clock: Some(clock), ..self.clone() }
    }

    /// Damages what is kept of a case, so that nothing can be decided about it any more.
    pub fn damage(&self, id: &PaymentRequestId) {
        self.kept().damaged.insert(id.clone());
    }

    /// Begins a new generation of the feed, as after a restore.
    pub fn raise_generation(&self) {
        self.kept().raised += 1;
    }

    /// Locks everything, as a transaction that locks its rows.
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the store's own clock shows, where it has one.
    pub(super) fn own_now(&self) -> Option<DateTime<Utc>> {
        self.clock.as_ref().map(|clock| clock.now())
    }

    pub(super) fn page_of_cases(&self, page: &Page, wanted: impl Fn(&Case) -> bool) -> Vec<Case> {
        let kept = self.kept();
        let after = |case: &&Case| page.after.as_deref().is_none_or(|after| case.id.as_str() > after);
        let cases = kept.cases.values().map(|file| &file.case).filter(after).filter(|case| wanted(case));
        cases.take(page.limit as usize).cloned().collect()
    }
}

impl Kept {
    pub(super) fn decide(&mut self, policy: &Policy, command: &Command) -> Result<Decided, UnavailableError> {
        if self.damaged.contains(&command.id) {
            return Err(UnavailableError::because("the case is damaged"));
        }
        let known = self.cases.get(&command.id).map(|file| file.case.clone());
        let decision = decide(policy, &known.unwrap_or_else(|| Case::unknown(command.id.clone())), command);
        let decided = Decided::of(&decision);
        if let Some(change) = decision.change {
            self.record(change);
        }
        Ok(decided)
    }

    /// The deferred cancels whose lookup is due at such a moment, the earliest first.
    pub(super) fn lookups(&self, is_wanted: impl Fn(DateTime<Utc>) -> bool) -> Vec<(DateTime<Utc>, PaymentRequestId)> {
        let due = self.cases.values().filter_map(|file| Some((file.case.lookup_due_at()?, file.case.id.clone())));
        let mut wanted: Vec<_> = due.filter(|(due_at, _)| is_wanted(*due_at)).collect();
        wanted.sort();
        wanted
    }

    fn record(&mut self, Change { case, events, entries }: Change) {
        let id = case.id.clone();
        let known = self.cases.remove(&id).map(|file| file.timeline);
        let mut timeline = known.unwrap_or_default();
        let lines: Vec<_> = events.iter().map(TimelineEntry::from).collect();
        if !lines.is_empty() {
            let commit = self.recorded.len() as u64 + 1;
            let number = i32::try_from(timeline.len()).unwrap_or(i32::MAX).saturating_add(1);
            let position = FeedPosition { number, ..FeedPosition::before(commit) };
            self.recorded.push(RecordedLines { position, payment_request_id: id.clone(), lines: lines.clone() });
        }
        timeline.extend(lines);
        self.entries.extend(entries.into_iter().map(|entry| (id.clone(), entry)));
        self.cases.insert(id, CaseFile { case, timeline });
    }
}
