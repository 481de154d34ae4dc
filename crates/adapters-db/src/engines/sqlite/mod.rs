//! SQLite: one writer, whose transaction begins by taking the only write lock there is.

mod migrations;
mod sql;

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sqlite::SqliteConnection;
use domain::ReversalStateName;
use serde::Serialize;

use crate::engine::Engine;
use crate::pool::{Connections, Pools};
use crate::schema::reversals;
use crate::settings::{DatabaseError, DatabaseSettings};
use crate::sql::{SqlStatement, TableRow};
use crate::tables::CaseTables;
use crate::transaction::Transactions;
use crate::writes::{Writes, ensure_written};

/// A file of this machine.
pub(crate) const SQLITE: Engine<SqliteConnection> = Engine {
    schemes: &["sqlite://"],
    pools,
    prepare: sql::PREPARE,
    migrations: || migrations::EMBEDDED,
    migrate: migrations::migrate,
    is_behind: migrations::is_behind,
    check_writable,
    clock: |_| Ok(None),
    // Nothing limits it: there is one writer, which waits for no other.
    take_time: |_| Ok(()),
    // The write lock that the transaction begins with locks every case.
    lock_and_load: |connection, ids, _| connection.load(ids),
    lock_due,
    write,
};

/// SQLite has one writer at a time, so one connection writes and the others only read.
fn pools(engine: &Engine<SqliteConnection>, settings: &DatabaseSettings) -> Result<Pools<SqliteConnection>, DatabaseError> {
    let url = &settings.url;
    let file = url.strip_prefix("sqlite://").unwrap_or_default();
    // SQLite takes a name with the prefix `file:` for a URI, which can ask for memory instead of a file.
    if file.is_empty() || file.contains(":memory:") || file.starts_with("file:") {
        return Err(DatabaseError(format!("database.url is \"{url}\", but must be sqlite://FILE with the path of a file")));
    }
    Ok(Pools {
        writers: Connections::to(file, 1, "writing", engine.prepare),
        readers: Connections::to(file, settings.pool_size, "reading", engine.prepare),
        lanes: 1,
        file: Some(file.to_owned()),
        unreachable: format!("database.url is \"{url}\", but its folder must exist and the file must be writable"),
    })
}

fn check_writable(connection: &mut SqliteConnection) -> QueryResult<()> {
    connection.writing(|connection| connection.batch_execute("select 1 from cases limit 0"))
}

fn lock_due(connection: &mut SqliteConnection, now: DateTime<Utc>, limit: u32) -> QueryResult<Vec<String>> {
    let now = now.timestamp_micros();
    let free = reversals::lease_until.is_null().or(reversals::lease_until.le(now));
    let open = reversals::state.eq(ReversalStateName::Open.as_str());
    let due = reversals::table.filter(open.and(reversals::next_attempt_at.le(now)).and(free));
    let due = due.order(reversals::next_attempt_at).limit(i64::from(limit));
    due.select(reversals::payment_request_id).load(connection)
}

fn write(connection: &mut SqliteConnection, writes: &Writes) -> QueryResult<()> {
    write_rows(connection, &sql::WRITE_CASES, &writes.cases)?;
    write_rows(connection, &sql::WRITE_REFUNDS, &writes.refunds)?;
    write_rows(connection, &sql::WRITE_REVERSALS, &writes.reversals)?;
    write_rows(connection, &sql::INSERT_EVENTS, &writes.events)?;
    write_rows(connection, &sql::INSERT_ENTRIES, &writes.entries)
}

/// The rows are one JSON parameter, so that the statement's text is the same for every size of batch.
fn write_rows<R: TableRow + Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: &[R],
) -> QueryResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let json = serde_json::to_string(rows).map_err(|error| DieselError::SerializationError(error.into()))?;
    let written = SqlStatement::<_>::new(statement, vec![json.as_str()]).execute(connection)?;
    ensure_written(R::TABLE, rows.len(), written)
}
