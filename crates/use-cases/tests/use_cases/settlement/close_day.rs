//! Days are closed while the store, or the disk, fails.

use std::path::Path;
use std::sync::Arc;

use ports::testing::{ManualClock, MemoryStatements, Wallet, moment, sha256};
use ports::{CancellationStore, ClosedDay};
use use_cases::{CloseDayError, SettlementPorts, WriteStatementError, close_day, write_statement};

use super::{a_day, day, settlement};
use crate::fakes::FailsOnce;

#[tokio::test]
async fn a_closing_that_failed_anywhere_goes_on_to_the_same_statement() {
    let undisturbed = a_day().await;
    let expected = close_day(&settlement(&undisturbed, Arc::new(undisturbed.clone())), day()).await.unwrap();
    assert_eq!((expected.statement.payments.count, expected.statement.refunds.count), (5, 1));
    let mut failed = 0;
    for (failing, after) in (0..40).flat_map(|failing| [(failing, false), (failing, true)]) {
        let kept = a_day().await;
        let days = Arc::new(FailsOnce::at(&kept, failing, after));
        match close_day(&settlement(&kept, days), day()).await {
            Ok(closed) => assert_eq!(closed, expected),
            Err(CloseDayError::Unavailable(_)) => failed += 1,
            Err(other) => unreachable!("{other}"),
        }
        let again = close_day(&settlement(&kept, Arc::new(kept.clone())), day()).await;
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
    let closed = close_day(&settlement(&kept, Arc::new(kept.clone())), day()).await.unwrap();
    let path = Path::new("statement.csv");
    let mut calls = 0;
    loop {
        let days = Arc::new(FailsOnce::at(&kept, calls, false));
        let statements = MemoryStatements::default();
        let ports = SettlementPorts { statements: Arc::new(statements.clone()), ..settlement(&kept, days) };
        match write_statement(&ports, &closed, path).await {
            Ok(()) => {
                assert_eq!(sha256(&statements.kept()[0].1), closed.digest);
                break;
            }
            Err(WriteStatementError::Unavailable(_)) => calls += 1,
            Err(other) => unreachable!("{other}"),
        }
        assert_eq!(statements.kept(), []);
    }
    assert_eq!(calls, 5, "a page at a time");
    let full = MemoryStatements::with_room(100);
    let ports = SettlementPorts { statements: Arc::new(full.clone()), ..settlement(&kept, Arc::new(kept.clone())) };
    let refused = write_statement(&ports, &closed, path).await;
    assert!(matches!(refused, Err(WriteStatementError::Disk(_))), "{refused:?}");
    assert_eq!(full.kept(), []);
    let other = ClosedDay { digest: "0".repeat(64), ..closed };
    let statements = MemoryStatements::default();
    let ports = SettlementPorts { statements: Arc::new(statements.clone()), ..settlement(&kept, Arc::new(kept.clone())) };
    let changed = write_statement(&ports, &other, path).await;
    assert!(matches!(changed, Err(WriteStatementError::Changed { .. })), "{changed:?}");
    assert_eq!(statements.kept(), []);
}

#[tokio::test]
async fn a_fast_clock_closes_no_day_too_early() {
    let kept = a_day().await;
    let of_store = Arc::new(ManualClock::at(moment(0)));
    let cases = Arc::new(kept.with_clock(of_store));
    let fast = SettlementPorts { cases, ..settlement(&kept, Arc::new(kept.clone())) };
    let refused = close_day(&fast, day()).await;
    assert!(matches!(refused, Err(CloseDayError::TooEarly { .. })), "{refused:?}");
}
