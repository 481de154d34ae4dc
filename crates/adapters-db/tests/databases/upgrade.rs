//! From the schema of the version before to this one, beside that version's writes.

use std::time::{Duration, Instant};

use adapters_db::{Migrated, MigrationRun};
use diesel::connection::SimpleConnection;
use domain::{Answer, CancelReply, ClearingDay, PaymentRequestId, RefundRequestId, Reply};
use ports::Page;
use ports::testing::{Subject, Wallet, ledger_policy};

use crate::before::{CASES, OldForm, cancelled_before, paid_before};
use crate::fixtures::{Postgres, Sqlite, TestDatabase, decided, deployment_policy};

/// Runs each test on a database of every engine as the version before leaves it, and on a second one for comparison.
macro_rules! for_each_old_form {
    ($($test:ident),+ $(,)?) => {
        for_each_old_form! { @on postgres Postgres ($($test),+) }
        for_each_old_form! { @on sqlite Sqlite ($($test),+) }
    };
    (@on $engine:ident $database:ident ($($test:ident),+)) => {
        mod $engine {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                use crate::{before::OldForm, fixtures::$database};
                super::$test($database::create().filled(), $database::create().filled()).await;
            })+
        }
    };
}

for_each_old_form!(
    each_case_of_the_version_before_is_the_same_afterwards,
    what_the_version_before_writes_is_there_whenever_it_writes_it,
    a_copy_that_was_ended_goes_on_where_it_was,
    of_two_that_migrate_at_once_each_leaves_the_other_its_turn,
    a_switch_before_the_copy_is_refused,
    both_states_of_the_schema_are_served,
    after_the_finish_the_version_before_writes_nothing,
);

/// The migration that only PostgreSQL has: the index of the feed.
const FEED: &str = "0007";

fn has_feed(database: &impl OldForm) -> bool {
    database.in_its_sql("yes", "no") == "yes"
}

fn migrated(database: &impl OldForm, applied: &[&str], unfinished: &[&str]) -> Migrated {
    let texts = |names: &[&str]| {
        names.iter().filter(|name| **name != FEED || has_feed(database)).map(|name| (*name).to_owned()).collect()
    };
    Migrated { applied: texts(applied), unfinished: texts(unfinished) }
}

/// Undoes so many migrations, and the one of the feed.
fn undo_with_feed(database: &impl OldForm, count: usize) {
    database.undo(count + usize::from(has_feed(database)));
}

async fn each_case_of_the_version_before_is_the_same_afterwards(database: impl OldForm, _: impl OldForm) {
    let before = database.seen_before();
    assert!(before.len() > 800, "{}", before.len());
    assert_eq!(database.run(false), Ok(migrated(&database, &["0003", "0004", FEED], &["0005"])));
    assert_eq!(database.seen_now(), before);
    assert_eq!(database.run(false), Ok(migrated(&database, &[], &["0005"])));
    assert_eq!(database.run(true), Ok(migrated(&database, &["0005"], &[])));
    assert_eq!(database.run(true), Ok(migrated(&database, &[], &[])));
    assert_eq!(database.seen_now(), before);
    // What the ledger finished at once has no row, and everything else has.
    assert_eq!(database.number("select cast(count(*) as text) as value from reversals"), CASES / 36 * 10);
    undo_with_feed(&database, 2);
    assert_eq!(database.seen_before(), before);
    assert_eq!(database.run(true), Ok(migrated(&database, &["0004", "0005", FEED], &[])));
    assert_eq!(database.seen_now(), before);
    undo_with_feed(&database, 3);
    assert_eq!(database.seen_before(), before);
}

/// A trigger ends the copy in the middle, as a full disk would.
fn end_the_copy_in_the_middle(database: &impl OldForm) {
    database.take(1);
    let (make, drop) = (
        database.in_its_sql(
            "create function ends() returns trigger language plpgsql as 'begin raise ''ended''; end';
             create trigger ends before insert on cases_next for each row when (new.payment_request_id = 'case-0000000100')
             execute function ends()",
            "create trigger ends before insert on cases_next when new.payment_request_id = 'case-0000000100'
             begin select raise(abort, 'ended'); end",
        ),
        database.in_its_sql("drop trigger ends on cases_next; drop function ends()", "drop trigger ends"),
    );
    database.execute(make).unwrap();
    assert!(database.run(false).unwrap_err().contains("ended"));
    database.execute(drop).unwrap();
    let copied = "select cast(count(*) as text) as value from cases_next";
    assert!((1..CASES).contains(&database.number(copied)), "{}", database.number(copied));
}

async fn a_copy_that_was_ended_goes_on_where_it_was(database: impl OldForm, _: impl OldForm) {
    let before = database.seen_before();
    end_the_copy_in_the_middle(&database);
    assert_eq!(database.run(false), Ok(migrated(&database, &["0004", FEED], &["0005"])));
    assert_eq!(database.seen_now(), before);
}

/// Payments whose ids come before, among and after the others.
const EARLY: &str = "AAA";
const AMONG: &str = "case-0000000050x";
const LATE: &str = "zzz";

