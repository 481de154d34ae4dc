//! Sessions: connections that have everything a batch relies on, and go on having it.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::TransactionManager;
use diesel::r2d2::{Error as OpenError, ManageConnection, R2D2Connection};
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::address::Address;
use crate::history::{ServerHistory, ServerPlace};
use crate::socket::Socket;

/// The process of the server that works for one connection, by which other connections find it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Backend {
    pub(crate) pid: i32,
    /// When it started: a process of the same number that started at another time is another one.
    pub(crate) started: String,
}

/// What a new session finds at its server.
#[derive(Debug, Clone)]
pub(crate) struct Greeting {
    pub(crate) backend: Backend,
    pub(crate) place: ServerPlace,
    pub(crate) waits_for_standby: bool,
}

/// What the server says of the session within a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionNow {
    pub(crate) pid: i32,
    /// Whether it has what it began with.
    pub(crate) is_prepared: bool,
    pub(crate) waits_for_standby: bool,
    /// How far the server's log goes.
    pub(crate) position: u64,
}

/// Commits something that is nothing.
pub(crate) type Fence<C> = fn(connection: &mut C) -> Result<(), DieselError>;

/// How an engine begins sessions.
pub(crate) struct Beginning<C> {
    /// Statements that a session begins with. They fail where it is of no use.
    pub(crate) prepare: &'static str,
    /// The ports at which a server may be; none where the database is a file.
    pub(crate) ports: fn(address: &str) -> Vec<u16>,
    /// Whether the connection, which has this port at our end, is shared with others, transaction by transaction.
    pub(crate) is_shared: fn(connection: &mut C, address: &str, own_port: Option<u16>) -> Result<bool, DieselError>,
    /// Who is at the other end; `None` where the database is a file.
    pub(crate) greet: fn(connection: &mut C) -> Result<Option<Greeting>, DieselError>,
    /// Ends what works for connections that were given up.
    pub(crate) end_backends: fn(connection: &mut C, backends: &[Backend]) -> Result<(), DieselError>,
    /// What was committed before it is at the standby once this is.
    pub(crate) fence: Fence<C>,
}

impl<C> Clone for Beginning<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Beginning<C> {}

/// The session is not the one that was begun, or not as it was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForeignSessionError;

impl fmt::Display for ForeignSessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SHARED)
    }
}

impl std::error::Error for ForeignSessionError {}

/// Why a connection that is shared is refused.
const SHARED: &str = "database.url leads to a pooler that gives each transaction another session, and has to lead to the server or to a \
                      pooler in session mode";

/// A commit of which it is not known whether the standby has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnconfirmedError;

impl fmt::Display for UnconfirmedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not known whether the standby has what was committed (somebody may have cancelled the wait for it)")
    }
}

impl std::error::Error for UnconfirmedError {}

/// What is known of a session beside its connection.
pub(crate) struct SessionFacts<C> {
    pub(crate) history: Arc<ServerHistory>,
    pub(crate) fence: Fence<C>,
    backend: Option<Backend>,
    timeline: u32,
    waits_for_standby: bool,
    generation: u64,
    /// How far the server's log went when it was last asked, in the transaction that goes on.
    position: Option<u64>,
}

impl<C> SessionFacts<C> {
    /// Holds the session to what it was when it began.
    ///
    /// # Errors
    /// [`ForeignSessionError`] where it is another one.
    pub(crate) fn check(&mut self, now: Option<&SessionNow>) -> Result<(), DieselError> {
        let Some((now, backend)) = now.zip(self.backend.as_ref()) else { return Ok(()) };
        if now.pid != backend.pid || !now.is_prepared {
            return Err(DieselError::SerializationError(Box::new(ForeignSessionError)));
        }
        self.waits_for_standby = now.waits_for_standby;
        self.history.set_standby(now.waits_for_standby);
        self.position = Some(now.position);
        Ok(())
    }

    /// Whether what it commits waits for a standby, as far as it knows.
    pub(crate) fn waits_for_standby(&self) -> bool {
        self.waits_for_standby
    }

    /// A transaction begins.
    pub(crate) fn begin(&mut self) {
        self.position = None;
    }

    /// The transaction is committed.
    pub(crate) fn committed(&self) {
        self.position.iter().for_each(|position| self.history.prove(self.timeline, *position));
    }

    /// Whether connections of its time are of no use any more.
    pub(crate) fn is_stale(&self) -> bool {
        self.generation != self.history.generation.load(Ordering::Relaxed)
    }
}

/// A connection with what is known of it.
pub(crate) struct Session<C> {
    connection: C,
    pub(crate) facts: SessionFacts<C>,
    pub(crate) socket: Option<Socket>,
    others: Arc<Others>,
}

impl<C> Session<C> {
    pub(crate) fn parts(&mut self) -> (&mut C, &mut SessionFacts<C>) {
        (&mut self.connection, &mut self.facts)
    }

    /// Somebody gave it up while it worked: what works for it is ended by the next session.
    pub(crate) fn give_up(&self) {
        self.others.lock().given_up.extend(self.facts.backend.clone());
    }
}

impl<C> Deref for Session<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.connection
    }
}

impl<C> DerefMut for Session<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.connection
    }
}

impl<C> Drop for Session<C> {
    fn drop(&mut self) {
        if let Some(backend) = &self.facts.backend {
            self.others.lock().live.remove(backend);
        }
    }
}

