//! `cancelPayment`: which rule applies, and what it records.

use chrono::{DateTime, TimeDelta, Utc};

use super::timing::{Timeliness, Timing};
use super::update::CaseUpdate;
use super::{Decision, contradiction};
use crate::{
    AcquirerId, Answer, Cancel, CancelReply, Cancellation, CancellationState, Case, CorePayment, DeferReason, EventKind,
    FinalAnswer, FundsKind, Lookup, LookupAttempt, LookupEnd, NeverReceived, OtherAcquirer, PaymentStatus, PeriodOver, Policy,
    Receipt, RefundedElsewhere, Refusal, RefusalCode, Rule,
};

/// What asking the wallet core came to, and when that was known.
pub(super) struct LookedUp<'a> {
    pub(super) lookup: &'a Lookup,
    pub(super) attempt: LookupAttempt,
    pub(super) now: DateTime<Utc>,
}

impl LookedUp<'_> {
    fn found(&self) -> Option<&CorePayment> {
        match self.lookup {
            Lookup::Found(found) => Some(found),
            Lookup::Recorded | Lookup::NotYet | Lookup::Failed(_) => None,
        }
    }

    /// In what the lookup contradicts the record, or itself.
    fn contradiction(&self, case: &Case) -> Option<String> {
        self.found().and_then(|found| contradiction::of_lookup(case, found, self.now))
    }
}

pub(super) fn cancel(policy: &Policy, case: &Case, cancel: &Cancel, at: DateTime<Utc>) -> Decision {
    let Cancel { acquirer_id, lookup, waited, attempt, witness } = cancel;
    let mut update = CaseUpdate::of(case, at);
    let looked_up = LookedUp { lookup, attempt: *attempt, now: at + *waited };
    if let (true, Some(reason)) = (case.has_parked_deferral(), case.defer_reason()) {
        return while_parked(policy, (case, reason), (cancel, &looked_up), at);
    }
    if let Some((rule, reply)) = repeat(policy, case, (acquirer_id, &looked_up)) {
        if let (true, Some(reason)) = (rule != Rule::DifferentAcquirer, looked_up.contradiction(case)) {
            update.park_contradicted(policy, &reason);
        }
        let decision = if rule == Rule::ReversalPending {
            lease_inline(policy, case, update, *waited)
        } else {
            update.finish_if_changed(case, reply)
        };
        return decision.by(rule);
    }
    let timing = Timing::of_message(*witness, case, case.received_from(acquirer_id), at);
    let received_at = witness.received_at(at);
    update.receive(acquirer_id, received_at);
    if *lookup == Lookup::NotYet {
        if timing.is_doubtful() {
            // Should the caller die, nobody takes the moment of a wrong clock for the truth.
            update.doubt(&timing, at);
        }
        let reply = CancelReply::LookUp { attempt: update.await_lookup(policy, looked_up.now) };
        return update.finish_if_changed(case, reply);
    }
    let timing_of = |receipt: &Receipt| {
        if receipt.acquirer_id == *acquirer_id { timing } else { Timing::of_receipt(case, receipt) }
    };
    let (rule, reply) = conclude(policy, &mut update, &looked_up, timing_of);
    if rule != Rule::Deferred(DeferReason::Contradiction) && !may_cancel(policy, &update.case, acquirer_id) {
        let reply = CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest));
        return update.finish_if_changed(case, reply).by(Rule::DifferentAcquirer);
    }
    if matches!(reply, CancelReply::ReversalPending { .. }) {
        return lease_inline(policy, case, update, *waited).by(rule);
    }
    update.finish_if_changed(case, reply).by(rule)
}

/// An operator decides, and no lookup. What the core says is recorded all the same, so that no refund goes on that it may have made; the
/// payment itself only where that leaves nobody waiting for a payment of somebody else.
fn while_parked(
    policy: &Policy,
    (case, reason): (&Case, DeferReason),
    (cancel, looked_up): (&Cancel, &LookedUp<'_>),
    at: DateTime<Utc>,
) -> Decision {
    let Cancel { acquirer_id, witness, .. } = cancel;
    let strange = CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest));
    if !may_cancel(policy, case, acquirer_id) {
        return Decision::unchanged(strange).by(Rule::DifferentAcquirer);
    }
    let mut update = CaseUpdate::of(case, at);
    if let Some(found) = looked_up.found() {
        let is_of_all = || case.all_receipts().all(|receipt| receipt.acquirer_id == found.payment.acquirer_id);
        match looked_up.contradiction(case) {
            None if case.payment.is_some() || is_of_all() => update.merge_lookup(found),
            None | Some(_) => update.merge_refunds(found),
        }
    }
    if !may_cancel(policy, &update.case, acquirer_id) {
        return update.finish_if_changed(case, strange).by(Rule::DifferentAcquirer);
    }
    update.receive(acquirer_id, witness.received_at(at));
    update.finish_if_changed(case, CancelReply::Answered(Answer::Pending)).by(Rule::Deferred(reason))
}

