//! Telling an operator that the wallet core contradicts itself, or what was told.

use ::ports::Decided;
use domain::{CancellationStateName, DeferReason, PaymentRequestId, ReversalStateName, Rule};
use metrics::counter;
use tracing::error;

/// Logs and counts what a cancel's lookup contradicts.
pub(crate) fn report_contradiction<R>(id: &PaymentRequestId, decided: &Decided<R>) {
    if decided.rule == Some(Rule::Deferred(DeferReason::Contradiction)) {
        count(CancellationStateName::Deferred.as_str());
        error!(payment_request_id = %id, "the cancel is deferred: the wallet core's lookup contradicts what it said before, or cannot be true (compare the core's books; an operator may have to decide)");
    } else if decided.parks {
        count(ReversalStateName::Parked.as_str());
        error!(payment_request_id = %id, "the reversal is parked: the wallet core's lookup contradicts the cancelled payment (an operator has to decide)");
    }
}

/// Counts a contradiction that parked a reversal, or deferred a cancel.
pub(crate) fn count(end: &'static str) {
    counter!("rescind_contradictions_total", "end" => end).increment(1);
}
