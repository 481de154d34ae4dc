//! A database from its settings: opened, migrated, and checked against what it was last served with.

use std::fmt;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use domain::Terms;
use ports::CancellationStore;

use crate::pool::{Connections, connect, take};
use crate::served::{Served, ServedTerms};
use crate::store::SqlStore;
use crate::{postgres, sqlite};

const POSTGRES_MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");
const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");

/// "rescind" as a number: whoever migrates holds this advisory lock, so that two processes do not migrate at once.
const MIGRATION_LOCK: &str = "32199693608513124";

/// Where the cases are kept.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `sqlite://FILE` or `postgres://…`
    pub url: String,
    /// The password for PostgreSQL, where it does not stand in `url`.
    pub password: Option<String>,
    /// How many connections at most.
    pub pool_size: u32,
}

/// Why a database cannot be used; one sentence, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseError(String);

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DatabaseError {}

fn failed(error: impl fmt::Display) -> DatabaseError {
    DatabaseError(format!("the database failed: {error}"))
}

/// The cases' database.
#[derive(Clone)]
pub struct Database(Engine);

#[derive(Clone)]
enum Engine {
    Postgres(Connections<PgConnection>),
    /// SQLite has one writer at a time, so one connection writes and the others only look.
    Sqlite {
        writer: Connections<SqliteConnection>,
        readers: Connections<SqliteConnection>,
    },
}

impl Database {
    /// Chooses the engine by the URL's scheme; nothing is connected yet.
    ///
    /// # Errors
    /// [`DatabaseError`] for any other scheme: a guess could open a local file while the server is away.
    pub fn open(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        let DatabaseSettings { url, password, pool_size } = settings;
        if let Some(file) = url.strip_prefix("sqlite://") {
            if file.is_empty() || file.contains(":memory:") {
                return Err(DatabaseError("database.url names no file; it would have to be sqlite://FILE".to_owned()));
            }
            let writer = connect(file, 1, sqlite::PREPARE);
            return Ok(Self(Engine::Sqlite { writer, readers: connect(file, *pool_size, sqlite::PREPARE) }));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let url = password.as_ref().map_or_else(|| url.clone(), |password| with_password(url, password));
            return Ok(Self(Engine::Postgres(connect(&url, *pool_size, postgres::PREPARE))));
        }
        Err(DatabaseError("database.url must begin with sqlite:// or postgres://".to_owned()))
    }

    /// Whether it is a file of this machine, which nobody else migrates.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self.0, Engine::Sqlite { .. })
    }

    /// How many batches it can commit at once.
    #[must_use]
    pub fn lanes(&self) -> usize {
        match &self.0 {
            Engine::Postgres(pool) => usize::try_from(pool.max_size()).unwrap_or(1).div_ceil(2),
            Engine::Sqlite { .. } => 1,
        }
    }

    /// Brings the schema up to date and names the migrations that it took; again is harmless, at once from two processes too.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be reached or a migration fails; that one is rolled back.
    pub fn migrate(&self) -> Result<Vec<String>, DatabaseError> {
        match &self.0 {
            Engine::Postgres(pool) => {
                let mut connection = take(pool).map_err(failed)?;
                refuse_standby(&mut connection)?;
                // Migrations take the time they need, and so does waiting for another process's.
                let patient = "set statement_timeout = 0; set lock_timeout = 0; select pg_advisory_lock";
                connection.batch_execute(&format!("{patient}({MIGRATION_LOCK})")).map_err(failed)?;
                let applied = migrate_all::<Pg, _>(&mut *connection, POSTGRES_MIGRATIONS);
                let release = format!("select pg_advisory_unlock({MIGRATION_LOCK}); {}", postgres::PREPARE);
                connection.batch_execute(&release).map_err(failed)?;
                applied.map_err(failed)
            }
            Engine::Sqlite { writer, .. } => {
                let mut connection = take(writer).map_err(failed)?;
                let migrate = |connection: &mut SqliteConnection| migrate_all::<Sqlite, _>(connection, SQLITE_MIGRATIONS);
                connection.immediate_transaction(migrate).map_err(failed)
            }
        }
    }

    /// Checks that cases may be decided here, and remembers the terms the first time.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be reached, is a standby, is not migrated, or was last served with other terms.
    pub fn check_served(&self, terms: &ServedTerms) -> Result<(), DatabaseError> {
        self.ready(|connection| check_terms(connection, terms))
    }

    /// Accepts these terms from now on.
    ///
    /// # Errors
    /// [`DatabaseError`] as for [`Self::check_served`]; also where the money is to be elsewhere while some of it is still owed.
    pub fn adopt(&self, terms: &ServedTerms) -> Result<(), DatabaseError> {
        self.ready(|connection| adopt_terms(connection, terms))
    }

    /// The cases as a store that decides under these terms.
    #[must_use]
    pub fn store(&self, terms: Terms) -> Arc<dyn CancellationStore> {
        match &self.0 {
            Engine::Postgres(pool) => Arc::new(SqlStore::new(terms, pool.clone(), pool.clone())),
            Engine::Sqlite { writer, readers } => Arc::new(SqlStore::new(terms, writer.clone(), readers.clone())),
        }
    }

    /// Runs `work` on a connection to a database that is migrated and takes writes.
    fn ready(&self, work: impl FnOnce(&mut dyn Served) -> Result<(), DatabaseError>) -> Result<(), DatabaseError> {
        match &self.0 {
            Engine::Postgres(pool) => {
                let mut connection = take(pool).map_err(failed)?;
                refuse_standby(&mut connection)?;
                refuse_unmigrated::<Pg, _>(&mut *connection, POSTGRES_MIGRATIONS)?;
                work(&mut *connection)
            }
            Engine::Sqlite { writer, .. } => {
                let mut connection = take(writer).map_err(failed)?;
                refuse_unmigrated::<Sqlite, _>(&mut *connection, SQLITE_MIGRATIONS)?;
                work(&mut *connection)
            }
        }
    }
}

