//! From the domain to the wire: one case.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{
    Answer, CancellablePeriod, Cancellation, Case, Inquiry, Money, PaymentStatus, Refund, RefundedElsewhere, Settlement,
};
use ports::{CaseFile, TimelineEntry};
use serde::Serialize;
use utoipa::ToSchema;

use super::reversal::ReversalView;
use super::summary::status;
use crate::alipayplus::result_codes::{ResultCode, of_answer, of_inquiry};
use crate::timestamps;
use crate::wallet::amounts::Amount;
use crate::wallet::requests::AnnouncedKind;
use crate::wallet::schemas::{
    CancellationStateText, CaseStateText, Day, Identifier, RefundStateText, RefundedElsewhereText, ResultStatusText,
};

/// A payment request with all that is known of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::wallet) struct CaseView {
    #[schema(value_type = Identifier)]
    payment_request_id: String,
    /// Where it stands, in one word.
    #[schema(value_type = CaseStateText)]
    state: &'static str,
    /// The payment's status. It and what follows is null where no payment is recorded, but for `acquirerId`.
    #[schema(value_type = Option<ResultStatusText>, required)]
    status: Option<&'static str>,
    #[schema(required)]
    amount: Option<Amount>,
    #[schema(value_type = Option<Identifier>, required)]
    account: Option<String>,
    /// The payment's acquirer, or that of the first cancel.
    #[schema(value_type = Option<Identifier>, required)]
    acquirer_id: Option<String>,
    #[schema(value_type = Option<AnnouncedKind>, required)]
    kind: Option<&'static str>,
    #[schema(format = DateTime, required)]
    initiated_at: Option<String>,
    /// The first moment that is too late for a cancel.
    #[schema(format = DateTime, required)]
    cancellable_until: Option<String>,
    /// The wallet's own id of the payment; null where no result named it.
    #[schema(value_type = Option<Identifier>, required)]
    payment_id: Option<String>,
    /// Null where there is no result.
    #[schema(format = DateTime, required)]
    completed_at: Option<String>,
    /// Null where the payment costs nothing; what is cancelled costs nothing.
    #[schema(required)]
    fee: Option<Amount>,
    /// What Alipay+ settles; null where that is `amount`.
    #[schema(required)]
    settlement_amount: Option<Amount>,
    /// How a day's statement accounts for the payment; null where none does yet.
    #[schema(required)]
    settlement: Option<AccountedView>,
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

/// The day's statement that accounts for a payment.
#[derive(Serialize, ToSchema)]
struct AccountedView {
    #[schema(value_type = Day)]
    day: String,
    /// Whether it settles. What was cancelled when the day was closed is left out.
    included: bool,
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

impl CaseView {
    /// The case under the period of the settings; `None` where nothing is known of it.
    pub(in crate::wallet) fn of(CaseFile { case, timeline }: CaseFile, period: &CancellablePeriod) -> Option<Self> {
        let payment = case.payment.as_ref();
        let (completed_at, fee) = payment.map_or((None, None), |payment| end_of(&payment.status));
        let initiated_at = payment.map(|payment| payment.initiated_at);
        Some(Self {
            payment_request_id: case.id.to_string(),
            state: case.state()?.as_str(),
            status: payment.map(status),
            amount: payment.map(|payment| payment.amount.into()),
            account: payment.map(|payment| payment.account.to_string()),
            acquirer_id: case.acquirer_id().map(ToString::to_string),
            kind: payment.map(|payment| payment.kind.as_str()),
            initiated_at: initiated_at.map(timestamps::format),
            cancellable_until: initiated_at.map(|at| timestamps::format(period.end(at))),
            payment_id: payment.and_then(|payment| payment.payment_id.as_ref()).map(ToString::to_string),
            completed_at: completed_at.map(timestamps::format),
            fee: fee.map(Amount::from),
            settlement_amount: payment.and_then(|payment| payment.settlement_amount).map(Amount::from),
            settlement: case.settlement.map(AccountedView::from),
            cancellation: case.cancellation.as_ref().map(CancellationView::from),
            reversal: ReversalView::of_case(&case),
            refunds: case.refunds.iter().map(RefundView::from).collect(),
            refunded_elsewhere: case.refunded_elsewhere.map(|said| RefundedElsewhereView::of(&case, said)),
            inquiry: case.inquiry().into(),
            events: timeline.into_iter().map(EventView::from).collect(),
        })
    }
}

impl From<Settlement> for AccountedView {
    fn from(settlement: Settlement) -> Self {
        Self { day: settlement.day().to_string(), included: matches!(settlement, Settlement::Settled { .. }) }
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

/// When a payment ended, if it has, and what it costs the wallet.
fn end_of(status: &PaymentStatus) -> (Option<DateTime<Utc>>, Option<Money>) {
    match status {
        PaymentStatus::Succeeded { completed_at, fee } => (Some(*completed_at), *fee),
        PaymentStatus::Failed { completed_at } => (Some(*completed_at), None),
        PaymentStatus::InProgress => (None, None),
    }
}
