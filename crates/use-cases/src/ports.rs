//! What the use cases work with.

use std::sync::Arc;

use ::ports::{CancellationStore, Clock, FundsGateway, Payments, ReceivedCommand};
use domain::{Action, Answer, Command, PaymentRequestId};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::answered::AnsweredCancels;
use crate::doubtful_receipts::DoubtfulReceipts;
use crate::inquiry_lane::InquiryLane;
use crate::received_cancel::AskedCancel;
use crate::reversal::LookupHealth;
use crate::{Lanes, RequestTimes};

/// How many attempts to give money back may go on at once for the callers of cancels, as many for the worker, and as many questions for
/// payments. One slow wallet core cannot use up the process, and what the worker has to catch up on takes nothing away from those who
/// wait.
const ATTEMPTS: u32 = 256;
/// How many payments of deferred cancels may be looked up at once.
const LOOKUPS_OF_WORKER: u32 = 64;
/// How many payments may be looked up at once for inquiries. They change nothing, so they leave the core to those that do.
const LOOKUPS_OF_INQUIRIES: u32 = 64;

/// The ports of one process, with what runs between them.
pub struct Ports {
    /// Where commands are decided.
    pub lanes: Lanes,
    /// Where cases are kept.
    pub store: Arc<dyn CancellationStore>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The wallet core; `None` where the embedded ledger has the money.
    pub core: Option<Core>,
    /// What requests say about the clock.
    pub request_times: RequestTimes,
    /// What waits until the clock is known to be right.
    pub(crate) doubtful: DoubtfulReceipts,
    /// What was answered lately.
    pub(crate) answered: AnsweredCancels,
    pub(crate) attempts_of_cancels: Arc<Semaphore>,
    pub(crate) attempts_of_worker: Arc<Semaphore>,
    /// For asking the core about a payment whose cancel's caller waits.
    pub(crate) lookups_of_cancels: Semaphore,
    pub(crate) lookups_of_worker: Arc<Semaphore>,
    pub(crate) lookups_of_inquiries: Arc<Semaphore>,
    pub(crate) inquiries: InquiryLane,
    pub(crate) lookup_health: LookupHealth,
    pub(crate) runtime: Handle,
}

/// The wallet core.
#[derive(Clone)]
pub struct Core {
    /// Gives money back.
    pub funds: Arc<dyn FundsGateway>,
    /// Knows the payments; `None` where the wallet announces them.
    pub payments: Option<Arc<dyn Payments>>,
}

impl Ports {
    /// Joins the ports on the current tokio runtime, which has to outlive every caller: what was begun for one goes on there.
    #[must_use]
    pub fn new(lanes: Lanes, store: Arc<dyn CancellationStore>, clock: Arc<dyn Clock>, core: Option<Core>) -> Self {
        let [attempts_of_cancels, attempts_of_worker] = [(); 2].map(|()| Arc::new(Semaphore::new(ATTEMPTS as usize)));
        let (lookups_of_cancels, lookups_of_worker) =
            (Semaphore::new(ATTEMPTS as usize), Arc::new(Semaphore::new(LOOKUPS_OF_WORKER as usize)));
        let runtime = Handle::current();
        Self {
            inquiries: InquiryLane::start(&store, &runtime),
            lookups_of_inquiries: Arc::new(Semaphore::new(LOOKUPS_OF_INQUIRIES as usize)),
            lanes,
            store,
            clock,
            core,
            request_times: RequestTimes::default(),
            doubtful: DoubtfulReceipts::default(),
            answered: AnsweredCancels::default(),
            attempts_of_cancels,
            attempts_of_worker,
            lookups_of_cancels,
            lookups_of_worker,
            lookup_health: LookupHealth::default(),
            runtime,
        }
    }

    /// Takes no more work and returns once everything taken before is done: first the lookups, since one may begin an attempt, then the
    /// attempts, since each ends with a command.
    pub async fn stop(&self) {
        // The semaphores are never closed, so this only ever waits.
        let _all_ended = self.lookups_of_inquiries.acquire_many(LOOKUPS_OF_INQUIRIES).await;
        let _all_ended = self.lookups_of_worker.acquire_many(LOOKUPS_OF_WORKER).await;
        let _all_ended = self.attempts_of_worker.acquire_many(ATTEMPTS).await;
        let _all_ended = self.attempts_of_cancels.acquire_many(ATTEMPTS).await;
        self.lanes.stop().await;
    }

    /// Remembers what was answered, in case the database forgets it.
    pub(crate) fn remember(&self, asked: &AskedCancel, answer: Answer) {
        if self.store.state().history.is_some() {
            self.answered.remember(asked, answer, self.clock.instant());
        }
    }

    /// A command that arises here and now.
    pub(crate) fn received(&self, id: PaymentRequestId, action: Action) -> ReceivedCommand {
        ReceivedCommand { command: Command { id, at: self.clock.now(), action }, arrived: self.clock.instant() }
    }
}
