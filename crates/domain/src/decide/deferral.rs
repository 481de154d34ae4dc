//! Cancels that wait: who asked, and when the payment is looked up again.

use chrono::{DateTime, Utc};

use super::Decision;
use super::cancel::{LookedUp, decide_deferred, entitled};
use super::update::CaseUpdate;
use crate::{
    AcquirerId, Cancellation, CancellationState, Case, CommandReply, DeferReason, Deferral, DeferralState, Disposition,
    EventKind, FinalAnswer, FundsKind, LeaseReply, Lookup, PaymentStatus, Policy, Receipt, Refusal, Reversal, ReversalState,
    Rule, Taken, is_over,
};

/// Leases the next lookup to the caller, if it is due.
pub(super) fn lease_lookup(policy: &Policy, case: &Case, at: DateTime<Utc>) -> Decision {
    if !case.lookup_due_at().is_some_and(|due_at| is_over(due_at, at)) {
        return Decision::unchanged(LeaseReply::NotDue);
    }
    let mut update = CaseUpdate::of(case, at);
    let deferral = update.deferral_or_new(at).due_at(at + policy.lease);
    let reply = LeaseReply::Leased(deferral.attempts.saturating_add(1));
    update.case.deferral = Some(deferral);
    update.finish(reply)
}

/// Has the next lookup come sooner.
pub(super) fn look_up_by(case: &Case, due_at: DateTime<Utc>, at: DateTime<Utc>) -> Decision {
    let reply = CommandReply::Done(Disposition::Stands);
    if case.lookup_due_at().is_none_or(|known| known <= due_at) {
        return Decision::unchanged(reply);
    }
    let mut update = CaseUpdate::of(case, at);
    update.case.deferral = Some(update.deferral_or_new(at).due_at(due_at));
    update.finish(reply)
}

/// Leaves a deferred cancel to an operator. A lookup that is running decides nothing any more.
pub(super) fn park(case: &Case, (note, by): (&str, &str), at: DateTime<Utc>) -> Decision {
    if case.has_parked_deferral() {
        return Decision::unchanged(CommandReply::Conflict("the cancel is parked already"));
    }
    let mut update = CaseUpdate::of(case, at);
    let reason = note.to_owned();
    update.case.deferral =
        Some(Deferral { state: DeferralState::Parked { reason: reason.clone() }, ..update.deferral_or_new(at) });
    update.record_event(EventKind::ReversalParked { reason, by: Some(by.to_owned()) });
    update.finish(CommandReply::Done(Disposition::Parked))
}

/// Has a parked cancel decided again: at once where all is known here, else by the next lookup or by the refund's result.
pub(super) fn retry(policy: &Policy, case: &Case, by: &str, at: DateTime<Utc>) -> Decision {
    let reply = CommandReply::Done(Disposition::Reopened);
    let Some(parked) = case.deferral.as_ref().filter(|deferral| deferral.is_parked()) else {
        return Decision::unchanged(CommandReply::Conflict("the cancel is not parked"));
    };
    let mut update = CaseUpdate::of(case, at);
    update.record_event(EventKind::ReversalOpened { amount: None, by: Some(by.to_owned()) });
    // A refund elsewhere is known from a lookup, and only there its result is.
    let is_of_refund_here = case.defer_reason() == Some(DeferReason::RefundRunning) && parked.attempts == 0;
    if !is_of_refund_here {
        let state = DeferralState::Waiting { next_attempt_at: at, last_error: None };
        update.case.deferral = Some(Deferral { state, since: at, ..parked.clone() });
        return update.finish(reply);
    }
    update.case.deferral = None;
    let rule = if case.has_running_refund() { None } else { decide_deferred(policy, &mut update) };
    Decision { rule, ..update.finish(reply) }
}

/// Whether an operator may end the deferred cancel by hand now.
pub(super) fn ensure_resolvable(case: &Case) -> Result<(), CommandReply> {
    if !case.has_parked_deferral() {
        return Err(CommandReply::Conflict("the cancel is not parked"));
    }
    if case.has_running_refund() {
        return Err(CommandReply::Conflict("a refund has no result yet; report it first"));
    }
    if case.is_settled() {
        return Err(CommandReply::Conflict("the payment has settled, so its cancel is too late; have it tried again"));
    }
    Ok(())
}

/// Ends a parked cancel whose money went back by hand: S, to the payment's acquirer or to the one that asked first.
pub(super) fn resolve(policy: &Policy, case: &Case, resolved: EventKind, at: DateTime<Utc>) -> Decision {
    let mut update = CaseUpdate::of(case, at);
    update.record_event(resolved);
    // S is for the payment's acquirer, also where only others asked.
    let of_payment = |receipt: Receipt| match &case.payment {
        Some(payment) => Receipt { acquirer_id: payment.acquirer_id.clone(), ..receipt },
        None => receipt,
    };
    if let Some(receipt) = entitled(policy, case).or_else(|| case.earliest_receipt().map(of_payment)) {
        update.assign_to(receipt);
    }
    update.cancel_by_hand(policy);
    update.finish(CommandReply::Done(Disposition::Resolved))
}

