//! `GET /payments/{paymentRequestId}`: the payment as the wallet core has it.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Datelike, Utc};
use domain::{
    AccountId, AcquirerId, CorePayment, Currency, IdentifierError, Money, Payment, PaymentId, PaymentKind, PaymentRequestId,
    PaymentStatus,
};
use ports::{Payments, UnavailableError};
use reqwest::StatusCode;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::WalletCore;
use crate::connection::CoreCall;
use crate::reply::{CallError, CoreObject};

#[async_trait]
impl Payments for WalletCore {
    async fn look_up(&self, id: &PaymentRequestId) -> Result<Option<CorePayment>, UnavailableError> {
        let call = self.call();
        call.ended(look_up(&call, id).await).map_err(|error| UnavailableError::because(error.to_string()))
    }
}

async fn look_up(call: &CoreCall<'_>, id: &PaymentRequestId) -> Result<Option<CorePayment>, CallError> {
    let reply = call.get("payments", id).await?;
    match reply.status() {
        StatusCode::OK => reply.object::<PaymentBody>().await?.payment().map(Some),
        StatusCode::NOT_FOUND => reply.absence().await.map(|()| None),
        _ => Err(reply.unexpected()),
    }
}

/// The body of a 200.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PaymentBody {
    status: String,
    acquirer_id: String,
    payment_id: Option<String>,
    account: String,
    amount: CoreObject<AmountBody>,
    kind: String,
    initiated_at: String,
    completed_at: Option<String>,
    refunded: Option<RefundedBody>,
    refund_running: Option<bool>,
}

#[derive(Deserialize)]
struct AmountBody {
    value: String,
    currency: String,
}

impl PaymentBody {
    fn payment(self) -> Result<CorePayment, CallError> {
        let amount = Money::parse(&self.amount.0.value, &self.amount.0.currency).map_err(|invalid| wrong("amount", invalid))?;
        let initiated_at = time("initiatedAt", &self.initiated_at)?;
        let completed_at = self.completed_at.as_deref().map(|text| time("completedAt", text)).transpose()?;
        let completed_at = completed_at.unwrap_or(initiated_at);
        let payment = Payment {
            acquirer_id: identifier("acquirerId", AcquirerId::parse(self.acquirer_id))?,
            account: identifier("account", AccountId::parse(self.account))?,
            amount,
            settlement_amount: None,
            kind: PaymentKind::parse(&self.kind).ok_or_else(|| wrong("kind", "must be \"payment\" or \"authorization\""))?,
            initiated_at,
            payment_id: self.payment_id.map(|id| identifier("paymentId", PaymentId::parse(id))).transpose()?,
            status: match self.status.as_str() {
                "S" => PaymentStatus::Succeeded { completed_at, fee: None },
                "F" => PaymentStatus::Failed { completed_at, reason: None },
                "U" => PaymentStatus::InProgress,
                _ => return Err(wrong("status", "must be \"S\", \"F\" or \"U\"")),
            },
        };
        let refunded = self.refunded.map_or(Ok(0), |refunded| refunded.minor(amount.currency()))?;
        Ok(CorePayment { payment, refunded, refund_running: self.refund_running.unwrap_or(false) })
    }
}

/// How much refunds gave back: an amount, or its value alone.
struct RefundedBody {
    value: String,
    currency: Option<String>,
}

impl RefundedBody {
    fn minor(&self, of_payment: Currency) -> Result<i64, CallError> {
        let other_currency = self.currency.as_deref().is_some_and(|currency| currency != of_payment.code());
        if other_currency {
            return Err(wrong("refunded", "must be of the payment's currency"));
        }
        if self.value == "0" {
            return Ok(0);
        }
        let refunded = Money::parse(&self.value, &of_payment.code()).map_err(|invalid| wrong("refunded", invalid))?;
        Ok(refunded.minor())
    }
}

impl<'de> Deserialize<'de> for RefundedBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RefundedVisitor)
    }
}

struct RefundedVisitor;

impl<'de> Visitor<'de> for RefundedVisitor {
    type Value = RefundedBody;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount or its value in a string")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<RefundedBody, E> {
        Ok(RefundedBody { value: value.to_owned(), currency: None })
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<RefundedBody, A::Error> {
        let AmountBody { value, currency } = AmountBody::deserialize(MapAccessDeserializer::new(members))?;
        Ok(RefundedBody { value, currency: Some(currency) })
    }
}

fn wrong(member: &str, invalid: impl fmt::Display) -> CallError {
    CallError::new(format!("status 200, {member}: {invalid}"))
}

fn identifier<T>(member: &str, parsed: Result<T, IdentifierError>) -> Result<T, CallError> {
    parsed.map_err(|invalid| wrong(member, invalid))
}

/// Cut to microseconds, as databases keep it: the same text has to be the same moment at every lookup.
fn time(member: &str, text: &str) -> Result<DateTime<Utc>, CallError> {
    let given = DateTime::parse_from_rfc3339(text).ok();
    let cut = given.and_then(|at| DateTime::from_timestamp_micros(at.timestamp_micros()));
    let cut = cut.filter(|at| (0..=9999).contains(&at.year()));
    cut.ok_or_else(|| wrong(member, "must be an RFC 3339 time with an offset"))
}
