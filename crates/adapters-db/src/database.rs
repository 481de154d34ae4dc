//! A database from its settings: opened, migrated, and checked against the policy that it was last served with.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Policy;
use ports::{CancellationStore, EventFeed, SettlementStore};

use crate::adoption::adopt_policy;
use crate::backup::Backup;
use crate::deadline::Deadline;
use crate::deployment::{AdoptionRequest, DeploymentPolicy, DeploymentTable, check_policy};
use crate::engine::{AnyEngine, Engine, OpenDatabase, SqlConnection};
use crate::engines::ENGINES;
use crate::feed::SqlFeed;
use crate::migrations::{Migrated, MigrationRun};
use crate::pool::Pools;
use crate::runner::Runner;
use crate::settings::{DatabaseError, DatabaseSettings};
use crate::store::SqlStore;

/// The cases' database.
#[derive(Clone)]
pub struct Database(Arc<dyn OpenDatabase>);

impl Database {
    /// Chooses the engine by the URL's scheme; nothing is connected yet.
    ///
    /// # Errors
    /// [`DatabaseError`] for any other scheme: a guess could open a local file while the server is away.
    pub fn open(settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        Self::open_on(Runner::THREADS, settings)
    }

    /// The same, with its work done there.
    ///
    /// # Errors
    /// [`DatabaseError`] as for [`Self::open`].
    pub fn open_on(runner: Runner, settings: &DatabaseSettings) -> Result<Self, DatabaseError> {
        if settings.pool_size == 0 {
            return Err(DatabaseError("database.pool_size is 0, but must be at least 1".to_owned()));
        }
        let has_scheme = |engine: &&&dyn AnyEngine| engine.schemes().iter().any(|scheme| settings.url.starts_with(scheme));
        match ENGINES.iter().find(has_scheme) {
            Some(engine) => engine.open(settings, runner).map(Self),
            None => Err(unknown_scheme(&settings.url)),
        }
    }

    /// How many batches are worth committing at once.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.0.lanes()
    }

    /// Brings the schema up to date beside processes that serve it, and names the migrations that it took. What it did stays done when it
    /// is interrupted, and the next run goes on. Again is harmless, at once from two processes too.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be reached, a migration fails, or somebody keeps a lock for too long; that migration is
    /// rolled back.
    pub fn migrate(&self) -> Result<Vec<String>, DatabaseError> {
        self.migrate_with(&MigrationRun::quiet()).map(|migrated| migrated.applied)
    }

    /// The same, as far as `run` goes. Without its `finish`, a database that was ever served keeps what the version before needs.
    ///
    /// # Errors
    /// [`DatabaseError`] as for [`Self::migrate`].
    pub fn migrate_with(&self, run: &MigrationRun<'_>) -> Result<Migrated, DatabaseError> {
        self.0.migrate(run)
    }

    /// Copies the database, beside processes that serve it, to a file that is not there yet.
    ///
    /// # Errors
    /// [`DatabaseError`] where the file is there or cannot be written, or the engine has tools of its own.
    pub fn back_up(&self, out: &Path) -> Result<Backup, DatabaseError> {
        self.0.back_up(out)
    }

    /// Checks that there is a database with cases, whichever policy they were decided under.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be reached, is a standby, or is not migrated.
    pub fn check_migrated(&self) -> Result<(), DatabaseError> {
        self.0.ready(&|_| Ok(()))
    }

    /// Checks that cases may be decided here, and remembers the policy the first time.
    ///
    /// # Errors
    /// [`DatabaseError`] where the database cannot be reached, is a standby, is not migrated, or was last served with another policy.
    pub fn check_deployment(&self, policy: &DeploymentPolicy) -> Result<(), DatabaseError> {
        self.0.ready(&|connection| check_policy(connection, policy))
    }

    /// Accepts this policy from now on.
    ///
    /// # Errors
    /// [`DatabaseError`] as for [`Self::check_deployment`]. Also where funds or payments would change while reversals, deferred cancels or
    /// refunds depend on them, or payments can still be cancelled whose number the request does not accept.
    pub fn adopt(&self, policy: &DeploymentPolicy, request: &AdoptionRequest) -> Result<(), DatabaseError> {
        self.0.adopt(policy, request)
    }

    /// Says that the database was restored, or moved to another server: what comes next in its feed is another thing than it was, and
    /// cursors of before are refused. Gives the new generation. No process may serve the database meanwhile.
    ///
    /// # Errors
    /// [`DatabaseError`] as for [`Self::check_migrated`], and where it was never served.
    pub fn raise_feed_generation(&self) -> Result<u64, DatabaseError> {
        self.0.raise_feed_generation()
    }

    /// The feed of the cases' events.
    #[must_use]
    pub fn feed(&self) -> Arc<dyn EventFeed> {
        self.0.feed()
    }

    /// The cases as a store that decides under this policy.
    #[must_use]
    pub fn store(&self, policy: Policy) -> Arc<dyn CancellationStore> {
        self.0.cases(policy)
    }

    /// The days of the same cases, closed under this policy.
    #[must_use]
    pub fn settlements(&self, policy: Policy) -> Arc<dyn SettlementStore> {
        self.0.days(policy)
    }
}

/// A copy of the tables alone would come without the log, and with it what was answered since.
const OWN_TOOLS: &str = "database.url names a server, which has tools of its own for a backup: pg_basebackup with an archive of its log (docs/operate/backup.md)";

