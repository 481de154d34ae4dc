//! Where a deployment keeps its cases: in memory, or in a file of SQLite's that is thrown away with it.

use std::sync::Arc;

use adapters_db::{Database, DatabaseSettings, Runner};
use domain::Policy;
use ports::testing::MemoryStore;
use ports::{CancellationStore, SettlementStore};

use crate::terms::StoreKind;
use crate::time::timer_now;

/// A place for cases.
pub(crate) enum Storage {
    Memory(MemoryStore),
    Sqlite {
        database: Database,
        /// Ends with the deployment.
        _folder: tempfile::TempDir,
    },
}

/// In memory where the machine has such a folder: no power fails here, and a disk would only make the same run slower.
fn make_folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

impl Storage {
    /// A new and empty one.
    ///
    /// # Errors
    /// A sentence about what the machine did not do.
    pub(crate) fn create(kind: StoreKind, policy: &Policy) -> Result<Self, String> {
        match kind {
            StoreKind::Memory => Ok(Self::Memory(MemoryStore::new(policy.clone()))),
            StoreKind::Sqlite => {
                let folder = make_folder().map_err(|error| format!("no folder for SQLite: {error}"))?;
                let url = format!("sqlite://{}", folder.path().join("simulation.db").display());
                let settings =
                    DatabaseSettings { url, password: None, pool_size: 2, answer_budget: std::time::Duration::from_secs(6) };
                let opened = Database::open_on(Runner::inline(timer_now), &settings);
                let database = opened.and_then(|database| database.migrate().map(|_| database));
                Ok(Self::Sqlite { database: database.map_err(|error| error.to_string())?, _folder: folder })
            }
        }
    }

    /// The same cases for a process with these settings.
    pub(crate) fn cases(&self, policy: &Policy) -> Arc<dyn CancellationStore> {
        match self {
            Self::Memory(store) => Arc::new(store.under(policy.clone())),
            Self::Sqlite { database, .. } => database.store(policy.clone()),
        }
    }

    /// The days of the same cases.
    pub(crate) fn days(&self, policy: &Policy) -> Arc<dyn SettlementStore> {
        match self {
            Self::Memory(store) => Arc::new(store.under(policy.clone())),
            Self::Sqlite { database, .. } => database.settlements(policy.clone()),
        }
    }
}
