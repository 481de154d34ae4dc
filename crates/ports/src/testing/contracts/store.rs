//! The store under test, which both suites of cases and of days share, and what their promises ask of it.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{AccountId, Answer, CancelReply, CommandReply, Disposition, PaymentRequestId, Policy, Reply, ReportedResult};

use crate::testing::Wallet;
use crate::{AccountStatement, CancellationStore, CaseSearch, Page, ReceivedCommand, SettlementStore};

/// An adapter under test: cases that several stores share, as several processes share a database.
#[async_trait]
pub trait Subject: Send + Sync {
    /// One more connection to the same cases, which decides under `policy`.
    fn open(&self, policy: Policy) -> Arc<dyn CancellationStore>;

    /// One more connection to the days of the same cases.
    fn open_days(&self, policy: Policy) -> Arc<dyn SettlementStore>;

    /// One more connection that searches the same cases.
    fn open_search(&self, policy: Policy) -> Arc<dyn CaseSearch>;

    /// Damages what is kept of a case, behind the stores' backs.
    async fn damage(&self, id: &PaymentRequestId, how: Damage);
}

/// What was done to a case that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It says what can never be.
    Unreadable,
    /// It can be read, but what a cancel has to record cannot be written.
    Unwritable,
}

pub(super) const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));
pub(super) const PROCEED: Reply = Reply::Command(CommandReply::Done(Disposition::Proceed));
pub(super) const STANDS: Reply = Reply::Command(CommandReply::Done(Disposition::Stands));
pub(super) const SUCCEEDED: ReportedResult = ReportedResult::Succeeded;

/// Decides a batch of which every command has an outcome.
pub(super) async fn decided(store: &Arc<dyn CancellationStore>, batch: Vec<ReceivedCommand>) -> Vec<Reply> {
    let outcomes = store.decide(batch).await;
    outcomes.into_iter().map(|outcome| outcome.unwrap().reply).collect()
}

pub(super) async fn paid(store: &Arc<dyn CancellationStore>, wallet: &Wallet) {
    let outcomes = decided(store, vec![wallet.pays(), wallet.reports(SUCCEEDED)]).await;
    assert_eq!(outcomes, [PROCEED, STANDS]);
}

pub(super) async fn statement(store: &Arc<dyn CancellationStore>, account: &str) -> AccountStatement {
    let account = AccountId::parse(account).unwrap();
    let page = Page { limit: 1000, after: None };
    store.account(&account, &page).await.unwrap()
}

pub(super) async fn balance(store: &Arc<dyn CancellationStore>, account: &str) -> i128 {
    statement(store, account).await.balances.into_values().sum()
}

pub(super) async fn events(store: &Arc<dyn CancellationStore>, id: &PaymentRequestId) -> Vec<String> {
    let file = store.find(id).await.unwrap();
    file.map(|file| file.timeline.into_iter().map(|entry| entry.what).collect()).unwrap_or_default()
}
