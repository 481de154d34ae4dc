//! SQLite: one writer, whose transaction begins by taking the only write lock there is.

mod backup;
mod feed;
mod migrations;
mod sql;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;
use domain::ReversalStateName;

use crate::engine::{DueWindow, Engine, Locked, Lookups};
use crate::file::DatabaseFile;
use crate::pool::{Connections, Pools};
use crate::rows::{CaseKey, CaseRow};
use crate::schema::reversals;
use crate::session::Beginning;
use crate::settings::{DatabaseError, DatabaseSettings};
use crate::sql::{Groups, KEYS_ONLY, KeysJson, SqlStatement, SqlText, TableRow, WriteMode, json_of};
use crate::tables::{CaseTables, DUE_LOOKUPS, DeferralTables, LATER_LOOKUPS, UNSCHEDULED_LOOKUPS};
use crate::writes::{Writes, ensure_written};

/// A file of this machine.
pub(crate) const SQLITE: Engine<SqliteConnection> = Engine {
    schemes: &["sqlite://"],
    pools,
    beginning: BEGINNING,
    session_now: |_| Ok(None),
    migrations: || migrations::EMBEDDED,
    migrate: migrations::migrate,
    is_behind: migrations::is_behind,
    check_writable,
    clock: |_| Ok(None),
    // Nothing limits it: there is one writer, which waits for no other.
    take_time: |_| Ok(()),
    lock_and_load,
    lock_due,
    lock_lookups,
    look_at_feed: feed::look,
    oldest_writer: feed::oldest_writer,
    // Positions are kept by a copy of the file, and go on from there.
    settle_feed: |_, _| Ok(0),
    write,
    back_up: Some(backup::back_up),
};

/// A file is opened by this process itself, and nobody stands between.
const BEGINNING: Beginning<SqliteConnection> = Beginning {
    prepare: sql::PREPARE,
    ports: |_| Vec::new(),
    is_shared: |_, _| Ok(false),
    greet: |_| Ok(None),
    end_backends: |_, _| Ok(()),
    fence: |_| Ok(()),
};

/// SQLite has one writer at a time, so one connection writes and the others only read.
fn pools(engine: &Engine<SqliteConnection>, settings: &DatabaseSettings) -> Result<Pools<SqliteConnection>, DatabaseError> {
    let url = &settings.url;
    let file = url.strip_prefix("sqlite://").unwrap_or_default();
    // SQLite takes a name with the prefix `file:` for a URI, which can ask for memory instead of a file.
    if file.is_empty() || file.contains(":memory:") || file.starts_with("file:") {
        return Err(DatabaseError(format!("database.url is \"{url}\", but must be sqlite://FILE with the path of a file")));
    }
    let (address, file) = (DatabaseFile::address(file), Arc::new(DatabaseFile::at(file)));
    Ok(Pools {
        writers: Connections::to(&address, settings, ("writing", 1), engine.beginning).on_file(&file),
        readers: Connections::to(&address, settings, ("reading", settings.pool_size), engine.beginning).on_file(&file),
        lanes: 1,
        file: Some(file),
        unreachable: format!("database.url is \"{url}\", but its folder must exist and the file must be writable"),
    })
}

fn check_writable(connection: &mut SqliteConnection, _: bool) -> QueryResult<()> {
    connection.batch_execute(sql::NEEDS_ROOM)
}

fn lock_due(connection: &mut SqliteConnection, window: &DueWindow, limit: u32) -> QueryResult<Vec<String>> {
    let DueWindow { after, until, lease_ended, lease_impossible } = *window;
    let over = reversals::lease_until.le(lease_ended).or(reversals::lease_until.gt(lease_impossible));
    let free = reversals::lease_until.is_null().or(over);
    let open = reversals::state.eq(ReversalStateName::Open.as_str());
    let in_window = reversals::next_attempt_at.gt(after).and(reversals::next_attempt_at.le(until));
    let due = reversals::table.filter(open.and(in_window).and(free));
    let due = due.order((reversals::next_attempt_at, reversals::payment_request_id)).limit(i64::from(limit));
    due.select(reversals::payment_request_id).load(connection)
}

fn lock_lookups(connection: &mut SqliteConnection, wanted: Lookups, at: DateTime<Utc>, limit: u32) -> QueryResult<Vec<String>> {
    let now = at.timestamp_micros();
    match wanted {
        Lookups::Due => {
            let due = connection.lookups(DUE_LOOKUPS, "", (now, limit))?;
            if due.is_empty() { connection.lookups(UNSCHEDULED_LOOKUPS, "", (now, limit)) } else { Ok(due) }
        }
        Lookups::Later => connection.lookups(LATER_LOOKUPS, "", (now, limit)),
    }
}

/// The write lock that the transaction began with locks every case.
fn lock_and_load(connection: &mut SqliteConnection, keys: &[CaseKey<'_>], opening: &[CaseKey<'_>]) -> QueryResult<Locked> {
    let mut rows = connection.load(keys)?;
    let there: BTreeSet<_> = rows.cases.iter().map(|row| &*row.payment_request_id).collect();
    let missing: Vec<_> = opening.iter().filter(|key| !there.contains(key.id)).copied().collect();
    if !missing.is_empty() {
        let keys = KeysJson::from(&*missing);
        let inserted = SqlStatement::<_>::new(&sql::INSERT_MISSING, vec![keys.as_str()]).execute(connection)?;
        ensure_written(CaseRow::TABLE, missing.len(), inserted)?;
        rows.cases.extend(missing.into_iter().map(|key| CaseRow::unknown(key.bucket, key.id.to_owned())));
    }
    Ok(Locked { rows, now: None, session: None })
}

fn write(connection: &mut SqliteConnection, writes: &Writes<'_>) -> QueryResult<()> {
    let Writes { cases, groups, refunds, reversals, deferrals, receipts, events, entries } = writes;
    let (insert, update) = (WriteMode::Insert, WriteMode::Update(Groups::ALL));
    write_rows(connection, sql::update_cases(*groups), (cases, WriteMode::Update(*groups)))?;
    write_rows(connection, &sql::INSERT_REFUNDS, (&refunds.new, insert))?;
    write_rows(connection, &sql::UPDATE_REFUNDS, (&refunds.changed, update))?;
    write_rows(connection, &sql::INSERT_REVERSALS, (&reversals.new, insert))?;
    write_rows(connection, &sql::UPDATE_REVERSALS, (&reversals.changed, update))?;
    write_rows(connection, &sql::UPSERT_DEFERRALS, (&deferrals.written, insert))?;
    write_rows(connection, &sql::DELETE_DEFERRALS, (&deferrals.gone, KEYS_ONLY))?;
    write_rows(connection, &sql::UPSERT_RECEIPTS, (&receipts.written, insert))?;
    write_rows(connection, &sql::DELETE_RECEIPTS, (&receipts.gone, KEYS_ONLY))?;
    write_rows(connection, &sql::INSERT_EVENTS, (events, insert))?;
    write_rows(connection, &sql::INSERT_ENTRIES, (entries, insert))
}

/// The rows are one JSON parameter, so that the statement's text is the same for every size of batch.
fn write_rows<R: TableRow>(
    connection: &mut SqliteConnection,
    statement: &'static SqlText,
    (rows, writing): (&[R], WriteMode),
) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let json = json_of(rows, writing).map_err(|error| DieselError::SerializationError(error.into()))?;
    let written = SqlStatement::<_>::new(statement, vec![json.as_str()]).execute(connection)?;
    ensure_written(R::TABLE, rows.len(), written)
}
