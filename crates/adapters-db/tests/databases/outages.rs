//! PostgreSQL away, restarted, locked by a stranger, or out of patience with us.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use domain::{Action, Answer, AttemptEnd, CancelReply, Jitter, Reply, ReportedResult, ReversalOutcome};
use ports::testing::{Subject, Wallet, ledger_policy, replies};
use ports::{CancellationStore, ReceivedCommand};

use crate::fixtures::{Postgres, TestDatabase, decided, deployment_policy, open, paid};
use crate::proxy::{Trouble, between};

/// Where nothing listens.
const NOBODY: &str = "postgres://postgres@127.0.0.1:1/nothing";

const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));

/// Every command there is.
fn every_command(wallet: &Wallet) -> Vec<ReceivedCommand> {
    let close = Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome: ReversalOutcome::Done, jitter: Jitter(0) });
    let resolve = Action::Resolve { note: "paid".to_owned(), by: "operator".to_owned() };
    vec![
        wallet.pays(),
        wallet.reports(ReportedResult::Succeeded),
        wallet.refunds("r", 1),
        wallet.reports_refund("r", ReportedResult::Failed),
        wallet.is_cancelled(),
        wallet.does(close),
        wallet.does(Action::Retry { by: "operator".to_owned() }),
        wallet.does(resolve),
    ]
}

async fn cancel_until_decided(store: &Arc<dyn CancellationStore>, wallet: &Wallet) {
    let mut met = Vec::new();
    while met.len() < 20 {
        match store.decide(vec![wallet.is_cancelled()]).await.remove(0) {
            Ok(decided) => return assert_eq!(decided.reply, CANCELLED),
            Err(unavailable) => met.push(unavailable),
        }
    }
    panic!("never decided: {met:?}");
}

fn credits(database: &Postgres) -> i64 {
    database.number("select count(*)::text as value from ledger_entries where kind = 'credit'")
}

