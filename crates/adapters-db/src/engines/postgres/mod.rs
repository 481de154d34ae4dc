//! PostgreSQL: read committed, row locks in the order of ids.

mod feed;
mod migrations;
mod session;
mod sql;
mod url;

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use diesel::data_types::PgTimestamp;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use crate::engine::{DueWindow, Engine, Locked, Lookups};
use crate::pool::{Connections, Pools};
use crate::rows::{CaseKey, CaseRow, LoadedRows};
use crate::settings::{DatabaseError, DatabaseSettings};
use crate::sql::{Column, Groups, KEYS_ONLY, KeyArrays, OfCases, SqlStatement, SqlText, TableRow, WriteMode};
use crate::tables::{CaseTables, DUE_LOOKUPS, DeferralTables, LATER_LOOKUPS, UNSCHEDULED_LOOKUPS};
use crate::writes::{Writes, ensure_written};

use self::url::ServerUrl;

/// A server that any number of processes share.
pub(crate) const POSTGRES: Engine<PgConnection> = Engine {
    schemes: &["postgres://", "postgresql://"],
    pools,
    beginning: session::BEGINNING,
    session_now: session::session_now,
    migrations: || migrations::EMBEDDED,
    migrate: migrations::migrate,
    is_behind: migrations::is_behind,
    check_writable,
    clock,
    take_time,
    lock_and_load,
    lock_due,
    lock_lookups,
    look_at_feed: feed::look,
    oldest_writer: feed::oldest_writer,
    settle_feed: feed::settle,
    write,
    back_up: None,
};

/// One pool for everything. Two batches are worth committing at once: one gathers while the other is written, and more of them would
/// only be smaller. The rest of a larger pool lets a batch that has to wait for a lock hold up fewer others.
fn pools(engine: &Engine<PgConnection>, settings: &DatabaseSettings) -> Result<Pools<PgConnection>, DatabaseError> {
    let DatabaseSettings { url, password, pool_size, .. } = settings;
    let server = ServerUrl::parse(url, password.as_deref())?;
    let all = Connections::to(&server.address(), settings, ("all", *pool_size), engine.beginning).hiding(server.secrets());
    Ok(Pools {
        writers: all.clone(),
        readers: all,
        lanes: usize::try_from(*pool_size).unwrap_or(1).div_ceil(4),
        file: None,
        unreachable: "the server of database.url cannot be used".to_owned(),
    })
}

fn check_writable(connection: &mut PgConnection, was_full: bool) -> QueryResult<()> {
    // Locking is refused where writing is. What is undone has to be swept up, so that no more than that is written while all is well.
    connection.batch_execute("select 1 from cases limit 0 for update")?;
    if was_full { connection.batch_execute(sql::NEEDS_ROOM) } else { Ok(()) }
}

diesel::define_sql_function! {
    /// The server's clock, also within a transaction.
    fn clock_timestamp() -> Timestamptz;
}

/// Where PostgreSQL counts from.
const YEAR_2000: DateTime<Utc> = DateTime::from_timestamp_nanos(946_684_800_000_000_000);

/// The moment that many microseconds after it.
fn since_2000(micros: i64) -> Option<DateTime<Utc>> {
    YEAR_2000.checked_add_signed(TimeDelta::microseconds(micros))
}

fn clock(connection: &mut PgConnection) -> QueryResult<Option<DateTime<Utc>>> {
    let PgTimestamp(micros) = diesel::select(clock_timestamp()).get_result(connection)?;
    Ok(since_2000(micros))
}

fn take_time(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute("set local statement_timeout = '60s'; set local lock_timeout = '10s'")
}

fn lock_and_load(connection: &mut PgConnection, keys: &[CaseKey<'_>], opening: &[CaseKey<'_>]) -> QueryResult<Locked> {
    let mut locked = lock(connection, keys)?;
    let missing = without(opening, &locked);
    if !missing.is_empty() {
        locked.extend(insert_missing(connection, &missing)?);
        // What somebody else has inserted in the same moment. A statement of its own, because the last one does not see it.
        let others = without(&missing, &locked);
        if !others.is_empty() {
            locked.extend(lock(connection, &others)?);
        }
    }
    let now = locked.iter().map(|(PgTimestamp(locked_at), ..)| *locked_at).max().and_then(since_2000);
    let session = locked.last().map(|(_, session, _)| session::parse(session));
    let mut rows = LoadedRows { cases: locked.into_iter().map(|(_, _, row)| row).collect(), ..LoadedRows::default() };
    // Statements of their own: a row that was waited for is locked as it is now, and what belongs to it would be loaded as it was.
    connection.load_belongings(&mut rows)?;
    Ok(Locked { rows, now, session })
}

