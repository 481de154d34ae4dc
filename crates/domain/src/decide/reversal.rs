//! How an attempt to give money back ends, and what an operator may do about a parked one.

use chrono::{DateTime, Utc};

use super::update::CaseUpdate;
use super::{Decision, contradiction, deferral};
use crate::{
    Answer, AttemptEnd, CancellationState, Case, CommandReply, Disposition, EventKind, FinalAnswer, LeaseReply, NeverReceived,
    Policy, RefundedElsewhere, Refusal, Reversal, ReversalOutcome, ReversalState, retry_delay,
};

/// Leases the next attempt to the caller, if the reversal is due and not leased.
pub(super) fn lease_attempt(policy: &Policy, case: &Case, at: DateTime<Utc>) -> Decision {
    let due = case.reversal.as_ref().filter(|reversal| reversal.is_due(at));
    let Some(begun) = due.and_then(|reversal| reversal.begin_attempt(at, policy.lease)) else {
        return Decision::unchanged(LeaseReply::NotDue);
    };
    let reply = LeaseReply::Leased(begun.attempts);
    let mut update = CaseUpdate::of(case, at);
    update.case.reversal = Some(begun);
    update.finish(reply)
}

/// Completes an attempt. One that no longer holds the lease is late and changes nothing: another attempt has begun since, or a
/// success was recorded that this attempt's answer did not know of.
pub(super) fn complete_attempt(policy: &Policy, case: &Case, end: &AttemptEnd, at: DateTime<Utc>) -> Decision {
    let Some(reversal) = case.reversal.as_ref().filter(|reversal| reversal.is_leased_to(end.attempt)) else {
        return Decision::unchanged(answer_now(case));
    };
    let mut update = CaseUpdate::of(case, at);
    update.record_event(EventKind::ReversalTried { attempt: end.attempt, outcome: end.outcome.clone() });
    match &end.outcome {
        ReversalOutcome::Done => update.money_is_back(FinalAnswer::Cancelled),
        // A success that was recorded during the attempt took its lease: this attempt began after the success was known.
        ReversalOutcome::NothingToDo if case.completed_at().is_some() => match reversal.clone().after_nothing_of_a_success(at) {
            Ok(asked_again) => update.case.reversal = Some(asked_again),
            Err(reason) => update.park(reason, None),
        },
        ReversalOutcome::NothingToDo => update.money_is_back(nothing_to_do(policy, case)),
        ReversalOutcome::PartlyRefunded(refunded) => {
            update.record_refunded_elsewhere(RefundedElsewhere::part_of(case.payment.as_ref(), *refunded));
            if case.is_promised() {
                update.park(contradiction::of_part(*refunded), None);
            } else {
                update.end_reversal(CancellationState::Refused { refusal: Refusal::PartlyRefunded });
            }
        }
        ReversalOutcome::FullyRefunded => {
            update.record_refunded_elsewhere(RefundedElsewhere::All);
            update.end_reversal(CancellationState::AlreadyRefunded { never_seen: case.payment.is_none() });
        }
        ReversalOutcome::Impossible(reason) => update.park(reason.clone(), None),
        ReversalOutcome::Unknown(met) => {
            let next_attempt_at = at + retry_delay(end.attempt, end.jitter);
            let state = ReversalState::Open { next_attempt_at, lease: None, last_error: Some(reversal.error_after(met)) };
            update.case.reversal = Some(Reversal { state, ..reversal.clone() });
        }
    }
    let answer = answer_now(&update.case);
    update.finish(answer)
}

/// Has a parked reversal tried again.
pub(super) fn retry(policy: &Policy, case: &Case, by: &str, at: DateTime<Utc>) -> Decision {
    if case.defer_reason().is_some() {
        return deferral::retry(policy, case, by, at);
    }
    let reversal = match ensure_parked(case) {
        Ok(reversal) => reversal,
        Err(reply) => return Decision::unchanged(reply),
    };
    let mut update = CaseUpdate::of(case, at);
    update.record_event(EventKind::ReversalOpened { amount: reversal.amount, by: Some(by.to_owned()) });
    update.case.reversal = Some(reversal.clone().reopened(at));
    update.finish(CommandReply::Done(Disposition::Reopened))
}

/// Leaves an open reversal to an operator. What an attempt is doing at this moment is not stopped by it, so it has to end before.
pub(super) fn park(case: &Case, (note, by): (&str, &str), at: DateTime<Utc>) -> Decision {
    if case.defer_reason().is_some() {
        return deferral::park(case, (note, by), at);
    }
    let Some(reversal) = &case.reversal else {
        return Decision::unchanged(CommandReply::NotFound { fenced: false });
    };
    if !matches!(reversal.state, ReversalState::Open { .. }) {
        return Decision::unchanged(CommandReply::Conflict("the reversal is not open"));
    }
    if reversal.is_leased(at) {
        return Decision::unchanged(CommandReply::Conflict("an attempt of the reversal is running; park it once that has ended"));
    }
    let mut update = CaseUpdate::of(case, at);
    update.park(note.to_owned(), Some(by.to_owned()));
    update.finish(CommandReply::Done(Disposition::Parked))
}

/// Ends a parked reversal that was paid by hand.
pub(super) fn resolve(case: &Case, resolved: EventKind, at: DateTime<Utc>) -> Decision {
    let reversal = match ensure_parked(case) {
        Ok(reversal) => reversal,
        Err(reply) => return Decision::unchanged(reply),
    };
    let mut update = CaseUpdate::of(case, at);
    update.record_event(resolved);
    update.settle_reversal(update.cancelled_with(FinalAnswer::Cancelled));
    update.case.reversal = Some(Reversal { state: ReversalState::Done { at, by_hand: true }, ..reversal.clone() });
    update.finish(CommandReply::Done(Disposition::Resolved))
}

pub(super) fn ensure_parked(case: &Case) -> Result<&Reversal, CommandReply> {
    match &case.reversal {
        None => Err(CommandReply::NotFound { fenced: false }),
        Some(reversal) if reversal.is_parked() => Ok(reversal),
        Some(_) => Err(CommandReply::Conflict("the reversal is not parked")),
    }
}

fn answer_now(case: &Case) -> Answer {
    let answer = case.cancellation.as_ref().and_then(crate::Cancellation::final_answer);
    answer.map_or(Answer::Pending, Answer::from)
}

/// The answer where the core had nothing to give back: by some contracts it is F for a payment that was never received.
fn nothing_to_do(policy: &Policy, case: &Case) -> FinalAnswer {
    match policy.results.never_received {
        NeverReceived::OrderNotExist if case.payment.is_none() => FinalAnswer::Refused(Refusal::NeverReceived),
        NeverReceived::OrderNotExist | NeverReceived::Success => FinalAnswer::Cancelled,
    }
}

impl CaseUpdate {
    fn money_is_back(&mut self, answer: FinalAnswer) {
        self.end_reversal(self.cancelled_with(answer));
    }

    fn end_reversal(&mut self, ended: CancellationState) {
        self.settle_reversal(ended);
        self.record_event(EventKind::ReversalDone);
    }
}
