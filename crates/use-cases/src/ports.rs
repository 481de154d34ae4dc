//! What the use cases work with.

use std::sync::Arc;

use ::ports::{CancellationStore, Clock, FundsGateway, Payments, ReceivedCommand};
use domain::{Action, Command, PaymentRequestId};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::Lanes;
use crate::answered::AnsweredCancels;

/// How many attempts to give money back may go on at once for the callers of cancels, as many for the worker, and as many questions for
/// payments. One slow wallet core cannot use up the process, and what the worker has to catch up on takes nothing away from those who
/// wait.
const ATTEMPTS: u32 = 256;

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
    /// What was answered lately.
    pub(crate) answered: AnsweredCancels,
    pub(crate) attempts_of_cancels: Arc<Semaphore>,
    pub(crate) attempts_of_worker: Arc<Semaphore>,
    /// For asking the core about a payment before its cancel is decided.
    pub(crate) lookups: Semaphore,
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
        let lookups = Semaphore::new(ATTEMPTS as usize);
        let (answered, runtime) = (AnsweredCancels::default(), Handle::current());
        Self { lanes, store, clock, core, answered, attempts_of_cancels, attempts_of_worker, lookups, runtime }
    }

    /// Takes no more work and returns once everything taken before is done: first the attempts, since each ends with a command.
    pub async fn stop(&self) {
        // The semaphores are never closed, so this only ever waits.
        let _all_ended = self.attempts_of_worker.acquire_many(ATTEMPTS).await;
        let _all_ended = self.attempts_of_cancels.acquire_many(ATTEMPTS).await;
        self.lanes.stop().await;
    }

    /// A command that arises here and now.
    pub(crate) fn received(&self, id: PaymentRequestId, action: Action) -> ReceivedCommand {
        ReceivedCommand { command: Command { id, at: self.clock.now(), action }, arrived: self.clock.instant() }
    }
}