/// Rows under their locks, each with the time at which the lock was held, and what the server says of the session.
type LockedRows = Vec<(PgTimestamp, String, CaseRow<'static>)>;

/// Locks the cases that are there, in the order of the keys.
fn lock(connection: &mut PgConnection, keys: &[CaseKey<'_>]) -> QueryResult<LockedRows> {
    let (keys, selection) = (KeyArrays::from(keys), (clock_timestamp(), session::SessionColumn, CaseRow::as_select()));
    OfCases::<_, _, true> { keys, table: CaseRow::TABLE, selection }.load(connection)
}

/// Inserts cases of which nothing is known, and returns those that nobody else has inserted. A batch that names an unknown case in the
/// same moment as another batch waits here for it.
fn insert_missing(connection: &mut PgConnection, missing: &[CaseKey<'_>]) -> QueryResult<LockedRows> {
    let inserted: Vec<(_, _, _, String)> = sql::InsertMissing(KeyArrays::from(missing)).load(connection)?;
    Ok(inserted.into_iter().map(|(at, session, bucket, id)| (at, session, CaseRow::unknown(bucket, id))).collect())
}

/// The keys that are not among the rows.
fn without<'k>(keys: &[CaseKey<'k>], rows: &LockedRows) -> Vec<CaseKey<'k>> {
    let there: BTreeSet<_> = rows.iter().map(|(_, _, row)| &*row.payment_request_id).collect();
    keys.iter().filter(|key| !there.contains(key.id)).copied().collect()
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Text)]
    payment_request_id: String,
}

fn lock_due(connection: &mut PgConnection, window: &DueWindow, limit: u32) -> QueryResult<Vec<String>> {
    let DueWindow { after, until, lease_ended, lease_impossible } = *window;
    let due = diesel::sql_query(sql::LOCK_DUE).bind::<BigInt, _>(after).bind::<BigInt, _>(until);
    let due = due.bind::<BigInt, _>(lease_ended).bind::<BigInt, _>(lease_impossible).bind::<BigInt, _>(i64::from(limit));
    Ok(due.load::<Id>(connection)?.into_iter().map(|row| row.payment_request_id).collect())
}

fn lock_lookups(connection: &mut PgConnection, wanted: Lookups, at: DateTime<Utc>, limit: u32) -> QueryResult<Vec<String>> {
    let lookups = |connection: &mut PgConnection, query| {
        connection.lookups(query, "for update of cases skip locked", (at.timestamp_micros(), limit))
    };
    match wanted {
        Lookups::Due => {
            let due = lookups(connection, DUE_LOOKUPS)?;
            if due.is_empty() { lookups(connection, UNSCHEDULED_LOOKUPS) } else { Ok(due) }
        }
        Lookups::Later => lookups(connection, LATER_LOOKUPS),
    }
}

/// The parts of [`sql::write`] that a batch needs, with their parameters.
#[derive(Default)]
struct WriteParts<'a> {
    shape: usize,
    columns: Vec<Column<'a>>,
    expected: Vec<(&'static str, usize)>,
}

impl<'a> WriteParts<'a> {
    fn add<R: TableRow>(&mut self, part: usize, rows: &'a [R], writing: WriteMode) {
        if !rows.is_empty() {
            self.shape |= part;
            self.columns.extend(R::columns(rows, writing));
            self.expected.push((R::TABLE, rows.len()));
        }
    }
}

/// Returns how many rows it wrote, table by table.
type Counted<'a, const NUMBER: usize> = SqlStatement<Column<'a>, Array<BigInt>, NUMBER>;

fn write(connection: &mut PgConnection, writes: &Writes<'_>) -> QueryResult<()> {
    let mut parts = WriteParts { shape: writes.groups.number(), ..WriteParts::default() };
    parts.add(0, &writes.cases, WriteMode::Update(writes.groups));
    parts.add(sql::NEW_REFUNDS, &writes.refunds.new, WriteMode::Insert);
    parts.add(sql::CHANGED_REFUNDS, &writes.refunds.changed, WriteMode::Update(Groups::ALL));
    parts.add(sql::NEW_REVERSALS, &writes.reversals.new, WriteMode::Insert);
    parts.add(sql::CHANGED_REVERSALS, &writes.reversals.changed, WriteMode::Update(Groups::ALL));
    parts.add(sql::EVENTS, &writes.events, WriteMode::Insert);
    parts.add(sql::ENTRIES, &writes.entries, WriteMode::Insert);
    let (text, columns) = (sql::write(parts.shape), parts.columns);
    let written: Vec<i64> = match parts.shape {
        sql::FIRST_CANCELS => Counted::<{ sql::FIRST_CANCELS }>::new(text, columns).get_result(connection)?,
        _ => Counted::<0>::new(text, columns).get_result(connection)?,
    };
    let mut table_by_table = parts.expected.iter().zip(written.into_iter().map(Some).chain(std::iter::repeat(None)));
    table_by_table.try_for_each(|((table, expected), written)| ensure_written(table, *expected, written.unwrap_or(-1)))?;
    // Few cancels ever wait, so that these are statements of their own.
    write_rows(connection, &sql::UPSERT_DEFERRALS, (&writes.deferrals.written, WriteMode::Insert))?;
    write_rows(connection, &sql::DELETE_DEFERRALS, (&writes.deferrals.gone, KEYS_ONLY))?;
    write_rows(connection, &sql::UPSERT_RECEIPTS, (&writes.receipts.written, WriteMode::Insert))?;
    write_rows(connection, &sql::DELETE_RECEIPTS, (&writes.receipts.gone, KEYS_ONLY))
}

fn write_rows<R: TableRow>(
    connection: &mut PgConnection,
    statement: &'static SqlText,
    (rows, writing): (&[R], WriteMode),
) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let written = SqlStatement::<_>::new(statement, R::columns(rows, writing)).execute(connection)?;
    ensure_written(R::TABLE, rows.len(), written)
}
