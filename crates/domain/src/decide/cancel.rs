//! `cancelPayment`: which row of the rule table applies, and what follows from it.

use chrono::{DateTime, TimeDelta, Utc};

use super::update::CaseUpdate;
use super::{Decision, Outcome, Rule};
use crate::{
    Answer, Cancel, Cancellation, CancellationState, Case, DeferReason, EventKind, FinalAnswer, FundsKind, Lookup, NeverReceived,
    OtherAcquirer, PaymentStatus, PeriodOver, Policy, Refusal, RefusalCode,
};

/// A cancel with the moment that decides about its period.
struct Receipt<'a> {
    cancel: &'a Cancel,
    received_at: DateTime<Utc>,
}

/// A row of the rule table with what it speaks of.
enum Ruling {
    DifferentRequest,
    Repeat(FinalAnswer),
    Resume,
    Fence,
    PeriodOver,
    Defer(DeferReason),
    CloseUnpaid,
    AlreadyRefunded,
    PartlyRefunded,
    ReversalOutcome,
}

pub(super) fn cancel(policy: &Policy, case: &Case, cancel: &Cancel, at: DateTime<Utc>) -> Decision {
    // Two processes may commit in another order than they received: the earliest receipt counts, not the first one recorded.
    let received_at = case.cancellation.as_ref().map_or(at, |known| known.first_received_at.min(at));
    let receipt = Receipt { cancel, received_at };
    let mut update = CaseUpdate::of(case, at);
    if let Lookup::Found(found) = &cancel.lookup
        && !case.is_decided()
    {
        update.merge_lookup(&found.payment);
    }
    let ruling = rule(policy, &update.case, &receipt);
    if matches!(ruling, Ruling::DifferentRequest) {
        return Decision::unchanged(Outcome::Answered(Answer::Refused(Refusal::DifferentRequest)));
    }
    let outcome = apply(&ruling, policy, &receipt, &mut update);
    if matches!(outcome, Outcome::ReversalPending { .. }) {
        return begin_attempt(policy, case, update, cancel.waited);
    }
    if update.case == *case { Decision::unchanged(outcome) } else { update.finish(outcome) }
}

/// Decides a deferred cancel again once a refund's result is known; any other case is left as it is.
pub(super) fn decide_deferred(policy: &Policy, update: &mut CaseUpdate) {
    let Some(deferred) = &update.case.cancellation else { return };
    if deferred.state != CancellationState::Deferred(DeferReason::RefundRunning) {
        return;
    }
    let cancel = Cancel::now(deferred.acquirer_id.clone(), Lookup::Recorded);
    let receipt = Receipt { cancel: &cancel, received_at: deferred.first_received_at };
    let ruling = rule(policy, &update.case, &receipt);
    // Nobody waits for the answer here: Alipay+ asks again and is told then, and an open reversal is the worker's.
    let _ = apply(&ruling, policy, &receipt, update);
}

/// The rule table: flat guards in order of precedence (`docs/decisions.md`).
fn rule(policy: &Policy, case: &Case, receipt: &Receipt<'_>) -> Ruling {
    let looks_at_acquirer = policy.results.other_acquirer == OtherAcquirer::ParamIllegal;
    if looks_at_acquirer && case.is_foreign_to(&receipt.cancel.acquirer_id) {
        return Ruling::DifferentRequest;
    }
    if let Some(answer) = case.cancellation.as_ref().and_then(Cancellation::final_answer) {
        return Ruling::Repeat(answer);
    }
    if case.is_cancelled() {
        return Ruling::Resume;
    }
    let Some(payment) = &case.payment else {
        return match receipt.cancel.lookup {
            Lookup::Recorded | Lookup::Found(_) => Ruling::Fence,
            Lookup::Failed => Ruling::Defer(DeferReason::LookupFailed),
        };
    };
    if case.is_settled() || !policy.period.includes(payment.initiated_at, receipt.received_at) {
        return Ruling::PeriodOver;
    }
    let (refunded_elsewhere, refund_running_elsewhere) = match &receipt.cancel.lookup {
        Lookup::Found(found) => (found.refunded, found.refund_running),
        Lookup::Recorded | Lookup::Failed => (0, false),
    };
    if case.has_running_refund() || refund_running_elsewhere {
        return Ruling::Defer(DeferReason::RefundRunning);
    }
    if receipt.cancel.lookup == Lookup::Failed {
        return Ruling::Defer(DeferReason::LookupFailed);
    }
    let refunded = case.refunded().max(refunded_elsewhere);
    match payment.status {
        PaymentStatus::InProgress | PaymentStatus::Failed { .. } => Ruling::CloseUnpaid,
        PaymentStatus::Succeeded { .. } if refunded >= payment.amount.minor() => Ruling::AlreadyRefunded,
        PaymentStatus::Succeeded { .. } if refunded > 0 => Ruling::PartlyRefunded,
        PaymentStatus::Succeeded { .. } => Ruling::ReversalOutcome,
    }
}

