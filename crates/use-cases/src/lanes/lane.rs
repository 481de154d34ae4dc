//! One lane, which decides one batch after another.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::ports::{CancellationStore, Decided, ReceivedCommand, UnavailableError};
use metrics::{gauge, histogram};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::SubmitError;

/// How long a command may have waited before it is decided while its lane still takes more. Past it the lane would only do work whose
/// callers have gone.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A command in a lane's queue.
pub(super) struct QueuedCommand {
    received: ReceivedCommand,
    /// When it was queued. What its caller did before, such as asking a slow wallet core for the payment, does not make the lane late.
    queued_at: Instant,
    reply: oneshot::Sender<Result<Decided, UnavailableError>>,
}

/// The reply to a queued command, once its batch is committed.
pub(super) type PendingReply = oneshot::Receiver<Result<Decided, UnavailableError>>;

/// The way into a lane; clones lead to the same one.
#[derive(Clone)]
pub(super) struct LaneHandle {
    queue: mpsc::Sender<QueuedCommand>,
    state: Arc<LaneState>,
}

/// What a lane shows of itself.
#[derive(Default)]
pub(super) struct LaneState {
    /// Whether it takes no more until it has caught up.
    is_late: AtomicBool,
    /// When the running batch began, if one is running.
    batch_began_at: Mutex<Option<Instant>>,
}

impl LaneState {
    fn set_batch_began_at(&self, began: Option<Instant>) {
        *self.batch_began_at.lock().unwrap_or_else(PoisonError::into_inner) = began;
    }
}

impl LaneHandle {
    /// The way into the lane that reads the other end of `queue`, and the state that the lane shows.
    pub(super) fn new(queue: mpsc::Sender<QueuedCommand>) -> (Self, Arc<LaneState>) {
        let state = Arc::new(LaneState::default());
        (Self { queue, state: Arc::clone(&state) }, state)
    }

    /// Queues a command, unless the queue is full or the lane is late.
    pub(super) fn try_queue(&self, received: ReceivedCommand) -> Result<PendingReply, SubmitError> {
        if self.state.is_late.load(Ordering::Relaxed) {
            return Err(SubmitError::Overloaded);
        }
        let place = self.queue.try_reserve().map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(()) => SubmitError::Overloaded,
            mpsc::error::TrySendError::Closed(()) => SubmitError::Stopping,
        })?;
        Ok(send(place, received))
    }

    /// Queues a command, and waits for its place where the queue is full.
    pub(super) async fn queue(&self, received: ReceivedCommand) -> Result<PendingReply, SubmitError> {
        let place = self.queue.reserve().await.map_err(|_closed| SubmitError::Stopping)?;
        Ok(send(place, received))
    }

    /// When the running batch began, if one is running.
    pub(super) fn batch_began_at(&self) -> Option<Instant> {
        *self.state.batch_began_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn send(place: mpsc::Permit<'_, QueuedCommand>, received: ReceivedCommand) -> PendingReply {
    let (reply, pending) = oneshot::channel();
    // Before the command can be taken, so that the gauge is never negative.
    gauge!("rescind_commands_waiting").increment(1);
    place.send(QueuedCommand { received, queued_at: Instant::now(), reply });
    pending
}

/// One lane.
pub(super) struct Lane {
    store: Arc<dyn CancellationStore>,
    commands: mpsc::Receiver<QueuedCommand>,
    batch_limit: usize,
    state: Arc<LaneState>,
}

impl Lane {
    /// A lane that decides at most `batch_limit` commands in one transaction.
    pub(super) fn new(
        store: Arc<dyn CancellationStore>,
        commands: mpsc::Receiver<QueuedCommand>,
        batch_limit: usize,
        state: Arc<LaneState>,
    ) -> Self {
        Self { store, commands, batch_limit, state }
    }

    /// Decides what is queued until every handle is gone.
    pub(super) async fn run(mut self) {
        let mut gathered = Vec::with_capacity(self.batch_limit);
        while self.commands.recv_many(&mut gathered, self.batch_limit).await > 0 {
            let waited = gathered.iter().map(|command: &QueuedCommand| command.queued_at.elapsed()).max();
            let (batch, replies): (Vec<_>, Vec<_>) = gathered.drain(..).map(|command| (command.received, command.reply)).unzip();
            gauge!("rescind_commands_waiting").decrement(replies.len() as f64);
            histogram!("rescind_batch_commands").record(replies.len() as f64);
            self.state.is_late.store(waited.is_some_and(|waited| waited > LONGEST_WAIT), Ordering::Relaxed);
            let decided = self.decide(batch).await;
            for (reply, decided) in replies.into_iter().zip(decided) {
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
        let (store, began) = (Arc::clone(&self.store), Instant::now());
        self.state.set_batch_began_at(Some(began));
        // A task of its own: a panic in an adapter costs this batch its replies, not the lane its life.
        let decided = tokio::spawn(async move { store.decide(batch).await }).await.unwrap_or_else(|died| {
            tracing::error!(error = %died, "a batch ended by a panic: its callers are answered U (report this as a defect)");
            Vec::new()
        });
        self.state.set_batch_began_at(None);
        histogram!("rescind_batch_seconds").record(began.elapsed());
        decided
    }
}
