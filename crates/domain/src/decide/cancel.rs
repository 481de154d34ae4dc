//! `cancelPayment`: which rule applies, and what it records.

use chrono::{DateTime, TimeDelta, Utc};

use super::Decision;
use super::receipt::{Receipt, Timeliness};
use super::update::CaseUpdate;
use crate::{
    Answer, Cancel, CancelReply, Cancellation, CancellationState, Case, DeferReason, EventKind, FinalAnswer, FundsKind, Lookup,
    NeverReceived, OtherAcquirer, PaymentStatus, PeriodOver, Policy, Refusal, RefusalCode, Rule, Witness,
};

pub(super) fn cancel(policy: &Policy, case: &Case, cancel: &Cancel, at: DateTime<Utc>) -> Decision {
    let receipt = Receipt::of(cancel, case.cancellation.as_ref(), at);
    let mut update = CaseUpdate::of(case, at);
    if let Lookup::Found(found) = &cancel.lookup
        && !case.is_decided()
    {
        update.merge_lookup(&found.payment);
    }
    let rule = select_rule(policy, &update.case, &receipt);
    if rule == Rule::DifferentAcquirer {
        // What the lookup said is not recorded either: a stranger's request must leave no trace.
        update = CaseUpdate::of(case, at);
    }
    let reply = apply(rule, policy, &receipt, &mut update);
    if matches!(reply, CancelReply::ReversalPending { .. }) {
        return lease_inline(policy, case, update, cancel.waited).by(rule);
    }
    let decision = if update.case == *case { Decision::unchanged(reply) } else { update.finish(reply) };
    decision.by(rule)
}

/// Decides a deferred cancel again once a refund's result is known, and names the rule; any other case is left as it is.
pub(super) fn decide_deferred(policy: &Policy, update: &mut CaseUpdate) -> Option<Rule> {
    let deferred = update.case.cancellation.as_ref()?;
    if deferred.state != CancellationState::Deferred(DeferReason::RefundRunning) {
        return None;
    }
    let cancel = Cancel::now(deferred.acquirer_id.clone(), Lookup::Recorded);
    Some(decide_as_received(policy, update, &cancel))
}

/// Decides a cancel of doubtful time by our clocks alone, because its payment's day is being closed, and names the rule.
pub(super) fn decide_by_our_clocks(policy: &Policy, update: &mut CaseUpdate) -> Option<Rule> {
    let doubtful = update.case.cancellation.as_ref().filter(|known| known.is_of_doubtful_time())?;
    let now = Cancel::now(doubtful.acquirer_id.clone(), Lookup::Recorded);
    Some(decide_as_received(policy, update, &Cancel { witness: Witness::TrustedClocks, ..now }))
}

fn decide_as_received(policy: &Policy, update: &mut CaseUpdate, cancel: &Cancel) -> Rule {
    let first_received_at = update.case.cancellation.as_ref().map_or(update.at, |known| known.first_received_at);
    let receipt = Receipt::of(cancel, update.case.cancellation.as_ref(), first_received_at);
    let rule = select_rule(policy, &update.case, &receipt);
    // No caller waits for this reply: Alipay+ asks again and is answered then, and the worker makes the attempt.
    let _ = apply(rule, policy, &receipt, update);
    rule
}

/// The rule table: flat guards in order of precedence (`docs/develop/decisions.md`).
fn select_rule(policy: &Policy, case: &Case, receipt: &Receipt<'_>) -> Rule {
    let looks_at_acquirer = policy.results.other_acquirer == OtherAcquirer::ParamIllegal;
    if looks_at_acquirer && case.is_foreign_to(&receipt.cancel.acquirer_id) {
        return Rule::DifferentAcquirer;
    }
    if let Some(answer) = case.cancellation.as_ref().and_then(Cancellation::final_answer) {
        return Rule::AnswerRecorded(answer);
    }
    if case.is_cancelled() {
        return Rule::ReversalPending;
    }
    let Some(payment) = &case.payment else {
        return match receipt.cancel.lookup {
            Lookup::Recorded | Lookup::Found(_) => Rule::NeverReceived,
            Lookup::Failed if receipt.is_of_doubtful_time() => Rule::Deferred(DeferReason::ClocksDisagree),
            Lookup::Failed => Rule::Deferred(DeferReason::LookupFailed),
        };
    };
    if case.is_settled() {
        return Rule::PeriodOver;
    }
    match receipt.timeliness(|moment| policy.period.includes(payment.initiated_at, moment)) {
        Timeliness::InTime => {}
        Timeliness::TooLate => return Rule::PeriodOver,
        Timeliness::Doubtful => return Rule::Deferred(DeferReason::ClocksDisagree),
    }
    let (refunded_elsewhere, refund_running_elsewhere) = match &receipt.cancel.lookup {
        Lookup::Found(found) => (found.refunded, found.refund_running),
        Lookup::Recorded | Lookup::Failed => (0, false),
    };
    if case.has_running_refund() || refund_running_elsewhere {
        return Rule::Deferred(DeferReason::RefundRunning);
    }
    if receipt.cancel.lookup == Lookup::Failed {
        return Rule::Deferred(DeferReason::LookupFailed);
    }
    let refunded = case.refunded().max(refunded_elsewhere);
    match payment.status {
        PaymentStatus::InProgress | PaymentStatus::Failed { .. } => Rule::NothingTaken,
        PaymentStatus::Succeeded { .. } if refunded >= payment.amount.minor() => Rule::FullyRefunded,
        PaymentStatus::Succeeded { .. } if refunded > 0 => Rule::PartlyRefunded,
        PaymentStatus::Succeeded { .. } => Rule::MoneyTaken,
    }
}

