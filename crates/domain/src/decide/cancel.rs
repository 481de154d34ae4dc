//! `cancelPayment`: which row of the rule table applies, and what follows from it.

use chrono::{DateTime, Utc};

use super::draft::Draft;
use super::{Decision, Outcome, Rule};
use crate::{
    Answer, Cancel, Cancellation, CancellationState, Case, DeferReason, FinalAnswer, FundsKind, Lookup, NeverReceived,
    OtherAcquirer, PaymentStatus, PeriodOver, Refusal, RefusalCode, Terms, What,
};

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
    GiveBack,
}

pub(super) fn cancel(terms: &Terms, case: &Case, cancel: &Cancel, at: DateTime<Utc>) -> Decision {
    let received_at = case.cancellation.as_ref().map_or(at, |earlier| earlier.first_received_at);
    let mut draft = Draft::of(case, at);
    let ruling = rule(terms, case, cancel, received_at);
    let outcome = follow(&ruling, terms, cancel, &mut draft);
    if matches!(outcome, Outcome::MoneyOwed { .. }) {
        return begin_attempt(terms, case, draft);
    }
    if draft.case == *case { Decision::unchanged(outcome) } else { draft.finish(outcome) }
}

/// Decides a deferred cancel again once a refund's result is known; any other case is left as it is.
pub(super) fn decide_deferred(terms: &Terms, draft: &mut Draft) {
    let Some(deferred) = &draft.case.cancellation else { return };
    if deferred.state != CancellationState::Deferred(DeferReason::RefundRunning) || draft.case.has_running_refund() {
        return;
    }
    let cancel = Cancel { acquirer_id: deferred.acquirer_id.clone(), lookup: Lookup::Recorded };
    let ruling = rule(terms, &draft.case, &cancel, deferred.first_received_at);
    // Nobody waits for the answer here: Alipay+ asks again and is told then, and an open reversal is the worker's.
    let _ = follow(&ruling, terms, &cancel, draft);
}

/// The rule table: flat guards in order of precedence (`docs/decisions.md`).
fn rule(terms: &Terms, case: &Case, cancel: &Cancel, received_at: DateTime<Utc>) -> Ruling {
    let looks_at_acquirer = terms.results.other_acquirer == OtherAcquirer::ParamIllegal;
    if looks_at_acquirer && case.acquirer_id().is_some_and(|recorded| *recorded != cancel.acquirer_id) {
        return Ruling::DifferentRequest;
    }
    if let Some(answer) = case.cancellation.as_ref().and_then(Cancellation::final_answer) {
        return Ruling::Repeat(answer);
    }
    if case.is_cancelled() {
        return Ruling::Resume;
    }
    let Some(payment) = &case.payment else {
        return match cancel.lookup {
            Lookup::Recorded => Ruling::Fence,
            Lookup::Failed => Ruling::Defer(DeferReason::LookupFailed),
        };
    };
    if case.settled_at.is_some() || !terms.period.includes(payment.initiated_at, received_at) {
        return Ruling::PeriodOver;
    }
    if case.has_running_refund() {
        return Ruling::Defer(DeferReason::RefundRunning);
    }
    if cancel.lookup == Lookup::Failed {
        return Ruling::Defer(DeferReason::LookupFailed);
    }
    match payment.status {
        PaymentStatus::InProgress | PaymentStatus::Failed { .. } => Ruling::CloseUnpaid,
        PaymentStatus::Succeeded { .. } if case.refunded() >= payment.amount.minor() => Ruling::AlreadyRefunded,
        PaymentStatus::Succeeded { .. } if case.refunded() > 0 => Ruling::PartlyRefunded,
        PaymentStatus::Succeeded { .. } => Ruling::GiveBack,
    }
}

/// What follows from a ruling.
fn follow(ruling: &Ruling, terms: &Terms, cancel: &Cancel, draft: &mut Draft) -> Outcome {
    match ruling {
        Ruling::DifferentRequest => Outcome::Answered(Answer::Refused(Refusal::DifferentRequest)),
        Ruling::Repeat(answer) => Outcome::Answered((*answer).into()),
        Ruling::Resume => Outcome::MoneyOwed { attempt: None },
        Ruling::Fence => close(terms, draft, cancel, Rule::NeverReceived),
        Ruling::PeriodOver => {
            let code = match terms.results.period_over {
                PeriodOver::ProcessFail => RefusalCode::ProcessFail,
                PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
            };
            refuse(draft, cancel, Refusal::PeriodOver(code))
        }
        Ruling::Defer(reason) => {
            draft.receive(cancel, CancellationState::Deferred(*reason));
            Outcome::Answered(Answer::Pending)
        }
        Ruling::CloseUnpaid => close(terms, draft, cancel, Rule::NothingTaken),
        Ruling::AlreadyRefunded => {
            draft.receive(cancel, CancellationState::AlreadyRefunded);
            Outcome::Answered(Answer::Cancelled)
        }
        Ruling::PartlyRefunded => refuse(draft, cancel, Refusal::PartlyRefunded),
        Ruling::GiveBack => close(terms, draft, cancel, Rule::Succeeded),
    }
}

fn refuse(draft: &mut Draft, cancel: &Cancel, refusal: Refusal) -> Outcome {
    draft.receive(cancel, CancellationState::Refused { refusal });
    draft.note(What::Refused(refusal));
    Outcome::Answered(Answer::Refused(refusal))
}

/// Cancels: the payment is closed, costs no fee, and what it took is owed. A wallet core is told even where nothing is known to
/// be taken: it may have debited and died before it told us.
fn close(terms: &Terms, draft: &mut Draft, cancel: &Cancel, rule: Rule) -> Outcome {
    let cancelled_at = draft.at;
    let outcome = match terms.funds {
        FundsKind::Ledger => {
            let never_received = rule == Rule::NeverReceived && terms.results.never_received == NeverReceived::OrderNotExist;
            let answer = if never_received { FinalAnswer::Refused(Refusal::NeverReceived) } else { FinalAnswer::Cancelled };
            draft.receive(cancel, CancellationState::Cancelled { cancelled_at, answer });
            Outcome::Answered(answer.into())
        }
        FundsKind::Core => {
            draft.receive(cancel, CancellationState::Open { cancelled_at });
            Outcome::MoneyOwed { attempt: None }
        }
    };
    draft.note(What::Cancelled { rule: rule.number() });
    draft.waive_fee();
    draft.owe(terms);
    outcome
}

/// Leases the next attempt to the caller in the commit that decides, so that no worker calls at the same moment.
fn begin_attempt(terms: &Terms, before: &Case, mut draft: Draft) -> Decision {
    let begun = draft.case.reversal.as_ref().and_then(|reversal| reversal.begin_attempt(draft.at, terms.lease));
    let attempt = begun.as_ref().map(|reversal| reversal.attempts);
    if begun.is_some() {
        draft.case.reversal = begun;
    }
    let outcome = Outcome::MoneyOwed { attempt };
    if draft.case == *before { Decision::unchanged(outcome) } else { draft.finish(outcome) }
}

impl Draft {
    /// Records where the cancellation stands. The first receipt stays, and only it is told in the timeline.
    fn receive(&mut self, cancel: &Cancel, state: CancellationState) {
        self.case.cancellation = Some(match self.case.cancellation.take() {
            Some(earlier) => Cancellation { state, ..earlier },
            None => {
                self.note(What::CancelReceived);
                Cancellation { acquirer_id: cancel.acquirer_id.clone(), first_received_at: self.at, state }
            }
        });
    }
}
