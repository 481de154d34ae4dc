//! Makes indexes of full tables, beside processes that write to them.

use diesel::connection::SimpleConnection;
use diesel::pg::PgConnection;

use super::{is_true, locks};
use crate::migrations::{INDEXES, MigrationError, MigrationRun};

/// Makes what is missing. PostgreSQL waits meanwhile for every transaction that began before, such as a backup's, and nobody waits
/// behind that wait.
pub(super) fn make_missing(connection: &mut PgConnection, run: &MigrationRun<'_>) -> Result<(), MigrationError> {
    connection.batch_execute(&format!("set lock_timeout = '{}ms'", run.patience.as_millis()))?;
    for (name, definition) in INDEXES {
        let made = format!(
            "select coalesce((select indisvalid from pg_index where indexrelid = to_regclass('{name}')), false) as value"
        );
        if is_true(connection, &made)? {
            continue;
        }
        (run.report)(&format!("making the index {name}"));
        // One that was broken off helps nobody, and is written to all the same.
        connection.batch_execute(&format!("drop index concurrently if exists {name}"))?;
        if let Err(error) = connection.batch_execute(&format!("create index concurrently {name} on {definition}")) {
            let holders = locks::oldest(connection)?;
            // What cannot be dropped now is dropped by the next run.
            let _ = connection.batch_execute(&format!("drop index concurrently if exists {name}"));
            let gave_up = format!("the index {name} is not made: {error}; the oldest transactions are those of {holders}");
            return Err(format!("{gave_up}: `rescind migrate` goes on from here").into());
        }
    }
    connection.batch_execute("set lock_timeout = 0")?;
    Ok(())
}
