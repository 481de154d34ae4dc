//! Bringing a schema up to date.

use diesel::backend::Backend;
use diesel::migration::MigrationSource;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

pub(crate) type MigrationError = Box<dyn std::error::Error + Send + Sync>;

/// Takes the migrations that are missing, and names them.
pub(crate) fn run_pending<B, C>(connection: &mut C, migrations: EmbeddedMigrations) -> Result<Vec<String>, MigrationError>
where
    B: Backend,
    C: MigrationHarness<B>,
    EmbeddedMigrations: MigrationSource<B>,
{
    let applied = connection.run_pending_migrations(migrations)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}
