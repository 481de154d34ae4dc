//! Stores with a planted bug.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AccountId, Action, Answer, CancelReply, CancellationState, Case, CommandReply, Disposition, FinalAnswer, InquiredCase,
    InquiryReply, Lookup, PaymentInquiry, PaymentRequestId, PaymentStatus, Policy, Refusal, RefusalCode, Reply, ReversalOutcome,
    ReversalState, decide, inquire,
};
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, LeasedLookup, LeasedReversal, Page, ReceivedCommand,
    ReversalFilter, UnavailableError,
};

use crate::plants::Plant;

/// A store that does one thing wrong.
pub(crate) struct PlantedStore {
    pub(crate) inner: Arc<dyn CancellationStore>,
    pub(crate) plant: Plant,
    pub(crate) policy: Policy,
}

type Outcome = Result<Decided, UnavailableError>;

fn replied(reply: impl Into<Reply>) -> Outcome {
    Ok(Decided { reply: reply.into(), rule: None, parks: false })
}

impl PlantedStore {
    async fn case(&self, id: &PaymentRequestId) -> Case {
        let known = self.inner.find(id).await.ok().flatten();
        known.map_or_else(|| Case::unknown(id.clone()), |file| file.case)
    }

    async fn decide_one(&self, received: ReceivedCommand) -> Option<Outcome> {
        self.inner.decide(vec![received]).await.pop()
    }

    /// What a wrong store does with a command; `None` where it does nothing wrong.
    async fn does_wrong(&self, received: &mut ReceivedCommand) -> Option<Outcome> {
        let case = self.case(&received.command.id).await;
        let stands = case.cancellation.as_ref().map(|known| known.state);
        let answered = stands == stands.filter(|state| matches!(state, CancellationState::Cancelled { .. })) && stands.is_some();
        match (self.plant, &mut received.command.action) {
            (Plant::LockDropped | Plant::EarlyReply, _) => self.replies_first(&case, received).await,
            (Plant::UnknownIsDone, Action::CompleteAttempt(end)) => {
                if matches!(end.outcome, ReversalOutcome::Unknown(_)) {
                    end.outcome = ReversalOutcome::Done;
                }
                None
            }
            (Plant::ReceiptLost, Action::Cancel(cancel)) => {
                let waits = case.has_running_refund() || matches!(cancel.lookup, Lookup::Failed(_));
                (waits && stands.is_none()).then(|| replied(CancelReply::Answered(Answer::Pending)))
            }
            (Plant::FenceForgotten, Action::Cancel(_)) => {
                let fence = case.is_unknown() && self.policy.funds == domain::FundsKind::Ledger;
                fence.then(|| replied(CancelReply::Answered(Answer::Cancelled)))
            }
            (Plant::AnswerOverwritten, Action::Cancel(_)) => {
                let late =
                    case.payment.as_ref().is_some_and(|p| !self.policy.period.includes(p.initiated_at, received.command.at));
                let refused = Answer::Refused(Refusal::PeriodOver(RefusalCode::ProcessFail));
                (answered && late).then(|| replied(CancelReply::Answered(refused)))
            }
            (Plant::LateSuccessStands, Action::Result(_)) => {
                case.is_cancelled().then(|| replied(CommandReply::Done(Disposition::Stands)))
            }
            (Plant::AcquirerIgnored, Action::Cancel(cancel)) => {
                if let Some(known) = case.acquirer_id() {
                    cancel.acquirer_id = known.clone();
                }
                None
            }
            _ => None,
        }
    }

    /// Replies by what was read before, while another process decides. An early reply is committed afterwards, a reply without a lock
    /// is never reconciled with what the commit decided.
    async fn replies_first(&self, case: &Case, received: &ReceivedCommand) -> Option<Outcome> {
        let opens = matches!(received.command.action, Action::Cancel(_) | Action::Pay(_) | Action::Result(_));
        if !opens {
            return None;
        }
        let early = decide(&self.policy, case, &received.command);
        let decided = Decided::of(&early);
        let (inner, received) = (Arc::clone(&self.inner), received.clone());
        if self.plant == Plant::EarlyReply {
            tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_millis(40)).await;
                inner.decide(vec![received]).await
            });
        } else {
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
            inner.decide(vec![received]).await;
        }
        Some(Ok(decided))
    }

    /// A case as a wrong store shows it.
    fn shows(&self, mut case: Case) -> Case {
        let cancelled = matches!(
            case.cancellation.as_ref().map(|known| known.state),
            Some(CancellationState::Cancelled { answer: FinalAnswer::Cancelled, .. })
        );
        if let (Plant::FeeKept, true, Some(payment)) = (self.plant, cancelled, &mut case.payment)
            && let PaymentStatus::Succeeded { fee, .. } = &mut payment.status
        {
            *fee = Some(payment.amount);
        }
        case
    }
}

#[async_trait]
impl CancellationStore for PlantedStore {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for mut received in batch {
            let wrong = self.does_wrong(&mut received).await;
            let outcome = match wrong {
                Some(wrong) => Some(wrong),
                None => self.decide_one(received).await,
            };
            outcomes.extend(outcome);
        }
        outcomes
    }

    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        let mut leased = self.inner.lease_due(now, limit).await?;
        if self.plant == Plant::LeaseNotChecked {
            let open = self.inner.reversals(ReversalFilter::Open, &Page { limit, after: None }).await?;
            leased.extend(open.into_iter().filter_map(held));
        }
        if self.plant == Plant::RetryForgotten {
            leased.retain(|known| known.attempt <= 3);
        }
        Ok(leased)
    }

    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        self.inner.lease_lookups(now, limit).await
    }

    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError> {
        self.inner.hasten_lookups(now, within, limit).await
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        let found = self.inner.find(id).await?;
        Ok(found.map(|file| CaseFile { case: self.shows(file.case), timeline: file.timeline }))
    }

    async fn inquire(&self, batch: Vec<PaymentInquiry>) -> Vec<Result<InquiryReply, UnavailableError>> {
        if self.plant != Plant::InquiryLags {
            return self.inner.inquire(batch).await;
        }
        let mut replies = Vec::with_capacity(batch.len());
        for inquiry in batch {
            let payment = self.case(&inquiry.id).await.payment;
            replies.push(Ok(inquire(&self.policy, &InquiredCase { payment, cancellation: None }, &inquiry)));
        }
        replies
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        let mut stated = self.inner.account(account, page).await?;
        if self.plant == Plant::CreditTwice {
            let all = self.inner.account(account, &Page { limit: u32::MAX, after: None }).await?;
            for posted in all.entries.iter().filter(|posted| posted.entry.kind.gives() && posted.entry.refund.is_none()) {
                let amount = posted.entry.amount;
                *stated.balances.entry(amount.currency()).or_default() += i128::from(amount.minor());
            }
        }
        Ok(stated)
    }

    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.inner.reversals(filter, page).await
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.inner.deferred(page).await
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        self.inner.backlog().await
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        self.inner.check().await
    }
}

/// A reversal that somebody holds, as if it were free.
fn held(case: Case) -> Option<LeasedReversal> {
    let request = case.reversal_request()?;
    let reversal = case.reversal?;
    match reversal.state {
        ReversalState::Open { lease: Some(lease), .. } => Some(LeasedReversal { request, attempt: lease.attempt }),
        ReversalState::Open { lease: None, .. } | ReversalState::Parked { .. } | ReversalState::Done { .. } => None,
    }
}