/// Decides a deferred cancel whose payment a worker looked up. Nobody waits for the reply but the worker, which makes the attempt.
pub(super) fn decide_looked_up(policy: &Policy, case: &Case, end: &LookupEnd, at: DateTime<Utc>) -> Decision {
    if case.lookup_due_at().is_none() {
        let answer = case.cancellation.as_ref().and_then(Cancellation::final_answer);
        return Decision::unchanged(match answer {
            Some(answer) => CancelReply::Answered(answer.into()),
            None if case.is_cancelled() => CancelReply::ReversalPending { attempt: None },
            None => CancelReply::Answered(Answer::Pending),
        });
    }
    let mut update = CaseUpdate::of(case, at);
    let looked_up = LookedUp { lookup: &end.lookup, attempt: end.attempt, now: at };
    let (rule, reply) = conclude(policy, &mut update, &looked_up, |receipt| Timing::of_receipt(case, receipt));
    if matches!(reply, CancelReply::ReversalPending { .. }) {
        return lease_inline(policy, case, update, TimeDelta::zero()).by(rule);
    }
    update.finish_if_changed(case, reply).by(rule)
}

/// Decides a deferred cancel again once a refund's result is known, and names the rule; any other case is left as it is. One that
/// waits for a lookup too is looked up at once, and a parked one waits for its operator.
pub(super) fn decide_deferred(policy: &Policy, update: &mut CaseUpdate) -> Option<Rule> {
    if update.case.defer_reason() != Some(DeferReason::RefundRunning) || update.case.has_parked_deferral() {
        return None;
    }
    let now = update.at;
    if let Some(waiting) = update.case.deferral.clone() {
        if !update.case.has_running_refund() {
            update.case.deferral = Some(waiting.due_at(now));
            update.move_to(CancellationState::Deferred(DeferReason::LookupFailed));
        }
        return None;
    }
    let before = update.case.clone();
    Some(conclude_recorded(policy, update, |receipt| Timing::of_receipt(&before, receipt)))
}

/// Decides a cancel of doubtful time by our clocks alone, because its payment's day is being closed, and names the rule.
pub(super) fn decide_by_our_clocks(policy: &Policy, update: &mut CaseUpdate) -> Option<Rule> {
    if update.case.defer_reason() != Some(DeferReason::ClocksDisagree) || update.case.has_parked_deferral() {
        return None;
    }
    Some(conclude_recorded(policy, update, Timing::by_our_clocks))
}

fn conclude_recorded(policy: &Policy, update: &mut CaseUpdate, timing_of: impl Fn(&Receipt) -> Timing) -> Rule {
    let looked_up = LookedUp { lookup: &Lookup::Recorded, attempt: LookupAttempt::FIRST, now: update.at };
    // No caller waits for this reply: Alipay+ asks again and is answered then, and the worker makes the attempt.
    let (rule, _) = conclude(policy, update, &looked_up, timing_of);
    rule
}

/// What a cancel is answered without looking at anything but what is decided: the first three rows of the table. While nothing is decided
/// nobody is refused on doubt: not where the core says that the payment is the asking acquirer's, against what is recorded.
fn repeat(policy: &Policy, case: &Case, (acquirer_id, looked_up): (&AcquirerId, &LookedUp<'_>)) -> Option<(Rule, CancelReply)> {
    let may_be_its_own = looked_up.found().is_some_and(|found| found.payment.acquirer_id == *acquirer_id);
    if looks_at_acquirer(policy) && case.is_foreign_to(acquirer_id) && (case.is_decided() || !may_be_its_own) {
        return Some((Rule::DifferentAcquirer, CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest))));
    }
    if let Some(answer) = case.cancellation.as_ref().and_then(Cancellation::final_answer) {
        return Some((Rule::AnswerRecorded(answer), CancelReply::Answered(answer.into())));
    }
    case.is_cancelled().then_some((Rule::ReversalPending, CancelReply::ReversalPending { attempt: None }))
}

