//! From the wire to the domain: the bodies of requests, checked once.

use chrono::{DateTime, Utc};
use domain::{
    AccountId, AcquirerId, Action, PayResult, Payment, PaymentId, PaymentKind, PaymentStatus, PspId, RefundRequest,
    RefundRequestId, RefundResult, ReportedResult,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::amounts::{Amount, Fee};
use super::fields::{identifier, initiated, past};
use super::problem::ApiError;
use super::schemas::Identifier;
use crate::json::JsonObject;

/// How long an operator's note may be, in characters.
const LONGEST_NOTE: usize = 1000;

/// A payment that is about to be debited.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Announcement {
    /// Alipay+'s id of the acquirer.
    #[schema(value_type = Identifier)]
    acquirer_id: String,
    /// Alipay+'s id of this wallet.
    #[schema(value_type = Identifier)]
    psp_id: String,
    /// The wallet's id of the account that pays.
    #[schema(value_type = Identifier)]
    account: String,
    /// What the user pays.
    #[schema(value_type = Amount)]
    amount: JsonObject<Amount>,
    /// What Alipay+ settles, where it differs from `amount`.
    #[schema(value_type = Option<Amount>)]
    settlement_amount: Option<JsonObject<Amount>>,
    kind: AnnouncedKind,
    /// When the payment was initiated, RFC 3339 with offset; at most 5 minutes ahead and 366 days back. A repeat may differ by less than
    /// a second on the same date at UTC+8; the first stands.
    #[schema(format = DateTime)]
    initiated_at: String,
}

/// How the money is taken: `payment`, the account is debited; `authorization`, the amount is held.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Kind)]
pub(super) enum AnnouncedKind {
    Payment,
    Authorization,
}

/// How a payment ended.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentResult {
    /// S: the money is taken. F: it is not, and will not be.
    status: FinalStatus,
    /// When the status became final, RFC 3339 with offset; at most 5 minutes ahead.
    #[schema(format = DateTime)]
    completed_at: String,
    /// The wallet's own id of the payment.
    #[schema(value_type = Option<Identifier>)]
    payment_id: Option<String>,
    /// What the payment costs the wallet.
    #[schema(value_type = Option<Fee>)]
    fee: Option<JsonObject<Fee>>,
}

/// A refund that the wallet is about to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundAnnouncement {
    /// Unique within the payment.
    #[schema(value_type = Identifier)]
    refund_request_id: String,
    /// How much goes back.
    #[schema(value_type = Amount)]
    amount: JsonObject<Amount>,
}

/// How a refund ended.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefundReport {
    /// S: the money is back. F: it is not, and will not be.
    status: FinalStatus,
    /// When the status became final, RFC 3339 with offset; at most 5 minutes ahead.
    #[schema(format = DateTime)]
    completed_at: String,
}

/// How the money of a parked reversal went back by hand.
#[derive(Deserialize, ToSchema)]
pub(super) struct ResolveNote {
    /// For the timeline, 1 to 1000 characters. Of the control characters only line feeds are allowed.
    #[schema(min_length = 1, max_length = 1000)]
    note: String,
}

/// Why an operator stops a reversal.
#[derive(Deserialize, ToSchema)]
pub(super) struct ParkNote {
    /// For the timeline and the list, 1 to 1000 characters. Of the control characters only line feeds are allowed.
    #[schema(min_length = 1, max_length = 1000)]
    note: String,
}

/// A final status: `S`, succeeded; `F`, failed.
#[derive(Clone, Copy, Deserialize, ToSchema)]
enum FinalStatus {
    S,
    F,
}

impl Announcement {
    /// The command, if the payment belongs to this wallet and can have been initiated then.
    pub(super) fn into_action(self, psp_id: &PspId, now: DateTime<Utc>) -> Result<Action, ApiError> {
        if self.psp_id != psp_id.as_str() {
            return Err(ApiError::not_acceptable(format!("pspId: must be {psp_id}, the id of this wallet")));
        }
        let initiated_at = initiated("initiatedAt", &self.initiated_at, now)?;
        Ok(Action::Pay(Payment {
            acquirer_id: identifier("acquirerId", AcquirerId::parse(self.acquirer_id))?,
            account: identifier("account", AccountId::parse(self.account))?,
            amount: self.amount.0.money("amount")?,
            settlement_amount: self.settlement_amount.map(|amount| amount.0.money("settlementAmount")).transpose()?,
            kind: match self.kind {
                AnnouncedKind::Payment => PaymentKind::Payment,
                AnnouncedKind::Authorization => PaymentKind::Authorization,
            },
            initiated_at,
            payment_id: None,
            status: PaymentStatus::InProgress,
        }))
    }
}

impl PaymentResult {
    /// The command, if it is not dated into the future.
    pub(super) fn into_action(self, now: DateTime<Utc>) -> Result<Action, ApiError> {
        Ok(Action::Result(PayResult {
            result: self.status.into(),
            completed_at: past("completedAt", &self.completed_at, now)?,
            payment_id: self.payment_id.map(|id| identifier("paymentId", PaymentId::parse(id))).transpose()?,
            fee: self.fee.map(|fee| fee.0.money()).transpose()?.flatten(),
        }))
    }
}

impl RefundAnnouncement {
    pub(super) fn into_action(self) -> Result<Action, ApiError> {
        let id = identifier("refundRequestId", RefundRequestId::parse(self.refund_request_id))?;
        Ok(Action::Refund(RefundRequest { id, amount: self.amount.0.money("amount")? }))
    }
}

impl RefundReport {
    /// The command for the refund that the path names, if it is not dated into the future.
    pub(super) fn into_action(self, id: RefundRequestId, now: DateTime<Utc>) -> Result<Action, ApiError> {
        let completed_at = past("completedAt", &self.completed_at, now)?;
        Ok(Action::RefundResult(RefundResult { id, result: self.status.into(), completed_at }))
    }
}

impl ResolveNote {
    /// The command of the caller named `by`, if the note can be read.
    pub(super) fn into_action(self, by: String) -> Result<Action, ApiError> {
        Ok(Action::Resolve { note: readable(self.note)?, by })
    }
}

impl ParkNote {
    /// The command of the caller named `by`, if the note can be read.
    pub(super) fn into_action(self, by: String) -> Result<Action, ApiError> {
        Ok(Action::Park { note: readable(self.note)?, by })
    }
}

fn readable(note: String) -> Result<String, ApiError> {
    let is_readable = !note.trim().is_empty() && note.chars().all(|c| c == '\n' || !c.is_control());
    if !is_readable || note.chars().count() > LONGEST_NOTE {
        let must = format!("must be 1 to {LONGEST_NOTE} characters, of the control characters none but line feeds");
        return Err(ApiError::not_acceptable(format!("note: {must}")));
    }
    Ok(note)
}

impl From<FinalStatus> for ReportedResult {
    fn from(status: FinalStatus) -> Self {
        match status {
            FinalStatus::S => Self::Succeeded,
            FinalStatus::F => Self::Failed,
        }
    }
}
