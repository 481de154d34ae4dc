//! Words for these tests: wallets of a day long ago, stores that share them, and what stands in a statement.

use std::sync::Arc;

use adapters_db::{Database, DatabaseSettings};
use adapters_files::CsvStatements;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{ClearingDay, Policy, Reply, ReportedResult};
use ports::testing::{ManualClock, MemoryStore, Wallet, ledger_policy, moment};
use ports::{CancellationStore, ClosedDay, ReceivedCommand, SettlementStore};
use testkit::{Deployment, TestEngine};
use use_cases::{SettlementPorts, WriteStatementError, write_statement};

pub(crate) const SUCCEEDED: ReportedResult = ReportedResult::Succeeded;
/// The day of [`moment`].
pub(crate) const DAY: &str = "2026-03-01";
pub(crate) const HEADER: &str =
    "type,paymentRequestId,paymentId,refundRequestId,acquirerId,completedAt,amountValue,amountCurrency,feeValue,feeCurrency";

/// So many days after [`moment`].
pub(crate) fn later(days: i64) -> DateTime<Utc> {
    moment(0) + TimeDelta::days(days)
}

pub(crate) fn day(days: i64) -> ClearingDay {
    ClearingDay::of(later(days))
}

/// Cases that are kept somewhere, and the days of them.
pub(crate) struct Kept {
    pub(crate) cases: Arc<dyn CancellationStore>,
    pub(crate) days: Arc<dyn SettlementStore>,
    /// Outlives the stores.
    pub(crate) _deployment: Option<Deployment>,
}

impl Kept {
    pub(crate) fn in_memory() -> Self {
        let store = MemoryStore::new(ledger_policy());
        Self { cases: Arc::new(store.clone()), days: Arc::new(store), _deployment: None }
    }

    pub(crate) fn on(engine: TestEngine) -> Self {
        let deployment = Deployment::on(engine);
        let (cases, days) = stores(&deployment, &ledger_policy());
        Self { cases, days, _deployment: Some(deployment) }
    }

    pub(crate) fn settlement(&self, now: DateTime<Utc>) -> SettlementPorts {
        let (cases, days) = (Arc::clone(&self.cases), Arc::clone(&self.days));
        let (statements, clock) = (Arc::new(CsvStatements), Arc::new(ManualClock::at(now)));
        SettlementPorts { cases, days, statements, clock, policy: ledger_policy() }
    }

    /// What the file of a closed day's statement holds.
    pub(crate) async fn written(&self, closed: &ClosedDay) -> Result<String, WriteStatementError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("statement.csv");
        write_statement(&self.settlement(closed.closed_at), closed, &path).await?;
        Ok(std::fs::read_to_string(&path).unwrap())
    }
}

/// The stores of a deployment, behind the back of its processes.
pub(crate) fn stores(deployment: &Deployment, policy: &Policy) -> (Arc<dyn CancellationStore>, Arc<dyn SettlementStore>) {
    let settings = DatabaseSettings {
        url: deployment.database_url(),
        password: None,
        pool_size: 4,
        answer_budget: std::time::Duration::from_secs(6),
    };
    let database = Database::open(&settings).unwrap();
    (database.store(policy.clone()), database.settlements(policy.clone()))
}

/// Decides a batch of which every command has an outcome.
pub(crate) async fn decided(store: &Arc<dyn CancellationStore>, batch: Vec<ReceivedCommand>) -> Vec<Reply> {
    let outcomes = store.decide(batch).await;
    outcomes.into_iter().map(|outcome| outcome.unwrap().reply).collect()
}

/// A payment that succeeded at `wallet.at`.
pub(crate) async fn paid(store: &Arc<dyn CancellationStore>, wallet: &Wallet) {
    decided(store, vec![wallet.pays(), wallet.reports(SUCCEEDED)]).await;
}

/// `kept`, `refunded` with a refund `r1` of 200, and `cancelled`: 1000, 700 and 50 yen of one day.
pub(crate) async fn a_day_of_three(store: &Arc<dyn CancellationStore>) {
    for (name, amount) in [("kept", 1000), ("refunded", 700), ("cancelled", 50)] {
        paid(store, &Wallet { amount, ..Wallet::of(name) }).await;
    }
    let refunded = Wallet::of("refunded");
    decided(store, vec![refunded.refunds("r1", 200), refunded.reports_refund("r1", SUCCEEDED)]).await;
    decided(store, vec![Wallet::of("cancelled").is_cancelled()]).await;
}