async fn what_the_version_before_writes_is_there_whenever_it_writes_it(database: impl OldForm, unmigrated: impl OldForm) {
    end_the_copy_in_the_middle(&database);
    let both = |rows| {
        database.written_before(&rows);
        unmigrated.written_before(&rows);
    };
    // While cases are copied: new ones, and changes of some that are copied, and of some that are not.
    [EARLY, AMONG, LATE].into_iter().for_each(|id| both(paid_before(id)));
    [EARLY, LATE].into_iter().for_each(|id| both(cancelled_before(id)));
    let settled = "update cases set settlement_day = '2026-03-01' where status = 'succeeded' and settlement_day is null";
    [database.execute(settled), unmigrated.execute(settled)].into_iter().for_each(Result::unwrap);
    assert_eq!(database.seen_before(), unmigrated.seen_before());
    assert_eq!(database.run(false), Ok(migrated(&database, &["0004", FEED], &["0005"])));
    assert_eq!(database.seen_now(), unmigrated.seen_before());
    // After the switch: a case that was copied, and a new one.
    both(cancelled_before(AMONG));
    both(paid_before("after"));
    both(cancelled_before("after"));
    assert_eq!(database.run(false), Ok(migrated(&database, &[], &["0005"])));
    assert_eq!(database.seen_now(), unmigrated.seen_before());
    for id in [EARLY, AMONG, LATE, "after"] {
        let file = database.open(ledger_policy()).find(&PaymentRequestId::parse(id).unwrap()).await.unwrap().unwrap();
        assert!(file.case.is_money_returned() && file.timeline.len() == 6, "{file:?}");
    }
}

async fn of_two_that_migrate_at_once_each_leaves_the_other_its_turn(database: impl OldForm + Sync, _: impl OldForm) {
    let before = database.seen_before();
    let (one, two) = std::thread::scope(|scope| {
        let [one, two] = [(); 2].map(|()| scope.spawn(|| database.run(false).unwrap()));
        (one.join().unwrap(), two.join().unwrap())
    });
    let mut applied = [one.applied, two.applied].concat();
    applied.sort();
    assert_eq!(applied, migrated(&database, &["0003", "0004", FEED], &[]).applied);
    assert_eq!(database.seen_now(), before);
}

async fn a_switch_before_the_copy_is_refused(database: impl OldForm, _: impl OldForm) {
    let before = database.seen_before();
    database.take(1);
    assert!(!database.try_next());
    assert_eq!(database.seen_before(), before);
}

/// The cases that are answered for good are answered the same again, and every case can be read with its whole timeline.
async fn both_states_of_the_schema_are_served(database: impl OldForm, _: impl OldForm) {
    let ids = database.texts("select payment_request_id as value from cases");
    let answer = "select result_code as value from cases where result_code is not null and acquirer_id is not null";
    let answers = database.texts(&format!("{answer} order by payment_request_id"));
    for finish in [false, true] {
        database.run(finish).unwrap();
        assert_eq!(database.open_database(1).check_deployment(&deployment_policy()), Ok(()));
        let store = database.open(ledger_policy());
        for id in &ids {
            let file = store.find(&PaymentRequestId::parse(id.as_str()).unwrap()).await.unwrap().unwrap();
            let lines = format!(
                "select cast(last_event as text) as value from cases where payment_request_id = '{}'",
                id.replace('\'', "''")
            );
            assert_eq!(i64::try_from(file.timeline.len()), Ok(database.number(&lines)), "{id}");
        }
        assert_eq!(database.texts(&format!("{answer} order by payment_request_id")), answers);
    }
}

/// Until `rescind migrate` has given it its bucket, a new case of the version before is nobody's: its unique index refuses a second one.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_without_a_bucket_is_unavailable_and_never_a_second_case() {
    let database = Sqlite::create().filled();
    database.run(false).unwrap();
    let store = database.open(ledger_policy());
    let wallet = Wallet::of("without");
    database.written_before(&paid_before(wallet.id.as_str()));
    assert!(store.decide(vec![wallet.is_cancelled()]).await.remove(0).is_err());
    let rows = format!("select cast(count(*) as text) as value from cases where payment_request_id = '{}'", wallet.id);
    assert_eq!(database.number(&rows), 1);
    database.run(false).unwrap();
    assert!(store.decide(vec![wallet.is_cancelled()]).await.remove(0).is_ok());
    assert_eq!(database.number(&rows), 1);
    assert_eq!(database.number("select cast(count(*) as text) as value from cases where bucket = 32"), 0);
}

