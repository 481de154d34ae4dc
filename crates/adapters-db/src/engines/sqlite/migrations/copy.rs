//! Copies the cases to the tables by bucket, and gives rows that have no bucket their own.

use std::sync::LazyLock;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;

use super::{Named, number, run_steps, texts};
use crate::migrations::copied::{BOOKED, CASE, ENTRY, EVENT, REFUND, REVERSAL, columns_of};
use crate::migrations::{MigrationError, MigrationRun, Progress};
use crate::rows::CaseKey;

/// What the names of the tables end with before the switch, and after it.
pub(super) const NEXT: &str = "_next";
pub(super) const SERVED: &str = "";

const TABLES: [&str; 5] = ["cases", "refunds", "reversals", "events", "ledger_entries"];

/// The cases of a step with their buckets, and whether a trigger has put the case there already.
const PAGE: &str = "
    create temp table if not exists page (payment_request_id text not null primary key, bucket integer not null, is_there integer);
    delete from page;
";
const FILL_PAGE: &str = "insert into page (payment_request_id, bucket) select value ->> 0, value ->> 1 from json_each(?)";
const MARK_PAGE: &str = "
    update page set is_there = exists (select 1 from cases_next as n where n.payment_request_id = page.payment_request_id)
";

/// Copies the cases of the page. What a trigger has put there is newer and stays. `cross join` has SQLite begin with the page, where it would
/// read the other table as a whole.
static COPY: LazyLock<String> = LazyLock::new(|| {
    let rows = |table: &str, names: &str, except: &str| {
        format!(
            "insert into {table}_next (bucket, payment_request_id, {names}) select p.bucket, p.payment_request_id, {}
             from page as p cross join {table} as t using (payment_request_id) where {except} on conflict do nothing;",
            columns_of("t", names)
        )
    };
    let returned = "not exists (
        select 1 from cases_next as n
        where n.bucket = p.bucket and n.payment_request_id = p.payment_request_id and n.returned_at is not null and not p.is_there
    )";
    [
        format!(
            "insert into cases_next (bucket, payment_request_id, returned_at, {CASE})
             select p.bucket, p.payment_request_id, case when {BOOKED} then r.done_at end, {}
             from page as p cross join cases as c using (payment_request_id) left join reversals as r using (payment_request_id)
             where true on conflict do nothing;",
            columns_of("c", CASE)
        ),
        rows("refunds", REFUND, "true"),
        rows("reversals", REVERSAL, returned),
        rows("events", EVENT, "true"),
        rows("ledger_entries", ENTRY, "true"),
    ]
    .concat()
});

#[derive(QueryableByName)]
struct Copied {
    #[diesel(sql_type = Text)]
    last_id: String,
    #[diesel(sql_type = BigInt)]
    cases: i64,
}

fn copied(connection: &mut SqliteConnection) -> QueryResult<Option<Copied>> {
    // Another process may have switched meanwhile.
    if number(connection, "select count(*) as value from sqlite_master where name = 'copied_cases'")? == 0 {
        return Ok(None);
    }
    diesel::sql_query("select last_id, cases from copied_cases").get_result(connection).map(Some)
}

/// Copies what is not copied.
pub(super) fn copy_all(connection: &mut SqliteConnection, run: &MigrationRun<'_>) -> Result<(), MigrationError> {
    let Some(begun) = copied(connection)? else { return Ok(()) };
    let total = number(connection, "select count(*) as value from cases")?;
    let mut progress = Progress::new(run, total, begun.cases);
    run_steps(connection, |connection, size| {
        let step = copy_step(connection, size)?;
        if let Some(copied) = step {
            progress.copied(copied);
        }
        Ok(step.unwrap_or(0))
    })?;
    Ok(())
}

/// Copies at most so many cases, and returns how many are copied now; `None` where there are no more.
fn copy_step(connection: &mut SqliteConnection, size: i64) -> QueryResult<Option<i64>> {
    let Some(Copied { last_id, cases }) = copied(connection)? else { return Ok(None) };
    let page = "select payment_request_id as value from cases where payment_request_id > ? order by payment_request_id limit ?";
    let page: Vec<Named> = diesel::sql_query(page).bind::<Text, _>(&last_id).bind::<BigInt, _>(size).load(connection)?;
    let ids = texts(page);
    let Some(last) = ids.last() else { return Ok(None) };
    fill_page(connection, &ids)?;
    connection.batch_execute(MARK_PAGE)?;
    give_page_buckets(connection, NEXT)?;
    connection.batch_execute(&COPY)?;
    let cases = cases + i64::try_from(ids.len()).unwrap_or(0);
    let note = diesel::sql_query("update copied_cases set last_id = ?, cases = ?").bind::<Text, _>(last);
    note.bind::<BigInt, _>(cases).execute(connection)?;
    Ok(Some(cases))
}

fn fill_page(connection: &mut SqliteConnection, ids: &[String]) -> QueryResult<()> {
    connection.batch_execute(PAGE)?;
    let rows: Vec<_> = ids.iter().map(|id| (id, CaseKey::of(id).bucket)).collect();
    let rows = serde_json::to_string(&rows).map_err(|error| DieselError::SerializationError(error.into()))?;
    diesel::sql_query(FILL_PAGE).bind::<Text, _>(rows).execute(connection)?;
    Ok(())
}

/// Gives the rows of the page's cases that have no bucket their own.
fn give_page_buckets(connection: &mut SqliteConnection, suffix: &str) -> QueryResult<()> {
    for table in TABLES {
        connection.batch_execute(&format!(
            "update {table}{suffix} as t set bucket = (select p.bucket from page as p where p.payment_request_id = t.payment_request_id)
             where bucket = 32 and payment_request_id in (select payment_request_id from page)"
        ))?;
    }
    Ok(())
}

/// At most so many cases of which a row has no bucket. None where another process has switched meanwhile, or not switched yet.
fn without_bucket(connection: &mut SqliteConnection, suffix: &str, size: i64) -> QueryResult<Vec<String>> {
    let is_there =
        format!("select count(*) as value from pragma_table_info('cases{suffix}') where name = 'bucket' and dflt_value = '32'");
    if number(connection, &is_there)? == 0 {
        return Ok(vec![]);
    }
    let each = TABLES.map(|table| format!("select payment_request_id as value from {table}{suffix} where bucket = 32"));
    let some = format!("{} limit {size}", each.join(" union "));
    diesel::sql_query(some).load(connection).map(texts)
}

/// Gives at most so many cases without a bucket their own, and returns how many.
fn give_some_buckets(connection: &mut SqliteConnection, suffix: &str, size: i64) -> QueryResult<i64> {
    let ids = without_bucket(connection, suffix, size)?;
    if !ids.is_empty() {
        fill_page(connection, &ids)?;
        give_page_buckets(connection, suffix)?;
    }
    Ok(i64::try_from(ids.len()).unwrap_or(0))
}

/// Gives the rows that have no bucket their own, in small steps. Where there are none, it takes no lock.
pub(super) fn give_buckets(connection: &mut SqliteConnection, suffix: &str) -> QueryResult<()> {
    if without_bucket(connection, suffix, 1)?.is_empty() {
        return Ok(());
    }
    run_steps(connection, |connection, size| give_some_buckets(connection, suffix, size))
}

/// The same within a transaction, for the few that came after [`give_buckets`].
pub(super) fn give_rest_buckets(connection: &mut SqliteConnection, suffix: &str) -> QueryResult<()> {
    while give_some_buckets(connection, suffix, 1000)? > 0 {}
    Ok(())
}