/// What follows from a ruling.
fn apply(ruling: &Ruling, policy: &Policy, receipt: &Receipt<'_>, update: &mut CaseUpdate) -> Outcome {
    match ruling {
        Ruling::DifferentRequest => Outcome::Answered(Answer::Refused(Refusal::DifferentRequest)),
        Ruling::Repeat(answer) => Outcome::Answered((*answer).into()),
        Ruling::Resume => Outcome::ReversalPending { attempt: None },
        Ruling::Fence => close(policy, update, receipt, Rule::NeverReceived),
        Ruling::PeriodOver => {
            let code = match policy.results.period_over {
                PeriodOver::ProcessFail => RefusalCode::ProcessFail,
                PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
            };
            refuse(update, receipt, Refusal::PeriodOver(code))
        }
        Ruling::Defer(reason) => {
            update.receive(receipt, CancellationState::Deferred(*reason));
            Outcome::Answered(Answer::Pending)
        }
        Ruling::CloseUnpaid => close(policy, update, receipt, Rule::NothingTaken),
        Ruling::AlreadyRefunded => {
            update.receive(receipt, CancellationState::AlreadyRefunded);
            Outcome::Answered(Answer::Cancelled)
        }
        Ruling::PartlyRefunded => refuse(update, receipt, Refusal::PartlyRefunded),
        Ruling::ReversalOutcome => close(policy, update, receipt, Rule::Succeeded),
    }
}

fn refuse(update: &mut CaseUpdate, receipt: &Receipt<'_>, refusal: Refusal) -> Outcome {
    update.receive(receipt, CancellationState::Refused { refusal });
    update.record_event(EventKind::Refused(refusal));
    Outcome::Answered(Answer::Refused(refusal))
}

/// Cancels: the payment is closed, and what it took is owed. A wallet core is told even where nothing is known to
/// be taken: it may have debited and died before it told us.
fn close(policy: &Policy, update: &mut CaseUpdate, receipt: &Receipt<'_>, rule: Rule) -> Outcome {
    let cancelled_at = update.at;
    let outcome = match policy.funds {
        FundsKind::Ledger => {
            let never_received = rule == Rule::NeverReceived && policy.results.never_received == NeverReceived::OrderNotExist;
            let answer = if never_received { FinalAnswer::Refused(Refusal::NeverReceived) } else { FinalAnswer::Cancelled };
            update.receive(receipt, CancellationState::Cancelled { cancelled_at, answer });
            Outcome::Answered(answer.into())
        }
        FundsKind::Http => {
            update.receive(receipt, CancellationState::Open { cancelled_at });
            Outcome::ReversalPending { attempt: None }
        }
    };
    update.record_event(EventKind::Cancelled { rule: rule.number() });
    update.waive_fee_of_cancelled();
    update.return_money(policy);
    outcome
}

/// Leases the next attempt to the caller in the commit that decides, so that no worker calls at the same moment.
fn begin_attempt(policy: &Policy, before: &Case, mut update: CaseUpdate, waited: TimeDelta) -> Decision {
    let now = update.at + waited;
    let begun = update.case.reversal.as_ref().and_then(|reversal| reversal.begin_attempt(now, policy.lease));
    let attempt = begun.as_ref().map(|reversal| reversal.attempts);
    if begun.is_some() {
        update.case.reversal = begun;
    }
    let outcome = Outcome::ReversalPending { attempt };
    if update.case == *before { Decision::unchanged(outcome) } else { update.finish(outcome) }
}

impl CaseUpdate {
    /// Records where the cancellation stands. Only the first receipt is told in the timeline. Before the payment could be looked up
    /// anybody may have asked; the case becomes that one's who is answered.
    fn receive(&mut self, receipt: &Receipt<'_>, state: CancellationState) {
        let first_received_at = receipt.received_at;
        self.case.cancellation = Some(match self.case.cancellation.take() {
            Some(known) if known.waits_for_lookup() => {
                Cancellation { acquirer_id: receipt.cancel.acquirer_id.clone(), first_received_at, state }
            }
            Some(known) => Cancellation { first_received_at, state, ..known },
            None => {
                self.record_event(EventKind::CancelReceived);
                Cancellation { acquirer_id: receipt.cancel.acquirer_id.clone(), first_received_at, state }
            }
        });
    }
}
