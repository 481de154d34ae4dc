//! Bringing a SQLite schema up to date, beside a process that serves it.

mod copy;
mod empty;

use diesel::connection::SimpleConnection;
use diesel::migration::Migration;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::time::Duration;

use crate::engine::Engine;
use crate::migrations::{
    self, Migrated, MigrationError, MigrationRun, Migrator, Pace, SWITCH, is_finishing, version_of, versions_to_serve,
};

pub(super) const EMBEDDED: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// Dropping and renaming tables must not look for rows that refer to them: everything is kept, in tables of other names.
const PREPARE: &str = "pragma foreign_keys = off; pragma cache_size = -65536";

/// A step that a power failure takes back is done again, so that none waits for the disk while it holds the write lock.
const STEPPING: &str = "pragma synchronous = normal";
const DURABLE: &str = "pragma synchronous = full";

/// How long a step keeps the one write lock that there is.
const STEP: Duration = Duration::from_millis(40);

/// The pause after a step, in hundredths of it: a process that waits for the lock looks for it ten times a second.
const PAUSE_PERCENT: u32 = 125;

fn pace() -> Pace {
    Pace::new(STEP, PAUSE_PERCENT)
}

pub(super) fn migrate(
    engine: &Engine<SqliteConnection>,
    connection: &mut SqliteConnection,
    run: &MigrationRun<'_>,
) -> Result<Migrated, MigrationError> {
    connection.batch_execute(PREPARE)?;
    let migrated = migrations::migrate(&mut SqliteMigrator { engine, connection }, run);
    let restored = connection.batch_execute(engine.beginning.prepare);
    let migrated = migrated?;
    restored?;
    Ok(migrated)
}

pub(super) fn is_behind(engine: &Engine<SqliteConnection>, connection: &mut SqliteConnection) -> Result<bool, MigrationError> {
    let needed = versions_to_serve::<Sqlite>((engine.migrations)())?;
    let missing = connection.pending_migrations((engine.migrations)())?;
    Ok(missing.iter().any(|migration| needed.contains(&version_of(migration))))
}

struct SqliteMigrator<'a> {
    engine: &'a Engine<SqliteConnection>,
    connection: &'a mut SqliteConnection,
}

impl Migrator for SqliteMigrator<'_> {
    type Backend = Sqlite;

    /// The first look makes diesel's own table, for which two processes at once have to take turns.
    fn pending(&mut self) -> Result<Vec<Box<dyn Migration<Sqlite>>>, MigrationError> {
        let migrations = (self.engine.migrations)();
        self.connection.immediate_transaction(|connection| connection.pending_migrations(migrations))
    }

    fn was_served(&mut self) -> Result<bool, MigrationError> {
        Ok(number(self.connection, "select count(*) as value from served_terms")? > 0)
    }

    fn copy(&mut self, run: &MigrationRun<'_>) -> Result<(), MigrationError> {
        self.connection.batch_execute(STEPPING)?;
        copy::copy_all(self.connection, run)?;
        copy::give_buckets(self.connection, copy::NEXT)?;
        self.connection.batch_execute(DURABLE)?;
        Ok(())
    }

    /// A file is written by one process, and its migrations make what they need.
    fn make_indexes(&mut self, _version: &str, _run: &MigrationRun<'_>) -> Result<(), MigrationError> {
        Ok(())
    }

    fn take(&mut self, migration: &dyn Migration<Sqlite>, _run: &MigrationRun<'_>) -> Result<bool, MigrationError> {
        let version = migration.name().version().to_string();
        let migrations = (self.engine.migrations)();
        self.connection.immediate_transaction(|connection| {
            let pending = connection.pending_migrations(migrations)?;
            let is_missing = pending.iter().any(|missing| version_of(missing) == version);
            if is_missing {
                // Nobody writes any more until the end of this transaction: no row keeps the bucket of none.
                if version == SWITCH {
                    copy::give_rest_buckets(connection, copy::NEXT)?;
                } else if is_finishing(&version) {
                    copy::give_rest_buckets(connection, copy::SERVED)?;
                }
                connection.run_migration(migration)?;
            }
            Ok(is_missing)
        })
    }

    /// Empties the tables of before, and gives rows of the version before their buckets.
    fn tidy(&mut self, run: &MigrationRun<'_>) -> Result<(), MigrationError> {
        self.connection.batch_execute(STEPPING)?;
        empty::drop_tables_of_before(self.connection, run)?;
        copy::give_buckets(self.connection, copy::SERVED)?;
        self.connection.batch_execute(DURABLE)?;
        Ok(())
    }
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

fn number(connection: &mut SqliteConnection, query: &str) -> QueryResult<i64> {
    diesel::sql_query(query).get_result(connection).map(|Number { value }| value)
}

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Text)]
    value: String,
}

fn texts(rows: Vec<Named>) -> Vec<String> {
    rows.into_iter().map(|Named { value }| value).collect()
}

/// How often in a row a step may find the file busy, each time for as long as the busy timeout.
const RETRIES: u32 = 20;

/// Runs steps at a pace until one finds nothing to do. Each is a transaction that has the write lock from its beginning.
fn run_steps(
    connection: &mut SqliteConnection,
    mut step: impl FnMut(&mut SqliteConnection, i64) -> QueryResult<i64>,
) -> QueryResult<()> {
    let (mut pace, mut failures) = (pace(), 0);
    loop {
        match pace.step(|size| connection.immediate_transaction(|connection| step(connection, size))) {
            Ok(0) => return Ok(()),
            Ok(_) => failures = 0,
            Err(error) if failures < RETRIES && is_busy(&error) => failures += 1,
            Err(error) => return Err(error),
        }
    }
}

fn is_busy(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::Unknown, info) if info.message().contains("locked"))
}