impl CaseUpdate {
    /// What an operator says to be back is back, and the ledger, which has no hand but this one, books it.
    fn cancel_by_hand(&mut self, policy: &Policy) {
        let at = self.at;
        let Some(payment) = self.case.payment.clone() else {
            self.record_event(EventKind::Cancelled(Rule::NeverReceived));
            self.end_by_hand(CancellationState::Cancelled { cancelled_at: at, answer: FinalAnswer::Cancelled });
            return;
        };
        let left = payment.amount.minor().saturating_sub(self.case.refunded());
        let is_taken = matches!(payment.status, PaymentStatus::Succeeded { .. });
        if is_taken && left <= 0 {
            self.decide(CancellationState::AlreadyRefunded { never_seen: false });
            return;
        }
        self.record_event(EventKind::Cancelled(if is_taken { Rule::MoneyTaken } else { Rule::NothingTaken }));
        if is_taken && policy.funds == FundsKind::Ledger {
            self.book_rest(&payment, left);
        }
        self.end_by_hand(CancellationState::Cancelled { cancelled_at: at, answer: FinalAnswer::Cancelled });
    }

    fn end_by_hand(&mut self, state: CancellationState) {
        let payment = self.case.payment.as_ref();
        let succeeded = payment.filter(|payment| matches!(payment.status, PaymentStatus::Succeeded { .. }));
        let taken = succeeded.map_or(Taken::NothingKnown, |payment| Taken::by(payment.kind));
        let amount = payment.map(|payment| payment.amount);
        let state_of_reversal = ReversalState::Done { at: self.at, by_hand: true };
        self.case.reversal = Some(Reversal { state: state_of_reversal, ..Reversal::open(taken, amount, self.at) });
        self.decide(state);
        self.waive_fee_of_cancelled();
    }

    /// Records when an acquirer's cancel was received: two processes may commit in another order than they received, so the earliest
    /// moment counts. Nothing is decided by that.
    pub(super) fn receive(&mut self, acquirer_id: &AcquirerId, received_at: DateTime<Utc>) {
        let Some(known) = &mut self.case.cancellation else {
            self.record_event(EventKind::CancelReceived);
            let state = CancellationState::Deferred(DeferReason::LookupFailed);
            let acquirer_id = acquirer_id.clone();
            self.case.cancellation = Some(Cancellation { acquirer_id, first_received_at: received_at, state });
            return;
        };
        if known.acquirer_id == *acquirer_id {
            known.first_received_at = known.first_received_at.min(received_at);
        } else if let Some(further) = self.case.receipts.iter_mut().find(|further| further.acquirer_id == *acquirer_id) {
            further.received_at = further.received_at.min(received_at);
        } else {
            self.record_event(EventKind::FurtherCancelReceived(acquirer_id.clone()));
            self.case.receipts.push(Receipt { acquirer_id: acquirer_id.clone(), received_at });
            self.case.receipts.sort_by(|one, other| one.acquirer_id.cmp(&other.acquirer_id));
        }
    }

    /// The caller looks the payment up now. Should it die, a worker does it once the time for that is over. Gives the lookup's number.
    pub(super) fn await_lookup(&mut self, policy: &Policy, now: DateTime<Utc>) -> u32 {
        let deferral = self.deferral_or_new(now + policy.lease);
        let number = deferral.attempts.saturating_add(1);
        self.case.deferral = Some(deferral);
        number
    }

    /// The next lookup of a deferred cancel comes later each time. Where only a refund that is recorded here is waited for, no lookup
    /// says more.
    pub(super) fn wait_again(&mut self, looked_up: &LookedUp<'_>, contradiction: Option<String>) {
        let LookedUp { lookup, attempt, now } = looked_up;
        let is_doubted = self.case.defer_reason() == Some(DeferReason::Contradiction);
        let met = match lookup {
            Lookup::Found(_) if contradiction.is_some() => contradiction,
            Lookup::Failed(met) => Some(met.clone()),
            Lookup::Recorded if is_doubted => Some("the wallet core has no such payment now".to_owned()),
            Lookup::Found(found) if found.refund_running => None,
            Lookup::Found(_) | Lookup::Recorded | Lookup::NotYet => {
                self.case.deferral = None;
                return;
            }
        };
        self.case.deferral = Some(self.deferral_or_new(*now).tried(*attempt, met, *now));
    }

    /// The case is that of one acquirer: what the others asked is of no account any more.
    pub(super) fn assign_to(&mut self, Receipt { acquirer_id, received_at }: Receipt) {
        let known = self.case.cancellation.take();
        self.case.cancellation =
            known.map(|known| Cancellation { acquirer_id, first_received_at: received_at, state: known.state });
        self.case.receipts.clear();
    }

    /// Moves a cancel that waited, or has just come, to what was decided of it.
    pub(super) fn decide(&mut self, state: CancellationState) {
        self.move_to(state);
        self.case.deferral = None;
    }

    /// The payment is another acquirer's, which did not ask: nobody's cancel is left. That the payment is known stays, so that the same
    /// is said tomorrow.
    pub(super) fn turn_away(&mut self) {
        self.record_event(EventKind::Refused(Refusal::DifferentRequest));
        self.case.cancellation = None;
        self.case.receipts.clear();
        self.case.deferral = None;
    }

    /// The deferral, or one that waits since the first receipt.
    fn deferral_or_new(&self, due_at: DateTime<Utc>) -> Deferral {
        let since = self.case.earliest_receipt().map_or(self.at, |receipt| receipt.received_at);
        self.case.deferral.clone().unwrap_or_else(|| Deferral::waiting(since, due_at))
    }
}
