//! The only way to a connection.

use std::time::Duration;

use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};
use diesel::result::Error as DieselError;
use ports::Unavailable;

use crate::dialect::Dialect;

/// How long a caller waits for a free connection, or for a database that cannot be reached.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) type Connections<C> = Pool<ConnectionManager<C>>;

/// Settings that every connection starts with.
#[derive(Debug)]
struct Prepared(&'static str);

impl<C: Dialect> CustomizeConnection<C, diesel::r2d2::Error> for Prepared {
    fn on_acquire(&self, connection: &mut C) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(self.0).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// A pool that opens its connections when they are first needed.
pub(crate) fn connect<C: Dialect>(address: &str, size: u32, prepare: &'static str) -> Connections<C> {
    Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .connection_timeout(PATIENCE)
        .connection_customizer(Box::new(Prepared(prepare)))
        .build_unchecked(ConnectionManager::new(address))
}

/// A connection, by a thread that may block.
pub(crate) fn take<C: Dialect>(pool: &Connections<C>) -> Result<PooledConnection<ConnectionManager<C>>, Unavailable> {
    pool.get().map_err(|error| Unavailable::because(format!("no database connection: {error}")))
}

pub(crate) fn unavailable(error: &DieselError) -> Unavailable {
    Unavailable::because(format!("database: {error}"))
}

/// Runs `work` on a thread that may block. Waiting for a connection belongs there too.
pub(crate) async fn blocking<T, W>(work: W) -> Result<T, Unavailable>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, Unavailable> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work);
    done.await.unwrap_or_else(|died| Err(Unavailable::because(format!("database work died: {died}"))))
}
