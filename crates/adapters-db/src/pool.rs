//! The only way to a connection.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use diesel::connection::TransactionManager;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, NopErrorHandler, Pool, PooledConnection, R2D2Connection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use metrics::{gauge, histogram};
use ports::UnavailableError;

use crate::file::DatabaseFile;
use crate::runner::Runner;
use crate::settings::DatabaseError;

/// How long a caller waits for a free connection, or for a database that cannot be reached.
const PATIENCE: Duration = Duration::from_secs(2);

/// A connection on loan.
pub(crate) type Connection<C> = PooledConnection<ConnectionManager<C>>;

/// A pool; clones are the same one.
pub(crate) struct Connections<C: R2D2Connection + 'static> {
    pool: Pool<ConnectionManager<C>>,
    /// What its connections are for, as the metrics name it.
    purpose: &'static str,
    /// What no error may show.
    secrets: Arc<[String]>,
    /// Where the work on them is done.
    pub(crate) runner: Runner,
    /// The file that they lead to, where the database is a file of this machine.
    file: Option<Arc<DatabaseFile>>,
}

impl<C: R2D2Connection> Clone for Connections<C> {
    fn clone(&self) -> Self {
        let Self { pool, purpose, secrets, runner, file } = self;
        Self { pool: pool.clone(), purpose, secrets: Arc::clone(secrets), runner: *runner, file: file.clone() }
    }
}

/// The pools of one database.
pub(crate) struct Pools<C: R2D2Connection + 'static> {
    /// As many connections as batches can be committed at once.
    pub(crate) writers: Connections<C>,
    pub(crate) readers: Connections<C>,
    /// How many batches are worth committing at once.
    pub(crate) lanes: usize,
    /// The file, where the database is a file of this machine.
    pub(crate) file: Option<Arc<DatabaseFile>>,
    /// Which setting to look at where no connection can be had.
    pub(crate) unreachable: String,
}

impl<C: R2D2Connection> Pools<C> {
    /// The same, with their work done there.
    pub(crate) fn on(mut self, runner: Runner) -> Self {
        (self.writers.runner, self.readers.runner) = (runner, runner);
        self
    }

    /// A connection that may write, or a sentence about the setting that does not lead to one.
    pub(crate) fn connect(&self) -> Result<Connection<C>, DatabaseError> {
        self.writers.take().map_err(|error| DatabaseError(format!("{}: {error}", self.unreachable)))
    }
}

/// Statements that every connection starts with.
#[derive(Debug)]
struct Prepared(&'static str);

impl<C: R2D2Connection> CustomizeConnection<C, diesel::r2d2::Error> for Prepared {
    fn on_acquire(&self, connection: &mut C) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(self.0).map_err(diesel::r2d2::Error::QueryError)
    }
}

impl<C: R2D2Connection> Connections<C> {
    /// A pool for one purpose. It opens a connection when it is first needed, and begins it with `prepare`.
    pub(crate) fn to(address: &str, size: u32, purpose: &'static str, prepare: &'static str) -> Self {
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(PATIENCE)
            // Asking costs a journey there and back: who cannot do without is in `take`.
            .test_on_check_out(false)
            .connection_customizer(Box::new(Prepared(prepare)))
            // It would write errors to a log as they come.
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(ConnectionManager::new(address));
        Self { pool, purpose, secrets: Arc::default(), runner: Runner::THREADS, file: None }
    }

    /// The same, of a database that is this file.
    pub(crate) fn on_file(self, file: &Arc<DatabaseFile>) -> Self {
        Self { file: Some(Arc::clone(file)), ..self }
    }

    /// The same, with these passwords in none of its errors.
    pub(crate) fn hiding(self, secrets: Vec<String>) -> Self {
        Self { secrets: secrets.into(), ..self }
    }

    /// What is said of a connection that does not come about. The client library is not ours, and quotes what it was given.
    fn not_connected(&self, error: &impl Display) -> UnavailableError {
        let mut said = error.to_string();
        for secret in self.secrets.iter() {
            said = said.replace(secret, "…");
        }
        UnavailableError::because(format!("no database connection: {said}"))
    }

    /// A connection that works, found by asking. It blocks the thread while all are in use.
    pub(crate) fn take(&self) -> Result<Connection<C>, UnavailableError> {
        // After as many lost ones as the pool can hold there is a new one.
        for _ in 0..self.pool.max_size() {
            let mut connection = self.take_unasked()?;
            match connection.ping() {
                Ok(()) => return Ok(connection),
                Err(_) => throw_away(&mut *connection),
            }
        }
        self.take_unasked()
    }

    /// A connection that may have been lost meanwhile. It blocks the thread while all are in use.
    pub(crate) fn take_unasked(&self) -> Result<Connection<C>, UnavailableError> {
        let begun = self.runner.instant();
        self.file.iter().for_each(|file| file.remember());
        // The pool would wait for a file that is gone, and nobody would hear why.
        self.check_file()?;
        let taken = self.pool.get().map_err(|error| self.not_connected(&error));
        let waited = self.runner.since(begun);
        histogram!("rescind_database_connection_wait_seconds", "pool" => self.purpose).record(waited.as_secs_f64());
        let mut connection = taken?;
        // One that was made meanwhile may lead to another file: it is not to be used when the first one is back.
        self.check_file().inspect_err(|_| throw_away(&mut *connection))?;
        Ok(connection)
    }

    /// Whether the database's file is still where it was, if it has one. What was committed to a file that is gone is gone too.
    pub(crate) fn check_file(&self) -> Result<(), UnavailableError> {
        self.file.as_ref().map_or(Ok(()), |file| file.check())
    }

    /// Sets the metrics of how many connections there are, and how many of them are at work.
    pub(crate) fn observe(&self) {
        let state = self.pool.state();
        let busy = state.connections.saturating_sub(state.idle_connections);
        gauge!("rescind_database_connections", "pool" => self.purpose, "state" => "busy").set(busy);
        gauge!("rescind_database_connections", "pool" => self.purpose, "state" => "idle").set(state.idle_connections);
    }
}

/// Makes the pool close the connection instead of keeping it.
fn throw_away<C: R2D2Connection>(connection: &mut C) {
    C::TransactionManager::transaction_manager_status_mut(connection).set_in_error();
}

/// Keeps from the pool a connection on which nobody else can do better: it is lost, or its server takes no writes any more.
pub(crate) fn throw_away_after<C: R2D2Connection>(connection: &mut C, error: &DieselError) {
    let is_useless = matches!(
        error,
        DieselError::BrokenTransactionManager
            | DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                    | DatabaseErrorKind::UnableToSendCommand
                    | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )
    );
    if is_useless {
        throw_away(connection);
    }
}

pub(crate) fn unavailable(error: &DieselError) -> UnavailableError {
    UnavailableError::because(format!("database: {error}"))
}
