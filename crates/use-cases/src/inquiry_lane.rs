//! Inquiries gather as commands do: while one statement reads, the next batch comes together by itself. So however many ask at
//! once, they take one connection from those that decide.

use std::sync::Arc;

use ::ports::{CancellationStore, UnavailableError};
use domain::{InquiryReply, PaymentInquiry};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tracing::error;

/// How many inquiries may wait; one more is refused.
const QUEUE: usize = 10_000;
/// How many are read with one statement at most.
const BATCH: usize = 128;

type ReadResult = Result<InquiryReply, UnavailableError>;

/// Why an inquiry was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// Too many are waiting.
    Overloaded,
    /// The case could not be read.
    Unavailable(UnavailableError),
}

/// An inquiry with the way back to its caller.
struct QueuedInquiry {
    inquiry: PaymentInquiry,
    reply: oneshot::Sender<ReadResult>,
}

/// The way in. Its task ends with it: nothing that an inquiry begins has to be finished.
pub(crate) struct InquiryLane(mpsc::Sender<QueuedInquiry>);

impl InquiryLane {
    /// Starts reading on a runtime that outlives its callers.
    pub(crate) fn start(store: &Arc<dyn CancellationStore>, runtime: &Handle) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        runtime.spawn(read_all(Arc::clone(store), queued));
        Self(queue)
    }

    /// The reply to an inquiry. A caller that stops waiting takes its inquiry with it, unless that is being read.
    pub(crate) async fn read(&self, inquiry: PaymentInquiry) -> Result<InquiryReply, ReadError> {
        let (reply, pending) = oneshot::channel();
        self.0.try_send(QueuedInquiry { inquiry, reply }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => ReadError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => ReadError::Unavailable(UnavailableError::because("inquiries have ended")),
        })?;
        let lost = |_| Err(UnavailableError::because("the batch of inquiries ended without a reply"));
        pending.await.unwrap_or_else(lost).map_err(ReadError::Unavailable)
    }
}

async fn read_all(store: Arc<dyn CancellationStore>, mut queued: mpsc::Receiver<QueuedInquiry>) {
    let mut gathered = Vec::with_capacity(BATCH);
    while queued.recv_many(&mut gathered, BATCH).await > 0 {
        // A caller that has gone was answered U, and would not hear the reply.
        let waiting = gathered.drain(..).filter(|queued: &QueuedInquiry| !queued.reply.is_closed());
        let (batch, replies): (Vec<_>, Vec<_>) = waiting.map(|queued| (queued.inquiry, queued.reply)).unzip();
        if batch.is_empty() {
            continue;
        }
        let of_task = Arc::clone(&store);
        // A task of its own: a panic in an adapter costs this batch its replies, not the lane its life.
        let read = tokio::spawn(async move { of_task.inquire(batch).await }).await.unwrap_or_else(|died| {
            error!(error = %died, "a batch of inquiries ended by a panic: its callers are answered U (report this as a defect)");
            Vec::new()
        });
        for (reply, read) in replies.into_iter().zip(read) {
            let _ = reply.send(read);
        }
    }
}
