//! What an engine does in its own way.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel::r2d2::R2D2Connection;
use diesel_migrations::EmbeddedMigrations;
use domain::Policy;
use ports::{CancellationStore, EventFeed, FeedPosition, SettlementStore};

use crate::backup::Backup;
use crate::deployment::{AdoptionRequest, DeploymentPolicy, DeploymentTable};
use crate::migrations::{Migrated, MigrationError, MigrationRun};
use crate::pool::Pools;
use crate::rows::{CaseKey, LoadedRows};
use crate::runner::Runner;
use crate::session::{Beginning, SessionFacts, SessionNow};
use crate::settings::{DatabaseError, DatabaseSettings};
use crate::tables::{CaseTables, DayTables, DeferralTables};
use crate::transaction::Transactions;
use crate::window::FeedLook;
use crate::writes::Writes;

/// A connection that a store works on. What it does is the same for every engine behind it.
pub(crate) trait SqlConnection:
    R2D2Connection + Transactions + CaseTables + DayTables + DeferralTables + DeploymentTable + 'static
{
}

impl<C: R2D2Connection + Transactions + CaseTables + DayTables + DeferralTables + DeploymentTable + 'static> SqlConnection for C {}

/// An engine: its functions on one type of connection. It is a value and not a trait of the connection, so that several engines share
/// a type of connection, and one that differs from another in a few functions names only those: `Engine { write, ..POSTGRES }`.
pub(crate) struct Engine<C: SqlConnection> {
    /// What its URLs begin with.
    pub(crate) schemes: &'static [&'static str],
    /// Makes the pools of the database that the settings name. It connects to nothing yet.
    pub(crate) pools: fn(engine: &Self, settings: &DatabaseSettings) -> Result<Pools<C>, DatabaseError>,
    /// How its sessions begin.
    pub(crate) beginning: Beginning<C>,
    /// What the server says of the session now; `None` where the database is a file.
    pub(crate) session_now: fn(connection: &mut C) -> QueryResult<Option<SessionNow>>,
    pub(crate) migrations: fn() -> EmbeddedMigrations,
    /// Takes the migrations that are missing, as far as the run goes.
    pub(crate) migrate: fn(engine: &Self, connection: &mut C, run: &MigrationRun<'_>) -> Result<Migrated, MigrationError>,
    /// Whether a migration is missing that serving needs. Those of a later version may be there already.
    pub(crate) is_behind: fn(engine: &Self, connection: &mut C) -> Result<bool, MigrationError>,
    /// Writes in the transaction that goes on, as cases would be written, and leaves nothing of it. `was_full` where there was no room
    /// when it was last tried.
    pub(crate) check_writable: fn(connection: &mut C, was_full: bool) -> QueryResult<()>,
    /// The time by the engine's own clock; `None` where it has none but the process's.
    pub(crate) clock: fn(connection: &mut C) -> QueryResult<Option<DateTime<Utc>>>,
    /// Lets the transaction that has begun take more time than an answer to Alipay+ may, but not without end.
    pub(crate) take_time: fn(connection: &mut C) -> QueryResult<()>,
    /// Locks the cases of `keys`, which are sorted by id, and loads them as they are under the lock. A case of `opening` is there
    /// afterwards, and locked, even if nothing was known of it.
    pub(crate) lock_and_load: fn(connection: &mut C, keys: &[CaseKey<'_>], opening: &[CaseKey<'_>]) -> QueryResult<Locked>,
    /// Locks at most `limit` cases whose reversal is due in this window and leased to nobody, the earliest due first. It passes over
    /// those that somebody else has locked.
    pub(crate) lock_due: fn(connection: &mut C, window: &DueWindow, limit: u32) -> QueryResult<Vec<String>>,
    /// Locks at most `limit` cases of which such a lookup is due by then, the earliest due first. It passes over those that somebody else
    /// has locked.
    pub(crate) lock_lookups: LockLookups<C>,
    /// What can be told of the feed from a place on: about `limit` rows of timelines, of one state of the database.
    pub(crate) look_at_feed: LookAtFeed<C>,
    /// The oldest transaction that may still write something which is told before what others have committed; `None` where none is open.
    pub(crate) oldest_writer: fn(connection: &mut C) -> QueryResult<Option<u64>>,
    /// Gives at most so many rows that another server wrote a place that this one has come to, and says how many.
    pub(crate) settle_feed: fn(connection: &mut C, limit: i64) -> QueryResult<usize>,
    /// Writes what a batch decided.
    pub(crate) write: fn(connection: &mut C, writes: &Writes<'_>) -> QueryResult<()>,
    /// Copies the database to a new file, beside processes that serve it; `None` where the engine's own tools are for that.
    pub(crate) back_up: Option<BackUp<C>>,
}

/// Locks cases of which a lookup is wanted by then.
pub(crate) type LockLookups<C> =
    fn(connection: &mut C, wanted: Lookups, at: DateTime<Utc>, limit: u32) -> QueryResult<Vec<String>>;
/// Looks at the feed from a place on.
pub(crate) type LookAtFeed<C> = fn(connection: &mut C, from: Option<&FeedPosition>, limit: u32) -> QueryResult<FeedLook>;
/// Copies a database to a file that is not there yet.
pub(crate) type BackUp<C> = fn(connection: &mut C, out: &Path) -> Result<Backup, DatabaseError>;

/// Which reversals are looked for by the time of their next attempt, in microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DueWindow {
    /// The attempt is later than that.
    pub(crate) after: i64,
    /// And not later than that.
    pub(crate) until: i64,
    /// A lease that ended by then is over.
    pub(crate) lease_ended: i64,
    /// And so is one that ends later than that: the clock that it was taken by has been set back.
    pub(crate) lease_impossible: i64,
}

