//! Natural batching: while a lane's last batch is being committed, the next one gathers by itself.

mod lane;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ::ports::{CancellationStore, Decided, ReceivedCommand, UnavailableError};
use domain::{PaymentRequestId, Reply, ReplyMismatchError};
use metrics::counter;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use lane::{Lane, LaneHandle, PendingReply};

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
    handles: RwLock<Vec<LaneHandle>>,
    running: RwLock<Vec<JoinHandle<()>>>,
}

impl Lanes {
    /// Starts the lanes on the current tokio runtime, which has to outlive their callers.
    #[must_use]
    pub fn start(store: &Arc<dyn CancellationStore>, settings: LaneSettings) -> Self {
        let start = |_| {
            let (queue, commands) = mpsc::channel(settings.queue.max(1));
            let (handle, state) = LaneHandle::new(queue);
            (handle, tokio::spawn(Lane::new(Arc::clone(store), commands, settings.batch.max(1), state).run()))
        };
        let (handles, running) = (0..settings.lanes.max(1)).map(start).unzip();
        Self { handles: RwLock::new(handles), running: RwLock::new(running) }
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
        handles.iter().filter_map(LaneHandle::batch_began_at).map(|began| began.elapsed()).max().unwrap_or_default()
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
    if let Some(rule) = decided.rule {
        counter!("rescind_decisions_total", "rule" => rule.name()).increment(1);
    }
    Ok(decided.typed()?)
}

fn lane_of(id: &PaymentRequestId, lanes: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    usize::try_from(hasher.finish() % lanes.max(1) as u64).unwrap_or_default()
}
