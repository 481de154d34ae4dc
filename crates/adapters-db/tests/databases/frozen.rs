//! A server that is silent: its processes are stopped, and the system goes on answering for their sockets.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use domain::{Answer, CancelReply, Reply};
use ports::CancellationStore;
use ports::testing::{Wallet, ledger_policy};

use crate::fixtures::{Postgres, TestDatabase, open_within, paid};
use crate::server::Server;

const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));

/// How long a batch may take here, and how much later than that it ends.
const BUDGET: Duration = Duration::from_secs(2);
const LATE: Duration = Duration::from_secs(1);

/// Sends a signal to processes of the server's.
fn signal(name: &str, pids: &[String]) {
    assert!(Command::new("kill").arg(name).args(pids).status().unwrap().success());
}

/// The processes that work for a database's sessions, but for the one that asks.
fn sessions_of(database: &Postgres) -> Vec<String> {
    let query = format!(
        "select pid::text as value from pg_stat_activity where datname = '{}' and pid <> pg_backend_pid() order by pid",
        database.name()
    );
    database.texts(&query)
}

/// Two batches at once, as two lanes ask them; whether each succeeded, and how long they took.
async fn two_lanes(store: &Arc<dyn CancellationStore>, wallets: &[Wallet]) -> (Vec<bool>, Duration) {
    let begun = Instant::now();
    let lanes = wallets.iter().map(|wallet| {
        let (store, command) = (Arc::clone(store), wallet.is_cancelled());
        tokio::spawn(async move { store.decide(vec![command]).await.remove(0) })
    });
    let mut succeeded = Vec::new();
    for lane in lanes.collect::<Vec<_>>() {
        succeeded.push(lane.await.unwrap().is_ok_and(|decided| decided.reply == CANCELLED));
    }
    (succeeded, begun.elapsed())
}

/// What was begun on the frozen ones is ended, so that it neither holds its locks nor goes on when it thaws.
#[tokio::test(flavor = "multi_thread")]
async fn f78_frozen_sessions_cost_each_lane_one_batch_and_no_more() {
    let database = Postgres::migrated();
    let store = open_within(&database.url(), 4, BUDGET).store(ledger_policy());
    let wallets = [paid(&store, "one").await, paid(&store, "two").await];
    // Both lanes have a session.
    two_lanes(&store, &[Wallet::of("three"), Wallet::of("four")]).await;
    let frozen = sessions_of(&database);
    assert!(!frozen.is_empty());
    signal("-STOP", &frozen);
    // A lane that finds none of them at rest has a new one at once.
    let (succeeded, took) = two_lanes(&store, &wallets).await;
    assert!(succeeded.contains(&false));
    assert!(took < BUDGET + LATE, "{took:?}");
    let (succeeded, took) = two_lanes(&store, &wallets).await;
    assert_eq!(succeeded, [true, true]);
    assert!(took < BUDGET, "{took:?}");
    signal("-CONT", &frozen);
    while sessions_of(&database).iter().any(|pid| frozen.contains(pid)) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(database.number("select count(*)::text as value from ledger_entries where kind = 'credit'"), 2);
}

/// The whole server, with the process that takes new connections: nothing answers until it thaws, and nothing waits for that.
#[tokio::test(flavor = "multi_thread")]
async fn f78_a_frozen_server_holds_no_lane_for_longer_than_an_answer() {
    let mut server = Server::new();
    server.start();
    let database = open_within(&Server::url(&[&server], "postgres"), 4, BUDGET);
    database.migrate().unwrap();
    let store = database.store(ledger_policy());
    let wallets = [paid(&store, "one").await, paid(&store, "two").await];
    two_lanes(&store, &[Wallet::of("three"), Wallet::of("four")]).await;
    server.freezes();
    for _ in 0..3 {
        let (succeeded, took) = two_lanes(&store, &wallets).await;
        assert_eq!(succeeded, [false, false]);
        // A new connection is waited for as well.
        assert!(took < BUDGET + LATE, "{took:?}");
        let begun = Instant::now();
        assert!(store.check().await.is_err());
        assert!(store.find(&wallets[0].id).await.is_err());
        assert!(begun.elapsed() < 2 * (BUDGET + LATE), "{:?}", begun.elapsed());
    }
    server.thaws();
    let thawed = Instant::now();
    while two_lanes(&store, &wallets).await.0 != [true, true] {}
    assert!(thawed.elapsed() < Duration::from_secs(5), "{:?}", thawed.elapsed());
    assert_eq!(server.says("select count(*) from ledger_entries where kind = 'credit'"), "2");
}

/// A stranger's lock is waited for only so long: that is no silence, and costs no connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_waits_for_a_stranger_keeps_its_session() {
    let database = Postgres::migrated();
    let store = open_within(&database.url(), 1, Duration::from_secs(6)).store(ledger_policy());
    let wallet = paid(&store, "locked").await;
    let before = sessions_of(&database);
    let mut stranger = database.connection();
    stranger.batch_execute("begin; select 1 from cases for update").unwrap();
    assert!(store.decide(vec![wallet.is_cancelled()]).await.remove(0).is_err());
    stranger.batch_execute("rollback").unwrap();
    drop(stranger);
    assert!(store.decide(vec![wallet.is_cancelled()]).await.remove(0).is_ok());
    assert!(sessions_of(&database).iter().all(|pid| before.contains(pid)));
}
