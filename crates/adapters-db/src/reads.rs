//! Reading without a lock: the same typed queries on both engines.

use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Bool;
use ports::{Page, ReversalFilter};

use crate::batch::LoadedRows;
use crate::rows::{EntryRow, EventRow};

/// What is open. Written out, because an index of a part of a table is of use only where the plan knows, without any value, that it
/// asks for that part. What is owed is little, and every case that was ever cancelled is in the table.
pub(crate) fn is_open() -> SqlLiteral<Bool> {
    sql("state = 'open'")
}

/// What is parked, as [`is_open`].
pub(crate) fn is_parked() -> SqlLiteral<Bool> {
    sql("state = 'parked'")
}

/// What is either, as [`is_open`].
pub(crate) fn is_unfinished() -> SqlLiteral<Bool> {
    sql("state in ('open', 'parked')")
}

/// The sums of one currency's values in one direction, in two halves that cannot overflow.
pub(crate) struct HalfBalance {
    pub(crate) kind: String,
    pub(crate) currency: String,
    pub(crate) high: i64,
    pub(crate) low: i64,
}

/// Queries that only look.
pub(crate) trait Reads {
    /// What belongs to the cases of `found`, which are loaded already.
    fn load_belongings(&mut self, found: &mut LoadedRows) -> Result<(), DieselError>;
    /// The cases of these ids with what belongs to them.
    fn load(&mut self, ids: &[String]) -> Result<LoadedRows, DieselError>;
    fn timeline(&mut self, id: &str) -> Result<Vec<EventRow>, DieselError>;
    fn entries(&mut self, account: &str, after: i64, limit: i64) -> Result<Vec<EntryRow>, DieselError>;
    fn half_balances(&mut self, account: &str) -> Result<Vec<HalfBalance>, DieselError>;
    fn reversal_ids(&mut self, filter: ReversalFilter, page: &Page) -> Result<Vec<String>, DieselError>;
    fn deferred_ids(&mut self, page: &Page) -> Result<Vec<String>, DieselError>;
    fn count_deferred(&mut self) -> Result<i64, DieselError>;
    /// How many reversals are in each state but done.
    fn count_unfinished(&mut self) -> Result<Vec<(String, i64)>, DieselError>;
    fn oldest_open(&mut self) -> Result<Option<(String, i64)>, DieselError>;
}

#[derive(QueryableByName)]
pub(crate) struct HalfBalanceRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    kind: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    currency: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    high: i64,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    low: i64,
}

impl From<HalfBalanceRow> for HalfBalance {
    fn from(row: HalfBalanceRow) -> Self {
        Self { kind: row.kind, currency: row.currency, high: row.high, low: row.low }
    }
}

macro_rules! reads {
    ($connection:ty) => {
        impl $crate::reads::Reads for $connection {
            fn load_belongings(&mut self, found: &mut LoadedRows) -> Result<(), DieselError> {
                use $crate::schema::{refunds, reversals};
                let ids = |wanted: fn(&CaseRow) -> bool| -> Vec<String> {
                    found.cases.iter().filter(|case| wanted(case)).map(|case| case.payment_request_id.clone()).collect()
                };
                // Only what succeeded can have refunds, only what a cancel came for a reversal.
                let (paid, cancelling) =
                    (ids(|case| case.status.as_deref() == Some("succeeded")), ids(|case| case.cancellation.is_some()));
                if !paid.is_empty() {
                    let belong = refunds::payment_request_id.eq_any(paid);
                    found.refunds = refunds::table.filter(belong).select(RefundRow::as_select()).load(self)?;
                }
                if !cancelling.is_empty() {
                    let belong = reversals::payment_request_id.eq_any(cancelling);
                    found.reversals = reversals::table.filter(belong).select(ReversalRow::as_select()).load(self)?;
                }
                Ok(())
            }

            fn load(&mut self, ids: &[String]) -> Result<LoadedRows, DieselError> {
                use $crate::schema::cases;
                let wanted = cases::table.filter(cases::payment_request_id.eq_any(ids)).order(cases::payment_request_id);
                let mut found = LoadedRows { cases: wanted.select(CaseRow::as_select()).load(self)?, ..LoadedRows::default() };
                self.load_belongings(&mut found)?;
                Ok(found)
            }

            fn timeline(&mut self, id: &str) -> Result<Vec<EventRow>, DieselError> {
                use $crate::schema::events;
                let of_case = events::table.filter(events::payment_request_id.eq(id)).order(events::number);
                of_case.select(EventRow::as_select()).load(self)
            }

            fn entries(&mut self, account: &str, after: i64, limit: i64) -> Result<Vec<EntryRow>, DieselError> {
                use $crate::schema::ledger_entries;
                let of_account = ledger_entries::account.eq(account).and(ledger_entries::position.gt(after));
                let page = ledger_entries::table.filter(of_account).order(ledger_entries::position).limit(limit);
                page.select(EntryRow::as_select()).load(self)
            }

            fn half_balances(&mut self, account: &str) -> Result<Vec<HalfBalance>, DieselError> {
                let rows: Vec<HalfBalanceRow> = diesel::sql_query(
                    "select kind, currency, cast(sum(value >> 32) as bigint) as high,
                            cast(sum(value & 4294967295) as bigint) as low
                     from ledger_entries where account = $1 group by kind, currency",
                )
                .bind::<diesel::sql_types::Text, _>(account)
                .load(self)?;
                Ok(rows.into_iter().map(HalfBalance::from).collect())
            }

            fn reversal_ids(&mut self, filter: ReversalFilter, page: &Page) -> Result<Vec<String>, DieselError> {
                use $crate::reads::{is_open, is_parked};
                use $crate::schema::reversals;
                let state = match filter {
                    ReversalFilter::Open => is_open(),
                    ReversalFilter::Parked => is_parked(),
                };
                let after = page.after.as_deref().unwrap_or_default();
                let wanted = state.and(reversals::payment_request_id.gt(after));
                let page = reversals::table.filter(wanted).order(reversals::payment_request_id).limit(page.limit.into());
                page.select(reversals::payment_request_id).load(self)
            }

            fn count_deferred(&mut self) -> Result<i64, DieselError> {
                use $crate::schema::cases;
                cases::table.filter(cases::defer_reason.is_not_null()).count().get_result(self)
            }

            fn count_unfinished(&mut self) -> Result<Vec<(String, i64)>, DieselError> {
                use $crate::reads::is_unfinished;
                use $crate::schema::reversals;
                let reversal_request = reversals::table.filter(is_unfinished()).group_by(reversals::state);
                reversal_request.select((reversals::state, diesel::dsl::count_star())).load(self)
            }

            fn oldest_open(&mut self) -> Result<Option<(String, i64)>, DieselError> {
                use $crate::reads::is_open;
                use $crate::schema::reversals;
                let oldest = reversals::table.filter(is_open()).order(reversals::opened_at);
                oldest.select((reversals::payment_request_id, reversals::opened_at)).first(self).optional()
            }

            fn deferred_ids(&mut self, page: &Page) -> Result<Vec<String>, DieselError> {
                use $crate::schema::cases;
                let after = page.after.as_deref().unwrap_or_default();
                let wanted = cases::defer_reason.is_not_null().and(cases::payment_request_id.gt(after));
                let page = cases::table.filter(wanted).order(cases::payment_request_id).limit(page.limit.into());
                page.select(cases::payment_request_id).load(self)
            }
        }
    };
}

pub(crate) use reads;
