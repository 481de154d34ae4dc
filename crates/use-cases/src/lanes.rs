//! Natural batching: while a lane's last batch is being committed, the next one gathers by itself.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ::ports::{CancellationStore, Clock, Decided, ReceivedCommand, UnavailableError};
use domain::{PaymentRequestId, Reply, ReplyMismatchError};
use metrics::{counter, gauge, histogram};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::commits::{CommitHealth, NoCommits};
use crate::stable_hash::stable_hash;

/// How much may go on and wait at once.
#[derive(Debug, Clone, Copy)]
pub struct LaneSettings {
    /// How many batches may be committed at the same time. Commands on one case always share a lane.
    pub lanes: usize,
    /// How many commands may wait in one lane; one more is refused before anything changes.
    pub queue: usize,
    /// How many commands are decided in one transaction at most.
    pub batch: usize,
}

/// Why a command was not decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmitError {
    /// The queue is full; nothing was touched.
    Overloaded,
    /// The process is stopping; nothing was touched.
    Stopping,
    /// It is not known whether the command was decided.
    Unavailable(UnavailableError),
}

impl SubmitError {
    /// Its name in metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Stopping => "stopping",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded => f.write_str("too many commands are waiting"),
            Self::Stopping => f.write_str("the process is stopping"),
            Self::Unavailable(unavailable) => unavailable.fmt(f),
        }
    }
}

impl std::error::Error for SubmitError {}

impl From<ReplyMismatchError> for SubmitError {
    fn from(mismatch: ReplyMismatchError) -> Self {
        Self::Unavailable(UnavailableError::because(mismatch.to_string()))
    }
}

/// The lanes of one process.
pub struct Lanes {
    clock: Arc<dyn Clock>,
    commits: Arc<CommitHealth>,
    handles: RwLock<Vec<LaneHandle>>,
    running: RwLock<Vec<JoinHandle<()>>>,
}

impl Lanes {
    /// Starts the lanes on the current tokio runtime, which has to outlive their callers.
    #[must_use]
    pub fn start(store: &Arc<dyn CancellationStore>, clock: &Arc<dyn Clock>, settings: LaneSettings) -> Self {
        let commits = Arc::new(CommitHealth::default());
        let start = |_| {
            let (queue, commands) = mpsc::channel(settings.queue.max(1));
            let state = Arc::new(LaneState::new(Arc::clone(clock), Arc::clone(&commits)));
            let handle = LaneHandle { queue, state: Arc::clone(&state) };
            (handle, tokio::spawn(Lane { store: Arc::clone(store), commands, batch_limit: settings.batch.max(1), state }.run()))
        };
        let (handles, running) = (0..settings.lanes.max(1)).map(start).unzip();
        Self { clock: Arc::clone(clock), commits, handles: RwLock::new(handles), running: RwLock::new(running) }
    }

    /// Has a command decided, with a reply of the type `R` that belongs to it. The caller may stop waiting at any moment: once it is
    /// queued, the command is decided all the same.
    ///
    /// # Errors
    /// [`SubmitError`]; only [`SubmitError::Unavailable`] leaves open what happened.
    pub async fn submit<R>(&self, received: ReceivedCommand) -> Result<Decided<R>, SubmitError>
    where
        R: TryFrom<Reply, Error = ReplyMismatchError>,
    {
        let queued = self.handle_of(&received.command.id).and_then(|handle| handle.try_queue(received));
        await_reply(queued).await
    }

    /// The same for what has happened and must be recorded, of which there is never much: it waits for its place in a full queue.
    ///
    /// # Errors
    /// [`SubmitError`], but never [`SubmitError::Overloaded`].
    pub async fn submit_patiently<R>(&self, received: ReceivedCommand) -> Result<Decided<R>, SubmitError>
    where
        R: TryFrom<Reply, Error = ReplyMismatchError>,
    {
        let queued = match self.handle_of(&received.command.id) {
            Ok(handle) => handle.queue(received).await,
            Err(stopping) => Err(stopping),
        };
        await_reply(queued).await
    }

