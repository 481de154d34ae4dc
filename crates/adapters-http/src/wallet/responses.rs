//! From the domain to the wire: what a command, or a question about one case, is answered.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Timelike, Utc};
use domain::{Answer, Cancellation, Case, Disposition, Inquiry, Money, PaymentStatus, Refund, Reversal, ReversalStateName};
use ports::{CaseFile, TimelineEntry};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in a currency's smallest unit.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct Amount {
    /// An integer in plain digits, at most 9223372036854775807.
    #[schema(example = "1000")]
    pub(crate) value: String,
    /// ISO 4217.
    #[schema(example = "JPY")]
    pub(crate) currency: String,
}

/// How the wallet, or an operator, may go on.
#[derive(Serialize, ToSchema)]
pub(crate) struct DispositionBody {
    /// `proceed`, `closed`, `stands`, `reversed` or `refused`; of a reversal `reopened` or `resolved`.
    disposition: &'static str,
}

/// What is known of one payment request.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CaseView {
    payment_request_id: String,
    /// `S`, `F` or `U`; null where no payment was recorded.
    status: Option<&'static str>,
    amount: Option<Amount>,
    cancellation: Option<CancellationView>,
    reversal: Option<ReversalView>,
    refunds: Vec<RefundView>,
    inquiry: ResultView,
    events: Vec<EventView>,
}

/// A cancellation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CancellationView {
    /// `deferred`, `open`, `cancelled`, `refused` or `already-refunded`.
    state: &'static str,
    /// What a repeated cancel is answered: the status.
    result_status: &'static str,
    /// What a repeated cancel is answered: the code.
    result_code: &'static str,
    #[schema(format = DateTime)]
    first_received_at: String,
}

/// The duty to give a payment's money back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReversalView {
    /// The same as `paymentRequestId`.
    reversal_id: String,
    /// `debit`, `hold` or `nothing-known`.
    taken: &'static str,
    amount: Option<Amount>,
    /// `open`, `parked` or `done`.
    state: &'static str,
    attempts: u32,
}

/// A refund that the wallet makes on its own.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RefundView {
    refund_request_id: String,
    amount: Amount,
    /// `reserved`, `succeeded` or `failed`.
    state: &'static str,
}

/// What `inquiryPayment` must say.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ResultView {
    result_status: &'static str,
    result_code: &'static str,
}

/// A line of the timeline.
#[derive(Serialize, ToSchema)]
struct EventView {
    #[schema(format = DateTime)]
    at: String,
    what: String,
    /// What else is known of it.
    #[serde(flatten)]
    details: BTreeMap<String, String>,
}

/// In UTC, to the microsecond where there are any.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    let to = if at.nanosecond() < 1_000 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    at.to_rfc3339_opts(to, true)
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { value: money.minor().to_string(), currency: money.currency().code() }
    }
}

impl From<Disposition> for DispositionBody {
    fn from(disposition: Disposition) -> Self {
        Self { disposition: disposition.as_str() }
    }
}

impl From<CaseFile> for CaseView {
    fn from(CaseFile { case, timeline }: CaseFile) -> Self {
        let status = case.payment.as_ref().map(|payment| match payment.status {
            PaymentStatus::InProgress => "U",
            PaymentStatus::Succeeded { .. } => "S",
            PaymentStatus::Failed { .. } => "F",
        });
        Self {
            payment_request_id: case.id.to_string(),
            status,
            amount: case.payment.as_ref().map(|payment| payment.amount.into()),
            cancellation: case.cancellation.as_ref().map(CancellationView::from),
            reversal: case.reversal.as_ref().map(|reversal| ReversalView::of(&case, reversal)),
            refunds: case.refunds.iter().map(RefundView::from).collect(),
            inquiry: case.inquiry().into(),
            events: timeline.into_iter().map(EventView::from).collect(),
        }
    }
}

impl From<&Cancellation> for CancellationView {
    fn from(cancellation: &Cancellation) -> Self {
        let state = cancellation.state.name().as_str();
        let (result_status, result_code) = match cancellation.final_answer().map_or(Answer::Pending, Answer::from) {
            Answer::Cancelled => ("S", "SUCCESS"),
            Answer::Refused(refusal) => ("F", refusal.code().as_str()),
            Answer::Pending => ("U", "UNKNOWN_EXCEPTION"),
        };
        Self { state, result_status, result_code, first_received_at: time(cancellation.first_received_at) }
    }
}

impl ReversalView {
    pub(super) fn of(case: &Case, reversal: &Reversal) -> Self {
        Self {
            reversal_id: case.id.to_string(),
            taken: reversal.taken.as_str(),
            amount: reversal.amount.map(Amount::from),
            state: match reversal.state.name() {
                ReversalStateName::Resolved => ReversalStateName::Done,
                name => name,
            }
            .as_str(),
            attempts: reversal.attempts,
        }
    }
}

impl From<&Refund> for RefundView {
    fn from(refund: &Refund) -> Self {
        let state = refund.state.name().as_str();
        Self { refund_request_id: refund.id.to_string(), amount: refund.amount.into(), state }
    }
}

impl From<Inquiry> for ResultView {
    fn from(inquiry: Inquiry) -> Self {
        let (result_status, result_code) = match inquiry {
            Inquiry::Closed => ("F", "ORDER_IS_CLOSED"),
            Inquiry::Paid => ("S", "SUCCESS"),
            Inquiry::InProcess => ("U", "PAYMENT_IN_PROCESS"),
            Inquiry::Failed => ("F", "PROCESS_FAIL"),
            Inquiry::Unknown => ("F", "ORDER_NOT_EXIST"),
        };
        Self { result_status, result_code }
    }
}

impl From<TimelineEntry> for EventView {
    fn from(TimelineEntry { at, what, details }: TimelineEntry) -> Self {
        Self { at: time(at), what, details }
    }
}
