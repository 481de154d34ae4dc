//! Indexes of full tables, made while others write.

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

use super::is_true;
use crate::migrations::{INDEXES, MigrationError, MigrationRun};

/// Makes what a migration needs. Meanwhile PostgreSQL waits for each transaction that began before, a backup's say; nobody waits behind
/// it. Where it dies, half an index is left, which helps nobody and is kept up to date all the same: the next run drops it first.
pub(super) fn make_missing(connection: &mut PgConnection, version: &str, run: &MigrationRun<'_>) -> Result<(), MigrationError> {
    for (_, name, on) in INDEXES.iter().filter(|(of, ..)| *of == version) {
        let is_whole = format!(
            "select coalesce((select indisvalid from pg_index where indexrelid = to_regclass('{name}')), false) as value"
        );
        if is_true(connection, &is_whole)? {
            continue;
        }
        (run.report)(&format!("making the index {name}"));
        connection.batch_execute(&format!("set lock_timeout = '{}ms'", run.patience.as_millis()))?;
        let made = connection
            .batch_execute(&format!("drop index concurrently if exists {name}"))
            .and_then(|()| connection.batch_execute(&format!("create index concurrently {name} on {on}")));
        if let Err(error) = made {
            let _ = connection.batch_execute(&format!("drop index concurrently if exists {name}"));
            return Err(format!("the index {name} is not made: {error}; `rescind migrate` goes on from here").into());
        }
        connection.batch_execute("set lock_timeout = 0")?;
    }
    Ok(())
}