/// The URL may hold a password, so that no more than its scheme is shown.
fn unknown_scheme(url: &str) -> DatabaseError {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
    let found = scheme.map_or_else(|| "has no scheme".to_owned(), |scheme| format!("begins with {scheme}://"));
    let known: Vec<_> = ENGINES.iter().flat_map(|engine| engine.schemes()).copied().collect();
    DatabaseError(format!("database.url {found}, but must begin with {}", known.join(" or ")))
}

/// Whether the text has the form of a URL's scheme, by RFC 3986.
fn is_scheme(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(allowed)
}

/// How long a step of closing a day, or of adopting a policy, may take: longer than its statements may, together.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);

/// How many rows of the feed get another place in one commit.
const SETTLED_AT_ONCE: i64 = 5000;

/// A database with its engine.
struct Opened<C: SqlConnection> {
    engine: &'static Engine<C>,
    pools: Pools<C>,
}

impl<C: SqlConnection> AnyEngine for Engine<C> {
    fn schemes(&self) -> &'static [&'static str] {
        self.schemes
    }

    fn open(&'static self, settings: &DatabaseSettings, runner: Runner) -> Result<Arc<dyn OpenDatabase>, DatabaseError> {
        Ok(Arc::new(Opened { engine: self, pools: (self.pools)(self, settings)?.on(runner) }))
    }
}

impl<C: SqlConnection> Opened<C> {
    fn store(&self, policy: Policy, within: Duration) -> SqlStore<C> {
        let (writers, readers) = (self.pools.writers.patient(within), self.pools.readers.patient(within));
        SqlStore { engine: self.engine, policy: Arc::new(policy), writers, readers }
    }
}

impl<C: SqlConnection> OpenDatabase for Opened<C> {
    fn lanes(&self) -> usize {
        self.pools.lanes
    }

    fn migrate(&self, run: &MigrationRun<'_>) -> Result<Migrated, DatabaseError> {
        self.pools.file.iter().for_each(|file| file.make());
        (self.engine.migrate)(self.engine, &mut *self.pools.connect()?, run).map_err(DatabaseError::failed)
    }

    fn ready(&self, work: &dyn Fn(&mut dyn DeploymentTable) -> Result<(), DatabaseError>) -> Result<(), DatabaseError> {
        self.pools.file.as_ref().map_or(Ok(()), |file| file.refuse_missing())?;
        let mut connection = self.pools.connect()?;
        refuse_behind((self.engine.is_behind)(self.engine, &mut *connection).map_err(DatabaseError::failed)?)?;
        work(&mut *connection)
    }

    fn back_up(&self, out: &Path) -> Result<Backup, DatabaseError> {
        let back_up = self.engine.back_up.ok_or_else(|| DatabaseError(OWN_TOOLS.to_owned()))?;
        self.pools.file.as_ref().map_or(Ok(()), |file| file.refuse_missing())?;
        let connection = self.pools.readers.take(&Deadline::default());
        let mut connection = connection.map_err(|error| DatabaseError(format!("{}: {error}", self.pools.unreachable)))?;
        back_up(&mut *connection, out)
    }

    fn adopt(&self, policy: &DeploymentPolicy, request: &AdoptionRequest) -> Result<(), DatabaseError> {
        self.ready(&|_| Ok(()))?;
        adopt_policy(&self.store(request.policy.clone(), SETTLED_WITHIN), policy, request)
    }

    fn raise_feed_generation(&self) -> Result<u64, DatabaseError> {
        self.ready(&|_| Ok(()))?;
        let mut connection = self.pools.connect()?;
        // Readers are told only when every row has its place.
        while (self.engine.settle_feed)(&mut *connection, SETTLED_AT_ONCE).map_err(DatabaseError::failed)? > 0 {}
        let raised = connection.raise_feed_generation().map_err(DatabaseError::failed)?;
        raised.ok_or_else(|| DatabaseError("the database was never served, so that nobody has a cursor of it".to_owned()))
    }

    fn feed(&self) -> Arc<dyn EventFeed> {
        Arc::new(SqlFeed { engine: self.engine, readers: self.pools.readers.clone(), oldest: Mutex::new(None) })
    }

    fn cases(&self, policy: Policy) -> Arc<dyn CancellationStore> {
        Arc::new(self.store(policy, self.pools.writers.within))
    }

    fn days(&self, policy: Policy) -> Arc<dyn SettlementStore> {
        Arc::new(self.store(policy, SETTLED_WITHIN))
    }
}

fn refuse_behind(behind: bool) -> Result<(), DatabaseError> {
    if behind {
        return Err(DatabaseError("the database is not migrated: run `rescind migrate` first".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        let settings =
            DatabaseSettings { url: url.to_owned(), password: None, pool_size: 1, answer_budget: Duration::from_secs(6) };
        Database::open(&settings).err().expect(url).to_string()
    }

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
            assert!(refusal(url).starts_with("database.url"), "{url}");
            assert!(url.is_empty() || !std::path::Path::new(url).exists(), "{url}");
        }
    }

    #[test]
    fn a_refused_url_shows_its_scheme_and_no_more() {
        let shown = [
            ("mysql://a:secret@b/c", "begins with mysql://"),
            ("host=a password=secret", "has no scheme"),
            ("host=a password=secret://x", "has no scheme"),
        ];
        for (url, found) in shown {
            let sentence = refusal(url);
            assert!(
                sentence.starts_with(&format!("database.url {found}, but must begin with sqlite:// or postgres://")),
                "{sentence}"
            );
            assert!(!sentence.contains("secret"), "{sentence}");
        }
    }
}
