//! The only way to a connection.

use std::fmt::Display;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::r2d2::{NopErrorHandler, Pool, PooledConnection, R2D2Connection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use metrics::{counter, gauge, histogram};
use ports::{UnavailableError, UnavailableKind};

use crate::deadline::{Deadline, Held};
use crate::file::DatabaseFile;
use crate::history::ServerHistory;
use crate::runner::Runner;
use crate::session::{
    Beginning, ForeignSessionError, SessionFacts, SessionManager, UnconfirmedError, is_of_connection, throw_away,
};
use crate::settings::{DatabaseError, DatabaseSettings};

/// How long a caller waits for a free connection, or for a database that cannot be reached.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a connection is kept. What it once found out, such as the addresses of a name, is found out again.
const LIFETIME: Duration = Duration::from_mins(5);

/// A session on loan, until a deadline.
pub(crate) struct Loan<C: R2D2Connection + 'static> {
    session: PooledConnection<SessionManager<C>>,
    deadline: Deadline,
    pub(crate) runner: Runner,
}

impl<C: R2D2Connection> Loan<C> {
    /// The connection, and what is known of it.
    pub(crate) fn parts(&mut self) -> (&mut C, &mut SessionFacts<C>) {
        self.session.parts()
    }
}

impl<C: R2D2Connection> Deref for Loan<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.session
    }
}

impl<C: R2D2Connection> DerefMut for Loan<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.session
    }
}

impl<C: R2D2Connection> Drop for Loan<C> {
    fn drop(&mut self) {
        if self.deadline.let_go() {
            counter!("rescind_database_connections_given_up_total").increment(1);
            self.session.give_up();
            throw_away(&mut **self.session);
        }
    }
}

/// A pool; clones are the same one.
pub(crate) struct Connections<C: R2D2Connection + 'static> {
    pool: Pool<SessionManager<C>>,
    /// What its connections are for, as the metrics name it.
    purpose: &'static str,
    /// What no error may show.
    secrets: Arc<[String]>,
    /// Where the work on them is done.
    pub(crate) runner: Runner,
    /// The file that they lead to, where the database is a file of this machine.
    file: Option<Arc<DatabaseFile>>,
    /// How long one piece of the work may take.
    pub(crate) within: Duration,
    pub(crate) history: Arc<ServerHistory>,
    /// The generation of sessions whose predecessors are closed.
    swept: Arc<AtomicU64>,
}

