//! What the wallet says of its payments and refunds.

use chrono::{DateTime, Utc};

use super::Decision;
use super::cancel::decide_deferred;
use super::update::CaseUpdate;
use crate::{
    Adoption, CancellationState, Case, CommandReply, Disposition, EventKind, FundsKind, PayResult, Payment, PaymentStatus,
    Policy, Refund, RefundRequest, RefundResult, RefundState, ReportedResult, Told,
};

fn done(disposition: Disposition) -> CommandReply {
    CommandReply::Done(disposition)
}

/// Says what is true of a payment that is announced. A repeat gets what is true now: a wallet that was told to proceed and asks again
/// after the cancel must not debit any more. That it was told so is recorded the first time, in this commit.
fn say_of_payment(case: &Case, update: CaseUpdate) -> Decision {
    say(case, update, (Told::Closed, Disposition::Proceed))
}

/// Says what is true of a payment that succeeded.
fn say_of_success(case: &Case, update: CaseUpdate) -> Decision {
    say(case, update, (Told::Reversed, Disposition::Stands))
}

fn say(case: &Case, mut update: CaseUpdate, (closed, open): (Told, Disposition)) -> Decision {
    if !case.is_closed() {
        return update.finish_if_changed(case, done(open));
    }
    update.tell(closed);
    update.finish_if_changed(
        case,
        done(match closed {
            Told::Closed => Disposition::Closed,
            Told::Reversed => Disposition::Reversed,
        }),
    )
}

pub(super) fn pay(policy: &Policy, case: &Case, payment: &Payment, at: DateTime<Utc>) -> Decision {
    if let Some(known) = &case.payment {
        if !known.same_content(payment) {
            return Decision::unchanged(CommandReply::Conflict("the payment is recorded with other content"));
        }
        return say_of_payment(case, CaseUpdate::of(case, at));
    }
    if policy.results.compares_acquirers() && case.is_foreign_to(&payment.acquirer_id) {
        return Decision::unchanged(CommandReply::Conflict("another acquirer cancelled this payment request"));
    }
    let mut update = CaseUpdate::of(case, at);
    update.record_event(EventKind::PaymentRecorded(payment.amount));
    update.case.payment = Some(Payment { payment_id: None, status: PaymentStatus::InProgress, ..payment.clone() });
    if let Some(reversal) = update.case.reversal.as_mut().filter(|reversal| reversal.is_unfinished()) {
        reversal.amount = Some(payment.amount);
    }
    say_of_payment(case, update)
}

pub(super) fn result(policy: &Policy, case: &Case, result: &PayResult, at: DateTime<Utc>) -> Decision {
    let Some(payment) = &case.payment else {
        return Decision::unchanged(CommandReply::NotFound { fenced: case.cancellation.is_some() });
    };
    // A wallet that failed and tries again succeeds under another id; one payment does not succeed under two.
    let tries_again = matches!((&payment.status, result.result), (PaymentStatus::Failed { .. }, ReportedResult::Succeeded));
    if let (Some(known), Some(named)) = (&payment.payment_id, &result.payment_id)
        && known != named
        && !tries_again
    {
        return Decision::unchanged(CommandReply::Conflict("the payment has another paymentId"));
    }
    match (&payment.status, result.result) {
        (PaymentStatus::Succeeded { .. }, ReportedResult::Failed) => {
            Decision::unchanged(CommandReply::Conflict("the payment has succeeded"))
        }
        (PaymentStatus::Succeeded { .. }, ReportedResult::Succeeded) => say_of_success(case, CaseUpdate::of(case, at)),
        (PaymentStatus::Failed { .. }, ReportedResult::Failed) => Decision::unchanged(done(Disposition::Stands)),
        (PaymentStatus::InProgress, ReportedResult::Failed) => {
            let mut update = CaseUpdate::of(case, at);
            let status = PaymentStatus::Failed { completed_at: result.completed_at, reason: result.reason };
            update.case.payment = Some(Payment { payment_id: result.payment_id.clone(), status, ..payment.clone() });
            update.record_event(EventKind::Failed);
            update.finish(done(Disposition::Stands))
        }
        (PaymentStatus::InProgress | PaymentStatus::Failed { .. }, ReportedResult::Succeeded) => {
            succeed(policy, case, (payment, result), at)
        }
    }
}

/// The money was taken. Where the payment is cancelled it goes back: in this very commit by the ledger, at once by a core.
fn succeed(policy: &Policy, case: &Case, (payment, result): (&Payment, &PayResult), at: DateTime<Utc>) -> Decision {
    let mut update = CaseUpdate::of(case, at);
    let payment_id = result.payment_id.clone().or(payment.payment_id.clone());
    // Two clocks may differ, but a day is closed on the strength of this: whatever completed on it was initiated until its end.
    let completed_at = result.completed_at.max(payment.initiated_at);
    let status = PaymentStatus::Succeeded { completed_at, fee: result.fee };
    update.case.payment = Some(Payment { payment_id, status, ..payment.clone() });
    update.record_event(EventKind::Succeeded);
    if policy.funds == FundsKind::Ledger {
        update.book_taking(payment);
    }
    if case.is_closed() {
        update.waive_fee_of_cancelled();
        update.return_money(policy);
    }
    say_of_success(case, update)
}

