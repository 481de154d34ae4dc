//! When a cancel was received, and until when a reversal is leased, where the process's clock and the database's differ.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use domain::{Command, ReversalState};
use ports::ReceivedCommand;
use ports::testing::{Subject, Wallet, core_policy, ledger_policy};

use crate::fixtures::{Postgres, TestDatabase, decided};

fn database_now(database: &Postgres) -> DateTime<Utc> {
    let now = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as value";
    DateTime::from_timestamp_micros(database.number(now)).unwrap()
}

/// When a cancel is recorded to have been received.
async fn received(database: &Postgres, name: &str, (at, waited): (DateTime<Utc>, Duration)) -> DateTime<Utc> {
    let store = database.open(ledger_policy());
    let wallet = Wallet::of(name);
    let ReceivedCommand { command, .. } = wallet.is_cancelled();
    let arrived = Instant::now().checked_sub(waited).unwrap();
    decided(&store, vec![ReceivedCommand { command: Command { at, ..command }, arrived }]).await;
    let file = store.find(&wallet.id).await.unwrap().unwrap();
    file.case.cancellation.unwrap().first_received_at
}

/// Nobody's machine is as slow as this, and no clock of these tests as near.
fn is_about(at: DateTime<Utc>, expected: DateTime<Utc>) -> bool {
    (at - expected).abs() < TimeDelta::minutes(5)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_an_hour_ahead_gives_way_to_the_databases() {
    let database = Postgres::migrated();
    let now = database_now(&database);
    let at = received(&database, "ahead", (now + TimeDelta::hours(1), Duration::ZERO)).await;
    assert!(is_about(at, now), "{at} is not {now}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_an_hour_behind_is_kept_to() {
    let database = Postgres::migrated();
    let own = database_now(&database) - TimeDelta::hours(1);
    assert_eq!(received(&database, "behind", (own, Duration::ZERO)).await, own);
}

#[tokio::test(flavor = "multi_thread")]
async fn time_spent_in_the_queue_is_taken_off_the_databases_clock() {
    let database = Postgres::migrated();
    let now = database_now(&database);
    let waited = Duration::from_secs(20 * 60);
    let at = received(&database, "queue", (now + TimeDelta::hours(1), waited)).await;
    let expected = now - TimeDelta::minutes(20);
    assert!(is_about(at, expected), "{at} is not {expected}");
}

/// The time is taken once the lock is held: what was waited for it is taken off again.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_waits_for_a_lock_was_received_before_it_waited() {
    let database = Postgres::migrated();
    let store = database.open(ledger_policy());
    let now = database_now(&database);
    let wallet = Wallet { at: now + TimeDelta::hours(1), ..Wallet::of("waits") };
    decided(&store, vec![wallet.pays()]).await;
    let mut stranger = database.connection();
    stranger.batch_execute("begin; select 1 from cases for update").unwrap();
    let begun = database_now(&database);
    let deciding = tokio::spawn({
        let (store, cancel) = (store.clone(), wallet.is_cancelled());
        async move { decided(&store, vec![cancel]).await }
    });
    let waits = format!(
        "select count(*)::text as value from pg_stat_activity where datname = '{}' and wait_event_type = 'Lock'",
        database.name()
    );
    while database.number(&waits) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // So long that a time from before the lock would be seen.
    tokio::time::sleep(Duration::from_millis(300)).await;
    stranger.batch_execute("rollback").unwrap();
    deciding.await.unwrap();
    let file = store.find(&wallet.id).await.unwrap().unwrap();
    let received_at = file.case.cancellation.unwrap().first_received_at;
    assert!(received_at >= begun, "{received_at} is before {begun}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_an_hour_ahead_keeps_nobody_away_from_a_reversal() {
    let database = Postgres::migrated();
    let store = database.open(core_policy());
    let (now, an_hour) = (database_now(&database), TimeDelta::hours(1));
    let lease_until = async |wallet: &Wallet| {
        let reversal = store.find(&wallet.id).await.unwrap().unwrap().case.reversal.unwrap();
        let ReversalState::Open { lease: Some(lease), .. } = reversal.state else { panic!("{reversal:?}") };
        lease.until
    };
    let of_cancel = Wallet { at: now + an_hour, ..Wallet::of("leased-by-a-cancel") };
    let waited = Duration::from_secs(20 * 60);
    let ReceivedCommand { command, .. } = of_cancel.is_cancelled();
    decided(&store, vec![ReceivedCommand { command, arrived: Instant::now().checked_sub(waited).unwrap() }]).await;
    assert!(is_about(lease_until(&of_cancel).await, now), "the lease counts from the decision, by the database's clock");

    let of_worker = Wallet { at: now - an_hour, ..Wallet::of("leased-by-a-worker") };
    decided(&store, vec![of_worker.is_cancelled()]).await;
    let leased = store.lease_due(now + an_hour, 10).await.unwrap();
    assert_eq!(leased.len(), 1, "the other one's lease has not ended");
    assert!(is_about(lease_until(&of_worker).await, now));
}
