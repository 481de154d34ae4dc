//! Closed days as rows. The statement is a JSON object, with sums as texts: they outgrow every integer of a column.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{AsChangeset, Queryable, Selectable};
use domain::{ClearingDay, Currency, DayStatement, LeftOut, LeftOutReason, PaymentRequestId, Totals};
use ports::ClosedDay;
use serde::{Deserialize, Serialize};

use super::{Inconsistent, Place};
use crate::schema::settlement_days;

#[derive(Debug, Clone, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = settlement_days, primary_key(day))]
pub(crate) struct DayRow {
    pub(crate) day: String,
    pub(crate) revision: i64,
    pub(crate) closed_at: Option<i64>,
    digest: Option<String>,
    statement: Option<String>,
}

type Sums = BTreeMap<String, String>;

#[derive(Serialize, Deserialize)]
struct TotalsJson {
    count: u64,
    late: u64,
    amounts: Sums,
}

#[derive(Serialize, Deserialize)]
struct LeftOutJson {
    totals: TotalsJson,
    named: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StatementJson {
    payments: TotalsJson,
    refunds: TotalsJson,
    fees: Sums,
    left_out: BTreeMap<String, LeftOutJson>,
}

fn texts(sums: &BTreeMap<Currency, i128>) -> Sums {
    sums.iter().map(|(currency, sum)| (currency.code(), sum.to_string())).collect()
}

fn totals_json(totals: &Totals) -> TotalsJson {
    TotalsJson { count: totals.count, late: totals.late, amounts: texts(&totals.amounts) }
}

fn sums(texts: &Sums) -> Option<BTreeMap<Currency, i128>> {
    texts.iter().map(|(code, sum)| Some((Currency::parse(code).ok()?, sum.parse().ok()?))).collect()
}

fn totals(json: &TotalsJson) -> Option<Totals> {
    Some(Totals { count: json.count, late: json.late, amounts: sums(&json.amounts)? })
}

fn left_out((name, json): (&String, &LeftOutJson)) -> Option<(LeftOutReason, LeftOut)> {
    let reason = LeftOutReason::ALL.into_iter().find(|reason| reason.name() == name)?;
    let named = json.named.iter().map(|id| PaymentRequestId::parse(id.as_str()).ok()).collect::<Option<_>>()?;
    Some((reason, LeftOut { totals: totals(&json.totals)?, named }))
}

impl StatementJson {
    fn of(statement: &DayStatement) -> Self {
        let left_out = |(reason, left_out): (&LeftOutReason, &LeftOut)| {
            let named = left_out.named.iter().map(PaymentRequestId::to_string).collect();
            (reason.name().to_owned(), LeftOutJson { totals: totals_json(&left_out.totals), named })
        };
        Self {
            payments: totals_json(&statement.payments),
            refunds: totals_json(&statement.refunds),
            fees: texts(&statement.fees),
            left_out: statement.left_out.iter().map(left_out).collect(),
        }
    }

    fn into_statement(self, day: ClearingDay) -> Option<DayStatement> {
        Some(DayStatement {
            day,
            payments: totals(&self.payments)?,
            refunds: totals(&self.refunds)?,
            fees: sums(&self.fees)?,
            left_out: self.left_out.iter().map(left_out).collect::<Option<_>>()?,
        })
    }
}

impl DayRow {
    /// The day as it is once it is closed.
    pub(crate) fn closed(self, closed: &ClosedDay) -> Self {
        Self {
            closed_at: Some(closed.closed_at.timestamp_micros()),
            digest: Some(closed.digest.clone()),
            statement: Some(serde_json::json!(StatementJson::of(&closed.statement)).to_string()),
            ..self
        }
    }

    /// The closed day; `None` while it is open.
    pub(crate) fn into_closed(self) -> Result<Option<ClosedDay>, Inconsistent> {
        let place = Place { table: "settlement_days", id: &self.day };
        let Some(closed_at) = self.closed_at else { return Ok(None) };
        let closed_at: DateTime<Utc> = place.moment("closed_at", closed_at)?;
        let day = place.parsed("day", ClearingDay::parse(&self.day))?;
        let text = place.given("statement", self.statement.as_deref())?;
        let json: StatementJson = place.parsed("statement", serde_json::from_str(text))?;
        let statement = place.given("statement", json.into_statement(day))?;
        Ok(Some(ClosedDay { statement, closed_at, digest: place.given("digest", self.digest.clone())? }))
    }
}
