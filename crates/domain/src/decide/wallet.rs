//! What the wallet says of its payments and refunds.

use chrono::{DateTime, Utc};

use super::cancel::decide_deferred;
use super::draft::Draft;
use super::{Decision, Disposition, Outcome};
use crate::{
    CancellationState, Case, FundsKind, OtherAcquirer, PayResult, Payment, PaymentStatus, Refund, RefundRequest, RefundResult,
    RefundState, ReportedResult, Terms, What,
};

fn disposed(disposition: Disposition) -> Outcome {
    Outcome::Disposed(disposition)
}

/// What is true of a payment that is announced. A repeat is told the truth of now too: whoever was told to proceed and asks
/// again after the cancel must not debit any more.
fn permission(case: &Case) -> Outcome {
    disposed(if case.is_cancelled() { Disposition::Closed } else { Disposition::Proceed })
}

/// What is true of a payment that succeeded.
fn standing(case: &Case) -> Outcome {
    disposed(if case.is_cancelled() { Disposition::Reversed } else { Disposition::Stands })
}

pub(super) fn pay(terms: &Terms, case: &Case, payment: &Payment, at: DateTime<Utc>) -> Decision {
    if let Some(known) = &case.payment {
        return Decision::unchanged(if known.same_content(payment) {
            permission(case)
        } else {
            Outcome::Conflict("the payment is recorded with other content")
        });
    }
    let looks_at_acquirer = terms.results.other_acquirer == OtherAcquirer::ParamIllegal;
    if looks_at_acquirer && case.is_foreign_to(&payment.acquirer_id) {
        return Decision::unchanged(Outcome::Conflict("another acquirer cancelled this payment request"));
    }
    let mut draft = Draft::of(case, at);
    draft.note(What::PaymentRecorded(payment.amount));
    draft.case.payment = Some(Payment { payment_id: None, status: PaymentStatus::InProgress, ..payment.clone() });
    if let Some(reversal) = draft.case.reversal.as_mut().filter(|reversal| reversal.is_owed()) {
        reversal.amount = Some(payment.amount);
    }
    let outcome = permission(&draft.case);
    draft.finish(outcome)
}

pub(super) fn result(terms: &Terms, case: &Case, result: &PayResult, at: DateTime<Utc>) -> Decision {
    let Some(payment) = &case.payment else {
        return Decision::unchanged(Outcome::NotFound { fenced: case.cancellation.is_some() });
    };
    if let (Some(known), Some(named)) = (&payment.payment_id, &result.payment_id)
        && known != named
    {
        return Decision::unchanged(Outcome::Conflict("the payment has another paymentId"));
    }
    match (&payment.status, result.result) {
        (PaymentStatus::Succeeded { .. }, ReportedResult::Failed) => {
            Decision::unchanged(Outcome::Conflict("the payment has succeeded"))
        }
        (PaymentStatus::Succeeded { .. }, ReportedResult::Succeeded) => Decision::unchanged(standing(case)),
        (PaymentStatus::Failed { .. }, ReportedResult::Failed) => Decision::unchanged(disposed(Disposition::Stands)),
        (PaymentStatus::InProgress, ReportedResult::Failed) => {
            let mut draft = Draft::of(case, at);
            let status = PaymentStatus::Failed { completed_at: result.completed_at };
            draft.case.payment = Some(Payment { payment_id: result.payment_id.clone(), status, ..payment.clone() });
            draft.note(What::Failed);
            draft.finish(disposed(Disposition::Stands))
        }
        (PaymentStatus::InProgress | PaymentStatus::Failed { .. }, ReportedResult::Succeeded) => {
            succeed(terms, Draft::of(case, at), payment, result)
        }
    }
}

