//! What settles on a day that is closed.

use std::collections::BTreeMap;

use actix_web::{get, web};
use domain::{ClearingDay, Currency, Excluded, ExclusionReason, PaymentRequestId, Totals};
use ports::ClosedDay;
use serde::Serialize;
use utoipa::ToSchema;

use super::WalletApi;
use super::extractors::InPath;
use super::problem::{Problem, Questioned, StillOpen};
use super::responses::time;
use super::tokens::Caller;

/// The statement of a closed day. None of it changes any more.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettlementView {
    /// At UTC+8.
    #[schema(example = "2026-03-01")]
    day: String,
    #[schema(format = DateTime)]
    closed_at: String,
    /// The SHA-256 of the statement's file, in hexadecimal digits.
    digest: String,
    payments: TotalsView,
    refunds: TotalsView,
    /// What the payments that settle cost the wallet, by currency.
    fees: Vec<Sum>,
    /// Completed payments that settle nowhere, by reason; a reason that there is none for is absent.
    #[serde(rename = "leftOut")]
    excluded: Vec<ExcludedView>,
}

/// How many, and how much.
#[derive(Serialize, ToSchema)]
struct TotalsView {
    count: u64,
    /// How many of them completed on an earlier day, which was closed by the time it became known.
    late: u64,
    amounts: Vec<Sum>,
}

/// A sum of amounts.
#[derive(Serialize, ToSchema)]
struct Sum {
    currency: String,
    value: String,
}

/// What does not settle for one reason.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExcludedView {
    /// `cancelled`, or `money-not-back`: cancelled, and the money was not known to be back when the day was closed.
    reason: &'static str,
    #[serde(flatten)]
    totals: TotalsView,
    /// The first of them by their ids, at most 100.
    payment_request_ids: Vec<String>,
}

fn sums(of: &BTreeMap<Currency, i128>) -> Vec<Sum> {
    of.iter().map(|(currency, sum)| Sum { currency: currency.code(), value: sum.to_string() }).collect()
}

impl From<&Totals> for TotalsView {
    fn from(totals: &Totals) -> Self {
        Self { count: totals.count, late: totals.late, amounts: sums(&totals.amounts) }
    }
}

impl From<(&ExclusionReason, &Excluded)> for ExcludedView {
    fn from((reason, excluded): (&ExclusionReason, &Excluded)) -> Self {
        let payment_request_ids = excluded.named.iter().map(PaymentRequestId::to_string).collect();
        Self { reason: reason.as_str(), totals: (&excluded.totals).into(), payment_request_ids }
    }
}

impl From<ClosedDay> for SettlementView {
    fn from(ClosedDay { statement, closed_at, digest }: ClosedDay) -> Self {
        Self {
            day: statement.day.to_string(),
            closed_at: time(closed_at),
            digest,
            payments: (&statement.payments).into(),
            refunds: (&statement.refunds).into(),
            fees: sums(&statement.fees),
            excluded: statement.excluded.iter().map(ExcludedView::from).collect(),
        }
    }
}

/// What settles on a day, once `rescind settlement export` has closed it.
#[utoipa::path(
    tag = "settlement",
    params(("date" = String, Path, description = "A day at UTC+8, as YYYY-MM-DD")),
    responses((status = 200, body = SettlementView, description = "Totals, what is left out, and the digest"), StillOpen, Questioned)
)]
#[get("/wallet/v1/settlement/{date}")]
pub(super) async fn settlement(
    _: Caller,
    day: InPath<ClearingDay>,
    api: web::Data<WalletApi>,
) -> Result<web::Json<SettlementView>, Problem> {
    let closed = api.read(api.days.closed_day(day.0)).await?;
    let closed = closed.ok_or_else(|| Problem::conflict("the day is not closed; `rescind settlement export` closes it"))?;
    Ok(web::Json(closed.into()))
}