/// The sessions of one pool.
#[derive(Default)]
struct Others(Mutex<OtherSessions>);

#[derive(Default)]
struct OtherSessions {
    live: BTreeSet<Backend>,
    given_up: Vec<Backend>,
}

impl Others {
    fn lock(&self) -> std::sync::MutexGuard<'_, OtherSessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a pool's sessions.
pub(crate) struct SessionManager<C> {
    address: Address,
    beginning: Beginning<C>,
    history: Arc<ServerHistory>,
    others: Arc<Others>,
    connection: PhantomData<fn() -> C>,
}

impl<C> SessionManager<C> {
    pub(crate) fn new(address: Address, beginning: Beginning<C>, history: Arc<ServerHistory>) -> Self {
        Self { address, beginning, history, others: Arc::default(), connection: PhantomData }
    }
}

fn refused(why: impl fmt::Display) -> OpenError {
    OpenError::ConnectionError(diesel::ConnectionError::BadConnection(why.to_string()))
}

impl<C: R2D2Connection + 'static> SessionManager<C> {
    fn refuse_shared(&self, connection: &mut C, address: &str, socket: Option<&Socket>) -> Result<(), OpenError> {
        let own_port = socket.and_then(Socket::own_port);
        let is_shared = (self.beginning.is_shared)(connection, address, own_port).map_err(OpenError::QueryError)?;
        if is_shared { Err(refused(ForeignSessionError)) } else { Ok(()) }
    }

    /// Ends what was given up meanwhile: it may hold locks, and would hold its place at the server.
    fn end_given_up(&self, connection: &mut C) -> Result<(), OpenError> {
        let given_up = std::mem::take(&mut self.others.lock().given_up);
        if given_up.is_empty() {
            return Ok(());
        }
        (self.beginning.end_backends)(connection, &given_up).map_err(OpenError::QueryError)
    }

    fn begin(&self) -> Result<Session<C>, OpenError> {
        // A server that falls silent now, and wakes up later, is one of this time.
        let mut generation = self.history.generation.load(Ordering::Relaxed);
        let ports = (self.beginning.ports)(self.address.text());
        let open = |address: &str| {
            if ports.is_empty() {
                return C::establish(address).map(|connection| (connection, None));
            }
            let (connected, socket) = Socket::opened_by(&ports, || C::establish(address));
            connected.map(|connection| (connection, socket))
        };
        let ((mut connection, socket), address) = self.address.open(open).map_err(OpenError::ConnectionError)?;
        self.refuse_shared(&mut connection, &address, socket.as_ref())?;
        connection.batch_execute(self.beginning.prepare).map_err(OpenError::QueryError)?;
        let before = self.history.proven();
        let greeting = (self.beginning.greet)(&mut connection).map_err(OpenError::QueryError)?;
        let mut facts = SessionFacts {
            history: Arc::clone(&self.history),
            fence: self.beginning.fence,
            backend: None,
            timeline: 0,
            waits_for_standby: false,
            generation: 0,
            position: None,
        };
        if let Some(Greeting { backend, place, waits_for_standby }) = greeting {
            if self.history.meet(before.as_ref(), &place).map_err(refused)? {
                generation = self.history.generation.load(Ordering::Relaxed);
            }
            self.history.set_standby(waits_for_standby);
            self.end_given_up(&mut connection)?;
            if !self.others.lock().live.insert(backend.clone()) {
                return Err(refused(ForeignSessionError));
            }
            facts = SessionFacts { backend: Some(backend), timeline: place.timeline, waits_for_standby, ..facts };
        }
        facts.generation = generation;
        let session = Session { connection, facts, socket, others: Arc::clone(&self.others) };
        if session.facts.is_stale() { Err(refused("it was given up before it was there")) } else { Ok(session) }
    }
}

impl<C: R2D2Connection + 'static> ManageConnection for SessionManager<C> {
    type Connection = Session<C>;
    type Error = OpenError;

    fn connect(&self) -> Result<Session<C>, OpenError> {
        self.begin().map_err(|error| OpenError::ConnectionError(self.address.hide_in(&error)))
    }

    fn is_valid(&self, session: &mut Session<C>) -> Result<(), OpenError> {
        session.ping().map_err(OpenError::QueryError)
    }

    fn has_broken(&self, session: &mut Session<C>) -> bool {
        std::thread::panicking() || session.is_broken() || session.facts.is_stale()
    }
}

/// Makes the pool close the connection instead of keeping it.
pub(crate) fn throw_away<C: R2D2Connection>(connection: &mut C) {
    C::TransactionManager::transaction_manager_status_mut(connection).set_in_error();
}

/// Whether the connection is lost, or its server takes no writes any more.
pub(crate) fn is_of_connection(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::BrokenTransactionManager
            | DieselError::DatabaseError(
                DatabaseErrorKind::ClosedConnection
                    | DatabaseErrorKind::UnableToSendCommand
                    | DatabaseErrorKind::ReadOnlyTransaction,
                _,
            )
    )
}

/// Keeps from the pool a connection on which nobody else can do better, such as one that is not the session that was begun.
pub(crate) fn throw_away_after<C: R2D2Connection>(connection: &mut C, error: &DieselError) {
    let is_foreign = matches!(error, DieselError::SerializationError(error) if error.is::<ForeignSessionError>());
    if is_foreign || is_of_connection(error) {
        throw_away(connection);
    }
}
