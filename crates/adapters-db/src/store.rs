//! The store of one database: what its cases and its days have in common.

use std::sync::Arc;
use std::time::Instant;

use domain::Policy;

use crate::engine::{Engine, SqlConnection};
use crate::pool::Connections;

/// The cases and the days in one database.
pub(crate) struct SqlStore<C: SqlConnection> {
    pub(crate) engine: &'static Engine<C>,
    pub(crate) policy: Arc<Policy>,
    /// As many connections as batches can be committed at once.
    pub(crate) writers: Connections<C>,
    pub(crate) readers: Connections<C>,
}

impl<C: SqlConnection> SqlStore<C> {
    /// The present moment, for measuring how long something takes.
    pub(crate) fn instant(&self) -> Instant {
        self.writers.runner.instant()
    }
}

/// Not derived, because the connections themselves cannot be cloned.
impl<C: SqlConnection> Clone for SqlStore<C> {
    fn clone(&self) -> Self {
        let (policy, writers, readers) = (Arc::clone(&self.policy), self.writers.clone(), self.readers.clone());
        Self { engine: self.engine, policy, writers, readers }
    }
}
