//! Natural batching: each lane decides what has gathered while its last batch was being committed.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ::ports::{Asked, CancellationStore, Unavailable};
use domain::{Outcome, PaymentRequestId};
use metrics::{counter, gauge, histogram};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

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
    reply: oneshot::Sender<Result<Outcome, Unavailable>>,
}

/// The way into a lane.
struct Entrance {
    queue: mpsc::Sender<Waiting>,
    /// Whether the lane has to catch up first.
    is_late: Arc<AtomicBool>,
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
            let is_late = Arc::new(AtomicBool::new(false));
            let lane = Lane { store: Arc::clone(store), waiting, most: settings.batch.max(1), is_late: Arc::clone(&is_late) };
            (Entrance { queue, is_late }, tokio::spawn(lane.run()))
        };
        let (entrances, running) = (0..settings.lanes.max(1)).map(lane).unzip();
        Self { entrances: RwLock::new(entrances), running: RwLock::new(running) }
    }

    /// Has a command decided. The caller may stop waiting at any moment; once it is queued, the command is decided all the same.
    ///
    /// # Errors
    /// [`NotDecided`]; only [`NotDecided::Unavailable`] leaves open what happened.
    pub async fn submit(&self, asked: Asked) -> Result<Outcome, NotDecided> {
        let decided = match self.queue(asked) {
            Ok(answer) => {
                let lost = || Unavailable::because("the batch ended without an answer");
                answer.await.unwrap_or_else(|_| Err(lost())).map_err(NotDecided::Unavailable)
            }
            Err(refused) => Err(refused),
        };
        decided.inspect_err(|why| counter!("rescind_commands_not_decided_total", "reason" => why.name()).increment(1))
    }

    fn queue(&self, asked: Asked) -> Result<oneshot::Receiver<Result<Outcome, Unavailable>>, NotDecided> {
        let (reply, answer) = oneshot::channel();
        let entrances = self.entrances.read().unwrap_or_else(PoisonError::into_inner);
        let lane = entrances.get(lane_of(&asked.command.id, entrances.len()));
        let Some(Entrance { queue, is_late }) = lane else { return Err(NotDecided::Stopping) };
        if is_late.load(Ordering::Relaxed) {
            return Err(NotDecided::Overloaded);
        }
        // Before it is there to be taken, so that the gauge is never less than nothing.
        gauge!("rescind_commands_waiting").increment(1);
        queue.try_send(Waiting { asked, reply }).map_err(|refused| {
            gauge!("rescind_commands_waiting").decrement(1);
            match refused {
                mpsc::error::TrySendError::Full(_) => NotDecided::Overloaded,
                mpsc::error::TrySendError::Closed(_) => NotDecided::Stopping,
            }
        })?;
        Ok(answer)
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
    is_late: Arc<AtomicBool>,
}

impl Lane {
    async fn run(mut self) {
        let mut gathered = Vec::with_capacity(self.most);
        while self.waiting.recv_many(&mut gathered, self.most).await > 0 {
            let (batch, replies): (Vec<_>, Vec<_>) = gathered.drain(..).map(|waiting| (waiting.asked, waiting.reply)).unzip();
            gauge!("rescind_commands_waiting").decrement(replies.len() as f64);
            histogram!("rescind_batch_commands").record(replies.len() as f64);
            let waited = batch.iter().map(|asked: &Asked| asked.arrived.elapsed()).max();
            self.is_late.store(waited.is_some_and(|waited| waited > LONGEST_WAIT), Ordering::Relaxed);
            let outcomes = self.decide(batch).await;
            for (reply, outcome) in replies.into_iter().zip(outcomes) {
                // Nobody may be waiting any more; what was decided stays decided.
                let _ = reply.send(outcome);
            }
            // Of an empty queue no batch would tell that it is not late any more.
            if self.waiting.is_empty() {
                self.is_late.store(false, Ordering::Relaxed);
            }
        }
    }

    async fn decide(&self, batch: Vec<Asked>) -> Vec<Result<Outcome, Unavailable>> {
        let (store, begun) = (Arc::clone(&self.store), Instant::now());
        // A task of its own: a panic in an adapter costs this batch its answers, not the lane its life.
        let outcomes = tokio::spawn(async move { store.decide(batch).await }).await.unwrap_or_else(|died| {
            tracing::error!(error = %died, "a batch died");
            Vec::new()
        });
        histogram!("rescind_batch_seconds").record(begun.elapsed());
        outcomes
    }
}
