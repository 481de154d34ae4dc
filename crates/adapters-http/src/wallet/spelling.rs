//! How states are spelled in JSON.

use domain::{CancellationState, DeferReason, Disposition, EntryKind, ExclusionReason, RefundState, ReversalKind, ReversalState};

pub(super) const DISPOSITIONS: &[&str] = &["proceed", "closed", "stands", "reversed", "refused", "reopened", "resolved"];
pub(super) const CANCELLATION_STATES: &[&str] = &["deferred", "open", "cancelled", "refused", "already-refunded"];
pub(super) const REVERSAL_STATES: &[&str] = &["open", "parked", "done"];
pub(super) const TAKEN: &[&str] = &["debit", "hold", "nothing-known"];
pub(super) const REFUND_STATES: &[&str] = &["reserved", "succeeded", "failed"];
pub(super) const ENTRY_KINDS: &[&str] = &["debit", "credit", "hold", "release"];
pub(super) const DEFER_REASONS: &[&str] = &["refund-running", "lookup-failed"];
pub(super) const EXCLUSION_REASONS: &[&str] = &["cancelled", "money-not-back"];

pub(super) fn disposition(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Proceed => "proceed",
        Disposition::Closed => "closed",
        Disposition::Stands => "stands",
        Disposition::Reversed => "reversed",
        Disposition::Refused => "refused",
        Disposition::Reopened => "reopened",
        Disposition::Resolved => "resolved",
    }
}

pub(super) fn cancellation_state(state: &CancellationState) -> &'static str {
    match state {
        CancellationState::Deferred(_) => "deferred",
        CancellationState::Open { .. } => "open",
        CancellationState::Cancelled { .. } => "cancelled",
        CancellationState::Refused { .. } => "refused",
        CancellationState::AlreadyRefunded => "already-refunded",
    }
}

pub(super) fn defer_reason(state: &CancellationState) -> Option<&'static str> {
    match state {
        CancellationState::Deferred(DeferReason::RefundRunning) => Some("refund-running"),
        CancellationState::Deferred(DeferReason::LookupFailed) => Some("lookup-failed"),
        CancellationState::Open { .. } | CancellationState::Cancelled { .. } => None,
        CancellationState::Refused { .. } | CancellationState::AlreadyRefunded => None,
    }
}

pub(super) fn reversal_state(state: &ReversalState) -> &'static str {
    match state {
        ReversalState::Open { .. } => "open",
        ReversalState::Parked { .. } => "parked",
        ReversalState::Done { .. } => "done",
    }
}

pub(super) fn taken(kind: ReversalKind) -> &'static str {
    match kind {
        ReversalKind::Refund => "debit",
        ReversalKind::Release => "hold",
        ReversalKind::Void => "nothing-known",
    }
}

pub(super) fn refund_state(state: &RefundState) -> &'static str {
    match state {
        RefundState::Reserved => "reserved",
        RefundState::Succeeded { .. } => "succeeded",
        RefundState::Failed { .. } => "failed",
    }
}

pub(super) fn entry_kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Debit => "debit",
        EntryKind::Credit => "credit",
        EntryKind::Hold => "hold",
        EntryKind::Release => "release",
    }
}

pub(super) fn exclusion_reason(reason: ExclusionReason) -> &'static str {
    reason.name()
}
