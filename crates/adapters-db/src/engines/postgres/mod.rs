//! PostgreSQL: read committed, row locks in the order of ids.

mod migrations;
mod sql;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use diesel::data_types::PgTimestamp;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::engine::Engine;
use crate::pool::{Connections, Pools};
use crate::rows::{CaseRow, EntryRow, EventRow, LoadedRows, RefundRow, ReversalRow};
use crate::schema::cases;
use crate::settings::{DatabaseError, DatabaseSettings};
use crate::sql::{Cell, SqlStatement, TableRow};
use crate::tables::CaseTables;
use crate::writes::{Writes, ensure_written};

/// A server that any number of processes share.
pub(crate) const POSTGRES: Engine<PgConnection> = Engine {
    schemes: &["postgres://", "postgresql://"],
    pools,
    prepare: sql::PREPARE,
    migrations: || migrations::EMBEDDED,
    migrate: migrations::migrate,
    is_behind: migrations::is_behind,
    check_writable,
    clock,
    take_time,
    lock_and_load,
    lock_due,
    write,
};

/// What libpq would wait for without end. A server that vanishes in a failover says no goodbye: the kernel would try for a quarter of
/// an hour, and everything that waits for the connection with it.
const PATIENCE: &str = "connect_timeout=2&keepalives_idle=2&keepalives_interval=2&tcp_user_timeout=5000\
                        &fallback_application_name=rescind";

/// The URL with our patience and the password as parameters. Of two values libpq takes the last: the URL's own patience counts,
/// and not its password.
fn address(url: &str, password: Option<&str>) -> String {
    let (server, own) = url.split_once('?').map_or((url, String::new()), |(server, own)| (server, format!("&{own}")));
    let encode = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let password = password.map(|password| format!("&password={}", password.bytes().map(encode).collect::<String>()));
    format!("{server}?{PATIENCE}{own}{}", password.unwrap_or_default())
}

/// One pool for everything. Two batches are worth committing at once: one gathers while the other is written, and more of them would
/// only be smaller. The rest of a larger pool lets a batch that has to wait for a lock hold up fewer others.
fn pools(engine: &Engine<PgConnection>, settings: &DatabaseSettings) -> Result<Pools<PgConnection>, DatabaseError> {
    let DatabaseSettings { url, password, pool_size } = settings;
    let all = Connections::to(&address(url, password.as_deref()), *pool_size, "all", engine.prepare);
    Ok(Pools {
        writers: all.clone(),
        readers: all,
        lanes: usize::try_from(*pool_size).unwrap_or(1).div_ceil(4),
        file: None,
        unreachable: "the server of database.url cannot be used".to_owned(),
    })
}

fn check_writable(connection: &mut PgConnection) -> QueryResult<()> {
    // Locking is refused where writing is.
    connection.batch_execute("select 1 from cases limit 0 for update")
}

diesel::define_sql_function! {
    /// The server's clock, also within a transaction.
    fn clock_timestamp() -> Timestamptz;
}

/// Where PostgreSQL counts from.
const YEAR_2000: DateTime<Utc> = DateTime::from_timestamp_nanos(946_684_800_000_000_000);

fn clock(connection: &mut PgConnection) -> QueryResult<Option<DateTime<Utc>>> {
    let PgTimestamp(since_2000) = diesel::select(clock_timestamp()).get_result(connection)?;
    Ok(YEAR_2000.checked_add_signed(TimeDelta::microseconds(since_2000)))
}

fn take_time(connection: &mut PgConnection) -> QueryResult<()> {
    connection.batch_execute("set local statement_timeout = '60s'; set local lock_timeout = '10s'")
}

fn lock_and_load(connection: &mut PgConnection, ids: &[String], opening: &[String]) -> QueryResult<LoadedRows> {
    if !opening.is_empty() {
        SqlStatement::<_>::new(sql::INSERT_MISSING, vec![Cell::column(opening, |id| id)]).execute(connection)?;
    }
    // A statement of its own: together with the insert it would not see the rows that another transaction committed meanwhile.
    let named = cases::table.filter(cases::payment_request_id.eq_any(ids)).order(cases::payment_request_id);
    let locked = named.for_update().select(CaseRow::as_select()).load(connection)?;
    let mut rows = LoadedRows { cases: locked, ..LoadedRows::default() };
    connection.load_belongings(&mut rows)?;
    Ok(rows)
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Text)]
    payment_request_id: String,
}

fn lock_due(connection: &mut PgConnection, now: DateTime<Utc>, limit: u32) -> QueryResult<Vec<String>> {
    let due = diesel::sql_query(sql::LOCK_DUE).bind::<BigInt, _>(now.timestamp_micros()).bind::<BigInt, _>(i64::from(limit));
    Ok(due.load::<Id>(connection)?.into_iter().map(|row| row.payment_request_id).collect())
}

fn write(connection: &mut PgConnection, writes: &Writes) -> QueryResult<()> {
    let columns = [
        CaseRow::columns(&writes.cases),
        RefundRow::columns(&writes.refunds),
        ReversalRow::columns(&writes.reversals),
        EventRow::columns(&writes.events),
        EntryRow::columns(&writes.entries),
    ];
    let write = SqlStatement::<_, sql::WrittenTypes>::new(&sql::WRITE, columns.into_iter().flatten().collect());
    let (cases, refunds, reversals, events, entries): (i64, i64, i64, i64, i64) = write.get_result(connection)?;
    ensure_written(CaseRow::TABLE, writes.cases.len(), cases)?;
    ensure_written(RefundRow::TABLE, writes.refunds.len(), refunds)?;
    ensure_written(ReversalRow::TABLE, writes.reversals.len(), reversals)?;
    ensure_written(EventRow::TABLE, writes.events.len(), events)?;
    ensure_written(EntryRow::TABLE, writes.entries.len(), entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_and_a_patience_of_its_own_come_last() {
        let (plain, own) = ("postgres://a@b/c", "postgres://a@b/c?tcp_user_timeout=9");
        assert_eq!(address(plain, None), format!("{plain}?{PATIENCE}"));
        assert_eq!(address(plain, Some("p w/%&")), format!("{plain}?{PATIENCE}&password=p%20w%2F%25%26"));
        assert_eq!(address(own, Some("p")), format!("{plain}?{PATIENCE}&tcp_user_timeout=9&password=p"));
    }
}
