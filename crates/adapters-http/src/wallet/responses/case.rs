//! From the domain to the wire: one case.

use std::collections::BTreeMap;

use domain::{
    Answer, Cancellation, Case, Deferral, Inquiry, PaymentStatus, Refund, Reversal, ReversalState, ReversalStateName, Taken,
};
use ports::{CaseFile, TimelineEntry};
use serde::Serialize;
use utoipa::ToSchema;

use crate::alipayplus::result_codes::{ResultCode, ResultStatus, of_answer, of_inquiry};
use crate::timestamps;
use crate::wallet::amounts::Amount;
use crate::wallet::schemas::{
    CancellationStateText, Identifier, RefundStateText, ResultStatusText, ReversalStateText, TakenText,
};

/// A payment request with all that is known of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::wallet) struct CaseView {
    #[schema(value_type = Identifier)]
    payment_request_id: String,
    /// The payment's status; null where no payment is recorded.
    #[schema(value_type = Option<ResultStatusText>, required)]
    status: Option<&'static str>,
    /// Null where no payment is recorded.
    #[schema(required)]
    amount: Option<Amount>,
    /// Null where no cancel came.
    #[schema(required)]
    cancellation: Option<CancellationView>,
    /// Null where no money has to go back.
    #[schema(required)]
    reversal: Option<ReversalView>,
    refunds: Vec<RefundView>,
    inquiry: ResultView,
    /// Oldest first.
    events: Vec<EventView>,
}

/// The cancellation of a payment, and what a repeated cancel is answered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CancellationView {
    #[schema(value_type = CancellationStateText)]
    state: &'static str,
    #[schema(value_type = ResultStatusText)]
    result_status: &'static str,
    #[schema(pattern = "^[A-Z_]{1,64}$", examples("SUCCESS"))]
    result_code: &'static str,
    /// When the first cancel came.
    #[schema(format = DateTime)]
    first_received_at: String,
}

/// The duty to give a payment's money back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReversalView {
    /// The same as `paymentRequestId`.
    #[schema(value_type = Identifier)]
    reversal_id: String,
    #[schema(value_type = TakenText)]
    taken: &'static str,
    /// Null where the amount is not known.
    #[schema(required)]
    amount: Option<Amount>,
    #[schema(value_type = ReversalStateText)]
    state: &'static str,
    /// How many attempts began; of a deferred cancel that is parked, how many lookups.
    attempts: u32,
}

/// A refund by the wallet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefundView {
    #[schema(value_type = Identifier)]
    refund_request_id: String,
    amount: Amount,
    #[schema(value_type = RefundStateText)]
    state: &'static str,
}

/// What the wallet's `inquiryPayment` has to say of the payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ResultView {
    #[schema(value_type = ResultStatusText)]
    result_status: &'static str,
    #[schema(pattern = "^[A-Z_]{1,64}$", examples("SUCCESS"))]
    result_code: &'static str,
}

/// A line of the timeline.
#[derive(Serialize, ToSchema)]
struct EventView {
    #[schema(format = DateTime)]
    at: String,
    /// The event's name: lower case, words joined by hyphens.
    #[schema(pattern = "^[a-z-]+$", examples("payment-recorded"))]
    what: String,
    /// The event's details.
    #[serde(flatten)]
    details: BTreeMap<String, String>,
}

impl From<CaseFile> for CaseView {
    fn from(CaseFile { case, timeline }: CaseFile) -> Self {
        let status = case.payment.as_ref().map(|payment| status(&payment.status).as_str());
        Self {
            payment_request_id: case.id.to_string(),
            status,
            amount: case.payment.as_ref().map(|payment| payment.amount.into()),
            cancellation: case.cancellation.as_ref().map(CancellationView::from),
            reversal: ReversalView::of_case(&case),
            refunds: case.refunds.iter().map(RefundView::from).collect(),
            inquiry: case.inquiry().into(),
            events: timeline.into_iter().map(EventView::from).collect(),
        }
    }
}

impl From<&Cancellation> for CancellationView {
    fn from(cancellation: &Cancellation) -> Self {
        let ResultCode { name: result_code, status } =
            of_answer(cancellation.final_answer().map_or(Answer::Pending, Answer::from)).code;
        Self {
            state: cancellation.state.name().as_str(),
            result_status: status.as_str(),
            result_code,
            first_received_at: timestamps::format(cancellation.first_received_at),
        }
    }
}

impl ReversalView {
    /// A deferred cancel that is parked is shown as a reversal that is: an operator ends both in the same way.
    fn of_case(case: &Case) -> Option<Self> {
        let parked = case.deferral.as_ref().filter(|deferral| deferral.is_parked());
        let of_deferral = parked.map(|deferral| Self::of_parked_deferral(case, deferral));
        of_deferral.or_else(|| case.reversal.as_ref().map(|reversal| Self::of(case, reversal)))
    }

    pub(super) fn of_parked_deferral(case: &Case, deferral: &Deferral) -> Self {
        Self {
            reversal_id: case.id.to_string(),
            taken: Taken::NothingKnown.as_str(),
            amount: None,
            state: ReversalStateName::Parked.as_str(),
            attempts: deferral.attempts,
        }
    }

    pub(super) fn of(case: &Case, reversal: &Reversal) -> Self {
        Self {
            reversal_id: case.id.to_string(),
            taken: reversal.taken.as_str(),
            amount: reversal.amount.map(Amount::from),
            state: shown_state(&reversal.state),
            attempts: reversal.attempts,
        }
    }
}

impl From<&Refund> for RefundView {
    fn from(refund: &Refund) -> Self {
        Self { refund_request_id: refund.id.to_string(), amount: refund.amount.into(), state: refund.state.name().as_str() }
    }
}

impl From<Inquiry> for ResultView {
    fn from(inquiry: Inquiry) -> Self {
        let ResultCode { name: result_code, status } = of_inquiry(inquiry);
        Self { result_status: status.as_str(), result_code }
    }
}

impl From<TimelineEntry> for EventView {
    fn from(TimelineEntry { at, what, details }: TimelineEntry) -> Self {
        Self { at: timestamps::format(at), what, details }
    }
}

fn status(status: &PaymentStatus) -> ResultStatus {
    match status {
        PaymentStatus::InProgress => ResultStatus::U,
        PaymentStatus::Succeeded { .. } => ResultStatus::S,
        PaymentStatus::Failed { .. } => ResultStatus::F,
    }
}

/// A resolved reversal is shown as done: the timeline says who resolved it.
fn shown_state(state: &ReversalState) -> &'static str {
    match state.name() {
        ReversalStateName::Done | ReversalStateName::Resolved => ReversalStateName::Done.as_str(),
        name @ (ReversalStateName::Open | ReversalStateName::Parked) => name.as_str(),
    }
}
