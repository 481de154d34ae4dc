//! How an attempt to give money back ends, and what an operator may do about a parked one.

use chrono::{DateTime, Utc};

use super::draft::Draft;
use super::{Decision, Disposition, Outcome};
use crate::{
    Answer, CancellationState, Case, FinalAnswer, GiveBack, Jitter, NeverReceived, Refusal, Reversal, ReversalState, Terms, What,
    retry_delay,
};

/// The end of one attempt.
pub(super) struct Closing<'a> {
    pub(super) attempt: u32,
    pub(super) outcome: &'a GiveBack,
    pub(super) jitter: Jitter,
}

/// Leases the next attempt to whoever asks, if the reversal is due and nobody is at it.
pub(super) fn attempt(terms: &Terms, case: &Case, at: DateTime<Utc>) -> Decision {
    let due = case.reversal.as_ref().filter(|reversal| reversal.is_due(at));
    let Some(begun) = due.and_then(|reversal| reversal.begin_attempt(at, terms.lease)) else {
        return Decision::unchanged(Outcome::MoneyOwed { attempt: None });
    };
    let outcome = Outcome::MoneyOwed { attempt: Some(begun.attempts) };
    let mut draft = Draft::of(case, at);
    draft.case.reversal = Some(begun);
    draft.finish(outcome)
}

/// Closes an attempt. One that no longer holds the lease is late and changes nothing: somebody else has asked since, or a
/// success was recorded meanwhile that this attempt's answer did not know of.
pub(super) fn close(terms: &Terms, case: &Case, closing: &Closing<'_>, at: DateTime<Utc>) -> Decision {
    let Some(reversal) = case.reversal.as_ref().filter(|reversal| reversal.is_leased_to(closing.attempt)) else {
        return Decision::unchanged(Outcome::Answered(answer_now(case)));
    };
    let mut draft = Draft::of(case, at);
    draft.note(What::ReversalTried { attempt: closing.attempt, outcome: closing.outcome.clone() });
    match closing.outcome {
        GiveBack::Done => draft.money_is_back(FinalAnswer::Cancelled),
        GiveBack::NothingToDo => draft.money_is_back(nothing_to_do(terms, case)),
        GiveBack::PartlyRefunded => {
            draft.settle_reversal(CancellationState::Refused { refusal: Refusal::PartlyRefunded });
            draft.note(What::ReversalDone);
        }
        GiveBack::FullyRefunded => {
            draft.settle_reversal(CancellationState::AlreadyRefunded);
            draft.note(What::ReversalDone);
        }
        GiveBack::Impossible(reason) => {
            let state = ReversalState::Parked { reason: reason.clone() };
            draft.case.reversal = Some(Reversal { state, ..reversal.clone() });
            draft.note(What::ReversalParked { reason: reason.clone() });
        }
        GiveBack::Unknown(met) => {
            let next_attempt_at = at + retry_delay(closing.attempt, closing.jitter);
            let state = ReversalState::Open { next_attempt_at, lease: None, last_error: Some(met.clone()) };
            draft.case.reversal = Some(Reversal { state, ..reversal.clone() });
        }
    }
    let outcome = Outcome::Answered(answer_now(&draft.case));
    draft.finish(outcome)
}

/// Has a parked reversal tried again.
pub(super) fn retry(case: &Case, at: DateTime<Utc>) -> Decision {
    let reversal = match parked(case) {
        Ok(reversal) => reversal,
        Err(outcome) => return Decision::unchanged(outcome),
    };
    let mut draft = Draft::of(case, at);
    draft.note(What::ReversalOpened(reversal.amount));
    draft.case.reversal = Some(reversal.clone().reopened(at));
    draft.finish(Outcome::Disposed(Disposition::Reopened))
}

/// Ends a parked reversal that was paid by hand.
pub(super) fn resolve(case: &Case, (note, by): (&str, &str), at: DateTime<Utc>) -> Decision {
    if let Err(outcome) = parked(case) {
        return Decision::unchanged(outcome);
    }
    let mut draft = Draft::of(case, at);
    draft.note(What::ReversalResolved { note: note.to_owned(), by: by.to_owned() });
    draft.settle_reversal(draft.cancelled_with(FinalAnswer::Cancelled));
    if let Some(Reversal { state: ReversalState::Done { by_hand, .. }, .. }) = &mut draft.case.reversal {
        *by_hand = true;
    }
    draft.finish(Outcome::Disposed(Disposition::Resolved))
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
fn nothing_to_do(terms: &Terms, case: &Case) -> FinalAnswer {
    match terms.results.never_received {
        NeverReceived::OrderNotExist if case.payment.is_none() => FinalAnswer::Refused(Refusal::NeverReceived),
        NeverReceived::OrderNotExist | NeverReceived::Success => FinalAnswer::Cancelled,
    }
}

impl Draft {
    fn money_is_back(&mut self, answer: FinalAnswer) {
        self.settle_reversal(self.cancelled_with(answer));
        self.note(What::ReversalDone);
    }
}
