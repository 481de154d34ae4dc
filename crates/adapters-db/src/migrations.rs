//! Bringing a schema up to date, and telling whether it is.

use std::collections::BTreeSet;

use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::postgres;

const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// "rescind" as a number: whoever migrates holds this advisory lock, so that two processes do not migrate at once.
const LOCK: &str = "32199693608513124";

type MigrationError = Box<dyn std::error::Error + Send + Sync>;

fn migrate<B, C>(connection: &mut C, migrations: EmbeddedMigrations) -> Result<Vec<String>, MigrationError>
where
    B: Backend,
    C: MigrationHarness<B>,
    EmbeddedMigrations: MigrationSource<B>,
{
    let applied = connection.run_pending_migrations(migrations)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// Takes every migration that is missing, and names them.
pub(crate) fn migrate_postgres(connection: &mut PgConnection) -> Result<Vec<String>, MigrationError> {
    // Migrations take the time they need, and so does waiting for another process's.
    let patient = "set statement_timeout = 0; set lock_timeout = 0; select pg_advisory_lock";
    connection.batch_execute(&format!("{patient}({LOCK})"))?;
    let applied = migrate::<Pg, _>(connection, POSTGRES);
    let released = connection.batch_execute(&format!("select pg_advisory_unlock({LOCK}); {}", postgres::PREPARE));
    let applied = applied?;
    released?;
    Ok(applied)
}

/// Takes every migration that is missing, and names them.
pub(crate) fn migrate_sqlite(connection: &mut SqliteConnection) -> Result<Vec<String>, MigrationError> {
    connection.immediate_transaction(|connection| migrate::<Sqlite, _>(connection, SQLITE))
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

/// Whether a migration is missing. A later version's migrations may be there already. diesel's own question makes a table first,
/// and a role that serves need not have the right to.
pub(crate) fn is_behind_postgres(connection: &mut PgConnection) -> Result<bool, MigrationError> {
    let tracked = diesel::sql_query("select to_regclass('__diesel_schema_migrations') is not null as tracked");
    let Tracked { tracked } = tracked.get_result(connection)?;
    if !tracked {
        return Ok(true);
    }
    let applied = diesel::sql_query("select version::text as version from __diesel_schema_migrations");
    let applied: BTreeSet<_> = applied.load(connection)?.into_iter().map(|Applied { version }| version).collect();
    let wanted = MigrationSource::<Pg>::migrations(&POSTGRES)?;
    Ok(wanted.iter().any(|migration| !applied.contains(&migration.name().version().to_string())))
}

/// Whether a migration is missing.
pub(crate) fn is_behind_sqlite(connection: &mut SqliteConnection) -> Result<bool, MigrationError> {
    connection.has_pending_migration(SQLITE)
}
