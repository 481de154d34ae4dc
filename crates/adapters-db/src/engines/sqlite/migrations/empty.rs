//! Takes away the tables of before the switch. Dropping a large table keeps the write lock for seconds, so its rows go first, in small steps.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sqlite::SqliteConnection;

use super::{number, run_steps};
use crate::migrations::{Every, MigrationRun};

/// Those that refer to others come first.
const TABLES: [&str; 5] = ["ledger_entries_before", "events_before", "reversals_before", "refunds_before", "cases_before"];

/// Rows of these tables are smaller than a case with all that belongs to it.
const ROWS: i64 = 4;

pub(super) fn drop_tables_of_before(connection: &mut SqliteConnection, run: &MigrationRun<'_>) -> QueryResult<()> {
    let mut every = Every::new(run);
    for table in TABLES {
        if !is_there(connection, table)? {
            continue;
        }
        run_steps(connection, |connection, size| {
            every.say(|| format!("the switch is done; {table} is being emptied"));
            empty_some(connection, table, size * ROWS)
        })?;
        connection.immediate_transaction(|connection| connection.batch_execute(&format!("drop table if exists {table}")))?;
    }
    Ok(())
}

/// Takes away at most so many rows of the table, and returns how many; none where another process dropped it.
fn empty_some(connection: &mut SqliteConnection, table: &str, size: i64) -> QueryResult<i64> {
    if !is_there(connection, table)? {
        return Ok(0);
    }
    let some = format!("delete from {table} where rowid in (select rowid from {table} limit {size})");
    diesel::sql_query(some).execute(connection).map(|gone| i64::try_from(gone).unwrap_or(1))
}

fn is_there(connection: &mut SqliteConnection, table: &str) -> QueryResult<bool> {
    number(connection, &format!("select count(*) as value from sqlite_master where name = '{table}'")).map(|found| found > 0)
}
