//! Natural batching: each lane decides what has gathered while its last batch was being committed.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use ::ports::{Asked, CancellationStore, Unavailable};
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
pub enum NotDecided {
    /// The queue is full; nothing was touched.
    Overloaded,
    /// The process is stopping; nothing was touched.
    Stopping,
    /// Nobody knows whether it was.
    Unavailable(Unavailable),
}

impl NotDecided {
    /// A name for metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Overloaded => "overloaded",
            Self::Stopping => "stopping",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

impl fmt::Display for NotDecided {
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

struct Waiting {
    asked: Asked,
    /// Since when. What its caller did before, such as asking a slow wallet core for the payment, is no fault of the lane's.
    since: Instant,
    reply: oneshot::Sender<Result<Outcome, Unavailable>>,
}

type Answer = oneshot::Receiver<Result<Outcome, Unavailable>>;

/// The way into a lane.
#[derive(Clone)]
struct Entrance {
    queue: mpsc::Sender<Waiting>,
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
    entrances: RwLock<Vec<Entrance>>,
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
            (Entrance { queue, state }, tokio::spawn(lane.run()))
        };
        let (entrances, running) = (0..settings.lanes.max(1)).map(lane).unzip();
        Self { entrances: RwLock::new(entrances), running: RwLock::new(running) }
    }

    /// Has a command decided. The caller may stop waiting at any moment; once it is queued, the command is decided all the same.
    ///
    /// # Errors
    /// [`NotDecided`]; only [`NotDecided::Unavailable`] leaves open what happened.
    pub async fn submit(&self, asked: Asked) -> Result<Outcome, NotDecided> {
        let queued = self.entrance_of(&asked.command.id).and_then(|Entrance { queue, state }| {
            if state.is_late.load(Ordering::Relaxed) {
                return Err(NotDecided::Overloaded);
            }
            let place = queue.try_reserve().map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(()) => NotDecided::Overloaded,
                mpsc::error::TrySendError::Closed(()) => NotDecided::Stopping,
            })?;
            Ok(put(place, asked))
        });
        decided(queued).await
    }

    /// The same for what has happened and must be recorded, of which there is never much: it waits for its place in a full queue.
    ///
    /// # Errors
    /// [`NotDecided`], but never [`NotDecided::Overloaded`].
    pub async fn submit_patiently(&self, asked: Asked) -> Result<Outcome, NotDecided> {
        let queued = match self.entrance_of(&asked.command.id) {
            Ok(entrance) => entrance.queue.reserve().await.map(|place| put(place, asked)).map_err(|_closed| NotDecided::Stopping),
            Err(stopping) => Err(stopping),
        };
        decided(queued).await
    }

    fn entrance_of(&self, id: &PaymentRequestId) -> Result<Entrance, NotDecided> {
        let entrances = self.entrances.read().unwrap_or_else(PoisonError::into_inner);
        entrances.get(lane_of(id, entrances.len())).cloned().ok_or(NotDecided::Stopping)
    }

    /// For how long the batch that takes longest has been going on; nothing where none is.
    #[must_use]
    pub fn oldest_batch(&self) -> Duration {
        let entrances = self.entrances.read().unwrap_or_else(PoisonError::into_inner);
        let since = |entrance: &Entrance| *entrance.state.at_work_since.lock().unwrap_or_else(PoisonError::into_inner);
        entrances.iter().filter_map(since).map(|since| since.elapsed()).max().unwrap_or_default()
    }

    /// Takes no more commands and returns once every command taken before is decided.
    pub async fn stop(&self) {
        self.entrances.write().unwrap_or_else(PoisonError::into_inner).clear();
        let running = std::mem::take(&mut *self.running.write().unwrap_or_else(PoisonError::into_inner));
        for lane in running {
            if let Err(died) = lane.await {
                tracing::error!(error = %died, "a lane died");
            }
        }
    }
}

fn put(place: mpsc::Permit<'_, Waiting>, asked: Asked) -> Answer {
    let (reply, answer) = oneshot::channel();
    // Before it is there to be taken, so that the gauge is never less than nothing.
    gauge!("rescind_commands_waiting").increment(1);
    place.send(Waiting { asked, since: Instant::now(), reply });
    answer
}

/// Waits for what was queued.
async fn decided(queued: Result<Answer, NotDecided>) -> Result<Outcome, NotDecided> {
    let outcome = match queued {
        Ok(answer) => {
            let lost = |_| Err(Unavailable::because("the batch ended without an answer"));
            answer.await.unwrap_or_else(lost).map_err(NotDecided::Unavailable)
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
    waiting: mpsc::Receiver<Waiting>,
    most: usize,
    state: Arc<LaneState>,
}

impl Lane {
    async fn run(mut self) {
        let mut gathered = Vec::with_capacity(self.most);
        while self.waiting.recv_many(&mut gathered, self.most).await > 0 {
            let waited = gathered.iter().map(|waiting: &Waiting| waiting.since.elapsed()).max();
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

    async fn decide(&self, batch: Vec<Asked>) -> Vec<Result<Outcome, Unavailable>> {
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
