//! Days are closed, statements written and files compared over ports in memory, some of which fail.

mod close_day;
mod reconcile;

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{ClearingDay, ReportedResult};
use ports::testing::{ManualClock, MemoryStatements, MemoryStore, Wallet, ledger_policy, moment};
use ports::{CancellationStore, SettlementStore};
use use_cases::SettlementPorts;

fn day() -> ClearingDay {
    ClearingDay::of(moment(0))
}

fn settlement(kept: &MemoryStore, days: Arc<dyn SettlementStore>) -> SettlementPorts {
    let clock = Arc::new(ManualClock::at(moment(0) + TimeDelta::days(1)));
    let statements = Arc::new(MemoryStatements::default());
    SettlementPorts { cases: Arc::new(kept.clone()), days, statements, clock, policy: ledger_policy() }
}

/// Seven payments of one day, of which two are cancelled and one is refunded in part.
async fn a_day() -> MemoryStore {
    let kept = MemoryStore::new(ledger_policy());
    for n in 0..7 {
        let wallet = Wallet::of(&format!("p-{n}"));
        let mut life = vec![wallet.pays(), wallet.reports(ReportedResult::Succeeded)];
        match n {
            1 | 4 => life.push(wallet.is_cancelled()),
            5 => life.extend([wallet.refunds("r", 5), wallet.reports_refund("r", ReportedResult::Succeeded)]),
            _ => {}
        }
        assert!(kept.decide(life).await.iter().all(Result::is_ok));
    }
    kept
}
