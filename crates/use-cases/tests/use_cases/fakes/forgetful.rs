//! A store whose database may forget all of its cases, as one does whose standby was copied only later.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Case, InquiryReply, PaymentInquiry, PaymentRequestId};
use ports::testing::{MemoryStore, core_policy};
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, LeasedLookup, LeasedReversal, Page, ReceivedCommand,
    ReversalFilter, StoreState, UnavailableError,
};

pub(crate) struct Forgetful {
    cases: Mutex<MemoryStore>,
    histories: AtomicU64,
}

impl Forgetful {
    pub(crate) fn new() -> Self {
        Self { cases: Mutex::new(MemoryStore::new(core_policy())), histories: AtomicU64::new(0) }
    }

    /// Another server takes its place, which has nothing of it.
    pub(crate) fn forgets(&self) {
        *self.cases.lock().unwrap() = MemoryStore::new(core_policy());
        self.histories.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> MemoryStore {
        self.cases.lock().unwrap().clone()
    }
}

#[async_trait]
impl CancellationStore for Forgetful {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<Decided, UnavailableError>> {
        self.now().decide(batch).await
    }
    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        self.now().lease_due(now, limit).await
    }
    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        self.now().lease_lookups(now, limit).await
    }
    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError> {
        self.now().hasten_lookups(now, within, limit).await
    }
    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        self.now().find(id).await
    }
    async fn inquire(&self, batch: Vec<PaymentInquiry>) -> Vec<Result<InquiryReply, UnavailableError>> {
        self.now().inquire(batch).await
    }
    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        self.now().account(account, page).await
    }
    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.now().reversals(filter, page).await
    }
    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.now().deferred(page).await
    }
    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        self.now().backlog().await
    }
    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        self.now().check().await
    }
    fn state(&self) -> StoreState {
        StoreState { history: Some(self.histories.load(Ordering::Relaxed)), waits_for_standby: Some(false) }
    }
}
