//! Cancels beside the closing of their day and the writing of its file.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::{Answer, CancelReply, Reply};
use ports::testing::Wallet;
use ports::{CancellationStore, ClosedDay, ReceivedCommand};
use testkit::TestEngine;
use tokio::task::JoinSet;
use use_cases::{CloseDayError, WriteStatementError, close_day};

use crate::settlement::fixtures::{Kept, day, later, paid};

/// How often; a thousand times where `RESCIND_SCALE=full` asks for it.
fn rounds() -> i64 {
    if std::env::var("RESCIND_SCALE").is_ok_and(|scale| scale == "full") { 1000 } else { 50 }
}

async fn written(kept: &Kept, closed: &ClosedDay) -> String {
    loop {
        match kept.written(closed).await {
            Ok(file) => return file,
            Err(WriteStatementError::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

async fn closed_and_written(kept: Arc<Kept>, round: i64) -> (ClosedDay, String) {
    // Where a connection is not free in time, it is closed again and goes on.
    let closed = loop {
        match close_day(&kept.settlement(later(1)), day(-round)).await {
            Ok(closed) => break closed,
            Err(CloseDayError::Unavailable(_)) => {}
            Err(other) => panic!("{other}"),
        }
    };
    let file = written(&kept, &closed).await;
    (closed, file)
}

/// As Alipay+ does it, a cancel is asked again until there is an answer.
async fn answer_to(cases: &Arc<dyn CancellationStore>, cancel: &ReceivedCommand) -> Reply {
    loop {
        if let Ok(outcome) = cases.decide(vec![cancel.clone()]).await.remove(0) {
            return outcome.reply;
        }
    }
}

/// Payments of one day, which is over by any real clock, and their cancels, which were received in time and waited.
///
/// Returns how many of them came before the closing, and how many after it.
async fn one_round(kept: &Arc<Kept>, round: i64) -> (usize, usize) {
    let wallet = |n: i64| Wallet { at: later(-round) + TimeDelta::seconds(n), ..Wallet::of(&format!("{round}-{n}")) };
    let wallets: Vec<_> = (0..12).map(wallet).collect();
    for wallet in &wallets {
        paid(&kept.cases, wallet).await;
    }
    // The closing begins a while later in every round: before, between and after the cancels, which come one after another.
    let closing = || {
        let kept = Arc::clone(kept);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(u64::try_from(round % 13).unwrap())).await;
            closed_and_written(kept, round).await
        })
    };
    let (closing, also_closing) = (closing(), closing());
    let mut cancels = JoinSet::new();
    for (n, wallet) in wallets.iter().enumerate().filter(|(n, _)| n % 4 != 3) {
        let (cases, cancel) = (Arc::clone(&kept.cases), wallet.is_cancelled());
        cancels.spawn(async move {
            tokio::time::sleep(Duration::from_millis(u64::try_from(n).unwrap())).await;
            (n, answer_to(&cases, &cancel).await)
        });
    }
    let answers = cancels.join_all().await;
    let first = closing.await.unwrap();
    assert_eq!(first, also_closing.await.unwrap(), "a day has one statement, whichever process closes it");
    let (closed, file) = first;

    let is_s = |outcome: &Reply| *outcome == Reply::Cancel(CancelReply::Answered(Answer::Cancelled));
    let cancels = answers.len();
    let cancelled: BTreeSet<_> = answers.iter().filter(|(_, outcome)| is_s(outcome)).map(|(n, _)| *n).collect();
    let settled: BTreeSet<_> = file.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().to_owned()).collect();
    for (n, wallet) in wallets.iter().enumerate() {
        assert_ne!(cancelled.contains(&n), settled.contains(wallet.id.as_str()), "{round}-{n} is on one side");
    }
    assert_eq!(closed.statement.payments.count as usize, settled.len());
    let excluded: u64 = closed.statement.excluded.values().map(|excluded| excluded.totals.count).sum();
    assert_eq!(excluded as usize, cancelled.len());
    let fees: i128 = closed.statement.fees.values().sum();
    assert_eq!(fees, 3 * settled.len() as i128, "what is cancelled costs no fee");
    assert_eq!(written(kept, &closed).await, file, "the same bytes every time");
    (cancelled.len(), cancels - cancelled.len())
}

async fn race(kept: Kept) {
    let kept = Arc::new(kept);
    let (mut before, mut after) = (0, 0);
    for round in 1..=rounds() {
        let (came_before, came_after) = one_round(&kept, round).await;
        before += came_before;
        after += came_after;
    }
    assert!(before > 0 && after > 0, "{before} cancels came before a closing and {after} after it: they did not race");
}

#[tokio::test(flavor = "multi_thread")]
async fn f28_cancels_beside_a_closing_end_on_one_side_in_memory() {
    race(Kept::in_memory()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f28_cancels_beside_a_closing_end_on_one_side_on_sqlite() {
    race(Kept::on(TestEngine::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f28_cancels_beside_a_closing_end_on_one_side_on_postgresql() {
    race(Kept::on(TestEngine::Postgres)).await;
}
