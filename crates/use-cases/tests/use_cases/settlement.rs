//! Closing a day while the store fails.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use chrono::TimeDelta;
use domain::{ClearingDay, ReportedResult};
use ports::testing::{ManualClock, MemoryStore, Wallet, ledger_policy, moment};
use ports::{CancellationStore, ClosedDay, SettlementStore};
use use_cases::{CloseDayError, SettlementPorts, WriteStatementError, close_day, write_statement};

use crate::fakes::FailsOnce;

fn day() -> ClearingDay {
    ClearingDay::of(moment(0))
}

fn settling(kept: &MemoryStore, days: Arc<dyn SettlementStore>) -> SettlementPorts {
    let clock = Arc::new(ManualClock::at(moment(0) + TimeDelta::days(1)));
    SettlementPorts { cases: Arc::new(kept.clone()), days, clock, policy: ledger_policy() }
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

#[tokio::test]
async fn a_closing_that_failed_anywhere_goes_on_to_the_same_statement() {
    let undisturbed = a_day().await;
    let expected = close_day(&settling(&undisturbed, Arc::new(undisturbed.clone())), day()).await.unwrap();
    assert_eq!((expected.statement.payments.count, expected.statement.refunds.count), (5, 1));
    let mut failed = 0;
    for (failing, after) in (0..40).flat_map(|failing| [(failing, false), (failing, true)]) {
        let kept = a_day().await;
        let days = Arc::new(FailsOnce { kept: kept.clone(), calls: AtomicUsize::new(0), failing, after });
        match close_day(&settling(&kept, days), day()).await {
            Ok(closed) => assert_eq!(closed, expected),
            Err(CloseDayError::Unavailable(_)) => failed += 1,
            Err(other) => unreachable!("{other}"),
        }
        let again = close_day(&settling(&kept, Arc::new(kept.clone())), day()).await;
        assert_eq!(again, Ok(expected.clone()), "after call {failing} failed");
        for n in 0..7 {
            let file = kept.find(&Wallet::of(&format!("p-{n}")).id).await.unwrap().unwrap();
            let settled = file.timeline.iter().filter(|entry| entry.what == "settled").count();
            let times = match n {
                1 | 4 => 0,
                5 => 2,
                _ => 1,
            };
            assert_eq!(settled, times, "the payment p-{n} after call {failing} failed");
        }
    }
    assert_eq!(failed, 26, "closings that failed");
}

#[tokio::test]
async fn a_statement_that_is_cut_off_is_told_of() {
    let kept = a_day().await;
    let closed = close_day(&settling(&kept, Arc::new(kept.clone())), day()).await.unwrap();
    let mut calls = 0;
    loop {
        let days = FailsOnce { kept: kept.clone(), calls: AtomicUsize::new(0), failing: calls, after: false };
        match write_statement(&days, &closed, &mut Vec::new()).await {
            Ok(()) => break,
            Err(WriteStatementError::Unavailable(_)) => calls += 1,
            Err(other) => unreachable!("{other}"),
        }
    }
    assert_eq!(calls, 5, "a page at a time");
    let mut full = &mut [0_u8; 100][..];
    let refused = write_statement(&kept, &closed, &mut full).await;
    assert!(matches!(refused, Err(WriteStatementError::Refused(_))), "{refused:?}");
    let other = ClosedDay { digest: "0".repeat(64), ..closed };
    let changed = write_statement(&kept, &other, &mut Vec::new()).await;
    assert!(matches!(changed, Err(WriteStatementError::Changed { .. })), "{changed:?}");
}

#[tokio::test]
async fn a_fast_clock_closes_no_day_too_early() {
    let kept = a_day().await;
    let of_store = Arc::new(ManualClock::at(moment(0)));
    let cases = Arc::new(kept.with_clock(of_store));
    let fast = SettlementPorts { cases, ..settling(&kept, Arc::new(kept.clone())) };
    let refused = close_day(&fast, day()).await;
    assert!(matches!(refused, Err(CloseDayError::TooEarly { .. })), "{refused:?}");
}