fn looks_at_acquirer(policy: &Policy) -> bool {
    policy.results.other_acquirer == OtherAcquirer::ParamIllegal
}

/// Whether what the case came to is also the answer to this acquirer: it belongs to it, or nobody knows yet whose it is.
fn may_cancel(policy: &Policy, case: &Case, acquirer_id: &AcquirerId) -> bool {
    !looks_at_acquirer(policy) || !case.is_foreign_to(acquirer_id)
}

/// Whose cancel decides, and when it came. Where the payment is known it is its acquirer's own, where there is none the earliest. A
/// cancel that waits for a refund was once let in from any acquirer.
pub(super) fn entitled(policy: &Policy, case: &Case) -> Option<Receipt> {
    let Some(payment) = case.payment.as_ref().filter(|_| looks_at_acquirer(policy)) else { return case.earliest_receipt() };
    let own = case.received_from(&payment.acquirer_id);
    let own = own.map(|received_at| Receipt { acquirer_id: payment.acquirer_id.clone(), received_at });
    let is_let_in = case.defer_reason() == Some(DeferReason::RefundRunning);
    own.or_else(|| case.earliest_receipt().filter(|_| is_let_in))
}

/// Applies the rules to a case that nothing is decided of, after a look for its payment. `timing_of` says when a cancel was received.
fn conclude(
    policy: &Policy,
    update: &mut CaseUpdate,
    looked_up: &LookedUp<'_>,
    timing_of: impl Fn(&Receipt) -> Timing,
) -> (Rule, CancelReply) {
    let (contradiction, is_new) = (looked_up.contradiction(&update.case), update.case.is_only_received());
    if contradiction.is_some() || is_still_contradicted(&update.case, looked_up) {
        // Of refunds the highest word counts, so that none goes on that the core may have made already.
        if let Some(found) = looked_up.found().filter(|_| update.case.payment.is_some()) {
            update.merge_refunds(found);
        }
        update.move_to(CancellationState::Deferred(DeferReason::Contradiction));
        update.wait_again(looked_up, contradiction);
        if is_new {
            update.record_event(EventKind::Deferred(DeferReason::Contradiction));
        }
        return (Rule::Deferred(DeferReason::Contradiction), CancelReply::Answered(Answer::Pending));
    }
    if let Some(found) = looked_up.found() {
        update.merge_lookup(found);
    }
    let Some(receipt) = entitled(policy, &update.case) else {
        update.turn_away();
        return (Rule::DifferentAcquirer, CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest)));
    };
    let timing = timing_of(&receipt);
    let rule = select_rule(policy, &update.case, (&timing, looked_up));
    let is_in_doubt = rule == Rule::Deferred(DeferReason::ClocksDisagree);
    if is_in_doubt {
        update.doubt(&timing, receipt.received_at);
    }
    let received_at = timing.first_received_at(is_in_doubt).unwrap_or(receipt.received_at);
    let receipt = Receipt { received_at, ..receipt };
    // As long as nobody knows whose it is, each of them waits with a receipt of its own.
    let is_known_whose = looks_at_acquirer(policy) && update.case.payment.is_some();
    if is_known_whose || !matches!(rule, Rule::Deferred(_)) {
        update.assign_to(receipt);
    }
    let reply = apply(rule, policy, looked_up, update);
    if let (true, Rule::Deferred(reason)) = (is_new && !is_in_doubt, rule) {
        update.record_event(EventKind::Deferred(reason));
    }
    (rule, reply)
}

