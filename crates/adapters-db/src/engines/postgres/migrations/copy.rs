//! Copies the cases to the tables by bucket, beside processes that serve them.

use std::sync::LazyLock;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{BigInt, Text};

use super::is_true;
use crate::migrations::copied::{BOOKED, CASE, ENTRY, EVENT, REFUND, REVERSAL, columns_of};
use crate::migrations::{MigrationError, MigrationRun, Pace, Progress};

/// A step is short, because a cancel of a case that is being copied waits for it.
const STEP: Duration = Duration::from_millis(100);

/// The pause after a step, in hundredths of it.
const PAUSE_PERCENT: u32 = 25;

/// How often in a row a step may fail.
const RETRIES: u32 = 50;

/// A step waits for a lock for less than a deadlock is looked for, so that it is never a cancel that has to give way. A step that a crash
/// of the server takes back is copied again, so that none waits for the disk. Ranges of ids are joined in their order.
const COPYING: &str = "
    set lock_timeout = '100ms';
    set synchronous_commit = off;
    set plan_cache_mode = auto;
    set enable_mergejoin = on;
    set enable_hashjoin = on;
";
/// An end of a transaction waits for the disk again.
const COPIED: &str = "
    set lock_timeout = 0;
    set synchronous_commit = on;
";

/// One statement, and so one moment, for a range of ids. What a trigger has put there is newer and stays. The tables come in the order
/// in which a batch writes them.
static COPY: LazyLock<String> = LazyLock::new(|| {
    let of_case = columns_of("c", CASE);
    let range = "payment_request_id > $1 and payment_request_id <= $2";
    format!(
        "with new_cases as (
             insert into cases_next (bucket, payment_request_id, returned_at, {CASE})
             select bucket_of(payment_request_id), payment_request_id, case when {BOOKED} then r.done_at end, {of_case}
             from cases as c left join (select * from reversals where {range}) as r using (payment_request_id)
             where {range} order by payment_request_id
             on conflict do nothing returning payment_request_id, returned_at
         ), new_refunds as (
             insert into refunds_next (bucket, payment_request_id, {REFUND}) select bucket_of(payment_request_id), payment_request_id, {REFUND} from refunds
             where {range} order by payment_request_id, refund_request_id
             on conflict do nothing returning 1
         ), new_reversals as (
             insert into reversals_next (bucket, payment_request_id, {REVERSAL}) select bucket_of(payment_request_id), payment_request_id, {REVERSAL} from reversals
             where {range} and payment_request_id not in (select payment_request_id from new_cases where returned_at is not null)
             order by payment_request_id
             on conflict do nothing returning 1
         ), new_events as (
             insert into events_next (bucket, payment_request_id, {EVENT}, xid)
             select bucket_of(payment_request_id), payment_request_id, {EVENT}, '0' from events where {range}
             on conflict do nothing returning 1
         ), new_entries as (
             insert into ledger_entries_next (bucket, payment_request_id, {ENTRY}) select bucket_of(payment_request_id), payment_request_id, {ENTRY} from ledger_entries
             where {range}
             on conflict do nothing returning 1
         )
         select (select count(*) from new_cases) + (select count(*) from new_refunds) + (select count(*) from new_reversals)
             + (select count(*) from new_events) + (select count(*) from new_entries)"
    )
});

/// The last of the next cases, and how many there are.
const PAGE: &str = "
    select coalesce(max(payment_request_id), '') as last_id, count(*) as cases from (
        select payment_request_id from cases where payment_request_id > $1 order by payment_request_id limit $2
    ) as page
";

#[derive(QueryableByName)]
struct Range {
    #[diesel(sql_type = Text)]
    last_id: String,
    #[diesel(sql_type = BigInt)]
    cases: i64,
}

/// Has the planner know the new tables. Nobody waits for it. One that is known to be empty would be read as a whole by every plan that a
/// connection makes meanwhile and keeps, so that an empty one stays unknown.
pub(super) fn analyze(connection: &mut PgConnection) -> QueryResult<()> {
    for table in ["cases_next", "refunds_next", "reversals_next", "events_next", "ledger_entries_next"] {
        if is_true(connection, &format!("select exists(select 1 from {table}) as value"))? {
            connection.batch_execute(&format!("analyze {table}"))?;
        }
    }
    Ok(())
}

/// Copies what is not copied.
pub(super) fn copy_rest(connection: &mut PgConnection, run: &MigrationRun<'_>) -> Result<(), MigrationError> {
    connection.batch_execute(COPYING)?;
    let total = "select '' as last_id, greatest(reltuples, 0)::bigint as cases from pg_class where oid = 'cases'::regclass";
    let total: Range = diesel::sql_query(total).get_result(connection)?;
    let begun: Range = diesel::sql_query("select last_id, cases from copied_cases").get_result(connection)?;
    let mut progress = Progress::new(run, total.cases, begun.cases);
    let (mut pace, mut failures) = (Pace::new(STEP, PAUSE_PERCENT), 0);
    loop {
        match pace.step(|size| connection.transaction(|connection| copy_step(connection, size))) {
            Ok(None) => break,
            Ok(Some(copied)) => {
                progress.copied(copied);
                failures = 0;
            }
            Err(error) if failures < RETRIES && may_pass(&error) => failures += 1,
            Err(error) => return Err(error.into()),
        }
    }
    connection.batch_execute(COPIED)?;
    Ok(())
}

/// Copies at most so many cases, and returns how many are copied now; `None` where there are no more.
fn copy_step(connection: &mut PgConnection, size: i64) -> QueryResult<Option<i64>> {
    let copied: Range = diesel::sql_query("select last_id, cases from copied_cases for update").get_result(connection)?;
    let page = diesel::sql_query(PAGE).bind::<Text, _>(&copied.last_id).bind::<BigInt, _>(size);
    let page: Range = page.get_result(connection)?;
    if page.cases == 0 {
        return Ok(None);
    }
    let copy = diesel::sql_query(COPY.as_str()).bind::<Text, _>(&copied.last_id).bind::<Text, _>(&page.last_id);
    copy.execute(connection)?;
    let cases = copied.cases + page.cases;
    let note = diesel::sql_query("update copied_cases set last_id = $1, cases = $2");
    note.bind::<Text, _>(&page.last_id).bind::<BigInt, _>(cases).execute(connection)?;
    Ok(Some(cases))
}

/// Whether the same step may succeed a moment later: it waited too long for somebody's lock, say.
fn may_pass(error: &DieselError) -> bool {
    use DatabaseErrorKind::{CheckViolation, ClosedConnection, ForeignKeyViolation, NotNullViolation, UniqueViolation};
    let DieselError::DatabaseError(kind, _) = error else { return false };
    !matches!(kind, CheckViolation | ClosedConnection | ForeignKeyViolation | NotNullViolation | UniqueViolation)
}
