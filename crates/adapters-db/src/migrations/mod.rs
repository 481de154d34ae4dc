//! Bringing a schema up to date beside processes that serve it.
//!
//! Migrations are taken one by one. Between the one that makes the tables of the next version and the one that switches to them, the
//! cases are copied in small steps. What the version before still needs goes last, when an operator says that it is stopped.

pub(crate) mod copied;
mod pace;
mod progress;

use std::time::Duration;

use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::EmbeddedMigrations;

pub(crate) use pace::{Pace, jittered};
pub(crate) use progress::{Every, Progress};

pub(crate) type MigrationError = Box<dyn std::error::Error + Send + Sync>;

/// Switches to the copied tables: every case is copied before it.
pub(crate) const SWITCH: &str = "0004";

/// Indexes of full tables: the migration that needs it, its name, and what it is on. They are made beside processes that write, before the
/// migration, which makes those that are missing.
pub(crate) const INDEXES: [(&str, &str, &str); 1] = [(
    "0007",
    "events_for_feed",
    "events (xid) where more is not null or not (
        what in ('failed', 'refund-reserved', 'refund-succeeded', 'refund-failed', 'settled', 'settings-adopted')
        or (what = 'payment-recorded' and number = 1)
        or (what = 'succeeded' and number = 2)
    )",
)];

/// Takes away what the version before needs.
const FINISHING: [&str; 1] = ["0005"];

/// How far to migrate, and who hears what happens meanwhile.
#[derive(Clone, Copy)]
pub struct MigrationRun<'a> {
    /// Whether every process of the version before is stopped, so that what only it needs may go.
    pub finish: bool,
    /// For how long a migration tries to get its locks. Nothing is left behind when it gives up.
    pub patience: Duration,
    /// Hears each migration as it is applied, and a sentence about every ten seconds while something takes long.
    pub report: &'a dyn Fn(&str),
}

impl MigrationRun<'_> {
    /// A run that keeps what the version before needs, tries for five minutes to get a lock, and reports nothing.
    #[must_use]
    pub fn quiet() -> Self {
        Self { finish: false, patience: Duration::from_secs(300), report: &|_| () }
    }
}

/// What a run did, and what it left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Migrated {
    /// The migrations that this run took.
    pub applied: Vec<String>,
    /// Those that wait until every process of the version before is stopped.
    pub unfinished: Vec<String>,
}

/// Whether processes of this version serve without this migration.
pub(crate) fn is_finishing(version: &str) -> bool {
    FINISHING.contains(&version)
}

/// The versions that a process of this version needs.
pub(crate) fn versions_to_serve<B>(migrations: EmbeddedMigrations) -> Result<Vec<String>, MigrationError>
where
    B: diesel::backend::Backend,
    EmbeddedMigrations: MigrationSource<B>,
{
    let all = MigrationSource::<B>::migrations(&migrations)?;
    Ok(all.iter().map(version_of).filter(|version| !is_finishing(version)).collect())
}

pub(crate) fn version_of<B: diesel::backend::Backend>(migration: impl AsRef<dyn Migration<B>>) -> String {
    migration.as_ref().name().version().to_string()
}

/// What an engine does of a run.
pub(crate) trait Migrator {
    type Backend: diesel::backend::Backend;

    /// The migrations that are missing, in their order.
    fn pending(&mut self) -> Result<Vec<Box<dyn Migration<Self::Backend>>>, MigrationError>;

    /// Whether a process ever served the database.
    fn was_served(&mut self) -> Result<bool, MigrationError>;

    /// Copies the cases that are not copied yet.
    fn copy(&mut self, run: &MigrationRun<'_>) -> Result<(), MigrationError>;

    /// Makes the indexes that a migration needs and that are missing, while others write.
    fn make_indexes(&mut self, version: &str, run: &MigrationRun<'_>) -> Result<(), MigrationError>;

    /// Takes one migration; false where another process took it meanwhile.
    fn take(&mut self, migration: &dyn Migration<Self::Backend>, run: &MigrationRun<'_>) -> Result<bool, MigrationError>;

    /// Tidies up what a switch left behind.
    fn tidy(&mut self, run: &MigrationRun<'_>) -> Result<(), MigrationError>;
}

/// Takes the migrations that are missing, as far as the run goes.
pub(crate) fn migrate<M: Migrator>(migrator: &mut M, run: &MigrationRun<'_>) -> Result<Migrated, MigrationError> {
    let mut migrated = Migrated::default();
    loop {
        let pending = migrator.pending()?;
        // What only takes away waits, and holds up nothing that comes after it.
        let is_first = pending.first().is_some_and(|first| is_finishing(&version_of(first)));
        let waits = is_first && !run.finish && migrator.was_served()?;
        let next = pending.iter().find(|next| !(waits && is_finishing(&version_of(next))));
        let Some(next) = next else {
            migrated.unfinished = pending.iter().map(version_of).collect();
            break;
        };
        let version = version_of(next);
        if version == SWITCH {
            migrator.copy(run)?;
        }
        migrator.make_indexes(&version, run)?;
        if migrator.take(next.as_ref(), run)? {
            (run.report)(&format!("applied {version}"));
            migrated.applied.push(version);
        }
    }
    migrator.tidy(run)?;
    Ok(migrated)
}
