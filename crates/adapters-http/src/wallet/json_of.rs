//! The wallet API's own JSON of a case, for who prints it elsewhere: the same members, from the same code.

use domain::{CancellablePeriod, Case};
use ports::CaseFile;
use serde_json::{Value, json};

use super::responses::{CaseView, DeferredCancel, PaymentSummary, ReversalView};

/// What `GET /wallet/v1/payments/{paymentRequestId}` answers; `None` where nothing is known of the case.
#[must_use]
pub fn json_of_case(file: CaseFile, period: &CancellablePeriod) -> Option<Value> {
    CaseView::of(file, period).map(|view| json!(view))
}

/// An element of `GET /wallet/v1/payments`.
#[must_use]
pub fn json_of_summary(case: &Case) -> Option<Value> {
    PaymentSummary::of(case).map(|view| json!(view))
}

/// An element of `GET /wallet/v1/reversals`; `None` where no money has to go back.
#[must_use]
pub fn json_of_reversal(case: &Case) -> Option<Value> {
    ReversalView::of_case(case).map(|view| json!(view))
}

/// An element of `GET /wallet/v1/deferred`; `None` where no cancel is deferred.
#[must_use]
pub fn json_of_deferred(case: &Case) -> Option<Value> {
    DeferredCancel::of(case).map(|view| json!(view))
}
