//! Threads that sign. A call into a module blocks, may hang, and cannot be cancelled, so that none of them is a thread of anybody else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tracing::{debug, error, info, warn};

use crate::connection::{Connection, Expected};
use crate::error::TokenError;
use crate::module::Module;
use crate::public_key::TokenPublicKey;
use crate::token_key::TokenKey;

/// How long a signature may take. A caller waits for 8 s in all, and the work before it takes most of that at worst.
pub(crate) const SIGN_WITHIN: Duration = Duration::from_secs(2);
/// How many signatures may wait for a session. More would be too late for their callers, also with the slowest of modules.
const MOST_WAITING: usize = 1024;
/// How long a call may be in the module until another thread takes the place of its own.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// How many threads may be lost at once, for each session. Each keeps a session of the token.
const LOST_PER_SESSION: usize = 3;
/// How long a token that is away is not looked for, and a session that could not be opened is not tried again.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many reasons the log says while a token is away. Numbers in them may change each time.
const MOST_LOGGED: usize = 8;
/// How long a signer that is no longer needed waits for its threads to leave the module.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// A text to sign, and who waits for it.
pub(crate) struct Job {
    pub(crate) text: Vec<u8>,
    pub(crate) answer: oneshot::Sender<Result<Vec<u8>, String>>,
}

/// The threads of one key, and what waits for them.
pub(crate) struct Workers {
    module: Arc<Module>,
    key: TokenKey,
    public_key: TokenPublicKey,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Since when each thread is at its work, by its number.
    busy: BTreeMap<u64, Instant>,
    /// Those of `busy` that another one has replaced.
    lost: BTreeSet<u64>,
    /// Those with a session.
    connected: BTreeSet<u64>,
    /// The number of the next thread.
    next: u64,
    /// How many threads have not ended.
    alive: usize,
    /// Why the token is away, and until when it is not looked for.
    away: Option<(String, Instant)>,
    /// What the log has said since the token signed the last time.
    logged: BTreeSet<String>,
    is_closed: bool,
}

/// What a thread has to do next.
enum Task {
    Sign(Job),
    /// Others sign meanwhile.
    Connect,
}

/// A thread's own session, as long as there is one.
#[derive(Default)]
struct Worker {
    number: u64,
    connection: Option<Connection>,
    /// When a session is tried again.
    connect_at: Option<Instant>,
}

impl Workers {
    /// Starts one thread for each of these connections, of which there is at least one.
    pub(crate) fn start(module: Arc<Module>, key: TokenKey, connections: Vec<Connection>) -> Result<Arc<Self>, TokenError> {
        let first = connections.first().ok_or_else(|| TokenError::for_operator("no session was opened"))?;
        let public_key = first.public_key().clone();
        let workers = Arc::new(Self { module, key, public_key, state: Mutex::default(), work: Condvar::new() });
        for connection in connections {
            let spawned = workers.spawn(&mut workers.state(), Some(connection));
            if let Err(error) = spawned {
                workers.close();
                return Err(TokenError::for_operator(format!("a thread cannot be started: {error}")));
            }
        }
        Ok(workers)
    }

    pub(crate) fn key(&self) -> &TokenKey {
        &self.key
    }

    pub(crate) fn public_key(&self) -> &TokenPublicKey {
        &self.public_key
    }

    /// As it is named in errors and in the log.
    pub(crate) fn name(&self) -> String {
        format!("module {}, {}", self.module.path().display(), self.key)
    }

    /// Hands a text over, or says why it cannot be signed now.
    pub(crate) fn submit(self: &Arc<Self>, job: Job) -> Result<(), String> {
        let (mut state, now) = (self.state(), Instant::now());
        self.replace_lost(&mut state, now);
        if state.waiting.len() >= MOST_WAITING {
            return Err(format!("{MOST_WAITING} signatures wait for it already"));
        }
        let hangs =
            |(number, since): &(&u64, &Instant)| now.duration_since(**since) > SIGN_WITHIN && !state.lost.contains(*number);
        if state.busy.iter().filter(hangs).count() >= self.key.sessions {
            return Err(format!("calls into the module have hung for more than {} s in every session", SIGN_WITHIN.as_secs()));
        }
        state.waiting.push_back(job);
        drop(state);
        // All, because one without a session leaves it to the others.
        self.work.notify_all();
        Ok(())
    }

    /// Ends the threads, each once its call has come back, and waits for those that do not hang: a process that ends must not end in the
    /// middle of a call.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.waiting.clear();
        self.work.notify_all();
        let waited = self.work.wait_timeout_while(state, LEAVE_WITHIN, |state| state.alive > state.lost.len());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn spawn(self: &Arc<Self>, state: &mut State, connection: Option<Connection>) -> std::io::Result<()> {
        let (number, workers) = (state.next, Arc::clone(self));
        thread::Builder::new().name(format!("pkcs11-{number}")).spawn(move || {
            let ended = Ended { workers: Arc::clone(&workers), number };
            workers.run(Worker { number, connection, connect_at: None });
            drop(ended);
        })?;
        state.next += 1;
        state.alive += 1;
        Ok(())
    }

