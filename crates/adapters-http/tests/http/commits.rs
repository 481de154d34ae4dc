//! A store that answers questions and commits nothing.

use std::future::pending;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Case, InquiryReply, PaymentInquiry, PaymentRequestId};
use ports::testing::{MemoryStore, ledger_policy};
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, LeasedLookup, LeasedReversal, Page, ReceivedCommand,
    ReversalFilter, StoreState, UnavailableError, UnavailableKind,
};

use crate::wallet_side::{Api, payment};

/// What becomes of a batch.
#[derive(Clone, Copy)]
enum Batch {
    Fails(UnavailableKind),
    Hangs,
    Succeeds,
}

/// A store whose batches come to this, and whose commits wait for a standby or not.
struct Troubled {
    store: MemoryStore,
    batch: Mutex<Batch>,
    waits_for_standby: bool,
}

impl Troubled {
    fn by(batch: Batch) -> Arc<Self> {
        Arc::new(Self { store: MemoryStore::new(ledger_policy()), batch: Mutex::new(batch), waits_for_standby: true })
    }
}

#[async_trait]
impl CancellationStore for Troubled {
    async fn decide(&self, batch: Vec<ReceivedCommand>) -> Vec<Result<Decided, UnavailableError>> {
        let trouble = *self.batch.lock().unwrap();
        match trouble {
            Batch::Fails(kind) => batch.iter().map(|_| Err(UnavailableError::because("planted").of_kind(kind))).collect(),
            Batch::Hangs => pending().await,
            Batch::Succeeds => self.store.decide(batch).await,
        }
    }

    async fn lease_due(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        self.store.lease_due(now, limit).await
    }

    async fn lease_lookups(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        self.store.lease_lookups(now, limit).await
    }

    async fn hasten_lookups(&self, now: DateTime<Utc>, within: TimeDelta, limit: u32) -> Result<u32, UnavailableError> {
        self.store.hasten_lookups(now, within, limit).await
    }

    async fn find(&self, id: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        self.store.find(id).await
    }

    async fn inquire(&self, batch: Vec<PaymentInquiry>) -> Vec<Result<InquiryReply, UnavailableError>> {
        self.store.inquire(batch).await
    }

    async fn account(&self, account: &AccountId, page: &Page) -> Result<AccountStatement, UnavailableError> {
        self.store.account(account, page).await
    }

    async fn reversals(&self, filter: ReversalFilter, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.store.reversals(filter, page).await
    }

    async fn deferred(&self, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.store.deferred(page).await
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        self.store.backlog().await
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        self.store.check().await
    }

    fn state(&self) -> StoreState {
        StoreState { history: Some(0), waits_for_standby: Some(self.waits_for_standby) }
    }
}

/// The code of the reason that a process gives, which its words begin with; empty where it is ready.
fn code(api: &Api) -> String {
    let (status, body) = api.readiness();
    assert_eq!(status == 200, body["ready"] == true, "{body}");
    let codes: Vec<_> = body["reasons"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    for (code, words) in codes.iter().zip(body["details"].as_array().unwrap()) {
        assert!(words.as_str().unwrap().starts_with(&format!("{code}: ")), "{body}");
    }
    codes.join(" ")
}

/// Within one look, as soon as it has lasted for three seconds.
#[test]
fn f77_a_process_whose_batches_fail_is_unready_until_one_succeeds() {
    for (kind, expected) in
        [(UnavailableKind::Store, "commits"), (UnavailableKind::StoreFull, "disk"), (UnavailableKind::Alone, "")]
    {
        let store = Troubled::by(Batch::Fails(kind));
        let api = Api::over(Arc::clone(&store) as _, Duration::from_secs(60));
        assert_eq!(api.put("p1", &payment()).status, 503);
        assert_eq!(code(&api), "", "one failure is no trouble yet");
        std::thread::sleep(Duration::from_millis(3100));
        assert_eq!(api.put("p1", &payment()).status, 503);
        assert_eq!(code(&api), expected, "{kind:?}");
        *store.batch.lock().unwrap() = Batch::Succeeds;
        assert_eq!(api.put("p1", &payment()).status, 200);
        assert_eq!(code(&api), "");
    }
}

#[test]
fn f77_a_batch_that_does_not_end_makes_the_process_unready() {
    let api = Api::over(Troubled::by(Batch::Hangs), Duration::from_millis(20));
    assert_eq!(api.put("p1", &payment()).status, 503);
    assert_eq!(code(&api), "");
    std::thread::sleep(Duration::from_millis(3100));
    assert_eq!(code(&api), "batches");
}

#[test]
fn f79_without_a_standby_that_is_required_the_process_is_unready() {
    let store =
        Troubled { store: MemoryStore::new(ledger_policy()), batch: Mutex::new(Batch::Succeeds), waits_for_standby: false };
    assert_eq!(code(&Api::over(Arc::new(store), Duration::from_secs(60))), "standby");
    assert_eq!(code(&Api::over(Troubled::by(Batch::Succeeds), Duration::from_secs(60))), "");
}
