//! The only way to a connection.

use std::time::{Duration, Instant};

use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};
use diesel::result::Error as DieselError;
use metrics::{gauge, histogram};
use ports::UnavailableError;

use crate::dialect::Dialect;

/// How long a caller waits for a free connection, or for a database that cannot be reached.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection on loan.
pub(crate) type Connection<C> = PooledConnection<ConnectionManager<C>>;

/// A pool; clones are the same one.
pub(crate) struct Connections<C: Dialect> {
    pool: Pool<ConnectionManager<C>>,
    /// What its connections are for, as metrics tell it.
    purpose: &'static str,
}

impl<C: Dialect> Clone for Connections<C> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), purpose: self.purpose }
    }
}

/// Settings that every connection starts with.
#[derive(Debug)]
struct Prepared(&'static str);

impl<C: Dialect> CustomizeConnection<C, diesel::r2d2::Error> for Prepared {
    fn on_acquire(&self, connection: &mut C) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(self.0).map_err(diesel::r2d2::Error::QueryError)
    }
}

impl<C: Dialect> Connections<C> {
    /// A pool that opens its connections when they are first needed.
    pub(crate) fn to(address: &str, size: u32, purpose: &'static str) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(PATIENCE)
            .connection_customizer(Box::new(Prepared(C::PREPARE)))
            .build_unchecked(ConnectionManager::new(address));
        Self { pool, purpose }
    }

    /// How many connections it opens at most.
    pub(crate) fn max_size(&self) -> u32 {
        self.pool.max_size()
    }

    /// A connection, by a thread that may block.
    pub(crate) fn take(&self) -> Result<Connection<C>, UnavailableError> {
        let begun = Instant::now();
        let taken = self.pool.get().map_err(|error| UnavailableError::because(format!("no database connection: {error}")));
        histogram!("rescind_database_connection_wait_seconds", "pool" => self.purpose).record(begun.elapsed().as_secs_f64());
        taken
    }

    /// Tells the metrics how many connections there are, and how many of them are at work.
    pub(crate) fn observe(&self) {
        let state = self.pool.state();
        let busy = state.connections.saturating_sub(state.idle_connections);
        gauge!("rescind_database_connections", "pool" => self.purpose, "state" => "busy").set(busy);
        gauge!("rescind_database_connections", "pool" => self.purpose, "state" => "idle").set(state.idle_connections);
    }
}

pub(crate) fn unavailable(error: &DieselError) -> UnavailableError {
    UnavailableError::because(format!("database: {error}"))
}

/// Runs `work` on a thread that may block. Waiting for a connection belongs there too.
pub(crate) async fn blocking<T, W>(work: W) -> Result<T, UnavailableError>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, UnavailableError> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work);
    done.await.unwrap_or_else(|died| Err(UnavailableError::because(format!("database work died: {died}"))))
}
