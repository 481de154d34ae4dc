//! SQLite's own troubles.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diesel::connection::SimpleConnection;
use domain::{Answer, CancelReply, Reply, ReportedResult};
use ports::testing::{Subject, Wallet, ledger_policy, replies};

use crate::fixtures::{Sqlite, TestDatabase, decided, deployment_policy, open, paid};

const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));

#[tokio::test(flavor = "multi_thread")]
async fn f21_sixty_four_writers_on_one_file_never_find_it_busy() {
    let database = Sqlite::migrated();
    let stores = [database.open(ledger_policy()), database.open(ledger_policy())];
    let writers = (0..64).map(|n: usize| {
        let store = Arc::clone(&stores[n % 2]);
        tokio::spawn(async move {
            let wallet = Wallet::of(&format!("writer-{n}"));
            let mut outcomes = Vec::new();
            for received in [wallet.pays(), wallet.reports(ReportedResult::Succeeded), wallet.is_cancelled()] {
                outcomes.extend(store.decide(vec![received]).await);
            }
            outcomes
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        let outcomes = writer.await.unwrap();
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        assert_eq!(replies(outcomes).last(), Some(&Ok(CANCELLED)));
    }
    let credits = "select cast(count(*) as text) as value from ledger_entries where kind = 'credit'";
    assert_eq!(database.number(credits), 64);
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let database = Sqlite::create();
    let url = format!("{}/missing/cases.db", database.url());
    let migrating = std::thread::spawn({
        let url = url.clone();
        move || open(&url, 2).unwrap().migrate()
    });
    let served = open(&url, 2).unwrap().check_deployment(&deployment_policy());
    for refused in [served, migrating.join().unwrap().map(|_| ())] {
        let sentence = refused.unwrap_err().to_string();
        assert!(sentence.contains(&url) && sentence.contains("folder must exist"), "{sentence}");
    }
}

/// Some failures make SQLite roll back by itself, a full disk among them; the program's own rollback then fails as well.
#[tokio::test(flavor = "multi_thread")]
async fn f20_a_transaction_that_sqlite_ends_by_itself_spoils_one_case() {
    let database = Sqlite::migrated();
    let store = database.open(ledger_policy());
    let mut wallets = Vec::new();
    for n in 0..9 {
        wallets.push(paid(&store, &format!("case-{n}")).await);
    }
    let trigger = "create trigger ends before insert on events when new.payment_request_id = 'case-4'
                   begin select raise(rollback, 'the disk is full'); end";
    database.execute(trigger).unwrap();
    let outcomes = store.decide(wallets.iter().map(Wallet::is_cancelled).collect()).await;
    for (index, outcome) in outcomes.into_iter().enumerate() {
        match index {
            4 => assert_eq!(outcome.unwrap_err().to_string(), "database: the disk is full"),
            _ => assert_eq!(outcome.map(|decided| decided.reply), Ok(CANCELLED), "{index}"),
        }
    }
    database.execute("drop trigger ends").unwrap();
    assert_eq!(decided(&store, vec![wallets[4].is_cancelled()]).await, [CANCELLED]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_a_stranger_keeps_locked_is_unavailable_until_it_is_free() {
    let database = Sqlite::migrated();
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "locked").await;
    let mut stranger = database.connection();
    stranger.batch_execute("begin immediate").unwrap();
    assert!(store.decide(vec![wallet.is_cancelled()]).await.remove(0).is_err());
    // Looking needs no lock.
    assert!(store.find(&wallet.id).await.unwrap().is_some());
    stranger.batch_execute("rollback").unwrap();
    assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [CANCELLED]);
}

#[test]
fn f64_a_file_that_is_missing_or_empty_is_refused_and_not_made() {
    let database = Sqlite::create();
    let serve = || database.open_database(2).check_deployment(&deployment_policy()).unwrap_err().to_string();
    let sentence = serve();
    for part in ["the database is not migrated", &database.path(), "is not there", "rescind migrate"] {
        assert!(sentence.contains(part), "{part}: {sentence}");
    }
    assert!(!Path::new(&database.path()).exists(), "looking at it made it");
    std::fs::write(database.path(), "").unwrap();
    assert!(serve().contains("is empty"), "{}", serve());
    assert_eq!(Path::new(&database.path()).metadata().unwrap().len(), 0, "looking at it wrote to it");
    assert!(database.open_database(2).check_migrated().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn f64_what_a_store_is_asked_while_its_file_is_away_is_not_known() {
    let database = Sqlite::migrated();
    let store = database.open(ledger_policy());
    let [known, other] = [paid(&store, "known").await, paid(&store, "other").await];
    assert_eq!(store.check().await, Ok(None));
    let (path, aside) = (database.path(), format!("{}.aside", database.path()));

    std::fs::rename(&path, &aside).unwrap();
    let gone = store.check().await.unwrap_err().to_string();
    assert!(gone.contains(&path) && gone.contains("is gone"), "{gone}");
    assert!(store.decide(vec![known.is_cancelled()]).await[0].is_err());
    assert!(store.find(&known.id).await.is_err());
    assert!(store.backlog().await.is_err());
    assert!(!Path::new(&path).exists(), "nobody makes a new one");

    let stranger = Sqlite::migrated();
    std::fs::copy(stranger.path(), &path).unwrap();
    let replaced = store.check().await.unwrap_err().to_string();
    assert!(replaced.contains(&path) && replaced.contains("another file"), "{replaced}");
    assert!(store.decide(vec![other.is_cancelled()]).await[0].is_err());
    assert!(store.find(&known.id).await.is_err());

    std::fs::remove_file(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(store.check().await, Ok(None));
    assert_eq!(decided(&store, vec![known.is_cancelled(), other.is_cancelled()]).await, [CANCELLED, CANCELLED]);
}

#[tokio::test(flavor = "multi_thread")]
async fn f64_a_store_that_starts_while_its_file_is_away_makes_none() {
    let database = Sqlite::create();
    let store = database.open(ledger_policy());
    assert!(store.decide(vec![Wallet::of("early").is_cancelled()]).await[0].is_err());
    assert!(!Path::new(&database.path()).exists());
}

/// Writers go on while it is made, and what was answered before it began is in it.
#[tokio::test(flavor = "multi_thread")]
async fn f86_a_backup_beside_writers_has_all_that_was_answered_before_it() {
    let database = Sqlite::migrated();
    let store = database.open(ledger_policy());
    let before: Vec<_> = (0..50).map(|n| Wallet::of(&format!("before-{n}"))).collect();
    for wallet in &before {
        let life = vec![wallet.pays(), wallet.reports(ReportedResult::Succeeded), wallet.is_cancelled()];
        assert_eq!(decided(&store, life).await.last(), Some(&CANCELLED));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        async move {
            let mut count = 0;
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(decided(&store, vec![Wallet::of(&format!("during-{count}")).is_cancelled()]).await, [CANCELLED]);
                count += 1;
            }
            count
        }
    });
    let outs = [1, 2, 3].map(|n| format!("{}.copy-{n}", database.path()));
    for out in &outs {
        let (copied, out) = (database.open_database(2), out.clone());
        let backup = tokio::task::spawn_blocking(move || copied.back_up(Path::new(&out))).await.unwrap().unwrap();
        assert!(backup.cases >= 50 && backup.last_event_at.is_some(), "{backup:?}");
    }
    stop.store(true, Ordering::Relaxed);
    let during = writing.await.unwrap();
    assert!(during > 0, "nobody wrote meanwhile");
    for out in &outs {
        assert_eq!(Path::new(out).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let restored = open(&format!("sqlite://{out}"), 2).unwrap();
        restored.check_migrated().unwrap();
        let restored = restored.store(ledger_policy());
        for wallet in &before {
            assert_eq!(restored.find(&wallet.id).await.unwrap(), store.find(&wallet.id).await.unwrap());
            assert_eq!(decided(&restored, vec![wallet.is_cancelled()]).await, [CANCELLED]);
        }
    }
}

#[test]
fn f86_a_backup_replaces_no_file_and_leaves_none_where_it_fails() {
    let database = Sqlite::migrated();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("copy.db");
    // What an earlier one left when it was killed.
    std::fs::write(folder.path().join("copy.db.partial"), "half").unwrap();
    assert_eq!(database.open_database(1).back_up(&out).unwrap().cases, 0);
    let content = std::fs::read(&out).unwrap();
    let refused = database.open_database(1).back_up(&out).unwrap_err().to_string();
    assert!(refused.contains("copy.db is there already"), "{refused}");
    assert_eq!(std::fs::read(&out).unwrap(), content);
    let nowhere = database.open_database(1).back_up(&folder.path().join("missing/copy.db")).unwrap_err().to_string();
    assert!(nowhere.contains("missing/copy.db.partial cannot be written"), "{nowhere}");
    let none = open(&format!("sqlite://{}", folder.path().join("none.db").display()), 1).unwrap();
    assert!(none.back_up(&folder.path().join("other.db")).unwrap_err().to_string().contains("is not there"));
    let broken = folder.path().join("broken.db");
    std::fs::write(&broken, "this is no database, and longer than the hundred bytes of the head of one. ".repeat(9)).unwrap();
    let failed = open(&format!("sqlite://{}", broken.display()), 1).unwrap().back_up(&folder.path().join("other.db"));
    assert!(failed.is_err());
    let mut left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["broken.db", "copy.db"]);
}
