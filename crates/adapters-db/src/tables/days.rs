//! The tables of closed days, and what a closing asks of the others.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use domain::ClearingDay;
use ports::Page;

use crate::rows::DayRow;
use crate::schema::{refunds, settlement_days};

/// Something of a case that a closing has to account for.
#[derive(Debug, Clone, QueryableByName)]
pub(crate) struct Due {
    /// In microseconds since 1970.
    #[diesel(sql_type = BigInt)]
    pub(crate) completed_at: i64,
    #[diesel(sql_type = Text)]
    pub(crate) payment_request_id: String,
}

/// Payments and refunds that completed and that no day accounts for, in the order of their completion, from `$2` and `$3` until before
/// `$1`. Each half uses an index of its own that has nothing else in it.
const DUE: &str = "
    select completed_at, payment_request_id from (
        select completed_at, payment_request_id from cases
        where status = 'succeeded' and settlement_day is null and completed_at < $1
            and (completed_at, payment_request_id) > ($2, $3)
        order by completed_at, payment_request_id limit $4
    ) as payments
    union
    select completed_at, payment_request_id from (
        select completed_at, payment_request_id from refunds
        where state = 'succeeded' and settlement_day is null and completed_at < $1
            and (completed_at, payment_request_id) > ($2, $3)
        order by completed_at, payment_request_id limit $4
    ) as refunds_of_others
    order by completed_at, payment_request_id limit $4
";

/// The cases that day `$1` accounts for, by their payment or by a refund.
const ACCOUNTED: &str = "
    select cast(0 as bigint) as completed_at, payment_request_id from (
        select payment_request_id from cases where settlement_day = $1 and payment_request_id > $2
        order by payment_request_id limit $3
    ) as payments
    union
    select cast(0 as bigint) as completed_at, payment_request_id from (
        select payment_request_id from refunds where settlement_day = $1 and payment_request_id > $2
        order by payment_request_id limit $3
    ) as refunds_of_others
    order by payment_request_id limit $3
";

/// Locks the day's row, which is there afterwards: steps of one day come one after another.
const LOCK_DAY: &str = "
    insert into settlement_days (day, revision) values ($1, 0)
    on conflict (day) do update set revision = settlement_days.revision
";

/// The tables of closed days.
pub(crate) trait DayTables {
    /// The latest first.
    fn closed_days_before(&mut self, day: ClearingDay) -> Result<Vec<String>, DieselError>;
    fn day(&mut self, day: ClearingDay) -> Result<Option<DayRow>, DieselError>;
    /// The day as it is under its lock, which lasts until the transaction ends.
    fn lock_day(&mut self, day: ClearingDay) -> Result<DayRow, DieselError>;
    /// How many rows it wrote.
    fn write_day(&mut self, row: &DayRow) -> Result<usize, DieselError>;
    /// At most `limit` of what completed before the end of `last`, after a moment and an id, and is due.
    fn due(&mut self, last: ClearingDay, after: (i64, &str), limit: i64) -> Result<Vec<Due>, DieselError>;
    /// The cases that the day accounts for.
    fn accounted_ids(&mut self, day: ClearingDay, page: &Page) -> Result<Vec<String>, DieselError>;
    /// The cases that have refunds of these ids.
    fn refunded_ids(&mut self, refunds: &[String]) -> Result<Vec<String>, DieselError>;
}

macro_rules! day_tables {
    ($connection:ty) => {
        impl DayTables for $connection {
            fn closed_days_before(&mut self, day: ClearingDay) -> Result<Vec<String>, DieselError> {
                let closed = settlement_days::closed_at.is_not_null().and(settlement_days::day.lt(day.to_string()));
                let closed = settlement_days::table.filter(closed).order(settlement_days::day.desc());
                closed.select(settlement_days::day).load(self)
            }

            fn day(&mut self, day: ClearingDay) -> Result<Option<DayRow>, DieselError> {
                settlement_days::table.find(day.to_string()).select(DayRow::as_select()).first(self).optional()
            }

            fn lock_day(&mut self, day: ClearingDay) -> Result<DayRow, DieselError> {
                diesel::sql_query(LOCK_DAY).bind::<Text, _>(day.to_string()).execute(self)?;
                self.day(day)?.ok_or(DieselError::NotFound)
            }

            fn write_day(&mut self, row: &DayRow) -> Result<usize, DieselError> {
                diesel::update(settlement_days::table.find(&row.day)).set(row).execute(self)
            }

            fn due(&mut self, last: ClearingDay, (at, id): (i64, &str), limit: i64) -> Result<Vec<Due>, DieselError> {
                let due = diesel::sql_query(DUE).bind::<BigInt, _>(last.ends().timestamp_micros()).bind::<BigInt, _>(at);
                due.bind::<Text, _>(id).bind::<BigInt, _>(limit).load(self)
            }

            fn accounted_ids(&mut self, day: ClearingDay, page: &Page) -> Result<Vec<String>, DieselError> {
                let accounted = diesel::sql_query(ACCOUNTED)
                    .bind::<Text, _>(day.to_string())
                    .bind::<Text, _>(page.after.as_deref().unwrap_or_default())
                    .bind::<BigInt, _>(i64::from(page.limit));
                Ok(accounted.load::<Due>(self)?.into_iter().map(|row| row.payment_request_id).collect())
            }

            fn refunded_ids(&mut self, ids: &[String]) -> Result<Vec<String>, DieselError> {
                let named = refunds::table.filter(refunds::refund_request_id.eq_any(ids));
                named.select(refunds::payment_request_id).distinct().load(self)
            }
        }
    };
}

day_tables!(PgConnection);
day_tables!(SqliteConnection);
