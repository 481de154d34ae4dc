//! Cases in memory, behind a gate: it holds calls up, or turns them away.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Case, InquiryReply, PaymentInquiry, PaymentRequestId, Policy};
use ports::testing::MemoryStore;
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, LeasedLookup, LeasedReversal, Page, ReceivedCommand,
    ReversalFilter, UnavailableError,
};
use tokio::sync::Semaphore;

/// What each call passes before it reaches the cases.
#[async_trait]
pub(crate) trait Gate: Send + Sync {
    /// Before a batch is decided.
    async fn batch(&self, batch: &[ReceivedCommand]) -> Result<(), UnavailableError>;

    /// Before a batch of inquiries is read.
    async fn inquiries(&self) -> Result<(), UnavailableError> {
        self.other()
    }

    /// Before anything else.
    fn other(&self) -> Result<(), UnavailableError> {
        Ok(())
    }
}

/// A store in memory behind a gate.
pub(crate) struct Gated<G> {
    pub(crate) cases: MemoryStore,
    pub(crate) gate: G,
}

impl<G> Gated<G> {
    pub(crate) fn new(policy: Policy, gate: G) -> Arc<Self> {
        Arc::new(Self { cases: MemoryStore::new(policy), gate })
    }
}

impl<G: Gate> Gated<G> {
    fn reached(&self) -> Result<&MemoryStore, UnavailableError> {
        self.gate.other().map(|()| &self.cases)
    }
}

#[async_trait]
impl<G: Gate> CancellationStore for Gated<G> {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<Decided, UnavailableError>> {
        match self.gate.batch(&batch).await {
            Ok(()) => self.cases.decide(batch).await,
            Err(unavailable) => vec![Err(unavailable); batch.len()],
        }
    }
    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        self.reached()?.lease_due(now, limit).await
    }
    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        self.reached()?.lease_lookups(now, limit).await
    }
    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError> {
        self.reached()?.hasten_lookups(now, within, limit).await
    }
    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        self.reached()?.find(id).await
    }
    async fn inquire(&self, batch: Vec<PaymentInquiry>) -> Vec<Result<InquiryReply, UnavailableError>> {
        if let Err(unavailable) = self.gate.inquiries().await {
            return vec![Err(unavailable); batch.len()];
        }
        self.cases.inquire(batch).await
    }
    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        self.reached()?.account(account, page).await
    }
    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.reached()?.reversals(filter, page).await
    }
    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.reached()?.deferred(page).await
    }
    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        self.reached()?.backlog().await
    }
    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        self.reached()?.check().await
    }
}

/// Begins a batch only when it is let, and remembers how large each was. A batch with the id "panic" meets a bug.
pub(crate) struct HoldsBatches {
    pub(crate) lets: Semaphore,
    batches: Mutex<Vec<usize>>,
}

impl HoldsBatches {
    pub(crate) fn new(lets: usize) -> Self {
        Self { lets: Semaphore::new(lets), batches: Mutex::default() }
    }

    pub(crate) fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }

    /// Waits until a batch has come to the store.
    pub(crate) async fn begun(&self, batches: usize) {
        while self.batches().len() < batches {
            tokio::task::yield_now().await;
        }
    }
}

#[async_trait]
impl Gate for HoldsBatches {
    async fn batch(&self, batch: &[ReceivedCommand]) -> Result<(), UnavailableError> {
        self.batches.lock().unwrap().push(batch.len());
        self.lets.acquire().await.unwrap().forget();
        assert!(batch.iter().all(|received| received.command.id.as_str() != "panic"), "a bug in the adapter");
        Ok(())
    }
}

/// Begins to read inquiries only when it is let, and counts the batches.
pub(crate) struct HoldsInquiries {
    pub(crate) lets: Semaphore,
    pub(crate) begun: AtomicUsize,
}

impl HoldsInquiries {
    pub(crate) fn new() -> Self {
        Self { lets: Semaphore::new(0), begun: AtomicUsize::new(0) }
    }
}

#[async_trait]
impl Gate for HoldsInquiries {
    async fn batch(&self, _: &[ReceivedCommand]) -> Result<(), UnavailableError> {
        Ok(())
    }

    async fn inquiries(&self) -> Result<(), UnavailableError> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.lets.acquire().await.unwrap().forget();
        Ok(())
    }
}

/// Turns every call away while the database is away.
#[derive(Default)]
pub(crate) struct Away(AtomicBool);

impl Away {
    pub(crate) fn set(&self, is_away: bool) {
        self.0.store(is_away, Ordering::Relaxed);
    }
}

#[async_trait]
impl Gate for Away {
    async fn batch(&self, _: &[ReceivedCommand]) -> Result<(), UnavailableError> {
        self.other()
    }

    fn other(&self) -> Result<(), UnavailableError> {
        if self.0.load(Ordering::Relaxed) { Err(UnavailableError::because("no connection")) } else { Ok(()) }
    }
}
