//! Bringing a PostgreSQL schema up to date.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::engine::Engine;
use crate::migrations::{MigrationError, run_pending};

pub(super) const EMBEDDED: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// "rescind" as a number: a process that migrates holds this advisory lock, so that two do not migrate at once.
const LOCK: &str = "32199693608513124";

pub(super) fn migrate(engine: &Engine<PgConnection>, connection: &mut PgConnection) -> Result<Vec<String>, MigrationError> {
    // Migrations take the time they need, and so does waiting for another process's.
    let patient = "set statement_timeout = 0; set lock_timeout = 0; select pg_advisory_lock";
    connection.batch_execute(&format!("{patient}({LOCK})"))?;
    let applied = run_pending::<Pg, _>(connection, (engine.migrations)());
    let released = connection.batch_execute(&format!("select pg_advisory_unlock({LOCK}); {}", engine.prepare));
    let applied = applied?;
    released?;
    Ok(applied)
}

#[derive(QueryableByName)]
struct Tracked {
    #[diesel(sql_type = Bool)]
    tracked: bool,
}

#[derive(QueryableByName)]
struct Applied {
    #[diesel(sql_type = Text)]
    version: String,
}

/// diesel's own question makes a table first, and a role that serves need not have the right to.
pub(super) fn is_behind(engine: &Engine<PgConnection>, connection: &mut PgConnection) -> Result<bool, MigrationError> {
    let tracked = diesel::sql_query("select to_regclass('__diesel_schema_migrations') is not null as tracked");
    let Tracked { tracked } = tracked.get_result(connection)?;
    if !tracked {
        return Ok(true);
    }
    let applied = diesel::sql_query("select version::text as version from __diesel_schema_migrations");
    let applied: BTreeSet<_> = applied.load(connection)?.into_iter().map(|Applied { version }| version).collect();
    let wanted = MigrationSource::<Pg>::migrations(&(engine.migrations)())?;
    Ok(wanted.iter().any(|migration| !applied.contains(&migration.name().version().to_string())))
}