/// The rest of the rule table, for what nothing is decided of: flat guards in order of precedence (`docs/develop/decisions.md`).
fn select_rule(policy: &Policy, case: &Case, (timing, looked_up): (&Timing, &LookedUp<'_>)) -> Rule {
    let Some(payment) = &case.payment else {
        return match looked_up.lookup {
            Lookup::Recorded | Lookup::Found(_) => Rule::NeverReceived,
            Lookup::Failed(_) | Lookup::NotYet if timing.is_doubtful() => Rule::Deferred(DeferReason::ClocksDisagree),
            Lookup::Failed(_) | Lookup::NotYet => Rule::Deferred(DeferReason::LookupFailed),
        };
    };
    if case.is_settled() {
        return Rule::PeriodOver;
    }
    match timing.timeliness(|moment| policy.period.includes(payment.initiated_at, moment)) {
        Timeliness::InTime => {}
        Timeliness::TooLate => return Rule::PeriodOver,
        Timeliness::Doubtful => return Rule::Deferred(DeferReason::ClocksDisagree),
    }
    if case.has_running_refund() || looked_up.found().is_some_and(|found| found.refund_running) {
        return Rule::Deferred(DeferReason::RefundRunning);
    }
    match looked_up.lookup {
        Lookup::Failed(_) | Lookup::NotYet => return Rule::Deferred(DeferReason::LookupFailed),
        Lookup::Recorded | Lookup::Found(_) => {}
    }
    match (&payment.status, case.refunded_in_all()) {
        (PaymentStatus::InProgress | PaymentStatus::Failed { .. }, _) => Rule::NothingTaken,
        (PaymentStatus::Succeeded { .. }, Some(RefundedElsewhere::All)) => Rule::FullyRefunded,
        (PaymentStatus::Succeeded { .. }, Some(RefundedElsewhere::Part | RefundedElsewhere::Amount(_))) => Rule::PartlyRefunded,
        (PaymentStatus::Succeeded { .. }, None) => Rule::MoneyTaken,
    }
}

/// Only a lookup that agrees with the record ends the doubt.
fn is_still_contradicted(case: &Case, looked_up: &LookedUp<'_>) -> bool {
    case.defer_reason() == Some(DeferReason::Contradiction) && looked_up.found().is_none()
}

/// Records what the rule says, and replies.
fn apply(rule: Rule, policy: &Policy, looked_up: &LookedUp<'_>, update: &mut CaseUpdate) -> CancelReply {
    match rule {
        Rule::DifferentAcquirer => CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest)),
        Rule::AnswerRecorded(answer) => CancelReply::Answered(answer.into()),
        Rule::ReversalPending => CancelReply::ReversalPending { attempt: None },
        Rule::PeriodOver => {
            let code = match policy.results.period_over {
                PeriodOver::ProcessFail => RefusalCode::ProcessFail,
                PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
            };
            refuse(update, Refusal::PeriodOver(code))
        }
        Rule::Deferred(reason) => {
            update.move_to(CancellationState::Deferred(reason));
            update.wait_again(looked_up, None);
            CancelReply::Answered(Answer::Pending)
        }
        Rule::FullyRefunded => {
            update.decide(CancellationState::AlreadyRefunded { never_seen: false });
            CancelReply::Answered(Answer::Cancelled)
        }
        Rule::PartlyRefunded => refuse(update, Refusal::PartlyRefunded),
        Rule::NeverReceived | Rule::NothingTaken | Rule::MoneyTaken => close(policy, update, rule),
    }
}

fn refuse(update: &mut CaseUpdate, refusal: Refusal) -> CancelReply {
    update.decide(CancellationState::Refused { refusal });
    update.record_event(EventKind::Refused(refusal));
    CancelReply::Answered(Answer::Refused(refusal))
}

/// Cancels: the payment is closed, and what it took goes back. A wallet core is asked even where nothing is known to be taken: it
/// may have debited and died before it reported that.
fn close(policy: &Policy, update: &mut CaseUpdate, rule: Rule) -> CancelReply {
    let cancelled_at = update.at;
    let reply = match policy.funds {
        FundsKind::Ledger => {
            let never_received = rule == Rule::NeverReceived && policy.results.never_received == NeverReceived::OrderNotExist;
            let answer = if never_received { FinalAnswer::Refused(Refusal::NeverReceived) } else { FinalAnswer::Cancelled };
            update.decide(CancellationState::Cancelled { cancelled_at, answer });
            CancelReply::Answered(answer.into())
        }
        FundsKind::Http => {
            update.decide(CancellationState::Open { cancelled_at });
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
    update.finish_if_changed(before, CancelReply::ReversalPending { attempt })
}

impl CaseUpdate {
    /// Two clocks contradict each other about when a cancel came, by ours at `received_at`: neither decides yet.
    fn doubt(&mut self, timing: &Timing, received_at: DateTime<Utc>) {
        let was_doubtful = self.case.defer_reason() == Some(DeferReason::ClocksDisagree);
        self.move_to(CancellationState::Deferred(DeferReason::ClocksDisagree));
        if let Some(requested_at) = timing.contradiction.filter(|_| !was_doubtful) {
            self.record_event(EventKind::ClocksDisagree { received_at, requested_at });
        }
    }
}
