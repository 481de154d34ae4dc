//! How an attempt to give money back ends, and what an operator may do about a parked one.

use chrono::{DateTime, Utc};

use super::update::CaseUpdate;
use super::{Decision, Disposition, Outcome};
use crate::{
    Answer, CancellationState, Case, EventKind, FinalAnswer, Jitter, NeverReceived, Policy, Refusal, Reversal, ReversalOutcome,
    ReversalState, retry_delay,
};

/// The end of one attempt.
pub(super) struct AttemptEnd<'a> {
    pub(super) attempt: u32,
    pub(super) outcome: &'a ReversalOutcome,
    pub(super) jitter: Jitter,
}

/// Leases the next attempt to whoever asks, if the reversal is due and nobody is at it.
pub(super) fn attempt(policy: &Policy, case: &Case, at: DateTime<Utc>) -> Decision {
    let due = case.reversal.as_ref().filter(|reversal| reversal.is_due(at));
    let Some(begun) = due.and_then(|reversal| reversal.begin_attempt(at, policy.lease)) else {
        return Decision::unchanged(Outcome::ReversalPending { attempt: None });
    };
    let outcome = Outcome::ReversalPending { attempt: Some(begun.attempts) };
    let mut update = CaseUpdate::of(case, at);
    update.case.reversal = Some(begun);
    update.finish(outcome)
}

/// Closes an attempt. One that no longer holds the lease is late and changes nothing: somebody else has asked since, or a
/// success was recorded meanwhile that this attempt's answer did not know of.
pub(super) fn close(policy: &Policy, case: &Case, closing: &AttemptEnd<'_>, at: DateTime<Utc>) -> Decision {
    let Some(reversal) = case.reversal.as_ref().filter(|reversal| reversal.is_leased_to(closing.attempt)) else {
        return Decision::unchanged(Outcome::Answered(answer_now(case)));
    };
    let mut update = CaseUpdate::of(case, at);
    update.record_event(EventKind::ReversalTried { attempt: closing.attempt, outcome: closing.outcome.clone() });
    match closing.outcome {
        ReversalOutcome::Done => update.money_is_back(FinalAnswer::Cancelled),
        ReversalOutcome::NothingToDo => update.money_is_back(nothing_to_do(policy, case)),
        ReversalOutcome::PartlyRefunded => {
            update.settle_reversal(CancellationState::Refused { refusal: Refusal::PartlyRefunded });
            update.record_event(EventKind::ReversalDone);
        }
        ReversalOutcome::FullyRefunded => {
            update.settle_reversal(CancellationState::AlreadyRefunded);
            update.record_event(EventKind::ReversalDone);
        }
        ReversalOutcome::Impossible(reason) => {
            let state = ReversalState::Parked { reason: reason.clone() };
            update.case.reversal = Some(Reversal { state, ..reversal.clone() });
            update.record_event(EventKind::ReversalParked { reason: reason.clone() });
        }
        ReversalOutcome::Unknown(met) => {
            let next_attempt_at = at + retry_delay(closing.attempt, closing.jitter);
            let state = ReversalState::Open { next_attempt_at, lease: None, last_error: Some(met.clone()) };
            update.case.reversal = Some(Reversal { state, ..reversal.clone() });
        }
    }
    let outcome = Outcome::Answered(answer_now(&update.case));
    update.finish(outcome)
}

/// Has a parked reversal tried again.
pub(super) fn retry(case: &Case, at: DateTime<Utc>) -> Decision {
    let reversal = match parked(case) {
        Ok(reversal) => reversal,
        Err(outcome) => return Decision::unchanged(outcome),
    };
    let mut update = CaseUpdate::of(case, at);
    update.record_event(EventKind::ReversalOpened(reversal.amount));
    update.case.reversal = Some(reversal.clone().reopened(at));
    update.finish(Outcome::DispositionBody(Disposition::Reopened))
}

/// Ends a parked reversal that was paid by hand.
pub(super) fn resolve(case: &Case, (note, by): (&str, &str), at: DateTime<Utc>) -> Decision {
    if let Err(outcome) = parked(case) {
        return Decision::unchanged(outcome);
    }
    let mut update = CaseUpdate::of(case, at);
    update.record_event(EventKind::ReversalResolved { note: note.to_owned(), by: by.to_owned() });
    update.settle_reversal(update.cancelled_with(FinalAnswer::Cancelled));
    if let Some(Reversal { state: ReversalState::Done { by_hand, .. }, .. }) = &mut update.case.reversal {
        *by_hand = true;
    }
    update.finish(Outcome::DispositionBody(Disposition::Resolved))
}

fn parked(case: &Case) -> Result<&Reversal, Outcome> {
    match &case.reversal {
        None => Err(Outcome::NotFound { fenced: false }),
        Some(reversal) if matches!(reversal.state, ReversalState::Parked { .. }) => Ok(reversal),
        Some(_) => Err(Outcome::Conflict("the reversal is not parked")),
    }
}

fn answer_now(case: &Case) -> Answer {
    let answer = case.cancellation.as_ref().and_then(crate::Cancellation::final_answer);
    answer.map_or(Answer::Pending, Answer::from)
}

/// The answer where the core had nothing to give back: a contract may want to be told that the payment was never received.
fn nothing_to_do(policy: &Policy, case: &Case) -> FinalAnswer {
    match policy.results.never_received {
        NeverReceived::OrderNotExist if case.payment.is_none() => FinalAnswer::Refused(Refusal::NeverReceived),
        NeverReceived::OrderNotExist | NeverReceived::Success => FinalAnswer::Cancelled,
    }
}

impl CaseUpdate {
    fn money_is_back(&mut self, answer: FinalAnswer) {
        self.settle_reversal(self.cancelled_with(answer));
        self.record_event(EventKind::ReversalDone);
    }
}
