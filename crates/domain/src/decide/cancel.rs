//! `cancelPayment`: which rule applies, and what it records.

use chrono::{DateTime, TimeDelta, Utc};

use super::Decision;
use super::contradiction;
use super::update::CaseUpdate;
use crate::{
    Answer, Cancel, CancelReply, Cancellation, CancellationState, Case, CorePayment, DeferReason, EventKind, FinalAnswer,
    FundsKind, Lookup, NeverReceived, OtherAcquirer, PaymentStatus, PeriodOver, Policy, RefundedElsewhere, Refusal, RefusalCode,
    Rule,
};

/// A cancel with the moment that decides about its period.
struct Receipt<'a> {
    cancel: &'a Cancel,
    received_at: DateTime<Utc>,
    /// In what its lookup contradicts the record, or itself.
    contradiction: Option<String>,
}

impl Receipt<'_> {
    fn found(&self) -> Option<&CorePayment> {
        match &self.cancel.lookup {
            Lookup::Found(found) => Some(found),
            Lookup::Recorded | Lookup::Failed => None,
        }
    }

    /// Whether the core says that the payment is the asking acquirer's, against what is recorded: nobody is refused on doubt.
    fn may_be_its_own(&self) -> bool {
        self.contradiction.is_some() && self.found().is_some_and(|found| found.payment.acquirer_id == self.cancel.acquirer_id)
    }
}

pub(super) fn cancel(policy: &Policy, case: &Case, cancel: &Cancel, at: DateTime<Utc>) -> Decision {
    // Two processes may commit in another order than they received: the earliest receipt counts, not the first one recorded.
    let received_at = case.cancellation.as_ref().map_or(at, |known| known.first_received_at.min(at));
    let found = match &cancel.lookup {
        Lookup::Found(found) => Some(found),
        Lookup::Recorded | Lookup::Failed => None,
    };
    let contradiction = found.and_then(|found| contradiction::of_lookup(case, found, at + cancel.waited));
    let receipt = Receipt { cancel, received_at, contradiction };
    let mut update = CaseUpdate::of(case, at);
    if let Some(found) = found.filter(|_| !case.is_decided()) {
        match receipt.contradiction {
            None => update.merge_lookup(found),
            // Of refunds the highest word counts, so that none goes on that the core may have made already.
            Some(_) if case.payment.is_some() => update.merge_refunds(found),
            Some(_) => {}
        }
    }
    let rule = select_rule(policy, &update.case, &receipt);
    // What the lookup said of the payment is recorded even where the asking acquirer is refused for it: a core that forgets the payment
    // must not give the acquirer another answer later. The cancel itself is not recorded.
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
    let receipt = Receipt { cancel: &cancel, received_at: deferred.first_received_at, contradiction: None };
    let rule = select_rule(policy, &update.case, &receipt);
    // No caller waits for this reply: Alipay+ asks again and is answered then, and the worker makes the attempt.
    let _ = apply(rule, policy, &receipt, update);
    Some(rule)
}

/// The rule table: flat guards in order of precedence (`docs/develop/decisions.md`).
fn select_rule(policy: &Policy, case: &Case, receipt: &Receipt<'_>) -> Rule {
    let looks_at_acquirer = policy.results.other_acquirer == OtherAcquirer::ParamIllegal;
    if looks_at_acquirer && case.is_foreign_to(&receipt.cancel.acquirer_id) && !receipt.may_be_its_own() {
        return Rule::DifferentAcquirer;
    }
    if let Some(answer) = case.cancellation.as_ref().and_then(Cancellation::final_answer) {
        return Rule::AnswerRecorded(answer);
    }
    if case.is_cancelled() {
        return Rule::ReversalPending;
    }
    if receipt.contradiction.is_some() || is_still_contradicted(case, receipt) {
        return Rule::Deferred(DeferReason::Contradiction);
    }
    let Some(payment) = &case.payment else {
        return match receipt.cancel.lookup {
            Lookup::Recorded | Lookup::Found(_) => Rule::NeverReceived,
            Lookup::Failed => Rule::Deferred(DeferReason::LookupFailed),
        };
    };
    if case.is_settled() || !policy.period.includes(payment.initiated_at, receipt.received_at) {
        return Rule::PeriodOver;
    }
    if case.has_running_refund() || receipt.found().is_some_and(|found| found.refund_running) {
        return Rule::Deferred(DeferReason::RefundRunning);
    }
    if receipt.cancel.lookup == Lookup::Failed {
        return Rule::Deferred(DeferReason::LookupFailed);
    }
    match (&payment.status, case.refunded_in_all()) {
        (PaymentStatus::InProgress | PaymentStatus::Failed { .. }, _) => Rule::NothingTaken,
        (PaymentStatus::Succeeded { .. }, Some(RefundedElsewhere::All)) => Rule::FullyRefunded,
        (PaymentStatus::Succeeded { .. }, Some(RefundedElsewhere::Part | RefundedElsewhere::Amount(_))) => Rule::PartlyRefunded,
        (PaymentStatus::Succeeded { .. }, None) => Rule::MoneyTaken,
    }
}

/// Only a lookup that agrees with the record ends the doubt.
fn is_still_contradicted(case: &Case, receipt: &Receipt<'_>) -> bool {
    let state = case.cancellation.as_ref().map(|known| known.state);
    state == Some(CancellationState::Deferred(DeferReason::Contradiction)) && receipt.found().is_none()
}

/// Records what the rule says, and replies.
fn apply(rule: Rule, policy: &Policy, receipt: &Receipt<'_>, update: &mut CaseUpdate) -> CancelReply {
    match rule {
        Rule::DifferentAcquirer => CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest)),
        Rule::AnswerRecorded(answer) => {
            update.park_if_contradicted(policy, receipt);
            CancelReply::Answered(answer.into())
        }
        Rule::ReversalPending => {
            update.park_if_contradicted(policy, receipt);
            CancelReply::ReversalPending { attempt: None }
        }
        Rule::PeriodOver => {
            let code = match policy.results.period_over {
                PeriodOver::ProcessFail => RefusalCode::ProcessFail,
                PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
            };
            refuse(update, receipt, Refusal::PeriodOver(code))
        }
        Rule::Deferred(reason) => {
            update.receive(receipt, CancellationState::Deferred(reason));
            CancelReply::Answered(Answer::Pending)
        }
        Rule::FullyRefunded => {
            update.receive(receipt, CancellationState::AlreadyRefunded { never_seen: false });
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
    let asked = update.case.reversal.as_ref().filter(|reversal| !reversal.waits_for_second_word() || reversal.is_due(now));
    let begun = asked.and_then(|reversal| reversal.begin_attempt(now, policy.lease));
    let attempt = begun.as_ref().map(|reversal| reversal.attempts);
    if begun.is_some() {
        update.case.reversal = begun;
    }
    let reply = CancelReply::ReversalPending { attempt };
    if update.case == *before { Decision::unchanged(reply) } else { update.finish(reply) }
}

impl CaseUpdate {
    fn park_if_contradicted(&mut self, policy: &Policy, receipt: &Receipt<'_>) {
        if let Some(reason) = &receipt.contradiction {
            self.park_contradicted(policy, reason);
        }
    }

    /// Records where the cancellation stands. Only the first receipt has a line in the timeline. Before the payment could be looked
    /// up any acquirer may have asked; the case becomes that of the acquirer that is answered.
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