/// Waits until a statement of somebody else's has begun to wait for a lock, and returns its process.
async fn waiting_for_a_lock(database: &Postgres) -> String {
    let waiting = format!(
        "select pid::text as value from pg_stat_activity where datname = '{}' and wait_event_type = 'Lock'",
        database.name()
    );
    loop {
        if let Some(pid) = database.texts(&waiting).pop() {
            return pid;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_there_is_a_sentence_and_no_file() {
    let migrating = std::thread::spawn(|| open(NOBODY, 2).unwrap().migrate());
    let database = open(NOBODY, 2).unwrap();
    for refused in [database.check_deployment(&deployment_policy()), migrating.join().unwrap().map(|_| ())] {
        let sentence = refused.unwrap_err().to_string();
        assert!(sentence.contains("database.url") && sentence.contains("refused"), "{sentence}");
    }
    let here = std::env::current_dir().unwrap();
    let files = here.read_dir().unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let made: Vec<_> = files.filter(|name| name.contains("nothing") || name.contains("postgres")).collect();
    assert_eq!(made, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_every_command_is_unavailable() {
    let store = open(NOBODY, 2).unwrap().store(ledger_policy());
    let wallet = Wallet::of("away");
    let commands = every_command(&wallet);
    let alone = commands.iter().cloned().map(|command| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.decide(vec![command]).await })
    });
    let alone: Vec<_> = alone.collect();
    let (mut unavailable, found, checked) = tokio::join!(store.decide(commands.clone()), store.find(&wallet.id), store.check());
    assert!(found.is_err() && checked.is_err());
    for outcomes in alone {
        unavailable.extend(outcomes.await.unwrap());
    }
    assert_eq!(unavailable.len(), 2 * commands.len());
    assert!(unavailable.iter().all(Result::is_err), "{unavailable:?}");
}

/// All of r2d2's threads that connect are busy with connections that nobody answers.
#[tokio::test(flavor = "multi_thread")]
async fn connections_that_nobody_answers_are_given_up() {
    let database = Postgres::migrated();
    let store = open(&between(&database, Trouble::Silent(4)), 4).unwrap().store(ledger_policy());
    cancel_until_decided(&store, &Wallet::of("silence")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_all_connections_are_terminated_the_next_batch_works() {
    let database = Postgres::migrated();
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "idle").await;
    let ended = format!(
        "select count(pg_terminate_backend(pid))::text as value from pg_stat_activity where datname = '{}' and pid <> pg_backend_pid()",
        database.name()
    );
    assert!(database.number(&ended) > 0);
    assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [CANCELLED]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_connection_is_terminated_is_decided_on_another() {
    let database = Postgres::migrated();
    let store = database.open(ledger_policy());
    let (locked, free) = (paid(&store, "locked").await, paid(&store, "free").await);
    let mut stranger = database.connection();
    stranger.batch_execute("begin; select 1 from cases where payment_request_id = 'locked' for update").unwrap();
    let deciding = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.decide(vec![locked.is_cancelled(), free.is_cancelled()]).await }
    });
    let pid = waiting_for_a_lock(&database).await;
    stranger.batch_execute(&format!("select pg_terminate_backend({pid}); rollback")).unwrap();
    assert_eq!(replies(deciding.await.unwrap()), [Ok(CANCELLED), Ok(CANCELLED)]);
    assert_eq!(credits(&database), 2);
}

/// The commit is made, but nobody hears of it: deciding again reads back what it recorded.
#[tokio::test(flavor = "multi_thread")]
async fn f20_a_commit_without_an_answer_is_read_back() {
    let database = Postgres::migrated();
    let wallets = [paid(&database.open(ledger_policy()), "one").await, paid(&database.open(ledger_policy()), "two").await];
    let store = open(&between(&database, Trouble::LostCommit), 1).unwrap().store(ledger_policy());
    let outcomes = decided(&store, wallets.iter().map(Wallet::is_cancelled).collect()).await;
    assert_eq!(outcomes, [CANCELLED; 2]);
    assert_eq!(credits(&database), 2);
    let received = "select count(*)::text as value from events where what = 'cancel-received'";
    assert_eq!(database.number(received), 2);
}

/// A serialization failure or a deadlock ends a whole batch.
#[tokio::test(flavor = "multi_thread")]
async fn f35_a_batch_that_is_rolled_back_is_decided_as_if_nothing_had_been() {
    for (name, sqlstate) in [("serialization", "40001"), ("deadlock", "40P01")] {
        let database = Postgres::migrated();
        let failing = format!(
            "create sequence failures; create function fail() returns trigger language plpgsql as $$ begin
                 if nextval('failures') = 1 then raise 'once' using errcode = '{sqlstate}'; end if; return new;
             end $$;
             create trigger fails before insert on events for each row when (new.more like '%\"cancelled\"%') execute function fail()"
        );
        database.execute(&failing).unwrap();
        let store = database.open(ledger_policy());
        let wallets = ["a", "b", "c"].map(Wallet::of);
        let whole_lives = wallets.iter().flat_map(|wallet| {
            [wallet.pays(), wallet.reports(ReportedResult::Succeeded), wallet.is_cancelled(), wallet.is_cancelled()]
        });
        let outcomes = decided(&store, whole_lives.collect()).await;
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == CANCELLED).count(), 6, "{name}: {outcomes:?}");
        assert_eq!(credits(&database), 3);
        assert!(database.number("select last_value::text as value from failures") > 1, "{name} never happened");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_stranger_locks_holds_up_nothing_else() {
    let database = Postgres::migrated();
    let store = database.open(ledger_policy());
    let mut wallets = Vec::new();
    for n in 0..9 {
        wallets.push(paid(&store, &format!("case-{n}")).await);
    }
    let mut stranger = database.connection();
    stranger.batch_execute("begin; select 1 from cases where payment_request_id = 'case-8' for update").unwrap();
    let outcomes = store.decide(wallets.iter().map(Wallet::is_cancelled).collect()).await;
    for (index, outcome) in outcomes.iter().enumerate() {
        match index {
            8 => assert!(outcome.is_err(), "{outcome:?}"),
            _ => assert_eq!(outcome.clone().map(|decided| decided.reply), Ok(CANCELLED), "{index}"),
        }
    }
    stranger.batch_execute("rollback").unwrap();
    assert_eq!(decided(&store, vec![wallets[8].is_cancelled()]).await, [CANCELLED]);
    assert_eq!(credits(&database), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn f76_a_read_only_hour_is_over_when_it_ends() {
    let database = Postgres::migrated();
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "before").await;
    database.execute(&format!("alter database {} set default_transaction_read_only = on", database.name())).unwrap();
    let later = database.open(ledger_policy());
    let refused = later.check().await.unwrap_err().to_string();
    assert!(refused.contains("takes no writes"), "{refused}");
    assert!(later.decide(vec![wallet.is_cancelled()]).await.remove(0).is_err());
    assert!(later.find(&wallet.id).await.is_err());
    let begin_again = format!(
        "select count(pg_terminate_backend(pid))::text as value from pg_stat_activity where datname = '{}' and pid <> pg_backend_pid()",
        database.name()
    );
    database.number(&begin_again);
    assert!(store.decide(vec![wallet.is_cancelled()]).await.remove(0).is_err());

    // Its own session may not write either.
    let mut operator = database.connection();
    operator.batch_execute("set default_transaction_read_only = off").unwrap();
    operator.batch_execute(&format!("alter database {} reset default_transaction_read_only", database.name())).unwrap();
    let ended = Instant::now();
    for store in [&store, &later] {
        cancel_until_decided(store, &wallet).await;
    }
    assert!(ended.elapsed() < Duration::from_secs(5), "{:?}", ended.elapsed());
}

/// The reader waits between two tables while somebody adds to the second.
#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_read_as_it_was_at_one_moment() {
    let database = Postgres::migrated();
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "moment").await;
    let before = store.find(&wallet.id).await.unwrap();
    let mut stranger = database.connection();
    loop {
        stranger.batch_execute("begin; lock table events in access exclusive mode").unwrap();
        let finding = tokio::spawn({
            let (store, id) = (Arc::clone(&store), wallet.id.clone());
            async move { store.find(&id).await }
        });
        waiting_for_a_lock(&database).await;
        let add = "insert into events (bucket, payment_request_id, number, at, what, details)
                   select bucket, 'moment', max(number) + 1, 0, 'added', '{}' from events group by bucket; commit";
        stranger.batch_execute(add).unwrap();
        // Past its lock timeout nothing is known; then it is read again.
        if let Ok(found) = finding.await.unwrap() {
            return assert_eq!(found, before);
        }
        stranger.batch_execute("delete from events where what = 'added'").unwrap();
    }
}
