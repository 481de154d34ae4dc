//! Closed days as rows. The statement is a JSON object, with sums as texts: they outgrow every integer of a column.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::{AsChangeset, Queryable, Selectable};
use domain::{ClearingDay, Currency, DayStatement, Excluded, ExclusionReason, PaymentRequestId, Totals};
use ports::ClosedDay;
use serde::{Deserialize, Serialize};

use super::{InconsistentRowError, RowRef};
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
struct ExcludedJson {
    totals: TotalsJson,
    named: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StatementJson {
    payments: TotalsJson,
    refunds: TotalsJson,
    fees: Sums,
    #[serde(rename = "left_out")]
    excluded: BTreeMap<String, ExcludedJson>,
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

fn excluded((name, json): (&String, &ExcludedJson)) -> Option<(ExclusionReason, Excluded)> {
    let reason = ExclusionReason::parse(name)?;
    let named = json.named.iter().map(|id| PaymentRequestId::parse(id.as_str()).ok()).collect::<Option<_>>()?;
    Some((reason, Excluded { totals: totals(&json.totals)?, named }))
}

impl StatementJson {
    fn of(statement: &DayStatement) -> Self {
        let excluded = |(reason, excluded): (&ExclusionReason, &Excluded)| {
            let named = excluded.named.iter().map(PaymentRequestId::to_string).collect();
            (reason.to_string(), ExcludedJson { totals: totals_json(&excluded.totals), named })
        };
        Self {
            payments: totals_json(&statement.payments),
            refunds: totals_json(&statement.refunds),
            fees: texts(&statement.fees),
            excluded: statement.excluded.iter().map(excluded).collect(),
        }
    }

    fn into_statement(self, day: ClearingDay) -> Option<DayStatement> {
        Some(DayStatement {
            day,
            payments: totals(&self.payments)?,
            refunds: totals(&self.refunds)?,
            fees: sums(&self.fees)?,
            excluded: self.excluded.iter().map(excluded).collect::<Option<_>>()?,
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
    pub(crate) fn into_closed(self) -> Result<Option<ClosedDay>, InconsistentRowError> {
        let row = RowRef { table: "settlement_days", id: &self.day };
        let Some(closed_at) = self.closed_at else { return Ok(None) };
        let closed_at: DateTime<Utc> = row.moment("closed_at", closed_at)?;
        let day = row.parsed("day", ClearingDay::parse(&self.day))?;
        let text = row.required("statement", self.statement.as_deref())?;
        let json: StatementJson = row.parsed("statement", serde_json::from_str(text))?;
        let statement = row.required("statement", json.into_statement(day))?;
        Ok(Some(ClosedDay { statement, closed_at, digest: row.required("digest", self.digest.clone())? }))
    }
}
