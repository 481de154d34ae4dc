//! From the domain to the wire: one case.

use std::collections::BTreeMap;

use domain::{
    Answer, Cancellation, Case, Deferral, DeferralState, Inquiry, Money, PaymentStatus, Refund, RefundedElsewhere, Reversal,
    ReversalState, ReversalStateName, Taken,
};
use ports::{CaseFile, TimelineEntry};
use serde::Serialize;
use utoipa::ToSchema;

use crate::alipayplus::result_codes::{ResultCode, ResultStatus, of_answer, of_inquiry};
use crate::timestamps;
use crate::wallet::amounts::Amount;
use crate::wallet::schemas::{
    CancellationStateText, Identifier, RefundStateText, RefundedElsewhereText, ResultStatusText, ReversalStateText, TakenText,
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
    /// Null where the wallet core said nothing of other refunds. A refund is refused where it would give back more than this leaves.
    #[schema(required)]
    refunded_elsewhere: Option<RefundedElsewhereView>,
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
    #[schema(format = DateTime)]
    opened_at: String,
    /// Null for one that is not open.
    #[schema(format = DateTime, required)]
    next_attempt_at: Option<String>,
    /// Open: why the last attempt failed, if it did. Parked: why it is parked.
    #[schema(required)]
    last_error: Option<String>,
}

/// What the wallet core said of refunds that the wallet did not announce.
#[derive(Serialize, ToSchema)]
struct RefundedElsewhereView {
    #[schema(value_type = RefundedElsewhereText)]
    extent: &'static str,
    /// Null where the core did not say how much, or said all.
    #[schema(required)]
    amount: Option<Amount>,
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
            refunded_elsewhere: case.refunded_elsewhere.map(|said| RefundedElsewhereView::of(&case, said)),
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
    pub(super) fn of_case(case: &Case) -> Option<Self> {
        let parked = case.deferral.as_ref().filter(|deferral| deferral.is_parked());
        let of_deferral = parked.map(|deferral| Self::of_parked_deferral(case, deferral));
        of_deferral.or_else(|| case.reversal.as_ref().map(|reversal| Self::of(case, reversal)))
    }

    fn of_parked_deferral(case: &Case, deferral: &Deferral) -> Self {
        Self {
            reversal_id: case.id.to_string(),
            taken: Taken::NothingKnown.as_str(),
            amount: None,
            state: ReversalStateName::Parked.as_str(),
            attempts: deferral.attempts,
            opened_at: timestamps::format(deferral.since),
            next_attempt_at: None,
            last_error: last_error(deferral),
        }
    }

    fn of(case: &Case, reversal: &Reversal) -> Self {
        let (next_attempt_at, last_error) = match &reversal.state {
            ReversalState::Open { next_attempt_at, last_error, .. } => {
                (Some(timestamps::format(*next_attempt_at)), last_error.clone())
            }
            ReversalState::Parked { reason } => (None, Some(reason.clone())),
            ReversalState::Done { .. } => (None, None),
        };
        Self {
            reversal_id: case.id.to_string(),
            taken: reversal.taken.as_str(),
            amount: reversal.amount.map(Amount::from),
            state: shown_state(&reversal.state),
            attempts: reversal.attempts,
            opened_at: timestamps::format(reversal.opened_at),
            next_attempt_at,
            last_error,
        }
    }
}

impl RefundedElsewhereView {
    fn of(case: &Case, said: RefundedElsewhere) -> Self {
        let currency = case.payment.as_ref().map(|payment| payment.amount.currency());
        let amount = said.amount().zip(currency).and_then(|(minor, currency)| Money::new(minor, currency).ok());
        Self { extent: said.name().as_str(), amount: amount.map(Amount::from) }
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

/// What the last lookup met, or why it is parked.
pub(super) fn last_error(deferral: &Deferral) -> Option<String> {
    match &deferral.state {
        DeferralState::Waiting { last_error, .. } => last_error.clone(),
        DeferralState::Parked { reason } => Some(reason.clone()),
    }
}
