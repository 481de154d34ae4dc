//! The locks of a migration: taken in a moment or not at all, so that no answer waits behind one.

use std::thread::sleep;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use super::is_true;
use crate::migrations::{Every, MigrationError, MigrationRun, jittered};
use crate::runner::Runner;

/// "rescind" as a number: a process that migrates holds this advisory lock, so that two do not migrate at once.
const TRY: &str = "select pg_try_advisory_lock(32199693608513124) as value";
pub(super) const UNLOCK: &str = "select pg_advisory_unlock(32199693608513124)";
const HOLDER: &str = "
    select concat('process ', pid, coalesce(' (' || nullif(application_name, '') || ')', '')) as value
    from pg_locks join pg_stat_activity using (pid)
    where locktype = 'advisory' and granted and objsubid = 1
        and (classid::bigint << 32) + objid::bigint = 32199693608513124
";

/// Waits until no other process migrates. It asks again and again instead of queueing: what is killed while it sleeps leaves nothing.
pub(super) fn wait_for_others(connection: &mut PgConnection, run: &MigrationRun<'_>) -> Result<(), MigrationError> {
    let (begun, mut every) = (Runner::THREADS.instant(), Every::new(run));
    while !is_true(connection, TRY)? {
        let holder = texts(connection, HOLDER)?.join(", ");
        every.say(|| format!("waiting for another `rescind migrate`: {holder}"));
        sleep(jittered(Duration::from_millis(500), Runner::THREADS.since(begun)));
    }
    Ok(())
}

const TABLES: &str = "cases, refunds, reversals, events, ledger_entries";

/// A table lock that a migration needs.
struct TableLock {
    tables: String,
    mode: &'static str,
    /// The modes of others that it does not wait for.
    beside: &'static str,
}

/// The locks of a migration, and `None` where it needs none of others' tables.
fn lock_of(version: &str) -> Option<TableLock> {
    let exclusive = |tables: String| TableLock { tables, mode: "access exclusive", beside: "''" };
    match version {
        // Nothing but tables of its own, and an index that is there already, or is of a table that nobody writes to yet.
        "0001" | "0007" => None,
        "0002" => Some(exclusive("cases, refunds".to_owned())),
        // A trigger is made while others read.
        "0003" => Some(TableLock {
            tables: TABLES.to_owned(),
            mode: "share row exclusive",
            beside: "'AccessShareLock', 'RowShareLock'",
        }),
        "0004" => Some(exclusive(format!("{TABLES}, served_terms"))),
        _ => Some(exclusive(TABLES.to_owned())),
    }
}

/// Takes the migration's locks for this transaction, or says within a moment that it cannot.
///
/// The first lock only keeps off vacuum, which a waiting lock is not worth stopping in half a second. Nobody waits behind the first
/// lock, and PostgreSQL ends an automatic vacuum that is in its way for a second.
pub(super) fn try_lock(connection: &mut PgConnection, version: &str) -> QueryResult<bool> {
    let Some(TableLock { tables, mode, .. }) = lock_of(version) else { return Ok(true) };
    connection.batch_execute(&format!(
        "set local lock_timeout = '3s';
         do $$ begin
             lock table {tables} in share update exclusive mode;
             set local lock_timeout = '500ms';
             lock table {tables} in {mode} mode;
             perform set_config('rescind.locked', 'yes', true);
         exception when lock_not_available or deadlock_detected then
             perform set_config('rescind.locked', 'no', true);
         end $$"
    ))?;
    is_true(connection, "select current_setting('rescind.locked') = 'yes' as value")
}

/// Who holds what the migration waits for, the oldest transaction first.
pub(super) fn holders(connection: &mut PgConnection, version: &str) -> QueryResult<String> {
    let Some(TableLock { tables, beside, .. }) = lock_of(version) else { return Ok("nobody".to_owned()) };
    let tables = tables.split(", ").map(|table| format!("'{table}'::regclass")).collect::<Vec<_>>().join(", ");
    let holders = texts(
        connection,
        &format!(
            "select concat('process ', pid, ' (', coalesce(nullif(application_name, ''), backend_type),
                 ', for ' || extract(epoch from clock_timestamp() - xact_start)::bigint || ' s', ')') as value
             from pg_stat_activity where pid <> pg_backend_pid() and pid in (
                 select pid from pg_locks where granted and relation in ({tables}) and mode not in ({beside})
                     and database = (select oid from pg_database where datname = current_database())
             ) order by xact_start limit 3"
        ),
    )?;
    Ok(if holders.is_empty() { "processes that come and go".to_owned() } else { holders.join(", ") })
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    value: String,
}

fn texts(connection: &mut PgConnection, query: &str) -> QueryResult<Vec<String>> {
    let found: Vec<Named> = diesel::sql_query(query).load(connection)?;
    Ok(found.into_iter().map(|Named { value }| value).collect())
}
