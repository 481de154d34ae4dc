//! From the wire to the domain: what a request's body says, checked once.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use domain::{
    AccountId, AcquirerId, Action, Currency, IdentifierError, Money, PayResult, Payment, PaymentId, PaymentKind, PaymentStatus,
    PspId, RefundRequest, RefundRequestId, RefundResult, ReportedResult,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::responses::Amount;
use crate::json::Object;

/// How far the wallet's clock may be ahead of this one.
const CLOCKS_DIFFER_BY: TimeDelta = TimeDelta::minutes(5);
/// How long an operator's note may be, in characters.
const LONGEST_NOTE: usize = 1000;

/// A payment that is about to be debited.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Announcement {
    /// Alipay+'s id of the acquirer.
    acquirer_id: String,
    /// Alipay+'s id of this wallet.
    psp_id: String,
    /// The account that pays.
    account: String,
    /// What the user pays.
    #[schema(value_type = Amount)]
    amount: Object<Amount>,
    /// What Alipay+ settles, where it differs from `amount`.
    #[schema(value_type = Option<Amount>)]
    settlement_amount: Option<Object<Amount>>,
    /// Debit or hold.
    kind: Kind,
    /// When the payment was initiated, RFC 3339 with offset; at most 5 minutes ahead.
    #[schema(format = DateTime)]
    initiated_at: String,
}

/// How the money is taken.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Debited.
    Payment,
    /// Held.
    Authorization,
}

/// How a payment ended.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentResult {
    /// S: the money is taken. F: it never was.
    status: Ended,
    /// When, RFC 3339 with offset.
    #[schema(format = DateTime)]
    completed_at: String,
    /// The wallet's own id of the payment.
    payment_id: Option<String>,
    /// What the payment costs the wallet; the value `"0"` is no fee.
    #[schema(value_type = Option<Amount>)]
    fee: Option<Object<Amount>>,
}

/// A refund that the wallet is about to make on its own.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundAnnouncement {
    /// Unique within the payment.
    refund_request_id: String,
    /// How much goes back.
    #[schema(value_type = Amount)]
    amount: Object<Amount>,
}

/// How a refund ended.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefundEnded {
    /// S: the money is back. F: it never will be.
    status: Ended,
    /// When, RFC 3339 with offset.
    #[schema(format = DateTime)]
    completed_at: String,
}

/// What was done about a reversal by hand.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Resolution {
    /// For the timeline: how the money went back, 1 to 1000 characters.
    #[schema(min_length = 1, max_length = 1000)]
    note: String,
}

/// A final status.
#[derive(Clone, Copy, Deserialize, ToSchema)]
enum Ended {
    /// Succeeded.
    S,
    /// Failed.
    F,
}

impl Announcement {
    /// The command, if the payment is one of this wallet's and does not come from the future.
    pub(crate) fn into_action(self, psp_id: &PspId, now: DateTime<Utc>) -> Result<Action, Problem> {
        if self.psp_id != psp_id.as_str() {
            return Err(Problem::not_acceptable(format!("pspId: must be {psp_id}, the id of this wallet")));
        }
        let initiated_at = past("initiatedAt", &self.initiated_at, now)?;
        Ok(Action::Pay(Payment {
            acquirer_id: identifier("acquirerId", AcquirerId::parse(self.acquirer_id))?,
            account: identifier("account", AccountId::parse(self.account))?,
            amount: self.amount.0.money("amount")?,
            settlement_amount: self.settlement_amount.map(|amount| amount.0.money("settlementAmount")).transpose()?,
            kind: match self.kind {
                Kind::Payment => PaymentKind::Payment,
                Kind::Authorization => PaymentKind::Authorization,
            },
            initiated_at,
            payment_id: None,
            status: PaymentStatus::InProgress,
        }))
    }
}

impl PaymentResult {
    /// The command, if it does not come from the future.
    pub(crate) fn into_action(self, now: DateTime<Utc>) -> Result<Action, Problem> {
        Ok(Action::Result(PayResult {
            result: self.status.into(),
            completed_at: past("completedAt", &self.completed_at, now)?,
            payment_id: self.payment_id.map(|id| identifier("paymentId", PaymentId::parse(id))).transpose()?,
            fee: self.fee.map(|fee| fee.0.fee()).transpose()?.flatten(),
        }))
    }
}

impl RefundAnnouncement {
    /// The command.
    pub(crate) fn into_action(self) -> Result<Action, Problem> {
        let id = identifier("refundRequestId", RefundRequestId::parse(self.refund_request_id))?;
        Ok(Action::Refund(RefundRequest { id, amount: self.amount.0.money("amount")? }))
    }
}

impl RefundEnded {
    /// The command for the refund that the path names, if it does not come from the future.
    pub(crate) fn into_action(self, id: RefundRequestId, now: DateTime<Utc>) -> Result<Action, Problem> {
        let completed_at = past("completedAt", &self.completed_at, now)?;
        Ok(Action::RefundResult(RefundResult { id, result: self.status.into(), completed_at }))
    }
}

impl Resolution {
    /// The command of the caller named `by`.
    pub(crate) fn into_action(self, by: String) -> Result<Action, Problem> {
        let Self { note } = self;
        let readable = !note.trim().is_empty() && note.chars().all(|c| c == '\n' || !c.is_control());
        if !readable || note.chars().count() > LONGEST_NOTE {
            let must = format!("must be 1 to {LONGEST_NOTE} characters, of the control characters none but line feeds");
            return Err(Problem::not_acceptable(format!("note: {must}")));
        }
        Ok(Action::Resolve { note, by })
    }
}

impl From<Ended> for ReportedResult {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::S => Self::Succeeded,
            Ended::F => Self::Failed,
        }
    }
}

impl Amount {
    fn money(&self, member: &str) -> Result<Money, Problem> {
        Money::parse(&self.value, &self.currency).map_err(|invalid| Problem::not_acceptable(format!("{member}: {invalid}")))
    }

    fn fee(&self) -> Result<Option<Money>, Problem> {
        match (self.value.as_str(), Currency::parse(&self.currency)) {
            ("0", Ok(_)) => Ok(None),
            (_, Ok(_) | Err(_)) => self.money("fee").map(Some),
        }
    }
}

pub(crate) fn identifier<T>(member: &str, parsed: Result<T, IdentifierError>) -> Result<T, Problem> {
    parsed.map_err(|invalid| Problem::not_acceptable(format!("{member}: {invalid}")))
}

/// Cut to microseconds, which is what is kept: a repeat of the same text has to be the same moment.
/// A moment that has come, as far as clocks agree: what is dated into the future would settle on a day that is far off.
fn past(member: &str, text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Problem> {
    let at = time(member, text)?;
    if at - now > CLOCKS_DIFFER_BY {
        return Err(Problem::not_acceptable(format!("{member}: must not be more than 5 minutes ahead")));
    }
    Ok(at)
}

fn time(member: &str, text: &str) -> Result<DateTime<Utc>, Problem> {
    let given = DateTime::parse_from_rfc3339(text).ok();
    let kept = given.and_then(|at| DateTime::from_timestamp_micros(at.timestamp_micros()));
    kept.filter(|at| (0..=9999).contains(&at.year())).ok_or_else(|| {
        let example = "such as 2026-03-01T09:15:00+08:00";
        Problem::not_acceptable(format!("{member}: must be an RFC 3339 time with an offset, {example}"))
    })
}
