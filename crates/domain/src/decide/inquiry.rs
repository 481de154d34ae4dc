//! `inquiryPayment`: what is answered, and what becomes of a cancelled payment that turns out to have succeeded.

use chrono::{DateTime, Utc};

use super::update::CaseUpdate;
use super::{Decision, contradiction};
use crate::inquiry::{of_cancellation, of_record};
use crate::{
    CancellationState, Case, CommandReply, CorePayment, Disposition, InquiredCase, InquiryReply, InquiryRule, Lookup,
    PaymentInquiry, PaymentStatus, PaymentsKind, Policy,
};

/// Answers an inquiry: flat guards in the order of [`InquiryRule::TABLE`]. Pure, and it changes nothing.
pub fn inquire(policy: &Policy, case: &InquiredCase, inquiry: &PaymentInquiry) -> InquiryReply {
    let InquiredCase { payment, cancellation } = case;
    if policy.results.compares_acquirers() && case.is_foreign_to(&inquiry.acquirer_id) {
        return InquiryReply::Answered(InquiryRule::DifferentAcquirer);
    }
    let is_of_core = policy.payments == PaymentsKind::Core;
    let has_succeeded = payment.as_ref().is_some_and(|payment| matches!(payment.status, PaymentStatus::Succeeded { .. }));
    if let Some(rule) = of_cancellation(cancellation.as_ref()) {
        let state = cancellation.as_ref().map(|cancellation| cancellation.state);
        let is_unseen = is_of_core && !has_succeeded && matches!(state, Some(CancellationState::Cancelled { .. }));
        let is_asked = inquiry.lookup != Lookup::NotYet;
        return if is_unseen && !is_asked { InquiryReply::CancelledUnseen } else { InquiryReply::Answered(rule) };
    }
    // A success is never taken back, so nobody is asked for it again.
    if has_succeeded || !is_of_core {
        return InquiryReply::Answered(of_record(payment.as_ref(), cancellation.as_ref()));
    }
    InquiryReply::Answered(match &inquiry.lookup {
        Lookup::NotYet => return InquiryReply::LookUp,
        Lookup::Failed(_) => InquiryRule::InDoubt,
        Lookup::Recorded => of_record(payment.as_ref(), cancellation.as_ref()),
        Lookup::Found(found) => of_found(policy, case, (inquiry, found)),
    })
}

fn of_found(policy: &Policy, case: &InquiredCase, (inquiry, found): (&PaymentInquiry, &CorePayment)) -> InquiryRule {
    let found = &found.payment;
    if contradiction::of_payment(case.payment.as_ref(), found, inquiry.at).is_some() {
        InquiryRule::InDoubt
    } else if policy.results.compares_acquirers() && found.acquirer_id != inquiry.acquirer_id {
        InquiryRule::DifferentAcquirer
    } else {
        InquiryRule::of_payment(found)
    }
}

/// The wallet core has the payment of a case that is cancelled. A success that nobody here knew of goes back, as one that the
/// wallet reports does: what was answered stays. What contradicts the record is left to an operator.
pub(super) fn find_after_cancel(policy: &Policy, case: &Case, found: &CorePayment, at: DateTime<Utc>) -> Decision {
    let stands = CommandReply::Done(Disposition::Stands);
    let is_anothers = policy.results.compares_acquirers() && case.is_foreign_to(&found.payment.acquirer_id);
    let has_succeeded = matches!(found.payment.status, PaymentStatus::Succeeded { .. });
    if !case.is_cancelled() || is_anothers || !has_succeeded {
        return Decision::unchanged(stands);
    }
    if case.completed_at().is_some() {
        return Decision::unchanged(CommandReply::Conflict("the success is recorded already"));
    }
    let mut update = CaseUpdate::of(case, at);
    if let Some(reason) = contradiction::of_lookup(case, found, at) {
        update.park_contradicted(policy, &reason);
        return update.finish_if_changed(case, stands);
    }
    update.merge_lookup(found);
    update.waive_fee_of_cancelled();
    update.return_money(policy);
    update.finish(CommandReply::Done(Disposition::Reopened))
}
