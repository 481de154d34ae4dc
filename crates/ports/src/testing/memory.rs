//! Adapters that live in memory. They keep every promise but durability.

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AccountId, Action, CancellationState, Case, Change, Entry, LeaseReply, PaymentRequestId, Policy, Reply, ReversalState, decide,
};

use super::memory_settlement::Days;
use crate::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Clock, Decided, LeasedReversal, Page, PostedEntry, ReceivedCommand,
    ReversalFilter, TimelineEntry, UnavailableError,
};

pub use files::{MemoryClearingFiles, MemoryFindings, MemorySorter, MemoryStatements};

/// A clock that stands still until it is told to go on.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `at`.
    #[must_use]
    pub fn at(at: DateTime<Utc>) -> Self {
        Self(Mutex::new(at))
    }

    /// Moves it on, or back.
    pub fn advance(&self, by: TimeDelta) {
        *held(&self.0) += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *held(&self.0)
    }
}

pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cases in memory. Clones share them, as two processes share a database.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    pub(super) policy: Policy,
    pub(super) kept: Arc<Mutex<Kept>>,
    clock: Option<Arc<ManualClock>>,
}

#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) cases: BTreeMap<PaymentRequestId, CaseFile>,
    entries: Vec<(PaymentRequestId, Entry)>,
    pub(super) damaged: BTreeSet<PaymentRequestId>,
    pub(super) days: Days,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, kept: Arc::default(), clock: None }
    }

    /// The same cases, decided under other terms.
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
        held(&self.kept).damaged.insert(id.clone());
    }

    pub(super) fn page_of_cases(&self, page: &Page, wanted: impl Fn(&Case) -> bool) -> Vec<Case> {
        let kept = held(&self.kept);
        let after = |case: &&Case| page.after.as_deref().is_none_or(|after| case.id.as_str() > after);
        let cases = kept.cases.values().map(|file| &file.case).filter(after).filter(|case| wanted(case));
        cases.take(page.limit as usize).cloned().collect()
    }
}

impl Kept {
    pub(super) fn decide(&mut self, policy: &Policy, command: &domain::Command) -> Result<Decided, UnavailableError> {
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

    fn record(&mut self, Change { case, events, entries }: Change) {
        let id = case.id.clone();
        let known = self.cases.remove(&id).map(|file| file.timeline);
        let mut timeline = known.unwrap_or_default();
        timeline.extend(events.into_iter().map(|event| TimelineEntry {
            at: event.at,
            what: event.kind.name().to_owned(),
            details: event.kind.details().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        }));
        self.entries.extend(entries.into_iter().map(|entry| (id.clone(), entry)));
        self.cases.insert(id, CaseFile { case, timeline });
    }
}

#[async_trait]
impl CancellationStore for MemoryStore {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<Decided, UnavailableError>> {
        let mut kept = held(&self.kept);
        let received = |asked: &ReceivedCommand| asked.as_received(self.clock.as_ref().map(|clock| clock.now()));
        batch.iter().map(|asked| kept.decide(&self.policy, &received(asked))).collect()
    }

    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        let mut kept = held(&self.kept);
        let now = self.clock.as_ref().map_or(now, |clock| now.min(clock.now()));
        let due_at = |case: &Case| match case.reversal.as_ref().map(|reversal| &reversal.state) {
            Some(ReversalState::Open { next_attempt_at, lease, .. })
                if *next_attempt_at <= now && lease.is_none_or(|lease| lease.until <= now) =>
            {
                Some((*next_attempt_at, case.id.clone()))
            }
            Some(ReversalState::Open { .. } | ReversalState::Parked { .. } | ReversalState::Done { .. }) | None => None,
        };
        let mut due: Vec<_> = kept.cases.values().filter_map(|file| due_at(&file.case)).collect();
        due.sort();
        let mut claims = Vec::new();
        for (_, id) in due.into_iter().take(limit as usize) {
            let command = domain::Command { id: id.clone(), at: now, action: Action::LeaseAttempt };
            // What is damaged is nobody else's trouble.
            if let Ok(Decided { reply: Reply::Lease(LeaseReply::Leased(attempt)), .. }) = kept.decide(&self.policy, &command) {
                let reversal_request = kept.cases.get(&id).and_then(|file| file.case.reversal_request());
                claims.extend(reversal_request.map(|reversal_request| LeasedReversal { request: reversal_request, attempt }));
            }
        }
        Ok(claims)
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        Ok(held(&self.kept).cases.get(id).cloned())
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        let kept = held(&self.kept);
        let of_account = || kept.entries.iter().enumerate().filter(|(_, (_, entry))| entry.account == *account);
        let mut balances: BTreeMap<_, i128> = BTreeMap::new();
        for (_, (_, entry)) in of_account() {
            let minor = i128::from(entry.amount.minor());
            *balances.entry(entry.amount.currency()).or_default() += if entry.kind.gives() { minor } else { -minor };
        }
        let after = page.after.as_deref().map_or(Ok(0), str::parse::<usize>);
        let after = after.map_err(|_| UnavailableError::because("no such position"))?;
        let entries = of_account().skip_while(|(place, _)| *place < after).take(page.limit as usize);
        let posted = entries.map(|(place, (id, entry))| PostedEntry {
            position: (place + 1).to_string(),
            payment_request_id: id.clone(),
            entry: entry.clone(),
        });
        Ok(AccountStatement { balances, entries: posted.collect() })
    }

    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        let wanted = |case: &Case| match (case.reversal.as_ref().map(|reversal| &reversal.state), filter) {
            (Some(ReversalState::Open { .. }), ReversalFilter::Open) => true,
            (Some(ReversalState::Parked { .. }), ReversalFilter::Parked) => true,
            (Some(ReversalState::Open { .. } | ReversalState::Parked { .. } | ReversalState::Done { .. }) | None, _) => false,
        };
        Ok(self.page_of_cases(page, wanted))
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        let deferred = |case: &Case| {
            let state = case.cancellation.as_ref().map(|cancellation| cancellation.state);
            matches!(state, Some(CancellationState::Deferred(_)))
        };
        Ok(self.page_of_cases(page, deferred))
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        let everything = Page { limit: u32::MAX, after: None };
        let open = self.reversals(ReversalFilter::Open, &everything).await?;
        let since = |case: &Case| case.reversal.as_ref().map(|reversal| (reversal.opened_at, case.id.clone()));
        Ok(Backlog {
            deferred: self.deferred(&everything).await?.len() as u64,
            parked: self.reversals(ReversalFilter::Parked, &everything).await?.len() as u64,
            oldest_open: open.iter().filter_map(since).min().map(|(opened_at, id)| (id, opened_at)),
            open: open.len() as u64,
        })
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        Ok(self.clock.as_ref().map(|clock| clock.now()))
    }
}
