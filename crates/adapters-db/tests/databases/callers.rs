//! Callers that stop waiting for the database in the middle.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use domain::{Answer, CancelReply, Reply, ReportedResult};
use ports::CancellationStore;
use ports::testing::{Wallet, ledger_policy};

use crate::fixtures::{TestDatabase, decided, for_each_engine, paid};

for_each_engine!(f19_the_next_caller_finds_a_clean_connection);

const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));

/// A call that somebody gives up.
#[derive(Clone, Copy)]
enum Call {
    Find,
    Check,
    Decide,
}

/// How often it is polled, what it is, and how many microseconds pass after each poll.
fn every_way_to_stop() -> Vec<(usize, Call, u64)> {
    let calls = [Call::Find, Call::Check, Call::Decide];
    let timed = calls.into_iter().flat_map(|call| [0, 200, 1500].map(|micros| (call, micros)));
    timed.flat_map(|(call, micros)| [0, 1, 2, 4].map(|times| (times, call, micros))).collect()
}

/// Polls a call so often, with a pause between, and drops it. Whether it had ended by then.
async fn polled<T>(call: impl Future<Output = T>, times: usize, pause: Duration) -> bool {
    let mut call = Box::pin(call);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if call.as_mut().poll(&mut context).is_ready() {
            return true;
        }
        tokio::time::sleep(pause).await;
    }
    false
}

/// The one connection is in the middle of a transaction when its caller stops waiting, at every place where they may. What the next
/// caller writes on it is there for everybody, so it was in no transaction but its own; and what was begun is whole.
async fn f19_the_next_caller_finds_a_clean_connection(database: &impl TestDatabase) {
    let store = database.open_database(1).store(ledger_policy());
    let elsewhere = database.open(ledger_policy());
    let mut dropped = 0;
    for (round, (times, call, micros)) in every_way_to_stop().into_iter().enumerate() {
        let (given_up, next) = (paid(&store, &format!("given-up-{round}")).await, Wallet::of(&format!("next-{round}")));
        let pause = Duration::from_micros(micros);
        let ended = match call {
            Call::Find => polled(store.find(&given_up.id), times, pause).await,
            Call::Check => polled(store.check(), times, pause).await,
            Call::Decide => polled(store.decide(vec![given_up.is_cancelled()]), times, pause).await,
        };
        dropped += usize::from(!ended);
        decided(&store, vec![next.pays(), next.reports(ReportedResult::Succeeded), next.is_cancelled()]).await;
        let file = elsewhere.find(&next.id).await.unwrap().expect("written for everybody");
        assert!(file.case.is_cancelled(), "round {round}");
        assert_eq!(decided(&elsewhere, vec![given_up.is_cancelled()]).await, [CANCELLED], "round {round}");
    }
    assert!(dropped > 12, "{dropped}: too few callers stopped waiting");
    let halves = "select cast(count(*) as text) as value from cases where cancellation is null or status <> 'succeeded'";
    assert_eq!(database.number(halves), 0);
    all_at_once(&store, database).await;
}

/// Many stop waiting in the same moment, some before their turn on the one connection has come.
async fn all_at_once(store: &Arc<dyn CancellationStore>, database: &impl TestDatabase) {
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let (store, wallet) = (Arc::clone(store), Wallet::of(&format!("together-{n}")));
            tokio::spawn(async move { store.decide(vec![wallet.is_cancelled()]).await })
        })
        .collect();
    tokio::task::yield_now().await;
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    for n in 0..20 {
        assert_eq!(decided(store, vec![Wallet::of(&format!("together-{n}")).is_cancelled()]).await, [CANCELLED]);
    }
    let fences = "select cast(count(*) as text) as value from cases where payment_request_id like 'together-%' and cancelled_at is not null";
    assert_eq!(database.number(fences), 20);
}
