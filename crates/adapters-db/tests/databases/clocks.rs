//! When a cancel was received, and until when a reversal is leased, where the process's clock and the database's differ.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use domain::{
    AcquirerId, Action, Answer, Cancel, CancelReply, CancellablePeriod, ClearingDay, Command, Lookup, Policy, Refusal,
    RefusalCode, Reply, ReportedResult, ReversalState, Witness,
};
use ports::testing::{Subject, Wallet, core_policy, ledger_policy};
use ports::{CancellationStore, ReceivedCommand, Step, StepOutcome};

use crate::fixtures::{Postgres, TestDatabase, decided, for_each_engine};

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

/// A payment that was announced and succeeded at that moment.
async fn paid_at(store: &Arc<dyn CancellationStore>, name: &str, at: DateTime<Utc>) -> Wallet {
    let wallet = Wallet { at, ..Wallet::of(name) };
    let mut pays = wallet.pays();
    if let Action::Pay(payment) = &mut pays.command.action {
        payment.initiated_at = at;
    }
    decided(store, vec![pays, wallet.reports(ReportedResult::Succeeded)]).await;
    wallet
}

/// A cancel that comes now, by a process whose clock is so far ahead, with the right `Request-Time`.
fn asked(wallet: &Wallet, (now, ahead): (DateTime<Utc>, TimeDelta)) -> ReceivedCommand {
    let Command { id, .. } = wallet.is_cancelled().command;
    let cancel =
        Cancel { witness: Witness::RequestTime(now), ..Cancel::now(AcquirerId::parse("acquirer-1").unwrap(), Lookup::Recorded) };
    ReceivedCommand { command: Command { id, at: now + ahead, action: Action::Cancel(cancel) }, arrived: Instant::now() }
}

/// The time by the database's clock, which with SQLite is this machine's.
fn now_of(database: &impl TestDatabase) -> DateTime<Utc> {
    let now = database.in_its_sql(
        "select (extract(epoch from clock_timestamp()) * 1000000)::bigint::text as value",
        "select cast(cast(unixepoch('subsec') * 1000000 as integer) as text) as value",
    );
    DateTime::from_timestamp_micros(database.number(now)).unwrap()
}

const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));
const NOT_KNOWN: Reply = Reply::Cancel(CancelReply::Answered(Answer::Pending));

/// How far the clocks of these tests are wrong.
fn jumps() -> [TimeDelta; 4] {
    [TimeDelta::hours(25), TimeDelta::hours(-25), TimeDelta::hours(1), TimeDelta::hours(-1)]
}

/// How long periods of these tests go on: longer than any test takes, and an hour ahead is too late.
const HALF_AN_HOUR: TimeDelta = TimeDelta::minutes(30);

/// A period that ends in half an hour, for payments initiated a day before its end.
fn ending_soon(now: DateTime<Utc>) -> Policy {
    let policy = ledger_policy();
    let closes_next_day_at = (now + HALF_AN_HOUR).with_timezone(&policy.period.zone).time();
    Policy { period: CancellablePeriod { closes_next_day_at, ..policy.period }, ..policy }
}

for_each_engine!(
    f63_a_wrong_clock_refuses_no_payment_inside_its_period,
    f63_a_wrong_clock_cancels_no_payment_outside_of_its_period,
);

async fn f63_a_wrong_clock_refuses_no_payment_inside_its_period(database: &impl TestDatabase) {
    let now = now_of(database);
    let store = database.open(ending_soon(now));
    for (n, ahead) in jumps().into_iter().enumerate() {
        let wallet = paid_at(&store, &format!("inside-{n}"), now + HALF_AN_HOUR - TimeDelta::days(1)).await;
        let first = decided(&store, vec![asked(&wallet, (now, ahead))]).await;
        assert!(first == [CANCELLED] || first == [NOT_KNOWN], "{ahead}: {first:?}");
        assert_eq!(decided(&store, vec![asked(&wallet, (now, TimeDelta::zero()))]).await, [CANCELLED], "{ahead}");
    }
}

async fn f63_a_wrong_clock_cancels_no_payment_outside_of_its_period(database: &impl TestDatabase) {
    let now = now_of(database);
    let store = database.open(ending_soon(now));
    for (n, ahead) in jumps().into_iter().enumerate() {
        // Its period ended twenty-three and a half hours ago.
        let wallet = paid_at(&store, &format!("outside-{n}"), now + HALF_AN_HOUR - TimeDelta::days(2)).await;
        let first = decided(&store, vec![asked(&wallet, (now, ahead))]).await;
        let answer = if ahead == TimeDelta::hours(-25) { NOT_KNOWN } else { LATE };
        assert_eq!(first, [answer], "{ahead}");
    }
}

const LATE: Reply = Reply::Cancel(CancelReply::Answered(Answer::Refused(Refusal::PeriodOver(RefusalCode::ProcessFail))));

/// Two machines are not wrong in the same way: where both agree, an odd header puts nothing in doubt.
#[tokio::test(flavor = "multi_thread")]
async fn f63_postgres_and_a_process_that_agree_do_not_ask_the_header() {
    let database = Postgres::migrated();
    let now = database_now(&database);
    let store = database.open(ending_soon(now));
    let wallet = paid_at(&store, "odd-header", now + HALF_AN_HOUR - TimeDelta::days(1)).await;
    let mut odd = asked(&wallet, (now, TimeDelta::zero()));
    if let Action::Cancel(cancel) = &mut odd.command.action {
        cancel.witness = Witness::RequestTime(now + TimeDelta::hours(25));
    }
    assert_eq!(decided(&store, vec![odd]).await, [CANCELLED]);
}

/// SQLite has no clock but the process's. A server's keeps a day open whose payments can still be cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn f63_a_fast_clock_closes_no_day_whose_payments_can_be_cancelled() {
    let database = Postgres::migrated();
    let now = database_now(&database);
    let (store, days) = (database.open(ledger_policy()), database.open_days(ledger_policy()));
    paid_at(&store, "of-today", now).await;
    let closing = days.closing(ClearingDay::of(now)).await.unwrap();
    let step = Step { at: now + TimeDelta::hours(49), after: None, limit: 10 };
    let outcome = days.assign_to_day(&closing, &step).await.unwrap();
    assert!(matches!(outcome, StepOutcome::Blocked { why: "it can still be cancelled", .. }), "{outcome:?}");
}