impl<C: R2D2Connection> Clone for Connections<C> {
    fn clone(&self) -> Self {
        let Self { pool, purpose, secrets, runner, file, within, history, swept } = self;
        let (pool, secrets, file) = (pool.clone(), Arc::clone(secrets), file.clone());
        let (history, swept) = (Arc::clone(history), Arc::clone(swept));
        Self { pool, purpose, secrets, runner: *runner, file, within: *within, history, swept }
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
    pub(crate) fn connect(&self) -> Result<Loan<C>, DatabaseError> {
        self.writers.take(&Deadline::default()).map_err(|error| DatabaseError(format!("{}: {error}", self.unreachable)))
    }
}

impl<C: R2D2Connection> Connections<C> {
    /// A pool for one purpose. It opens a connection when it is first needed.
    pub(crate) fn to(
        address: &str,
        settings: &DatabaseSettings,
        (purpose, size): (&'static str, u32),
        beginning: Beginning<C>,
    ) -> Self {
        let history = Arc::new(ServerHistory::default());
        let pool = Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(PATIENCE)
            .max_lifetime(Some(LIFETIME))
            // Asking costs a journey there and back: who cannot do without is in `take`.
            .test_on_check_out(false)
            // It would write errors to a log as they come.
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(SessionManager::new(address, beginning, Arc::clone(&history)));
        let (secrets, runner, within) = (Arc::default(), Runner::THREADS, settings.answer_budget);
        Self { pool, purpose, secrets, runner, file: None, within, history, swept: Arc::default() }
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
        UnavailableError::because(format!("no database connection: {said}")).of_kind(UnavailableKind::Store)
    }

    /// Runs `work` where it may block, for as long as it may take.
    pub(crate) async fn blocking<T, W>(&self, work: W) -> Result<T, UnavailableError>
    where
        T: Send + 'static,
        W: FnOnce(&Deadline) -> Result<T, UnavailableError> + Send + 'static,
    {
        self.runner.blocking(self.within, work).await
    }

    /// How many connections there are at most.
    pub(crate) fn size(&self) -> u32 {
        self.pool.max_size()
    }

    /// The same connections, for work that takes more time than an answer.
    pub(crate) fn patient(&self, within: Duration) -> Self {
        Self { within, ..self.clone() }
    }

    /// A connection that works, found by asking. It blocks the thread while all are in use.
    pub(crate) fn take(&self, deadline: &Deadline) -> Result<Loan<C>, UnavailableError> {
        // After as many lost ones as the pool can hold there is a new one.
        for _ in 0..self.pool.max_size() {
            let mut loan = self.take_unasked(deadline)?;
            match loan.ping() {
                Ok(()) => return Ok(loan),
                Err(_) => throw_away(&mut *loan),
            }
        }
        self.take_unasked(deadline)
    }

    /// A connection that may have been lost meanwhile. It blocks the thread while all are in use.
    pub(crate) fn take_unasked(&self, deadline: &Deadline) -> Result<Loan<C>, UnavailableError> {
        let begun = self.runner.instant();
        self.file.iter().for_each(|file| file.remember());
        // The pool would wait for a file that is gone, and nobody would hear why.
        self.check_file()?;
        let session = self.fresh();
        let waited = self.runner.since(begun);
        histogram!("rescind_database_connection_wait_seconds", "pool" => self.purpose).record(waited.as_secs_f64());
        let mut session = session?;
        // One that was made meanwhile may lead to another file: it is not to be used when the first one is back.
        self.check_file().inspect_err(|_| throw_away(&mut **session))?;
        let generation = Arc::clone(&self.history.generation);
        deadline.hold(Held { socket: session.socket.clone(), generation })?;
        Ok(Loan { session, deadline: deadline.clone(), runner: self.runner })
    }

    /// Whether the database's file is still where it was, if it has one. What was committed to a file that is gone is gone too.
    pub(crate) fn check_file(&self) -> Result<(), UnavailableError> {
        let gone = |gone: UnavailableError| gone.of_kind(UnavailableKind::Store);
        self.file.as_ref().map_or(Ok(()), |file| file.check()).map_err(gone)
    }

    /// A session that is not of a time that is over.
    fn fresh(&self) -> Result<PooledConnection<SessionManager<C>>, UnavailableError> {
        self.sweep();
        for _ in 0..=self.pool.max_size() {
            let session = self.pool.get().map_err(|error| self.not_connected(&error))?;
            if !session.facts.is_stale() {
                return Ok(session);
            }
        }
        Err(self.not_connected(&"they are given up as fast as they are made"))
    }

    /// Closes what is at rest and of a time that is over, once for each such time: it would keep its place at the server.
    fn sweep(&self) {
        let generation = self.history.generation.load(Ordering::Relaxed);
        if self.swept.swap(generation, Ordering::Relaxed) != generation {
            // All of them at once: each that is given back would be the next one otherwise.
            let at_rest: Vec<_> = (0..self.pool.max_size()).map_while(|_| self.pool.try_get()).collect();
            drop(at_rest);
        }
    }

    /// Sets the metrics of how many connections there are, and how many of them are at work.
    pub(crate) fn observe(&self) {
        let state = self.pool.state();
        let busy = state.connections.saturating_sub(state.idle_connections);
        gauge!("rescind_database_connections", "pool" => self.purpose, "state" => "busy").set(busy);
        gauge!("rescind_database_connections", "pool" => self.purpose, "state" => "idle").set(state.idle_connections);
    }
}

/// What it means that the database failed.
pub(crate) fn unavailable(error: &DieselError) -> UnavailableError {
    UnavailableError::because(format!("database: {error}")).of_kind(kind_of(error))
}

/// Whether it concerns others. A stranger who locks one case, or damage to it, stops nothing else. The server's words may be in another
/// language than English, which costs the kind at most.
fn kind_of(error: &DieselError) -> UnavailableKind {
    if let DieselError::DatabaseError(DatabaseErrorKind::Unknown, details) = error {
        let says = |words: &str| details.message().contains(words);
        return if says("No space left on device") || says("database or disk is full") {
            UnavailableKind::StoreFull
        } else if says("lock timeout") {
            UnavailableKind::Alone
        } else {
            UnavailableKind::Store
        };
    }
    if let DieselError::SerializationError(error) = error {
        let of_session = error.is::<UnconfirmedError>() || error.is::<ForeignSessionError>();
        return if of_session { UnavailableKind::Store } else { UnavailableKind::Alone };
    }
    if is_of_connection(error) { UnavailableKind::Store } else { UnavailableKind::Alone }
}