    fn run(&self, mut worker: Worker) {
        while let Some(task) = self.next_task(&worker) {
            match task {
                Task::Sign(Job { text, answer }) => {
                    // The caller may have gone meanwhile.
                    let _ = answer.send(self.sign(&mut worker, &text));
                }
                Task::Connect => self.connect(&mut worker),
            }
        }
    }

    /// `None` ends the thread.
    fn next_task(&self, worker: &Worker) -> Option<Task> {
        let (mut state, number) = (self.state(), worker.number);
        state.busy.remove(&number);
        if state.lost.remove(&number) {
            return None;
        }
        if worker.connection.is_some() {
            state.connected.insert(number);
        } else {
            state.connected.remove(&number);
        }
        loop {
            if state.is_closed {
                return None;
            }
            if worker.connection.is_none() && !state.connected.is_empty() {
                let now = Instant::now();
                let pause = worker.connect_at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
                if pause.is_zero() {
                    state.busy.insert(number, now);
                    return Some(Task::Connect);
                }
                state = self.work.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            match state.waiting.pop_front() {
                Some(job) if job.answer.is_closed() => {}
                Some(job) => {
                    state.busy.insert(number, Instant::now());
                    return Some(Task::Sign(job));
                }
                None => state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn sign(&self, worker: &mut Worker, text: &[u8]) -> Result<Vec<u8>, String> {
        if let Some(signed) = worker.connection.as_ref().and_then(|open| open.sign(text).ok()) {
            self.is_there();
            return Ok(signed);
        }
        // Closed before it is replaced: a token has few sessions.
        worker.connection = None;
        if let Some(reason) = self.why_away() {
            return Err(reason);
        }
        let opened = Connection::open(&self.module, &self.key, Expected::Found(&self.public_key));
        match opened.and_then(|open| Ok((open.sign(text)?, open))) {
            Ok((signed, open)) => {
                worker.connection = Some(open);
                self.is_there();
                Ok(signed)
            }
            Err(trouble) => {
                worker.connect_at = Some(Instant::now() + LOOK_EVERY);
                Err(self.is_away(&trouble))
            }
        }
    }

    /// Opens a session again, while others sign.
    fn connect(&self, worker: &mut Worker) {
        match Connection::open(&self.module, &self.key, Expected::Found(&self.public_key)) {
            Ok(open) => worker.connection = Some(open),
            Err(trouble) => {
                worker.connect_at = Some(Instant::now() + LOOK_EVERY);
                debug!(key = self.name(), error = trouble.reason, "a session of the signing key could not be opened again");
            }
        }
    }

    /// Why the token is not looked for now.
    fn why_away(&self) -> Option<String> {
        let state = self.state();
        state.away.as_ref().filter(|(_, until)| Instant::now() < *until).map(|(reason, _)| reason.clone())
    }

    fn is_there(&self) {
        let mut state = self.state();
        if state.away.take().is_some() {
            state.logged.clear();
            drop(state);
            info!(key = self.name(), "the signing key's token signs again");
        }
    }

    fn is_away(&self, trouble: &TokenError) -> String {
        let reason = trouble.reason.clone();
        let mut state = self.state();
        state.away = Some((reason.clone(), Instant::now() + LOOK_EVERY));
        let is_new = state.logged.len() < MOST_LOGGED && state.logged.insert(reason.clone());
        drop(state);
        if is_new {
            error!(
                key = self.name(),
                error = reason,
                "the signing key's token does not sign: answers are not signed until it does (it is looked for at each answer)"
            );
        }
        reason
    }

    /// Has other threads take the place of those whose call hangs.
    fn replace_lost(self: &Arc<Self>, state: &mut State, now: Instant) {
        let is_lost = |since: Instant| now.duration_since(since) > LOST_AFTER;
        let new: Vec<_> = state
            .busy
            .iter()
            .filter(|(number, since)| is_lost(**since) && !state.lost.contains(*number))
            .map(|(n, _)| *n)
            .collect();
        for number in new {
            if state.lost.len() >= self.key.sessions * LOST_PER_SESSION {
                return;
            }
            match self.spawn(state, None) {
                Ok(()) => {
                    state.lost.insert(number);
                    warn!(
                        key = self.name(),
                        "a call into the signing key's module hangs: another session takes its place (look at the module)"
                    );
                }
                Err(error) => {
                    warn!(key = self.name(), %error, "a call into the signing key's module hangs, and no thread could be started");
                    return;
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes that a thread has ended, whether by itself or by a panic.
struct Ended {
    workers: Arc<Workers>,
    number: u64,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let mut state = self.workers.state();
        state.alive -= 1;
        state.connected.remove(&self.number);
        drop(state);
        self.workers.work.notify_all();
    }
}
