//! Natural batching: each lane decides what has gathered while its last batch was being committed.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ::ports::{CancellationStore, ReceivedCommand, UnavailableError};
use domain::{Outcome, PaymentRequestId};
use metrics::{counter, gauge, histogram};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

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
    /// Nobody knows whether it was.
    Unavailable(UnavailableError),
}

impl SubmitError {
    /// A name for metrics.
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

/// How long a command may have waited before it is decided, when its lane still takes more. Behind it, others would wait for an answer
/// that their callers are not there for any more: the lane would do nothing but work that comes too late.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

struct QueuedCommand {
    asked: ReceivedCommand,
    /// Since when. What its caller did before, such as asking a slow wallet core for the payment, is no fault of the lane's.
    since: Instant,
    reply: oneshot::Sender<Result<Outcome, UnavailableError>>,
}

type PendingReply = oneshot::Receiver<Result<Outcome, UnavailableError>>;

/// The way into a lane.
#[derive(Clone)]
struct LaneHandle {
    queue: mpsc::Sender<QueuedCommand>,
    state: Arc<LaneState>,
}

/// What a lane shows of itself.
#[derive(Default)]
struct LaneState {
    /// Whether it has to catch up first.
    is_late: AtomicBool,
    /// When the batch that it is at was begun, if it is at one.
    at_work_since: Mutex<Option<Instant>>,
}

impl LaneState {
    fn is_at_work_since(&self, since: Option<Instant>) {
        *self.at_work_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

/// The lanes of one process.
pub struct Lanes {
    handles: RwLock<Vec<LaneHandle>>,
    running: RwLock<Vec<JoinHandle<()>>>,
}

impl Lanes {
    /// Starts the lanes on the current tokio runtime, which has to outlive their callers.
    #[must_use]
    pub fn start(store: &Arc<dyn CancellationStore>, settings: LaneSettings) -> Self {
        let lane = |_| {
            let (queue, waiting) = mpsc::channel(settings.queue.max(1));
            let state = Arc::new(LaneState::default());
            let lane = Lane { store: Arc::clone(store), waiting, most: settings.batch.max(1), state: Arc::clone(&state) };
            (LaneHandle { queue, state }, tokio::spawn(lane.run()))
        };
        let (handles, running) = (0..settings.lanes.max(1)).map(lane).unzip();
        Self { handles: RwLock::new(handles), running: RwLock::new(running) }
    }

    /// Has a command decided. The caller may stop waiting at any moment; once it is queued, the command is decided all the same.
    ///
    /// # Errors
    /// [`SubmitError`]; only [`SubmitError::Unavailable`] leaves open what happened.
    pub async fn submit(&self, asked: ReceivedCommand) -> Result<Outcome, SubmitError> {
        let queued = self.handle_of(&asked.command.id).and_then(|LaneHandle { queue, state }| {
            if state.is_late.load(Ordering::Relaxed) {
                return Err(SubmitError::Overloaded);
            }
            let place = queue.try_reserve().map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(()) => SubmitError::Overloaded,
                mpsc::error::TrySendError::Closed(()) => SubmitError::Stopping,
            })?;
            Ok(put(place, asked))
        });
        decided(queued).await
    }

    /// The same for what has happened and must be recorded, of which there is never much: it waits for its place in a full queue.
    ///
    /// # Errors
    /// [`SubmitError`], but never [`SubmitError::Overloaded`].
    pub async fn submit_patiently(&self, asked: ReceivedCommand) -> Result<Outcome, SubmitError> {
        let queued = match self.handle_of(&asked.command.id) {
            Ok(handle) => handle.queue.reserve().await.map(|place| put(place, asked)).map_err(|_closed| SubmitError::Stopping),
            Err(stopping) => Err(stopping),
        };
        decided(queued).await
    }

