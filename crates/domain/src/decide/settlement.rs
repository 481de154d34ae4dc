//! A day is closed: what becomes of one case whose payment, or refunds, the day accounts for.

use chrono::{DateTime, Utc};

use super::draft::Draft;
use super::{Decision, Disposition, Outcome};
use crate::{CancellationState, Case, ClearingDay, Closing, RefundRequestId, Settlement, Terms, What};

/// Accounts for what is due. A case that may still change its side is a conflict and is left as it is.
pub(super) fn settle(terms: &Terms, case: &Case, closing: &Closing, at: DateTime<Utc>) -> Decision {
    if !case.is_due(closing) {
        return Decision::unchanged(Outcome::Disposed(Disposition::Stands));
    }
    let state = case.cancellation.as_ref().map(|cancellation| cancellation.state);
    if let Some(CancellationState::Deferred(_)) = state {
        return Decision::unchanged(Outcome::Conflict("its cancel is deferred"));
    }
    let mut draft = Draft::of(case, at);
    let day = closing.day;
    if case.payment_is_due(closing) {
        let cancellable = |payment: &crate::Payment| terms.period.includes(payment.initiated_at, at);
        if case.is_cancelled() {
            draft.case.settlement = Some(Settlement::LeftOut { day });
        } else if case.payment.as_ref().is_some_and(cancellable) {
            return Decision::unchanged(Outcome::Conflict("it can still be cancelled"));
        } else {
            draft.case.settlement = Some(Settlement::Settled { day, at });
            draft.note(settled(day, case.completed_at(), None));
        }
    }
    for refund in case.refunds.iter().filter(|refund| refund.is_due(closing)) {
        draft.note(settled(day, refund.completed_at(), Some(refund.id.clone())));
    }
    for refund in draft.case.refunds.iter_mut().filter(|refund| refund.is_due(closing)) {
        refund.settled_on = Some(day);
    }
    draft.finish(Outcome::Disposed(Disposition::Stands))
}

fn settled(day: ClearingDay, completed_at: Option<DateTime<Utc>>, refund: Option<RefundRequestId>) -> What {
    let late_from = completed_at.map(ClearingDay::of).filter(|own| *own < day);
    What::Settled { day, late_from, refund }
}
