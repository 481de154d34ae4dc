//! From the domain to the wire: a case in a few members.

use domain::{Case, Payment, PaymentStatus};
use serde::Serialize;
use utoipa::ToSchema;

use crate::alipayplus::result_codes::ResultStatus;
use crate::timestamps;
use crate::wallet::amounts::Amount;
use crate::wallet::schemas::{CaseStateText, Identifier, ResultStatusText};

/// What a search says of a payment. The payment itself has the rest.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::wallet) struct PaymentSummary {
    #[schema(value_type = Identifier)]
    payment_request_id: String,
    #[schema(value_type = CaseStateText)]
    state: &'static str,
    #[schema(value_type = Option<ResultStatusText>, required)]
    status: Option<&'static str>,
    #[schema(required)]
    amount: Option<Amount>,
    #[schema(value_type = Option<Identifier>, required)]
    account: Option<String>,
    #[schema(value_type = Option<Identifier>, required)]
    acquirer_id: Option<String>,
    #[schema(value_type = Option<Identifier>, required)]
    payment_id: Option<String>,
    #[schema(format = DateTime, required)]
    initiated_at: Option<String>,
    /// When the first cancel came; null where none did.
    #[schema(format = DateTime, required)]
    first_received_at: Option<String>,
}

impl PaymentSummary {
    /// `None` where nothing is known of the case.
    pub(in crate::wallet) fn of(case: &Case) -> Option<Self> {
        let payment = case.payment.as_ref();
        Some(Self {
            payment_request_id: case.id.to_string(),
            state: case.state()?.as_str(),
            status: payment.map(status),
            amount: payment.map(|payment| payment.amount.into()),
            account: payment.map(|payment| payment.account.to_string()),
            acquirer_id: case.acquirer_id().map(ToString::to_string),
            payment_id: payment.and_then(|payment| payment.payment_id.as_ref()).map(ToString::to_string),
            initiated_at: payment.map(|payment| timestamps::format(payment.initiated_at)),
            first_received_at: case.cancellation.as_ref().map(|cancel| timestamps::format(cancel.first_received_at)),
        })
    }
}

/// The payment's status in Alipay+'s terms.
pub(super) fn status(payment: &Payment) -> &'static str {
    match payment.status {
        PaymentStatus::InProgress => ResultStatus::U,
        PaymentStatus::Succeeded { .. } => ResultStatus::S,
        PaymentStatus::Failed { .. } => ResultStatus::F,
    }
    .as_str()
}
