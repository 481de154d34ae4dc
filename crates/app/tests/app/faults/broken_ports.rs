//! The ports of one process, each call of which may go wrong by plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Case, CorePayment, InquiryReply, PaymentInquiry, PaymentRequestId, ReversalOutcome, ReversalRequest};
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, FundsGateway, LeasedLookup, LeasedReversal, MessageSigner,
    Page, Payments, ReceivedCommand, ReversalFilter, Signature, UnavailableError,
};
use tokio::sync::watch;

use crate::faults::plan::{Fault, Plan, Side, Trouble};

/// Whether a process lives, and how often its callers were lost.
pub(crate) struct Life {
    ended: AtomicBool,
    lost_callers: watch::Sender<u32>,
}

impl Life {
    pub(crate) fn begins() -> Arc<Self> {
        Arc::new(Self { ended: AtomicBool::new(false), lost_callers: watch::Sender::new(0) })
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Nothing that the process does from now on has any effect.
    pub(crate) fn ends(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.loses_callers();
    }

    fn loses_callers(&self) {
        self.lost_callers.send_modify(|times| *times += 1);
    }

    pub(crate) fn callers(&self) -> watch::Receiver<u32> {
        self.lost_callers.subscribe()
    }

    /// Goes no further in a process that is dead.
    async fn goes_on(&self) {
        if self.has_ended() {
            std::future::pending().await
        }
    }
}

/// What every call of one process passes through.
#[derive(Clone)]
pub(crate) struct Crossing {
    pub(crate) plan: Arc<Plan>,
    pub(crate) life: Arc<Life>,
    pub(crate) slow: Duration,
}

impl Crossing {
    async fn pass<T: Send>(
        &self,
        name: &'static str,
        call: impl Future<Output = T> + Send,
        failure: impl FnOnce(UnavailableError) -> T + Send,
    ) -> T {
        self.life.goes_on().await;
        let fault = self.plan.counts(name);
        if self.goes_wrong(fault, Side::Before).await {
            return failure(UnavailableError::because("injected before the call"));
        }
        let missed = Missed(&self.plan, fault.filter(|fault| fault.side == Side::After));
        let answer = call.await;
        missed.takes_place();
        self.life.goes_on().await;
        if self.goes_wrong(fault, Side::After).await {
            return failure(UnavailableError::because("injected after the call"));
        }
        answer
    }

    /// Whether the call has to fail here.
    async fn goes_wrong(&self, fault: Option<Fault>, here: Side) -> bool {
        let Some(Fault { trouble, .. }) = fault.filter(|fault| fault.side == here) else { return false };
        let lasting = self.plan.hits();
        match trouble {
            Trouble::Fails => true,
            Trouble::IsSlow => {
                tokio::time::sleep(self.slow).await;
                self.life.goes_on().await;
                false
            }
            // Unwinds as a bug does, without the noise.
            Trouble::Panics => std::panic::resume_unwind(Box::new("injected")),
            Trouble::EndsTheProcess => {
                self.life.ends();
                drop(lasting);
                std::future::pending().await
            }
            Trouble::LosesItsCallers => {
                self.life.loses_callers();
                // The callers are gone before the call goes on.
                for _ in 0..8 {
                    tokio::task::yield_now().await;
                }
                false
            }
        }
    }
}

/// A fault after an effect, until the call has had it.
struct Missed<'a>(&'a Plan, Option<Fault>);

impl Missed<'_> {
    fn takes_place(mut self) {
        self.1 = None;
    }
}

impl Drop for Missed<'_> {
    fn drop(&mut self) {
        if let Some(fault) = self.1 {
            self.0.misses(fault);
        }
    }
}

/// A port with its crossing.
pub(crate) struct Broken<P> {
    pub(crate) port: P,
    pub(crate) crossing: Crossing,
}

#[async_trait]
impl CancellationStore for Broken<Arc<dyn CancellationStore>> {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<Decided, UnavailableError>> {
        let size = batch.len();
        self.crossing.pass("decide", self.port.decide(batch), |unavailable| vec![Err(unavailable); size]).await
    }

    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        self.crossing.pass("claim_due", self.port.lease_due(now, limit), Err).await
    }

    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        self.crossing.pass("lease_lookups", self.port.lease_lookups(now, limit), Err).await
    }

    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError> {
        self.crossing.pass("hasten_lookups", self.port.hasten_lookups(now, within, limit), Err).await
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        self.crossing.pass("find", self.port.find(id), Err).await
    }

    async fn inquire(&self, batch: Vec<PaymentInquiry>) -> Vec<Result<InquiryReply, UnavailableError>> {
        let size = batch.len();
        self.crossing.pass("inquire", self.port.inquire(batch), |unavailable| vec![Err(unavailable); size]).await
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        self.crossing.pass("account", self.port.account(account, page), Err).await
    }

    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.crossing.pass("reversals", self.port.reversals(filter, page), Err).await
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.crossing.pass("deferred", self.port.deferred(page), Err).await
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        self.crossing.pass("backlog", self.port.backlog(), Err).await
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        self.crossing.pass("check", self.port.check(), Err).await
    }
}

#[async_trait]
impl<P: FundsGateway> FundsGateway for Broken<Arc<P>> {
    async fn reverse(&self, reversal_request: &ReversalRequest) -> ReversalOutcome {
        let unknown = |met: UnavailableError| ReversalOutcome::Unknown(met.to_string());
        self.crossing.pass("give_back", self.port.reverse(reversal_request), unknown).await
    }
}

#[async_trait]
impl<P: Payments> Payments for Broken<Arc<P>> {
    async fn look_up(&self, id: &PaymentRequestId) -> Result<Option<CorePayment>, UnavailableError> {
        self.crossing.pass("look_up", self.port.look_up(id), Err).await
    }
}

/// Signs with nothing; what matters is whether the answer can leave.
pub(crate) struct Seal;

#[async_trait]
impl MessageSigner for Broken<Seal> {
    async fn sign(&self, _: &[u8]) -> Result<Signature, UnavailableError> {
        let signature = Signature { key_version: 1, bytes: Vec::new() };
        self.crossing.pass("sign", std::future::ready(Ok(signature)), Err).await
    }
}
