//! `cancelPayment`: which row of the rule table applies, and what follows from it.

use chrono::{DateTime, TimeDelta, Utc};

use super::draft::Draft;
use super::{Decision, Outcome, Rule};
use crate::{
    Answer, Cancel, Cancellation, CancellationState, Case, DeferReason, FinalAnswer, FundsKind, Lookup, NeverReceived,
    OtherAcquirer, PaymentStatus, PeriodOver, Refusal, RefusalCode, Terms, What,
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
    GiveBack,
}

pub(super) fn cancel(terms: &Terms, case: &Case, cancel: &Cancel, at: DateTime<Utc>) -> Decision {
    // Two processes may commit in another order than they received: the earliest receipt counts, not the first one recorded.
    let received_at = case.cancellation.as_ref().map_or(at, |known| known.first_received_at.min(at));
    let receipt = Receipt { cancel, received_at };
    let mut draft = Draft::of(case, at);
    if let Lookup::Found(found) = &cancel.lookup
        && !case.is_decided()
    {
        draft.learn(&found.payment);
    }
    let ruling = rule(terms, &draft.case, &receipt);
    if matches!(ruling, Ruling::DifferentRequest) {
        return Decision::unchanged(Outcome::Answered(Answer::Refused(Refusal::DifferentRequest)));
    }
    let outcome = follow(&ruling, terms, &receipt, &mut draft);
    if matches!(outcome, Outcome::MoneyOwed { .. }) {
        return begin_attempt(terms, case, draft, cancel.waited);
    }
    if draft.case == *case { Decision::unchanged(outcome) } else { draft.finish(outcome) }
}

/// Decides a deferred cancel again once a refund's result is known; any other case is left as it is.
pub(super) fn decide_deferred(terms: &Terms, draft: &mut Draft) {
    let Some(deferred) = &draft.case.cancellation else { return };
    if deferred.state != CancellationState::Deferred(DeferReason::RefundRunning) {
        return;
    }
    let cancel = Cancel::now(deferred.acquirer_id.clone(), Lookup::Recorded);
    let receipt = Receipt { cancel: &cancel, received_at: deferred.first_received_at };
    let ruling = rule(terms, &draft.case, &receipt);
    // Nobody waits for the answer here: Alipay+ asks again and is told then, and an open reversal is the worker's.
    let _ = follow(&ruling, terms, &receipt, draft);
}

/// The rule table: flat guards in order of precedence (`docs/develop/decisions.md`).
fn rule(terms: &Terms, case: &Case, receipt: &Receipt<'_>) -> Ruling {
    let looks_at_acquirer = terms.results.other_acquirer == OtherAcquirer::ParamIllegal;
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
    if case.is_settled() || !terms.period.includes(payment.initiated_at, receipt.received_at) {
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
        PaymentStatus::Succeeded { .. } => Ruling::GiveBack,
    }
}

/// What follows from a ruling.
fn follow(ruling: &Ruling, terms: &Terms, receipt: &Receipt<'_>, draft: &mut Draft) -> Outcome {
    match ruling {
        Ruling::DifferentRequest => Outcome::Answered(Answer::Refused(Refusal::DifferentRequest)),
        Ruling::Repeat(answer) => Outcome::Answered((*answer).into()),
        Ruling::Resume => Outcome::MoneyOwed { attempt: None },
        Ruling::Fence => close(terms, draft, receipt, Rule::NeverReceived),
        Ruling::PeriodOver => {
            let code = match terms.results.period_over {
                PeriodOver::ProcessFail => RefusalCode::ProcessFail,
                PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
            };
            refuse(draft, receipt, Refusal::PeriodOver(code))
        }
        Ruling::Defer(reason) => {
            draft.receive(receipt, CancellationState::Deferred(*reason));
            Outcome::Answered(Answer::Pending)
        }
        Ruling::CloseUnpaid => close(terms, draft, receipt, Rule::NothingTaken),
        Ruling::AlreadyRefunded => {
            draft.receive(receipt, CancellationState::AlreadyRefunded);
            Outcome::Answered(Answer::Cancelled)
        }
        Ruling::PartlyRefunded => refuse(draft, receipt, Refusal::PartlyRefunded),
        Ruling::GiveBack => close(terms, draft, receipt, Rule::Succeeded),
    }
}

fn refuse(draft: &mut Draft, receipt: &Receipt<'_>, refusal: Refusal) -> Outcome {
    draft.receive(receipt, CancellationState::Refused { refusal });
    draft.note(What::Refused(refusal));
    Outcome::Answered(Answer::Refused(refusal))
}

/// Cancels: the payment is closed, and what it took is owed. A wallet core is told even where nothing is known to
/// be taken: it may have debited and died before it told us.
fn close(terms: &Terms, draft: &mut Draft, receipt: &Receipt<'_>, rule: Rule) -> Outcome {
    let cancelled_at = draft.at;
    let outcome = match terms.funds {
        FundsKind::Ledger => {
            let never_received = rule == Rule::NeverReceived && terms.results.never_received == NeverReceived::OrderNotExist;
            let answer = if never_received { FinalAnswer::Refused(Refusal::NeverReceived) } else { FinalAnswer::Cancelled };
            draft.receive(receipt, CancellationState::Cancelled { cancelled_at, answer });
            Outcome::Answered(answer.into())
        }
        FundsKind::Core => {
            draft.receive(receipt, CancellationState::Open { cancelled_at });
            Outcome::MoneyOwed { attempt: None }
        }
    };
    draft.note(What::Cancelled { rule: rule.number() });
    draft.waive_fee_of_cancelled();
    draft.owe(terms);
    outcome
}

/// Leases the next attempt to the caller in the commit that decides, so that no worker calls at the same moment.
fn begin_attempt(terms: &Terms, before: &Case, mut draft: Draft, waited: TimeDelta) -> Decision {
    let now = draft.at + waited;
    let begun = draft.case.reversal.as_ref().and_then(|reversal| reversal.begin_attempt(now, terms.lease));
    let attempt = begun.as_ref().map(|reversal| reversal.attempts);
    if begun.is_some() {
        draft.case.reversal = begun;
    }
    let outcome = Outcome::MoneyOwed { attempt };
    if draft.case == *before { Decision::unchanged(outcome) } else { draft.finish(outcome) }
}

impl Draft {
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
                self.note(What::CancelReceived);
                Cancellation { acquirer_id: receipt.cancel.acquirer_id.clone(), first_received_at, state }
            }
        });
    }
}