    fn handle_of(&self, id: &PaymentRequestId) -> Result<LaneHandle, SubmitError> {
        let handles = self.handles.read().unwrap_or_else(PoisonError::into_inner);
        handles.get(lane_of(id, handles.len())).cloned().ok_or(SubmitError::Stopping)
    }

    /// For how long the batch that takes longest has been going on; nothing where none is.
    #[must_use]
    pub fn oldest_batch(&self) -> Duration {
        let handles = self.handles.read().unwrap_or_else(PoisonError::into_inner);
        let since = |handle: &LaneHandle| *handle.state.at_work_since.lock().unwrap_or_else(PoisonError::into_inner);
        handles.iter().filter_map(since).map(|since| since.elapsed()).max().unwrap_or_default()
    }

    /// Takes no more commands and returns once every command taken before is decided.
    pub async fn stop(&self) {
        self.handles.write().unwrap_or_else(PoisonError::into_inner).clear();
        let running = std::mem::take(&mut *self.running.write().unwrap_or_else(PoisonError::into_inner));
        for lane in running {
            if let Err(died) = lane.await {
                tracing::error!(error = %died, "a lane died");
            }
        }
    }
}

fn put(place: mpsc::Permit<'_, QueuedCommand>, asked: ReceivedCommand) -> PendingReply {
    let (reply, answer) = oneshot::channel();
    // Before it is there to be taken, so that the gauge is never less than nothing.
    gauge!("rescind_commands_waiting").increment(1);
    place.send(QueuedCommand { asked, since: Instant::now(), reply });
    answer
}

/// Waits for what was queued.
async fn decided(queued: Result<PendingReply, SubmitError>) -> Result<Outcome, SubmitError> {
    let outcome = match queued {
        Ok(answer) => {
            let lost = |_| Err(UnavailableError::because("the batch ended without an answer"));
            answer.await.unwrap_or_else(lost).map_err(SubmitError::Unavailable)
        }
        Err(refused) => Err(refused),
    };
    outcome.inspect_err(|why| counter!("rescind_commands_not_decided_total", "reason" => why.name()).increment(1))
}

fn lane_of(id: &PaymentRequestId, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes.max(1) as u64).unwrap_or_default()
}

/// One lane, which decides one batch after another.
struct Lane {
    store: Arc<dyn CancellationStore>,
    waiting: mpsc::Receiver<QueuedCommand>,
    most: usize,
    state: Arc<LaneState>,
}

impl Lane {
    async fn run(mut self) {
        let mut gathered = Vec::with_capacity(self.most);
        while self.waiting.recv_many(&mut gathered, self.most).await > 0 {
            let waited = gathered.iter().map(|waiting: &QueuedCommand| waiting.since.elapsed()).max();
            let (batch, replies): (Vec<_>, Vec<_>) = gathered.drain(..).map(|waiting| (waiting.asked, waiting.reply)).unzip();
            gauge!("rescind_commands_waiting").decrement(replies.len() as f64);
            histogram!("rescind_batch_commands").record(replies.len() as f64);
            self.state.is_late.store(waited.is_some_and(|waited| waited > LONGEST_WAIT), Ordering::Relaxed);
            let outcomes = self.decide(batch).await;
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // Nobody may be waiting any more; what was decided stays decided.
                let _ = reply.send(outcome);
            }
            // Of an empty queue no batch would tell that it is not late any more.
            if self.waiting.is_empty() {
                self.state.is_late.store(false, Ordering::Relaxed);
            }
        }
    }

    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<Outcome, UnavailableError>> {
        let (store, begun) = (Arc::clone(&self.store), Instant::now());
        self.state.is_at_work_since(Some(begun));
        // A task of its own: a panic in an adapter costs this batch its answers, not the lane its life.
        let outcomes = tokio::spawn(async move { store.decide(batch).await }).await.unwrap_or_else(|died| {
            tracing::error!(error = %died, "a batch died");
            Vec::new()
        });
        self.state.is_at_work_since(None);
        histogram!("rescind_batch_seconds").record(begun.elapsed());
        outcomes
    }
}