/// Which lookups that deferred cancels wait for are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lookups {
    /// Those that are due at the moment.
    Due,
    /// Those that are due later.
    Later,
}

/// Cases under their locks.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) rows: LoadedRows,
    /// The time by the engine's own clock, once all locks were held. `None` where it has none but the process's, and where it holds no
    /// lock because no case is there.
    pub(crate) now: Option<DateTime<Utc>>,
    /// What the server says of the session. `None` as for the time.
    pub(crate) session: Option<SessionNow>,
}

impl<C: SqlConnection> Engine<C> {
    /// Locks and loads the cases of `keys`, where the session is still the one that was begun.
    pub(crate) fn lock_and_load(
        &self,
        connection: &mut C,
        session: &mut SessionFacts<C>,
        (keys, opening): (&[CaseKey<'_>], &[CaseKey<'_>]),
    ) -> QueryResult<Locked> {
        let locked = (self.lock_and_load)(connection, keys, opening)?;
        session.check(locked.session.as_ref())?;
        Ok(locked)
    }

    /// Writes what a batch decided, if it decided anything new.
    pub(crate) fn record(&self, connection: &mut C, writes: &Writes<'_>) -> QueryResult<()> {
        if writes.cases.is_empty() { Ok(()) } else { (self.write)(connection, writes) }
    }
}

/// An engine of any type of connection.
pub(crate) trait AnyEngine {
    fn schemes(&self) -> &'static [&'static str];

    fn open(&'static self, settings: &DatabaseSettings, runner: Runner) -> Result<Arc<dyn OpenDatabase>, DatabaseError>;
}

/// A database of any engine, as [`crate::Database`] documents it.
pub(crate) trait OpenDatabase: Send + Sync {
    fn lanes(&self) -> usize;

    fn migrate(&self, run: &MigrationRun<'_>) -> Result<Migrated, DatabaseError>;

    /// Runs `work` on a connection to a database that is migrated and takes writes.
    fn ready(&self, work: &dyn Fn(&mut dyn DeploymentTable) -> Result<(), DatabaseError>) -> Result<(), DatabaseError>;

    fn back_up(&self, out: &Path) -> Result<Backup, DatabaseError>;

    fn adopt(&self, policy: &DeploymentPolicy, request: &AdoptionRequest) -> Result<(), DatabaseError>;

    fn raise_feed_generation(&self) -> Result<u64, DatabaseError>;

    fn feed(&self) -> Arc<dyn EventFeed>;

    fn cases(&self, policy: Policy) -> Arc<dyn CancellationStore>;

    fn days(&self, policy: Policy) -> Arc<dyn SettlementStore>;
}