/// The money was taken. Where the payment is cancelled it goes back: in this very commit by the ledger, at once by a core.
fn succeed(terms: &Terms, mut draft: Draft, payment: &Payment, result: &PayResult) -> Decision {
    let payment_id = result.payment_id.clone().or(payment.payment_id.clone());
    // Two clocks may differ, but a day is closed on the strength of this: whatever completed on it was initiated until its end.
    let completed_at = result.completed_at.max(payment.initiated_at);
    let status = PaymentStatus::Succeeded { completed_at, fee: result.fee };
    draft.case.payment = Some(Payment { payment_id, status, ..payment.clone() });
    draft.note(What::Succeeded);
    if terms.funds == FundsKind::Ledger {
        draft.book_taking(payment);
    }
    if draft.case.is_cancelled() {
        draft.waive_fee_of_cancelled();
        draft.owe(terms);
    }
    let outcome = standing(&draft.case);
    draft.finish(outcome)
}

/// What is true of a refund that is announced again. The right to one that failed went back to the payment, where a cancel or
/// another refund may have used it since.
fn allowance(refund: &Refund) -> Outcome {
    disposed(match refund.state {
        RefundState::Reserved | RefundState::Succeeded { .. } => Disposition::Proceed,
        RefundState::Failed { .. } => Disposition::Refused,
    })
}

pub(super) fn refund(case: &Case, request: &RefundRequest, at: DateTime<Utc>) -> Decision {
    let Some(payment) = &case.payment else {
        return Decision::unchanged(Outcome::NotFound { fenced: case.cancellation.is_some() });
    };
    if let Some(known) = case.refunds.iter().find(|refund| refund.id == request.id) {
        return Decision::unchanged(if known.amount == request.amount {
            allowance(known)
        } else {
            Outcome::Conflict("the refund is recorded with another amount")
        });
    }
    let deferred = |state| matches!(state, CancellationState::Deferred(_));
    let cancelling = case.is_cancelled() || case.cancellation.as_ref().is_some_and(|c| deferred(c.state));
    let left = payment.amount.minor().saturating_sub(case.refunded_or_reserved());
    let fits = request.amount.currency() == payment.amount.currency() && request.amount.minor() <= left;
    let succeeded = matches!(payment.status, PaymentStatus::Succeeded { .. });
    if !succeeded || cancelling || !fits {
        return Decision::unchanged(disposed(Disposition::Refused));
    }
    let mut draft = Draft::of(case, at);
    let refund = Refund { id: request.id.clone(), amount: request.amount, state: RefundState::Reserved, settled_on: None };
    draft.case.refunds.push(refund);
    draft.note(What::RefundReserved(request.id.clone(), request.amount));
    draft.finish(disposed(Disposition::Proceed))
}

pub(super) fn refund_result(terms: &Terms, case: &Case, result: &RefundResult, at: DateTime<Utc>) -> Decision {
    let known = case.refunds.iter().position(|refund| refund.id == result.id);
    let (Some(payment), Some(place)) = (&case.payment, known) else {
        return Decision::unchanged(Outcome::NotFound { fenced: case.payment.is_none() && case.cancellation.is_some() });
    };
    let completed_at = result.completed_at;
    let state = match (case.refunds[place].state, result.result) {
        (RefundState::Succeeded { .. }, ReportedResult::Succeeded) | (RefundState::Failed { .. }, ReportedResult::Failed) => {
            return Decision::unchanged(disposed(Disposition::Stands));
        }
        (RefundState::Succeeded { .. }, ReportedResult::Failed) => {
            return Decision::unchanged(Outcome::Conflict("the refund has succeeded"));
        }
        (RefundState::Failed { .. }, ReportedResult::Succeeded) => {
            return Decision::unchanged(Outcome::Conflict("the refund was said never to happen"));
        }
        (RefundState::Reserved, ReportedResult::Succeeded) => RefundState::Succeeded { completed_at },
        (RefundState::Reserved, ReportedResult::Failed) => RefundState::Failed { completed_at },
    };
    let mut draft = Draft::of(case, at);
    draft.case.refunds[place].state = state;
    match result.result {
        ReportedResult::Succeeded => {
            draft.note(What::RefundSucceeded(result.id.clone()));
            if terms.funds == FundsKind::Ledger {
                draft.book_refund(payment, &case.refunds[place]);
            }
        }
        ReportedResult::Failed => draft.note(What::RefundFailed(result.id.clone())),
    }
    decide_deferred(terms, &mut draft);
    draft.finish(disposed(Disposition::Stands))
}
