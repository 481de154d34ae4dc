//! What waits: lookups that are due, and what an operator has to decide. The rows of a case count only while its cancel is deferred. A
//! process of the version before may have decided it and left them behind.

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use ports::Page;

/// Cases whose lookup is due by `$1`, the earliest first.
pub(crate) const DUE_LOOKUPS: &str = "
    select cases.payment_request_id
    from deferrals join cases using (bucket, payment_request_id)
    where deferrals.state = 'waiting' and deferrals.next_attempt_at <= $1 and cases.defer_reason is not null
    order by deferrals.next_attempt_at, cases.payment_request_id
    limit $2
";

/// Cases whose lookup is due later than `$1`, the earliest first.
pub(crate) const LATER_LOOKUPS: &str = "
    select cases.payment_request_id
    from deferrals join cases using (bucket, payment_request_id)
    where deferrals.state = 'waiting' and deferrals.next_attempt_at > $1 and cases.defer_reason is not null
    order by deferrals.next_attempt_at, cases.payment_request_id
    limit $2
";

/// Cases that wait for a lookup and have no schedule, as the version before leaves them.
pub(crate) const UNSCHEDULED_LOOKUPS: &str = "
    select cases.payment_request_id
    from cases
    where cases.defer_reason is not null and cases.defer_reason = 'lookup-failed' and cases.first_received_at <= $1
        and not exists (
            select 1 from deferrals
            where deferrals.bucket = cases.bucket and deferrals.payment_request_id = cases.payment_request_id
        )
    order by cases.payment_request_id
    limit $2
";

/// Cases whose deferred cancel is parked.
const PARKED: &str = "
    select cases.payment_request_id
    from deferrals join cases using (bucket, payment_request_id)
    where deferrals.state = 'parked' and cases.defer_reason is not null and cases.payment_request_id > $1
    order by cases.payment_request_id
    limit $2
";

/// Those that are deferred and not parked.
const DEFERRED: &str = "
    select cases.payment_request_id
    from cases
    where cases.defer_reason is not null and cases.payment_request_id > $1
        and not exists (
            select 1 from deferrals
            where deferrals.bucket = cases.bucket and deferrals.payment_request_id = cases.payment_request_id
                and deferrals.state = 'parked'
        )
    order by cases.payment_request_id
    limit $2
";

const COUNTS: &str = "
    select count(*) as deferred, count(case when deferrals.state = 'parked' then 1 end) as parked
    from cases left join deferrals using (bucket, payment_request_id)
    where cases.defer_reason is not null
";

/// The cancel that has waited longest for a lookup, and since when.
const OLDEST: &str = "
    select cases.payment_request_id, coalesce(deferrals.since, cases.first_received_at) as since
    from cases left join deferrals using (bucket, payment_request_id)
    where cases.defer_reason is not null and cases.defer_reason <> 'refund-running'
        and (deferrals.state is null or deferrals.state = 'waiting')
    order by since, cases.payment_request_id
    limit 1
";

#[derive(QueryableByName)]
struct FoundId {
    #[diesel(sql_type = Text)]
    payment_request_id: String,
}

#[derive(QueryableByName)]
struct Oldest {
    #[diesel(sql_type = Text)]
    payment_request_id: String,
    #[diesel(sql_type = BigInt)]
    since: i64,
}

/// How many cancels are deferred, and how many of these are parked.
#[derive(QueryableByName)]
pub(crate) struct DeferredCounts {
    #[diesel(sql_type = BigInt)]
    pub(crate) deferred: i64,
    #[diesel(sql_type = BigInt)]
    pub(crate) parked: i64,
}

/// The tables of deferred cancels.
pub(crate) trait DeferralTables {
    /// The cases of one of the queries above, with `suffix` behind its text.
    fn lookups(&mut self, query: &str, suffix: &str, at: (i64, u32)) -> Result<Vec<String>, DieselError>;
    /// The cases whose deferred cancel is parked.
    fn parked_deferral_ids(&mut self, page: &Page) -> Result<Vec<String>, DieselError>;
    fn deferred_ids(&mut self, page: &Page) -> Result<Vec<String>, DieselError>;
    fn count_deferred(&mut self) -> Result<DeferredCounts, DieselError>;
    /// The cancel that has waited longest for a lookup, and since when, in microseconds since 1970.
    fn oldest_deferred(&mut self) -> Result<Option<(String, i64)>, DieselError>;
}

macro_rules! deferral_tables {
    ($connection:ty) => {
        impl DeferralTables for $connection {
            fn lookups(&mut self, query: &str, suffix: &str, (at, limit): (i64, u32)) -> Result<Vec<String>, DieselError> {
                let query = diesel::sql_query(format!("{query}{suffix}"));
                let found = query.bind::<BigInt, _>(at).bind::<BigInt, _>(i64::from(limit)).load::<FoundId>(self)?;
                Ok(found.into_iter().map(|row| row.payment_request_id).collect())
            }

            fn parked_deferral_ids(&mut self, page: &Page) -> Result<Vec<String>, DieselError> {
                let after = page.after.as_deref().unwrap_or_default();
                let query = diesel::sql_query(PARKED).bind::<Text, _>(after).bind::<BigInt, _>(i64::from(page.limit));
                Ok(query.load::<FoundId>(self)?.into_iter().map(|row| row.payment_request_id).collect())
            }

            fn deferred_ids(&mut self, page: &Page) -> Result<Vec<String>, DieselError> {
                let after = page.after.as_deref().unwrap_or_default();
                let query = diesel::sql_query(DEFERRED).bind::<Text, _>(after).bind::<BigInt, _>(i64::from(page.limit));
                Ok(query.load::<FoundId>(self)?.into_iter().map(|row| row.payment_request_id).collect())
            }

            fn count_deferred(&mut self) -> Result<DeferredCounts, DieselError> {
                diesel::sql_query(COUNTS).get_result(self)
            }

            fn oldest_deferred(&mut self) -> Result<Option<(String, i64)>, DieselError> {
                let oldest = diesel::sql_query(OLDEST).get_result::<Oldest>(self).optional()?;
                Ok(oldest.map(|row| (row.payment_request_id, row.since)))
            }
        }
    };
}

deferral_tables!(PgConnection);
deferral_tables!(SqliteConnection);