fn check_terms(connection: &mut dyn Served, terms: &ServedTerms) -> Result<(), DatabaseError> {
    connection.remember_terms(terms, false).map_err(failed)?;
    match connection.served_terms().map_err(failed)? {
        Some(known) if known == *terms => Ok(()),
        known => {
            let known = known.map_or_else(|| "nothing".to_owned(), |known| known.to_string());
            Err(DatabaseError(format!(
                "the database was last served with {known}, and the settings say {terms}: either correct the settings, or accept \
                 them with `rescind config adopt`"
            )))
        }
    }
}

fn adopt_terms(connection: &mut dyn Served, terms: &ServedTerms) -> Result<(), DatabaseError> {
    let moves = connection.served_terms().map_err(failed)?.is_some_and(|known| known.funds != terms.funds);
    if moves && connection.owes_money().map_err(failed)? {
        return Err(DatabaseError(format!(
            "funds.kind cannot become {} while reversals are open or parked: finish or resolve them first",
            terms.funds
        )));
    }
    connection.remember_terms(terms, true).map_err(failed)
}

#[derive(QueryableByName)]
struct Recovery {
    #[diesel(sql_type = diesel::sql_types::Bool)]
    standby: bool,
}

/// A standby answers from the past and cannot record anything.
fn refuse_standby(connection: &mut PgConnection) -> Result<(), DatabaseError> {
    let Recovery { standby } =
        diesel::sql_query("select pg_is_in_recovery() as standby").get_result(connection).map_err(failed)?;
    if standby {
        return Err(DatabaseError("the database is in recovery: database.url would have to name the primary".to_owned()));
    }
    Ok(())
}

type MigrationFailed = Box<dyn std::error::Error + Send + Sync>;

fn migrate_all<B, C>(connection: &mut C, migrations: EmbeddedMigrations) -> Result<Vec<String>, MigrationFailed>
where
    B: diesel::backend::Backend,
    C: MigrationHarness<B>,
    EmbeddedMigrations: MigrationSource<B>,
{
    let applied = connection.run_pending_migrations(migrations)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

fn refuse_unmigrated<B, C>(connection: &mut C, migrations: EmbeddedMigrations) -> Result<(), DatabaseError>
where
    B: diesel::backend::Backend,
    C: MigrationHarness<B>,
    EmbeddedMigrations: MigrationSource<B>,
{
    if connection.has_pending_migration(migrations).map_err(failed)? {
        return Err(DatabaseError("the database is not migrated: run `rescind migrate` first".to_owned()));
    }
    Ok(())
}

/// The URL with a password as a parameter, which libpq prefers over none.
fn with_password(url: &str, password: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    let encode = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    format!("{url}{joint}password={}", password.bytes().map(encode).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_a_parameter_of_the_url() {
        assert_eq!(with_password("postgres://a@b/c", "p w/%&"), "postgres://a@b/c?password=p%20w%2F%25%26");
        assert_eq!(with_password("postgres://a@b/c?x=1", "p"), "postgres://a@b/c?x=1&password=p");
    }

    #[test]
    fn an_unknown_scheme_is_refused_and_leaves_no_file() {
        for url in ["host=127.0.0.1 dbname=rescind", "mysql://a/b", "rescind.db", "", "sqlite://", "sqlite://:memory:"] {
            let settings = DatabaseSettings { url: url.to_owned(), password: None, pool_size: 1 };
            assert!(Database::open(&settings).is_err(), "{url}");
            assert!(url.is_empty() || !std::path::Path::new(url).exists(), "{url}");
        }
    }
}
