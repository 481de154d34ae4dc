//! From the domain to the wire: what settles on a closed day.

use std::collections::BTreeMap;

use domain::{Currency, Excluded, ExclusionReason, PaymentRequestId, Totals};
use ports::ClosedDay;
use serde::Serialize;
use utoipa::ToSchema;

use crate::timestamps;
use crate::wallet::amounts::Sum;
use crate::wallet::schemas::{Day, ExclusionReasonText, Identifier};

/// The statement of a closed day. None of it changes any more.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::wallet) struct SettlementView {
    #[schema(value_type = Day)]
    day: String,
    #[schema(format = DateTime)]
    closed_at: String,
    /// The SHA-256 of the statement's file.
    #[schema(pattern = "^[0-9a-f]{64}$", min_length = 64, max_length = 64)]
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

/// What does not settle for one reason.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExcludedView {
    #[schema(value_type = ExclusionReasonText)]
    reason: &'static str,
    #[serde(flatten)]
    totals: TotalsView,
    /// The first of them by their ids, at most 100.
    #[schema(value_type = Vec<Identifier>, max_items = 100)]
    payment_request_ids: Vec<String>,
}

fn sums(by_currency: &BTreeMap<Currency, i128>) -> Vec<Sum> {
    by_currency.iter().map(|(currency, sum)| (*currency, *sum).into()).collect()
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
            closed_at: timestamps::format(closed_at),
            digest,
            payments: (&statement.payments).into(),
            refunds: (&statement.refunds).into(),
            fees: sums(&statement.fees),
            excluded: statement.excluded.iter().map(ExcludedView::from).collect(),
        }
    }
}
