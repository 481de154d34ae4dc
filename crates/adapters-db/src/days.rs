//! What closing a day asks of a connection: the same statements on both engines.

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};
use domain::ClearingDay;
use ports::Page;

use crate::rows::DayRow;

/// Something of a case that a closing has to account for.
#[derive(Debug, Clone)]
pub(crate) struct Due {
    pub(crate) completed_at: i64,
    pub(crate) payment_request_id: String,
}

#[derive(QueryableByName)]
pub(crate) struct DueRow {
    #[diesel(sql_type = BigInt)]
    completed_at: i64,
    #[diesel(sql_type = Text)]
    payment_request_id: String,
}

impl From<DueRow> for Due {
    fn from(DueRow { completed_at, payment_request_id }: DueRow) -> Self {
        Self { completed_at, payment_request_id }
    }
}

/// Payments and refunds that completed and that no day accounts for, in the order of their completion, from `$2` and `$3` until before
/// `$1`. Each half uses an index of its own that has nothing else in it.
pub(crate) const DUE: &str = "
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
pub(crate) const ACCOUNTED: &str = "
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
pub(crate) const LOCK_DAY: &str = "
    insert into settlement_days (day, revision) values ($1, 0)
    on conflict (day) do update set revision = settlement_days.revision
";

/// The statements.
pub(crate) trait DayTables {
    fn closed_days_before(&mut self, day: ClearingDay) -> Result<Vec<String>, DieselError>;
    fn day(&mut self, day: ClearingDay) -> Result<Option<DayRow>, DieselError>;
    /// The day as it is under its lock, which lasts until the transaction ends.
    fn lock_day(&mut self, day: ClearingDay) -> Result<DayRow, DieselError>;
    fn write_day(&mut self, row: &DayRow) -> Result<usize, DieselError>;
    /// At most `limit` of what completed before the end of `last`, after a moment and an id, and is due.
    fn due(&mut self, last: ClearingDay, after: (i64, &str), limit: i64) -> Result<Vec<Due>, DieselError>;
    fn accounted_ids(&mut self, day: ClearingDay, page: &Page) -> Result<Vec<String>, DieselError>;
    fn refunded_ids(&mut self, refunds: &[String]) -> Result<Vec<String>, DieselError>;
}

macro_rules! days {
    ($connection:ty) => {
        impl $crate::days::DayTables for $connection {
            fn closed_days_before(&mut self, day: ::domain::ClearingDay) -> Result<Vec<String>, DieselError> {
                use $crate::schema::settlement_days;
                let closed = settlement_days::closed_at.is_not_null().and(settlement_days::day.lt(day.to_string()));
                let closed = settlement_days::table.filter(closed).order(settlement_days::day.desc());
                closed.select(settlement_days::day).load(self)
            }

            fn day(&mut self, day: ::domain::ClearingDay) -> Result<Option<DayRow>, DieselError> {
                use $crate::schema::settlement_days;
                settlement_days::table.find(day.to_string()).select(DayRow::as_select()).first(self).optional()
            }

            fn lock_day(&mut self, day: ::domain::ClearingDay) -> Result<DayRow, DieselError> {
                diesel::sql_query($crate::days::LOCK_DAY).bind::<Text, _>(day.to_string()).execute(self)?;
                self.day(day)?.ok_or(DieselError::NotFound)
            }

            fn write_day(&mut self, row: &DayRow) -> Result<usize, DieselError> {
                use $crate::schema::settlement_days;
                diesel::update(settlement_days::table.find(&row.day)).set(row).execute(self)
            }

            fn due(
                &mut self,
                last: ::domain::ClearingDay,
                (completed_at, id): (i64, &str),
                limit: i64,
            ) -> Result<Vec<Due>, DieselError> {
                let due = diesel::sql_query($crate::days::DUE)
                    .bind::<diesel::sql_types::BigInt, _>(last.ends().timestamp_micros())
                    .bind::<diesel::sql_types::BigInt, _>(completed_at)
                    .bind::<Text, _>(id)
                    .bind::<diesel::sql_types::BigInt, _>(limit);
                Ok(due.load::<DueRow>(self)?.into_iter().map(Due::from).collect())
            }

            fn accounted_ids(&mut self, day: ::domain::ClearingDay, page: &Page) -> Result<Vec<String>, DieselError> {
                let accounted = diesel::sql_query($crate::days::ACCOUNTED)
                    .bind::<Text, _>(day.to_string())
                    .bind::<Text, _>(page.after.as_deref().unwrap_or_default())
                    .bind::<diesel::sql_types::BigInt, _>(i64::from(page.limit));
                Ok(accounted.load::<DueRow>(self)?.into_iter().map(|row| Due::from(row).payment_request_id).collect())
            }

            fn refunded_ids(&mut self, ids: &[String]) -> Result<Vec<String>, DieselError> {
                use $crate::schema::refunds;
                let named = refunds::table.filter(refunds::refund_request_id.eq_any(ids));
                named.select(refunds::payment_request_id).distinct().load(self)
            }
        }
    };
}

pub(crate) use days;
