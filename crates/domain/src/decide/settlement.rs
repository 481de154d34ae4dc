//! A day is closed: what becomes of one case whose payment, or refunds, the day accounts for.

use chrono::{DateTime, Utc};

use super::Decision;
use super::cancel::decide_by_our_clocks;
use super::update::CaseUpdate;
use crate::{
    CancellationState, Case, ClearingDay, CommandReply, DayClosing, Disposition, EventKind, Policy, RefundRequestId, Settlement,
};

/// Accounts for what is due. A case that may still change its side is a conflict and is left as it is.
pub(super) fn settle(policy: &Policy, case: &Case, closing: &DayClosing, at: DateTime<Utc>) -> Decision {
    if !case.is_due(closing) {
        return Decision::unchanged(CommandReply::Done(Disposition::Stands));
    }
    let mut update = CaseUpdate::of(case, at);
    // It cannot wait any longer for the clocks: what settles has to be known.
    let rule = decide_by_our_clocks(policy, &mut update);
    let state = update.case.cancellation.as_ref().map(|cancellation| cancellation.state);
    if let Some(CancellationState::Deferred(_)) = state {
        return Decision::unchanged(CommandReply::Conflict(if case.has_parked_deferral() {
            "its cancel is parked; an operator has to resolve it or have it tried again"
        } else {
            "its cancel is deferred"
        }));
    }
    let day = closing.day;
    if case.payment_is_due(closing) {
        let cancellable = |payment: &crate::Payment| policy.period.includes(payment.initiated_at, at);
        if update.case.is_cancelled() {
            update.case.settlement = Some(Settlement::Excluded { day });
        } else if case.payment.as_ref().is_some_and(cancellable) {
            return Decision::unchanged(CommandReply::Conflict("it can still be cancelled"));
        } else {
            update.case.settlement = Some(Settlement::Settled { day, at });
            update.record_event(settled(day, case.completed_at(), None));
        }
    }
    for refund in case.refunds.iter().filter(|refund| refund.is_due(closing)) {
        update.record_event(settled(day, refund.completed_at(), Some(refund.id.clone())));
    }
    for refund in update.case.refunds.iter_mut().filter(|refund| refund.is_due(closing)) {
        refund.settled_on = Some(day);
    }
    let decision = update.finish(CommandReply::Done(Disposition::Stands));
    Decision { rule, ..decision }
}

fn settled(day: ClearingDay, completed_at: Option<DateTime<Utc>>, refund: Option<RefundRequestId>) -> EventKind {
    let late_from = completed_at.map(ClearingDay::of).filter(|own| *own < day);
    EventKind::Settled { day, late_from, refund }
}
