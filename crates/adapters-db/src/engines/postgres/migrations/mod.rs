//! Bringing a PostgreSQL schema up to date, beside processes that serve it.

mod copy;
mod indexes;
mod locks;

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::migration::Migration;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::engine::Engine;
use crate::migrations::{self, Every, Migrated, MigrationError, MigrationRun, Migrator, SWITCH, jittered, versions_to_serve};
use crate::runner::Runner;

pub(super) const EMBEDDED: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// What a migrating connection is set to instead. A statement takes the time it needs. Where the client is killed, the server notices within
/// a second and ends what the client asked for; it is a setting of Linux's servers since version 14, and elsewhere the lock timeouts do it.
const PREPARE: &str = "
    do $$ begin
        perform set_config('client_connection_check_interval', '1s', false);
    exception when others then
        null;
    end $$;
    set statement_timeout = 0;
    set idle_in_transaction_session_timeout = 0;
";

pub(super) fn migrate(
    engine: &Engine<PgConnection>,
    connection: &mut PgConnection,
    run: &MigrationRun<'_>,
) -> Result<Migrated, MigrationError> {
    connection.batch_execute(PREPARE)?;
    locks::wait_for_others(connection, run)?;
    let migrated = migrations::migrate(&mut PostgresMigrator { engine, connection }, run);
    let released = connection.batch_execute(&format!("{}; {}", locks::UNLOCK, engine.beginning.prepare));
    let migrated = migrated?;
    released?;
    Ok(migrated)
}

struct PostgresMigrator<'a> {
    engine: &'a Engine<PgConnection>,
    connection: &'a mut PgConnection,
}

#[derive(QueryableByName)]
struct Truth {
    #[diesel(sql_type = Bool)]
    value: bool,
}

fn is_true(connection: &mut PgConnection, query: &str) -> QueryResult<bool> {
    diesel::sql_query(query).get_result(connection).map(|Truth { value }| value)
}

impl Migrator for PostgresMigrator<'_> {
    type Backend = Pg;

    fn pending(&mut self) -> Result<Vec<Box<dyn Migration<Pg>>>, MigrationError> {
        self.connection.pending_migrations((self.engine.migrations)())
    }

    fn was_served(&mut self) -> Result<bool, MigrationError> {
        Ok(is_true(self.connection, "select exists(select 1 from served_terms) as value")?)
    }

    fn copy(&mut self, run: &MigrationRun<'_>) -> Result<(), MigrationError> {
        copy::copy_rest(self.connection, run)?;
        copy::analyze(self.connection)?;
        copy::copy_rest(self.connection, run)
    }

    fn make_indexes(&mut self, version: &str, run: &MigrationRun<'_>) -> Result<(), MigrationError> {
        indexes::make_missing(self.connection, version, run)
    }

    /// Tries again and again with a short timeout, because everybody who comes after a waiting lock waits behind it.
    fn take(&mut self, migration: &dyn Migration<Pg>, run: &MigrationRun<'_>) -> Result<bool, MigrationError> {
        let version = migration.name().version().to_string();
        let (begun, mut every) = (Runner::THREADS.instant(), Every::new(run));
        while !self.try_to_take(migration, &version)? {
            let waits =
                format!("migration {version} waits for a lock that is held by {}", locks::holders(self.connection, &version)?);
            if Runner::THREADS.since(begun) > run.patience {
                return Err(format!("{waits}: it gave up, and `rescind migrate` goes on from here").into());
            }
            every.say(|| waits);
            sleep(jittered(Duration::from_secs(1), Runner::THREADS.since(begun)));
            if version == SWITCH {
                copy::copy_rest(self.connection, run)?;
            }
        }
        Ok(true)
    }

    fn tidy(&mut self, _run: &MigrationRun<'_>) -> Result<(), MigrationError> {
        Ok(())
    }
}

impl PostgresMigrator<'_> {
    fn try_to_take(&mut self, migration: &dyn Migration<Pg>, version: &str) -> Result<bool, MigrationError> {
        self.connection.transaction(|connection| {
            let locked = locks::try_lock(connection, version)?;
            if locked {
                connection.run_migration(migration)?;
            }
            Ok(locked)
        })
    }
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// diesel's own question makes a table first, and a role that serves need not have the right to.
pub(super) fn is_behind(engine: &Engine<PgConnection>, connection: &mut PgConnection) -> Result<bool, MigrationError> {
    if !is_true(connection, "select to_regclass('__diesel_schema_migrations') is not null as value")? {
        return Ok(true);
    }
    let applied = diesel::sql_query("select version::text as version from __diesel_schema_migrations");
    let applied: BTreeSet<_> = applied.load(connection)?.into_iter().map(|Applied { version }| version).collect();
    Ok(versions_to_serve::<Pg>((engine.migrations)())?.iter().any(|version| !applied.contains(version)))
}
