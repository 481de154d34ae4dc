//! A database from its settings: opened, migrated, and checked against what it was last served with.

use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use diesel::pg::PgConnection;
use diesel::sqlite::SqliteConnection;
use domain::Policy;
use ports::{CancellationStore, SettlementStore};

use crate::deployment::{DeploymentPolicy, DeploymentTable};
use crate::dialect::Dialect;
use crate::pool::{Connection, Connections};
use crate::store::SqlStore;
use crate::{migrations, postgres};

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
        file: String,
        writer: Connections<SqliteConnection>,
        readers: Connections<SqliteConnection>,
    },
}

/// A connection, or a sentence about the setting that does not lead to one.
fn connected<C: Dialect>(pool: &Connections<C>, sentence: impl FnOnce() -> String) -> Result<Connection<C>, DatabaseError> {
    pool.take().map_err(|error| DatabaseError(format!("{}: {error}", sentence())))
}

type ToServer = Connection<PgConnection>;

fn to_postgres(pool: &Connections<PgConnection>) -> Result<ToServer, DatabaseError> {
    connected(pool, || "database.url leads to no server that can be used".to_owned())
}

type ToFile = Connection<SqliteConnection>;

fn to_sqlite(pool: &Connections<SqliteConnection>, file: &str) -> Result<ToFile, DatabaseError> {
    let sentence = || format!("database.url is \"sqlite://{file}\", but its folder must exist and the file must be writable");
    connected(pool, sentence)
}

impl Database {
    /// Chooses the engine by the URL's scheme; nothing is connected yet.
    ///
    /// # Errors
    /// [`DatabaseError`] for any other scheme: a guess could open a local file while the server is away.
    pub fn open(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        let DatabaseSettings { url, password, pool_size } = settings;
        if *pool_size == 0 {
            return Err(DatabaseError("database.pool_size is 0, but must be at least 1".to_owned()));
        }
        if let Some(file) = url.strip_prefix("sqlite://") {
            // SQLite takes a name with this prefix for a URI, which can ask for memory instead of a file.
            if file.is_empty() || file.contains(":memory:") || file.starts_with("file:") {
                return Err(DatabaseError("database.url names no file; it would have to be sqlite://FILE".to_owned()));
            }
            let writer = Connections::to(file, 1, "writing");
            let readers = Connections::to(file, *pool_size, "reading");
            return Ok(Self(Engine::Sqlite { file: file.to_owned(), writer, readers }));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let address = postgres::address(url, password.as_deref());
            return Ok(Self(Engine::Postgres(Connections::to(&address, *pool_size, "all"))));
        }
        Err(DatabaseError("database.url must begin with sqlite:// or postgres://".to_owned()))
    }

    /// Whether it is a file of this machine, which nobody else migrates.
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        matches!(self.0, Engine::Sqlite { .. })
    }

    /// How many batches are worth committing at once. On PostgreSQL two are: one gathers while the other is written, and more of them
    /// would only be smaller. The rest of a larger pool lets a batch that has to wait for a lock hold up fewer others.
    #[must_use]
    pub fn lanes(&self) -> usize {
        match &self.0 {
            Engine::Postgres(pool) => usize::try_from(pool.max_size()).unwrap_or(1).div_ceil(4),
            Engine::Sqlite { .. } => 1,
        }
    }

    /// Brings the schema up to date and names the migrations that it took; again is harmless, at once from two processes too.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be reached or a migration fails; that one is rolled back.
    pub fn migrate(&self) -> Result<Vec<String>, DatabaseError> {
        match &self.0 {
            Engine::Postgres(pool) => migrations::migrate_postgres(&mut *to_postgres(pool)?).map_err(failed),
            Engine::Sqlite { file, writer, .. } => {
                make_private(file);
                migrations::migrate_sqlite(&mut *to_sqlite(writer, file)?).map_err(failed)
            }
        }
    }

    /// Checks that there is a database with cases, whatever terms they were decided under.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be reached, is a standby, or is not migrated.
    pub fn check_migrated(&self) -> Result<(), DatabaseError> {
        self.ready(|_| Ok(()))
    }

    /// Checks that cases may be decided here, and remembers the terms the first time.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be reached, is a standby, is not migrated, or was last served with other terms.
    pub fn check_deployment(&self, policy: &DeploymentPolicy) -> Result<(), DatabaseError> {
        self.ready(|connection| check_policy(connection, policy))
    }

    /// Accepts these terms from now on.
    ///
    /// # Errors
    /// [`DatabaseError`] as for [`Self::check_deployment`]; also where the money is to be elsewhere while some of it is still owed.
    pub fn adopt(&self, policy: &DeploymentPolicy) -> Result<(), DatabaseError> {
        self.ready(|connection| adopt_policy(connection, policy))
    }

    /// The cases as a store that decides under these terms.
    #[must_use]
    pub fn store(&self, policy: Policy) -> Arc<dyn CancellationStore> {
        match &self.0 {
            Engine::Postgres(pool) => Arc::new(SqlStore::new(policy, pool.clone(), pool.clone())),
            Engine::Sqlite { writer, readers, .. } => Arc::new(SqlStore::new(policy, writer.clone(), readers.clone())),
        }
    }

    /// The days of the same cases, closed under these terms.
    #[must_use]
    pub fn settlements(&self, policy: Policy) -> Arc<dyn SettlementStore> {
        match &self.0 {
            Engine::Postgres(pool) => Arc::new(SqlStore::new(policy, pool.clone(), pool.clone())),
            Engine::Sqlite { writer, readers, .. } => Arc::new(SqlStore::new(policy, writer.clone(), readers.clone())),
        }
    }

    /// Runs `work` on a connection to a database that is migrated and takes writes.
    fn ready(&self, work: impl FnOnce(&mut dyn DeploymentTable) -> Result<(), DatabaseError>) -> Result<(), DatabaseError> {
        match &self.0 {
            Engine::Postgres(pool) => {
                let mut connection = to_postgres(pool)?;
                refuse_behind(migrations::is_behind_postgres(&mut connection).map_err(failed)?)?;
                work(&mut *connection)
            }
            Engine::Sqlite { file, writer, .. } => {
                refuse_behind(is_missing(file))?;
                let mut connection = to_sqlite(writer, file)?;
                refuse_behind(migrations::is_behind_sqlite(&mut connection).map_err(failed)?)?;
                work(&mut *connection)
            }
        }
    }
}