/// What a backup holds while it reads the tables, and everything that would wait behind a migration that waits.
#[tokio::test(flavor = "multi_thread")]
async fn f74_a_migration_that_waits_for_a_lock_holds_up_nobody_and_names_who_holds_it() {
    let database = Postgres::create().filled();
    let mut backup = database.connection();
    backup.batch_execute("set application_name = 'a backup'; begin; select 1 from cases limit 1").unwrap();
    let migrating = std::thread::spawn({
        let opened = database.open_database(1);
        move || opened.migrate_with(&MigrationRun { patience: Duration::from_secs(3), ..MigrationRun::quiet() })
    });
    let mut longest = Duration::ZERO;
    let mut paid = 0;
    while !migrating.is_finished() {
        let begun = Instant::now();
        database.written_before(&paid_before(&format!("beside-{paid}")));
        longest = longest.max(begun.elapsed());
        paid += 1;
    }
    let sentence = migrating.join().unwrap().unwrap_err().to_string();
    assert!(
        sentence.contains("migration 0004 waits for a lock that is held by process") && sentence.contains("a backup"),
        "{sentence}"
    );
    assert!(paid > 1);
    let waiting = "select count(*)::text as value from pg_locks where not granted";
    assert_eq!(database.number(waiting), 0);
    backup.batch_execute("rollback").unwrap();
    let before = database.seen_before();
    assert_eq!(database.run(false), Ok(migrated(&database, &["0004", FEED], &["0005"])));
    assert_eq!(database.seen_now(), before);
}

/// A repeated cancel of what was cancelled before hears the same, and writes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_the_version_before_answered_is_answered_the_same() {
    for finish in [false, true] {
        let database = Sqlite::create().filled();
        let wallet = Wallet::of("answered");
        database.written_before(&paid_before(wallet.id.as_str()));
        database.written_before(&cancelled_before(wallet.id.as_str()));
        database.run(finish).unwrap();
        let seen = database.seen_now();
        let cancelled = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));
        let repeated = decided(&database.open(ledger_policy()), vec![wallet.is_cancelled()]).await;
        assert_eq!(repeated, [cancelled]);
        assert_eq!(database.seen_now(), seen);
    }
}

/// A process of the version before that was forgotten: each of its batches fails as a whole.
async fn after_the_finish_the_version_before_writes_nothing(database: impl OldForm, _: impl OldForm) {
    database.written_before(&paid_before("paid"));
    database.run(true).unwrap();
    let seen = database.seen_now();
    for rows in [cancelled_before("paid"), paid_before("new")] {
        let written = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| database.written_before(&rows)));
        assert!(written.is_err());
    }
    assert_eq!(database.seen_now(), seen);
}

/// A database server that lets one role migrate and another one serve.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_serves_and_does_not_migrate_can_write_all_the_time() {
    let database = Postgres::create().filled();
    let role = format!("serving_{}", database.name());
    let grant = format!("create role {role}; grant select, insert, update on all tables in schema public to {role}");
    database.execute(&grant).unwrap();
    let writes = |id: &str| {
        let rows = format!(
            "set role {role}; insert into cases (payment_request_id) values ('{id}');
             insert into events (payment_request_id, number, at, what, details) values ('{id}', 1, 0, 'what', '{{}}')"
        );
        database.execute(&rows).unwrap_or_else(|error| panic!("{id}: {error}"));
    };
    database.take(1);
    writes("followed");
    assert_eq!(database.run(false), Ok(migrated(&database, &["0004", FEED], &["0005"])));
    writes("switched");
    undo_with_feed(&database, 1);
    writes("undone");
    database.execute(&format!("drop owned by {role}; drop role {role}")).unwrap();
}

/// Rows of the version before have the bucket that PostgreSQL computes, and are found by the one that Rescind computes.
#[tokio::test(flavor = "multi_thread")]
async fn postgresql_and_rescind_compute_the_same_bucket() {
    let database = Postgres::create().filled();
    database.run(false).unwrap();
    let names = (0..400).map(|n| format!("by-rescind-{n}")).chain(["by-rescind-!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".to_owned()]);
    let payments: Vec<_> = names.map(|name| Wallet::of(&name).pays()).collect();
    decided(&database.open(ledger_policy()), payments).await;
    let count = |what: &str| {
        database.number(&format!("select count({what})::text as value from cases where payment_request_id like 'by-rescind-%'"))
    };
    assert_eq!((count("*"), count("distinct bucket")), (401, 32));
    assert_eq!(count("case when bucket <> bucket_of(payment_request_id) then 1 end"), 0);
}

/// A day's statement is made of its cases: one that is not found by its key must not be left out in silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_accounts_for_a_case_without_a_bucket_is_unavailable() {
    let database = Sqlite::create().filled();
    database.run(false).unwrap();
    database.written_before(&paid_before("without"));
    database.execute("update cases set settlement_day = '2026-04-01' where payment_request_id = 'without'").unwrap();
    let refund = "insert into refunds (payment_request_id, refund_request_id, place, amount_value, amount_currency, state)
        values ('without', 'refund-without', 0, 1, 'JPY', 'reserved')";
    database.execute(refund).unwrap();
    let days = database.open_days(ledger_policy());
    let (day, page) = (ClearingDay::parse("2026-04-01").unwrap(), Page { limit: 10, after: None });
    let refunds = [RefundRequestId::parse("refund-without").unwrap()];
    assert!(days.accounted(day, &page).await.is_err());
    assert!(days.find_refunded(&refunds).await.is_err());
    database.run(false).unwrap();
    assert_eq!(days.accounted(day, &page).await.map(|cases| cases.len()), Ok(1));
    assert_eq!(days.find_refunded(&refunds).await.map(|cases| cases.len()), Ok(1));
}