    fn handle_of(&self, id: &PaymentRequestId) -> Result<LaneHandle, SubmitError> {
        let handles = self.handles.read().unwrap_or_else(PoisonError::into_inner);
        handles.get(lane_of(id, handles.len())).cloned().ok_or(SubmitError::Stopping)
    }

    /// How long the slowest batch has been running; zero where none is running.
    #[must_use]
    pub fn oldest_batch(&self) -> Duration {
        let handles = self.handles.read().unwrap_or_else(PoisonError::into_inner);
        let oldest = handles.iter().filter_map(LaneHandle::batch_began_at).min();
        oldest.map(|began| self.clock.instant().saturating_duration_since(began)).unwrap_or_default()
    }

    /// Whether batches were tried and none succeeded; `None` where none was, or one did.
    #[must_use]
    pub fn no_commits(&self) -> Option<NoCommits> {
        self.commits.none_since(self.clock.instant())
    }

    /// Somebody else has seen the store commit: a trouble that no batch has met for `quiet` is over.
    pub fn store_commits(&self, quiet: Duration) {
        self.commits.forget_after(quiet, self.clock.instant());
    }

    /// Takes no more commands and returns once every command taken before is decided.
    pub async fn stop(&self) {
        self.handles.write().unwrap_or_else(PoisonError::into_inner).clear();
        let running = std::mem::take(&mut *self.running.write().unwrap_or_else(PoisonError::into_inner));
        for lane in running {
            if let Err(died) = lane.await {
                tracing::error!(error = %died, "a lane ended by a panic: its commands were not decided (report this as a defect)");
            }
        }
    }
}

async fn await_reply<R>(queued: Result<PendingReply, SubmitError>) -> Result<Decided<R>, SubmitError>
where
    R: TryFrom<Reply, Error = ReplyMismatchError>,
{
    let decided = match queued {
        Ok(pending) => {
            let lost = |_| Err(UnavailableError::because("the batch ended without a reply"));
            pending.await.unwrap_or_else(lost).map_err(SubmitError::Unavailable)
        }
        Err(refused) => Err(refused),
    };
    let decided =
        decided.inspect_err(|why| counter!("rescind_commands_not_decided_total", "reason" => why.name()).increment(1))?;
    Ok(decided.typed()?)
}

fn lane_of(id: &PaymentRequestId, lanes: usize) -> usize {
    usize::try_from(stable_hash(&[id.as_str().as_bytes()]) % lanes.max(1) as u64).unwrap_or_default()
}

/// How long a command may have waited before it is decided while its lane still takes more. Past it the lane would only do work whose
/// callers have gone.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A command in a lane's queue.
struct QueuedCommand {
    received: ReceivedCommand,
    /// When it was queued. What its caller did before, such as asking a slow wallet core for the payment, does not make the lane late.
    queued_at: Instant,
    reply: oneshot::Sender<Result<Decided, UnavailableError>>,
}

/// The reply to a queued command, once its batch is committed.
type PendingReply = oneshot::Receiver<Result<Decided, UnavailableError>>;

/// The way into a lane; clones lead to the same one.
#[derive(Clone)]
struct LaneHandle {
    queue: mpsc::Sender<QueuedCommand>,
    state: Arc<LaneState>,
}

/// What a lane shows of itself.
struct LaneState {
    clock: Arc<dyn Clock>,
    commits: Arc<CommitHealth>,
    /// Whether it takes no more until it has caught up.
    is_late: AtomicBool,
    /// When the running batch began, if one is running.
    batch_began_at: Mutex<Option<Instant>>,
}

impl LaneState {
    fn new(clock: Arc<dyn Clock>, commits: Arc<CommitHealth>) -> Self {
        Self { clock, commits, is_late: AtomicBool::new(false), batch_began_at: Mutex::new(None) }
    }

