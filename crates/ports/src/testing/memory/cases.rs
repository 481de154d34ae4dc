//! The cases in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AccountId, Action, Case, Command, DeferReason, InquiredCase, InquiryReply, LeaseReply, PaymentInquiry, PaymentRequestId,
    Reply, ReversalState, inquire, is_over, spread,
};

use super::clock::timer_instant;
use super::store::MemoryStore;
use crate::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, LeasedLookup, LeasedReversal, Page, PostedEntry,
    ReceivedCommand, ReversalFilter, UnavailableError,
};

#[async_trait]
impl CancellationStore for MemoryStore {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<Decided, UnavailableError>> {
        let mut kept = self.kept();
        let (now, own_now) = (timer_instant(), self.own_now());
        batch.iter().map(|received| kept.decide(&self.policy, &received.as_received(now, own_now))).collect()
    }

    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        let mut kept = self.kept();
        let now = self.own_now().map_or(now, |own_now| now.min(own_now));
        let due_at = |case: &Case| match case.reversal.as_ref().map(|reversal| &reversal.state) {
            Some(ReversalState::Open { next_attempt_at, lease, .. })
                if case.reversal.as_ref().is_some_and(|reversal| reversal.is_due(now))
                    && !lease.is_some_and(|lease| lease.holds(now, self.policy.lease)) =>
            {
                Some((*next_attempt_at, case.id.clone()))
            }
            Some(ReversalState::Open { .. } | ReversalState::Parked { .. } | ReversalState::Done { .. }) | None => None,
        };
        let mut due: Vec<_> = kept.cases.values().filter_map(|file| due_at(&file.case)).collect();
        due.sort();
        let mut leased = Vec::new();
        for (_, id) in due.into_iter().take(limit as usize) {
            let command = Command { id: id.clone(), at: now, action: Action::LeaseAttempt };
            // A damaged case is passed over, so that it holds up no other.
            if let Ok(Decided { reply: Reply::Lease(LeaseReply::Leased(attempt)), .. }) = kept.decide(&self.policy, &command) {
                let request = kept.cases.get(&id).and_then(|file| file.case.reversal_request());
                leased.extend(request.map(|request| LeasedReversal { request, attempt }));
            }
        }
        Ok(leased)
    }

    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        let mut kept = self.kept();
        let now = self.own_now().map_or(now, |own_now| now.min(own_now));
        let due = kept.lookups(|due_at| is_over(due_at, now));
        let mut leased = Vec::new();
        for (_, id) in due.into_iter().take(limit as usize) {
            let command = Command { id: id.clone(), at: now, action: Action::LeaseLookup };
            if let Ok(Decided { reply: Reply::Lease(LeaseReply::Leased(attempt)), .. }) = kept.decide(&self.policy, &command) {
                leased.push(LeasedLookup { id, attempt });
            }
        }
        Ok(leased)
    }

    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError> {
        let mut kept = self.kept();
        let mut late = kept.lookups(|due_at| due_at > now + within);
        late.truncate(limit as usize);
        for (place, (_, id)) in late.iter().enumerate() {
            let action = Action::LookUpBy(now + spread(within, (place, late.len())));
            let _ = kept.decide(&self.policy, &Command { id: id.clone(), at: now, action });
        }
        Ok(u32::try_from(late.len()).unwrap_or(u32::MAX))
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        Ok(self.kept().cases.get(id).cloned())
    }

    async fn inquire(&self, batch: Vec<PaymentInquiry>) -> Vec<Result<InquiryReply, UnavailableError>> {
        let kept = self.kept();
        let reply = |inquiry: &PaymentInquiry| {
            if kept.damaged.contains(&inquiry.id) {
                return Err(UnavailableError::because("the case is damaged"));
            }
            let case = kept.cases.get(&inquiry.id).map(|file| InquiredCase::from(&file.case)).unwrap_or_default();
            Ok(inquire(&self.policy, &case, inquiry))
        };
        batch.iter().map(reply).collect()
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        let kept = self.kept();
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
            (None, ReversalFilter::Parked) => case.has_parked_deferral(),
            (Some(ReversalState::Open { .. } | ReversalState::Parked { .. } | ReversalState::Done { .. }) | None, _) => false,
        };
        Ok(self.page_of_cases(page, wanted))
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        Ok(self.page_of_cases(page, |case| case.defer_reason().is_some() && !case.has_parked_deferral()))
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        let everything = Page { limit: u32::MAX, after: None };
        let open = self.reversals(ReversalFilter::Open, &everything).await?;
        let since = |case: &Case| case.reversal.as_ref().map(|reversal| (reversal.opened_at, case.id.clone()));
        let deferred = self.deferred(&everything).await?;
        let waits = |case: &&Case| case.defer_reason() != Some(DeferReason::RefundRunning);
        let waiting = deferred.iter().filter(waits).filter_map(|case| Some((case.deferred_since()?, case.id.clone())));
        Ok(Backlog {
            oldest_deferred: waiting.min().map(|(since, id)| (id, since)),
            deferred: deferred.len() as u64,
            parked: self.reversals(ReversalFilter::Parked, &everything).await?.len() as u64,
            oldest_open: open.iter().filter_map(since).min().map(|(opened_at, id)| (id, opened_at)),
            open: open.len() as u64,
        })
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        Ok(self.own_now())
    }
}
