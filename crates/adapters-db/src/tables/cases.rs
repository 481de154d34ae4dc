//! Reading cases and the ledger without a lock.

use diesel::dsl::{count_star, sql};
use diesel::expression::SqlLiteral;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::sqlite::SqliteConnection;
use domain::PaymentStatusName;
use ports::{Page, ReversalFilter};

use crate::rows::{
    CaseKey, CaseRow, DeferralRow, EntryRow, EventRow, LoadedRows, ReceiptRow, RefundRow, ResolutionRow, ReversalRow,
};
use crate::schema::{events, ledger_entries, reversals};
use crate::sql::{KeyArrays, KeysJson, OfCases, TableRow};

/// What is open. Written out, because an index of a part of a table is of use only where the plan knows, without any value, that it
/// asks for that part. Few reversals are open, and every case that was ever cancelled is in the table.
fn is_open() -> SqlLiteral<Bool> {
    sql("state = 'open'")
}

/// What is parked, as [`is_open`].
fn is_parked() -> SqlLiteral<Bool> {
    sql("state = 'parked'")
}

/// What is either, as [`is_open`].
pub(crate) fn is_unfinished() -> SqlLiteral<Bool> {
    sql("state in ('open', 'parked')")
}

/// The sums of one currency's values in one direction, in two halves that cannot overflow.
#[derive(QueryableByName)]
pub(crate) struct HalfBalance {
    #[diesel(sql_type = Text)]
    pub(crate) kind: String,
    #[diesel(sql_type = Text)]
    pub(crate) currency: String,
    #[diesel(sql_type = BigInt)]
    pub(crate) high: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) low: i64,
}

/// The sums of an account's entries.
const HALF_BALANCES: &str = "
    select kind, currency, cast(sum(value >> 32) as bigint) as high, cast(sum(value & 4294967295) as bigint) as low
    from ledger_entries where account = $1 group by kind, currency
";

