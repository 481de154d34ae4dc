//! While a part does not work, the wallet is asked to repeat every call.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{AccountId, Case, InquiryReply, PaymentInquiry, PaymentRequestId};
use ports::testing::{MemoryStore, id, ledger_policy};
use ports::{
    AccountStatement, Backlog, CancellationStore, CaseFile, LeasedLookup, LeasedReversal, Page, ReceivedCommand, ReversalFilter,
    UnavailableError,
};
use serde_json::json;

use crate::wallet_side::{Api, Reply, disposition, payment};

#[test]
fn a_case_that_cannot_be_decided_is_not_answered() {
    let store = MemoryStore::new(ledger_policy());
    store.damage(&id("p1"));
    let api = Api::over(Arc::new(store), Duration::from_secs(60));
    assert_not_answered(&api.put("p1", &payment()));
    assert_eq!(disposition(&api.put("p2", &payment())), "proceed");
}

#[test]
fn a_process_that_stops_sends_the_wallet_away() {
    let api = Api::with_ledger();
    api.readiness.stopping();
    api.stop_lanes();
    assert_not_answered(&api.put("p1", &payment()));
    let stopping = json!({"ready": false, "reasons": ["stopping"], "details": ["stopping: accepted work is finished first"]});
    assert_eq!(api.readiness(), (503, stopping));
    let live = api.ask("GET /livez", None, b"");
    assert_eq!((live.status, live.body.as_str()), (200, "ok"));
}

/// A store that cannot be reached: it answers nothing, or only that it cannot.
struct Lost {
    silent: bool,
}

impl Lost {
    async fn answer<T>(&self) -> Result<T, UnavailableError> {
        if self.silent { pending().await } else { Err(UnavailableError::because("connection refused")) }
    }
}

#[async_trait]
impl CancellationStore for Lost {
    async fn decide(&self, _: Vec<ReceivedCommand>) -> Vec<Result<ports::Decided, UnavailableError>> {
        vec![self.answer().await]
    }

    async fn lease_due(&self, _: DateTime<Utc>, _: u32) -> Result<Vec<LeasedReversal>, UnavailableError> {
        self.answer().await
    }
    async fn lease_lookups(&self, _: DateTime<Utc>, _: u32) -> Result<Vec<LeasedLookup>, UnavailableError> {
        self.answer().await
    }

    async fn hasten_lookups(&self, _: DateTime<Utc>, _: TimeDelta, _: u32) -> Result<u32, UnavailableError> {
        self.answer().await
    }

    async fn find(&self, _: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        self.answer().await
    }

    async fn inquire(&self, _: Vec<PaymentInquiry>) -> Vec<Result<InquiryReply, UnavailableError>> {
        vec![self.answer().await]
    }

    async fn account(&self, _: &AccountId, _: &Page) -> Result<AccountStatement, UnavailableError> {
        self.answer().await
    }

    async fn reversals(&self, _: ReversalFilter, _: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.answer().await
    }

    async fn deferred(&self, _: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.answer().await
    }

    async fn backlog(&self) -> Result<Backlog, UnavailableError> {
        self.answer().await
    }

    async fn check(&self) -> Result<Option<DateTime<Utc>>, UnavailableError> {
        self.answer().await
    }
}

#[test]
fn while_the_database_is_lost_every_call_is_to_be_repeated() {
    for (silent, reason) in [(false, "database: connection refused"), (true, "database: no answer in time")] {
        let api = Api::over(Arc::new(Lost { silent }), Duration::from_millis(20));
        assert_not_answered(&api.put("p1", &payment()));
        for path in ["payments/p1", "accounts/user-1", "reversals", "deferred"] {
            assert_not_answered(&api.get(&format!("/wallet/v1/{path}")));
        }
        assert_eq!(api.readiness(), (503, json!({"ready": false, "reasons": ["database"], "details": [reason]})));
    }
}

fn assert_not_answered(reply: &Reply) {
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply:?}");
    assert!(reply.problem().ends_with("repeat the call"), "{reply:?}");
}