/// Makes a new file that only its owner reads, before SQLite makes one that everybody does: accounts and balances stand in it.
/// Where that fails, SQLite says why.
fn make_private(file: &str) {
    let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
}

/// Whether there is no such file in its folder: asking SQLite would make it.
fn is_missing(file: &str) -> bool {
    let file = Path::new(file);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    !file.exists() && folder.is_none_or(Path::exists)
}

fn refuse_behind(behind: bool) -> Result<(), DatabaseError> {
    if behind {
        return Err(DatabaseError("the database is not migrated: run `rescind migrate` first".to_owned()));
    }
    Ok(())
}

fn check_policy(connection: &mut dyn DeploymentTable, policy: &DeploymentPolicy) -> Result<(), DatabaseError> {
    connection.remember_policy(policy, false).map_err(failed)?;
    match connection.recorded_policy().map_err(failed)? {
        Some(known) if known == *policy => Ok(()),
        known => {
            let known = known.map_or_else(|| "nothing".to_owned(), |known| known.to_string());
            Err(DatabaseError(format!(
                "the database was last served with {known}, and the settings say {policy}: either correct the settings, or accept \
                 them with `rescind config adopt`"
            )))
        }
    }
}

fn adopt_policy(connection: &mut dyn DeploymentTable, policy: &DeploymentPolicy) -> Result<(), DatabaseError> {
    let known = connection.recorded_policy().map_err(failed)?;
    let changes = |of: fn(&DeploymentPolicy) -> &String| known.as_ref().is_some_and(|known| of(known) != of(policy));
    let (funds, payments) = (changes(|policy| &policy.funds), changes(|policy| &policy.payments));
    if funds && connection.has_open_reversal().map_err(failed)? {
        return Err(DatabaseError(format!(
            "funds.kind cannot become {} while reversals are open or parked: finish or resolve them first",
            policy.funds
        )));
    }
    // Decided by other books than those it waits for, such a cancel would be a fence: S, and nothing given back.
    if (funds || payments) && connection.defers_cancels().map_err(failed)? {
        return Err(DatabaseError(
            "funds.kind and payments.kind cannot change while cancels are deferred: have them decided first".to_owned(),
        ));
    }
    connection.remember_policy(policy, true).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_scheme_is_refused_and_leaves_no_file() {
        for url in [
            "host=127.0.0.1 dbname=rescind",
            "mysql://a/b",
            "rescind.db",
            "",
            "sqlite://",
            "sqlite://:memory:",
            "sqlite://file:rescind.db?mode=memory",
        ] {
            let settings = DatabaseSettings { url: url.to_owned(), password: None, pool_size: 1 };
            assert!(Database::open(&settings).is_err(), "{url}");
            assert!(url.is_empty() || !std::path::Path::new(url).exists(), "{url}");
        }
    }
}