    fn since(&self, begun: Instant) -> Duration {
        self.clock.instant().saturating_duration_since(begun)
    }

    fn set_batch_began_at(&self, began: Option<Instant>) {
        *self.batch_began_at.lock().unwrap_or_else(PoisonError::into_inner) = began;
    }
}

impl LaneHandle {
    /// Queues a command, unless the queue is full or the lane is late.
    fn try_queue(&self, received: ReceivedCommand) -> Result<PendingReply, SubmitError> {
        if self.state.is_late.load(Ordering::Relaxed) {
            return Err(SubmitError::Overloaded);
        }
        let place = self.queue.try_reserve().map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(()) => SubmitError::Overloaded,
            mpsc::error::TrySendError::Closed(()) => SubmitError::Stopping,
        })?;
        Ok(self.send(place, received))
    }

    /// Queues a command, and waits for its place where the queue is full.
    async fn queue(&self, received: ReceivedCommand) -> Result<PendingReply, SubmitError> {
        let place = self.queue.reserve().await.map_err(|_closed| SubmitError::Stopping)?;
        Ok(self.send(place, received))
    }

    /// When the running batch began, if one is running.
    fn batch_began_at(&self) -> Option<Instant> {
        *self.state.batch_began_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, place: mpsc::Permit<'_, QueuedCommand>, received: ReceivedCommand) -> PendingReply {
        let (reply, pending) = oneshot::channel();
        // Before the command can be taken, so that the gauge is never negative.
        gauge!("rescind_commands_waiting").increment(1);
        place.send(QueuedCommand { received, queued_at: self.state.clock.instant(), reply });
        pending
    }
}

/// One lane.
struct Lane {
    store: Arc<dyn CancellationStore>,
    commands: mpsc::Receiver<QueuedCommand>,
    /// How many commands it decides in one transaction at most.
    batch_limit: usize,
    state: Arc<LaneState>,
}

impl Lane {
    /// Decides what is queued until every handle is gone.
    async fn run(mut self) {
        let mut gathered = Vec::with_capacity(self.batch_limit);
        while self.commands.recv_many(&mut gathered, self.batch_limit).await > 0 {
            let waited = gathered.iter().map(|command: &QueuedCommand| self.state.since(command.queued_at)).max();
            let (batch, replies): (Vec<_>, Vec<_>) = gathered.drain(..).map(|command| (command.received, command.reply)).unzip();
            gauge!("rescind_commands_waiting").decrement(replies.len() as f64);
            histogram!("rescind_batch_commands").record(replies.len() as f64);
            self.state.is_late.store(waited.is_some_and(|waited| waited > LONGEST_WAIT), Ordering::Relaxed);
            let decided = self.decide(batch).await;
            for (reply, decided) in replies.into_iter().zip(decided) {
                if let Some(rule) = decided.as_ref().ok().and_then(|decided| decided.rule) {
                    counter!("rescind_decisions_total", "rule" => rule.name()).increment(1);
                }
                // The caller may have gone; what was decided stays decided.
                let _ = reply.send(decided);
            }
            // No batch of an empty queue would show that the lane is not late any more.
            if self.commands.is_empty() {
                self.state.is_late.store(false, Ordering::Relaxed);
            }
        }
    }

    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<Decided, UnavailableError>> {
        let (store, began) = (Arc::clone(&self.store), self.state.clock.instant());
        self.state.set_batch_began_at(Some(began));
        // A task of its own: a panic in an adapter costs this batch its replies, not the lane its life.
        let decided = tokio::spawn(async move { store.decide(batch).await }).await.unwrap_or_else(|died| {
            tracing::error!(error = %died, "a batch ended by a panic: its callers are answered U (report this as a defect)");
            Vec::new()
        });
        self.state.set_batch_began_at(None);
        self.state.commits.see((began, self.state.clock.instant()), &decided);
        histogram!("rescind_batch_seconds").record(self.state.since(began));
        decided
    }
}