/// Records what the rule says, and replies.
fn apply(rule: Rule, policy: &Policy, receipt: &Receipt<'_>, update: &mut CaseUpdate) -> CancelReply {
    match rule {
        Rule::DifferentAcquirer => CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest)),
        Rule::AnswerRecorded(answer) => CancelReply::Answered(answer.into()),
        Rule::ReversalPending => CancelReply::ReversalPending { attempt: None },
        Rule::PeriodOver => {
            let code = match policy.results.period_over {
                PeriodOver::ProcessFail => RefusalCode::ProcessFail,
                PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
            };
            refuse(update, receipt, Refusal::PeriodOver(code))
        }
        Rule::Deferred(reason) => {
            let was_doubtful = update.case.cancellation.as_ref().is_some_and(Cancellation::is_of_doubtful_time);
            update.receive(receipt, CancellationState::Deferred(reason));
            if let Some(requested_at) = receipt.contradiction
                && reason == DeferReason::ClocksDisagree
                && !was_doubtful
            {
                update.record_event(EventKind::ClocksDisagree { received_at: receipt.own, requested_at });
            }
            CancelReply::Answered(Answer::Pending)
        }
        Rule::FullyRefunded => {
            update.receive(receipt, CancellationState::AlreadyRefunded);
            CancelReply::Answered(Answer::Cancelled)
        }
        Rule::PartlyRefunded => refuse(update, receipt, Refusal::PartlyRefunded),
        Rule::NeverReceived | Rule::NothingTaken | Rule::MoneyTaken => close(policy, update, receipt, rule),
    }
}

fn refuse(update: &mut CaseUpdate, receipt: &Receipt<'_>, refusal: Refusal) -> CancelReply {
    update.receive(receipt, CancellationState::Refused { refusal });
    update.record_event(EventKind::Refused(refusal));
    CancelReply::Answered(Answer::Refused(refusal))
}

/// Cancels: the payment is closed, and what it took goes back. A wallet core is asked even where nothing is known to be taken: it
/// may have debited and died before it reported that.
fn close(policy: &Policy, update: &mut CaseUpdate, receipt: &Receipt<'_>, rule: Rule) -> CancelReply {
    let cancelled_at = update.at;
    let reply = match policy.funds {
        FundsKind::Ledger => {
            let never_received = rule == Rule::NeverReceived && policy.results.never_received == NeverReceived::OrderNotExist;
            let answer = if never_received { FinalAnswer::Refused(Refusal::NeverReceived) } else { FinalAnswer::Cancelled };
            update.receive(receipt, CancellationState::Cancelled { cancelled_at, answer });
            CancelReply::Answered(answer.into())
        }
        FundsKind::Http => {
            update.receive(receipt, CancellationState::Open { cancelled_at });
            CancelReply::ReversalPending { attempt: None }
        }
    };
    update.record_event(EventKind::Cancelled(rule));
    update.waive_fee_of_cancelled();
    update.return_money(policy);
    reply
}

/// Leases the next attempt to the caller in the commit that decides, so that no worker calls at the same moment.
fn lease_inline(policy: &Policy, before: &Case, mut update: CaseUpdate, waited: TimeDelta) -> Decision {
    let now = update.at + waited;
    let begun = update.case.reversal.as_ref().and_then(|reversal| reversal.begin_attempt(now, policy.lease));
    let attempt = begun.as_ref().map(|reversal| reversal.attempts);
    if begun.is_some() {
        update.case.reversal = begun;
    }
    let reply = CancelReply::ReversalPending { attempt };
    if update.case == *before { Decision::unchanged(reply) } else { update.finish(reply) }
}

impl CaseUpdate {
    /// Records where the cancellation stands. Only the first receipt has a line in the timeline. Before the payment could be looked
    /// up any acquirer may have asked; the case becomes that of the acquirer that is answered.
    fn receive(&mut self, receipt: &Receipt<'_>, state: CancellationState) {
        let first_received_at = receipt.first_received_at(state);
        self.case.cancellation = Some(match self.case.cancellation.take() {
            Some(known) if known.waits_for_lookup() || known.is_of_doubtful_time() => {
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