/// The tables of cases, their timelines and the ledger.
pub(crate) trait CaseTables {
    /// Loads what belongs to the cases of `rows`, which are loaded already.
    fn load_belongings(&mut self, rows: &mut LoadedRows) -> Result<(), DieselError>;
    /// The cases of these keys with what belongs to them, in the order of their ids.
    fn load(&mut self, keys: &[CaseKey<'_>]) -> Result<LoadedRows, DieselError>;
    fn timeline(&mut self, key: CaseKey<'_>) -> Result<Vec<EventRow<'static>>, DieselError>;
    fn entries(&mut self, account: &str, after: i64, limit: i64) -> Result<Vec<EntryRow<'static>>, DieselError>;
    fn half_balances(&mut self, account: &str) -> Result<Vec<HalfBalance>, DieselError>;
    fn reversal_ids(&mut self, filter: ReversalFilter, page: &Page) -> Result<Vec<String>, DieselError>;
    /// How many reversals are in each state but done.
    fn count_unfinished(&mut self) -> Result<Vec<(String, i64)>, DieselError>;
    /// The reversal that has been open for longest, and since when, in microseconds since 1970.
    fn oldest_open(&mut self) -> Result<Option<(String, i64)>, DieselError>;
}

macro_rules! case_tables {
    ($connection:ty, $keys:ty) => {
        impl CaseTables for $connection {
            fn load_belongings(&mut self, rows: &mut LoadedRows) -> Result<(), DieselError> {
                let (succeeded, cancelling, deferred) = {
                    let keys = |has: fn(&CaseRow<'_>) -> bool| -> Vec<CaseKey<'_>> {
                        rows.cases.iter().filter(|case| has(case)).map(CaseRow::key).collect()
                    };
                    // Only what succeeded can have refunds, only what a cancel came for a reversal, only what is deferred waits.
                    (
                        keys(|case| case.status.as_deref() == Some(PaymentStatusName::Succeeded.as_str())),
                        keys(|case| case.cancellation.is_some()),
                        keys(|case| case.is_deferred()),
                    )
                };
                if !succeeded.is_empty() {
                    let (keys, selection) = (<$keys>::from(&*succeeded), RefundRow::as_select());
                    rows.refunds = OfCases::<_, _> { keys, table: RefundRow::TABLE, selection }.load(self)?;
                }
                if !cancelling.is_empty() {
                    let (keys, selection) = (<$keys>::from(&*cancelling), ReversalRow::as_select());
                    rows.reversals = OfCases::<_, _> { keys, table: ReversalRow::TABLE, selection }.load(self)?;
                }
                if !deferred.is_empty() {
                    let (keys, selection) = (<$keys>::from(&*deferred), DeferralRow::as_select());
                    rows.deferrals = OfCases::<_, _> { keys, table: DeferralRow::TABLE, selection }.load(self)?;
                    let (keys, selection) = (<$keys>::from(&*deferred), ReceiptRow::as_select());
                    rows.receipts = OfCases::<_, _> { keys, table: ReceiptRow::TABLE, selection }.load(self)?;
                }
                let parked = rows.reversals.iter().filter_map(ReversalRow::parked_key);
                let parked: Vec<_> = parked.chain(rows.deferrals.iter().filter_map(DeferralRow::parked_key)).collect();
                if !parked.is_empty() {
                    let (keys, selection) = (<$keys>::from(&*parked), ResolutionRow::as_select());
                    rows.resolutions = OfCases::<_, _> { keys, table: ResolutionRow::TABLE, selection }.load(self)?;
                }
                Ok(())
            }

            fn load(&mut self, keys: &[CaseKey<'_>]) -> Result<LoadedRows, DieselError> {
                let (keys, selection) = (<$keys>::from(keys), CaseRow::as_select());
                let cases = OfCases::<_, _> { keys, table: CaseRow::TABLE, selection }.load(self)?;
                let mut rows = LoadedRows { cases, ..LoadedRows::default() };
                rows.cases.sort_unstable_by(|one, other| one.payment_request_id.cmp(&other.payment_request_id));
                self.load_belongings(&mut rows)?;
                Ok(rows)
            }

            fn timeline(&mut self, key: CaseKey<'_>) -> Result<Vec<EventRow<'static>>, DieselError> {
                let of_case = events::bucket.eq(key.bucket).and(events::payment_request_id.eq(key.id));
                events::table.filter(of_case).order(events::number).select(EventRow::as_select()).load(self)
            }

            fn entries(&mut self, account: &str, after: i64, limit: i64) -> Result<Vec<EntryRow<'static>>, DieselError> {
                let of_account = ledger_entries::account.eq(account).and(ledger_entries::position.gt(after));
                let page = ledger_entries::table.filter(of_account).order(ledger_entries::position).limit(limit);
                page.select(EntryRow::as_select()).load(self)
            }

            fn half_balances(&mut self, account: &str) -> Result<Vec<HalfBalance>, DieselError> {
                diesel::sql_query(HALF_BALANCES).bind::<Text, _>(account).load(self)
            }

            fn reversal_ids(&mut self, filter: ReversalFilter, page: &Page) -> Result<Vec<String>, DieselError> {
                let state = match filter {
                    ReversalFilter::Open => is_open(),
                    ReversalFilter::Parked => is_parked(),
                };
                let after = page.after.as_deref().unwrap_or_default();
                let listed = state.and(reversals::payment_request_id.gt(after));
                let page = reversals::table.filter(listed).order(reversals::payment_request_id).limit(page.limit.into());
                page.select(reversals::payment_request_id).load(self)
            }

            fn count_unfinished(&mut self) -> Result<Vec<(String, i64)>, DieselError> {
                let unfinished = reversals::table.filter(is_unfinished()).group_by(reversals::state);
                unfinished.select((reversals::state, count_star())).load(self)
            }

            fn oldest_open(&mut self) -> Result<Option<(String, i64)>, DieselError> {
                let oldest = reversals::table.filter(is_open()).order(reversals::opened_at);
                oldest.select((reversals::payment_request_id, reversals::opened_at)).first(self).optional()
            }
        }
    };
}

case_tables!(PgConnection, KeyArrays<'_>);
case_tables!(SqliteConnection, KeysJson);