/// What is true of a refund that is announced again. The right to one that failed went back to the payment, where a cancel or
/// another refund may have used it since.
fn refund_disposition(refund: &Refund) -> CommandReply {
    done(match refund.state {
        RefundState::Reserved | RefundState::Succeeded { .. } => Disposition::Proceed,
        RefundState::Failed { .. } => Disposition::Refused,
    })
}

pub(super) fn refund(case: &Case, request: &RefundRequest, at: DateTime<Utc>) -> Decision {
    let Some(payment) = &case.payment else {
        return Decision::unchanged(CommandReply::NotFound { fenced: case.cancellation.is_some() });
    };
    if let Some(known) = case.refunds.iter().find(|refund| refund.id == request.id) {
        return Decision::unchanged(if known.amount == request.amount {
            refund_disposition(known)
        } else {
            CommandReply::Conflict("the refund is recorded with another amount")
        });
    }
    let deferred = |state| matches!(state, CancellationState::Deferred(_));
    let cancelling = case.is_cancelled() || case.cancellation.as_ref().is_some_and(|c| deferred(c.state));
    let left = payment.amount.minor().saturating_sub(case.refunded_or_reserved());
    let fits = request.amount.currency() == payment.amount.currency() && request.amount.minor() <= left;
    let succeeded = matches!(payment.status, PaymentStatus::Succeeded { .. });
    if !succeeded || cancelling || !fits {
        return Decision::unchanged(done(Disposition::Refused));
    }
    if case.refundable().is_none_or(|refundable| request.amount.minor() > refundable) {
        return Decision::unchanged(CommandReply::RefundedElsewhere);
    }
    let mut update = CaseUpdate::of(case, at);
    let refund = Refund { id: request.id.clone(), amount: request.amount, state: RefundState::Reserved, settled_on: None };
    update.case.refunds.push(refund);
    update.record_event(EventKind::RefundReserved(request.id.clone(), request.amount));
    update.finish(done(Disposition::Proceed))
}

pub(super) fn refund_result(policy: &Policy, case: &Case, result: &RefundResult, at: DateTime<Utc>) -> Decision {
    let known = case.refunds.iter().position(|refund| refund.id == result.id);
    let (Some(payment), Some(place)) = (&case.payment, known) else {
        return Decision::unchanged(CommandReply::NotFound { fenced: case.payment.is_none() && case.cancellation.is_some() });
    };
    let completed_at = result.completed_at;
    let state = match (case.refunds[place].state, result.result) {
        (RefundState::Succeeded { .. }, ReportedResult::Succeeded) | (RefundState::Failed { .. }, ReportedResult::Failed) => {
            return Decision::unchanged(done(Disposition::Stands));
        }
        (RefundState::Succeeded { .. }, ReportedResult::Failed) => {
            return Decision::unchanged(CommandReply::Conflict("the refund has succeeded"));
        }
        (RefundState::Failed { .. }, ReportedResult::Succeeded) => {
            return Decision::unchanged(CommandReply::Conflict("the refund was said never to happen"));
        }
        (RefundState::Reserved, ReportedResult::Succeeded) => RefundState::Succeeded { completed_at },
        (RefundState::Reserved, ReportedResult::Failed) => RefundState::Failed { completed_at },
    };
    let mut update = CaseUpdate::of(case, at);
    update.case.refunds[place].state = state;
    match result.result {
        ReportedResult::Succeeded => {
            update.record_event(EventKind::RefundSucceeded(result.id.clone()));
            if policy.funds == FundsKind::Ledger {
                update.book_refund(payment, &case.refunds[place]);
            }
        }
        ReportedResult::Failed => update.record_event(EventKind::RefundFailed(result.id.clone())),
    }
    let rule = decide_deferred(policy, &mut update);
    let decision = update.finish(done(Disposition::Stands));
    Decision { rule, ..decision }
}

/// Only the timeline says it: what the payment is does not depend on where its deployment keeps it.
pub(super) fn adopt(case: &Case, adoption: &Adoption, at: DateTime<Utc>) -> Decision {
    if case.payment.is_none() {
        return Decision::unchanged(CommandReply::NotFound { fenced: case.cancellation.is_some() });
    }
    let mut update = CaseUpdate::of(case, at);
    update.record_event(EventKind::SettingsAdopted(adoption.clone()));
    update.finish(done(Disposition::Stands))
}
