//! Two servers, of which the second has what the first commits: whether an answer waits for that, and what becomes of it in a failover.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{AcquirerId, Answer, CancelReply, InquiryReply, InquiryRule, Lookup, PaymentInquiry, Policy, Reply};
use ports::CancellationStore;
use ports::testing::{Wallet, ledger_policy, moment};

use crate::fixtures::{decided, open_within, paid};
use crate::server::{Pair, Server};

const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));

/// A primary and its standby, with a database that is migrated.
fn pair() -> Pair {
    let pair = Pair::start(|_| ());
    pair.store_with(ledger_policy(), true);
    pair
}

impl Pair {
    fn store_with(&self, policy: Policy, migrated: bool) -> Arc<dyn CancellationStore> {
        let url = format!("{}&target_session_attrs=read-write", Server::url(&[&self.primary, &self.standby], "postgres"));
        let database = open_within(&url, 4, Duration::from_secs(3));
        if migrated {
            database.migrate().unwrap();
        }
        database.store(policy)
    }

    fn store(&self) -> Arc<dyn CancellationStore> {
        self.store_with(ledger_policy(), false)
    }

    /// Cancels the wait of everybody who waits for the standby, once they have waited for some time.
    fn cancels_waits(&self, signal: &str) -> String {
        self.primary.says(&format!(
            "select count({signal}(pid)) from pg_stat_activity where wait_event = 'SyncRep' and state_change < now() - interval '300 ms'"
        ))
    }
}

/// The server answers the commit as if all were well, with a warning that libpq keeps from us. What is asked again meanwhile is as
/// doubtful: it reads what only this server has.
#[tokio::test(flavor = "multi_thread")]
async fn f80_a_cancelled_wait_for_the_standby_is_not_known() {
    for signal in ["pg_cancel_backend", "pg_terminate_backend"] {
        let mut pair = pair();
        pair.is_waited_for("*");
        let store = pair.store();
        let wallet = paid(&store, "doubtful").await;
        pair.standby.freezes();
        for _ in 0..2 {
            let (deciding, command) = (Arc::clone(&store), wallet.is_cancelled());
            let deciding = tokio::spawn(async move { deciding.decide(vec![command]).await.remove(0) });
            let mut cancelled = 0;
            while !deciding.is_finished() {
                cancelled += pair.cancels_waits(signal).parse::<u32>().unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            assert!(deciding.await.unwrap().is_err(), "{signal}");
            assert!(cancelled > 0);
        }
        // Another process, which has never waited for it.
        assert!(pair.store().decide(vec![wallet.is_cancelled()]).await.remove(0).is_err());
        pair.standby.thaws();
        let thawed = Instant::now();
        while store.decide(vec![wallet.is_cancelled()]).await.remove(0).map(|decided| decided.reply) != Ok(CANCELLED) {
            assert!(thawed.elapsed() < Duration::from_secs(10));
        }
        // And it is at the standby.
        pair.primary.kill();
        pair.standby.says("select pg_promote()");
        let told = pair.standby.says("select cancellation from cases where payment_request_id = 'doubtful'");
        assert_eq!(told, "cancelled");
    }
}

/// What only this server has closed is not told: a failover would take it back.
#[tokio::test(flavor = "multi_thread")]
async fn f80_an_inquiry_says_closed_once_the_standby_has_it() {
    let pair = pair();
    pair.is_waited_for("*");
    let store = pair.store();
    let wallet = paid(&store, "inquired").await;
    pair.standby.freezes();
    let (deciding, command) = (Arc::clone(&store), wallet.is_cancelled());
    let deciding = tokio::spawn(async move { deciding.decide(vec![command]).await.remove(0) });
    while !deciding.is_finished() {
        pair.cancels_waits("pg_cancel_backend");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(deciding.await.unwrap().is_err());
    let inquiry = PaymentInquiry {
        id: wallet.id.clone(),
        acquirer_id: AcquirerId::parse("acquirer-1").unwrap(),
        lookup: Lookup::NotYet,
        at: moment(0),
    };
    // This server has the commit, and nobody else.
    let told = pair.primary.says("select cancellation from cases where payment_request_id = 'inquired'");
    assert_eq!(told, "cancelled");
    assert!(store.inquire(vec![inquiry.clone()]).await.remove(0).is_err());
    pair.standby.thaws();
    let thawed = Instant::now();
    while store.inquire(vec![inquiry.clone()]).await.remove(0) != Ok(InquiryReply::Answered(InquiryRule::Cancelled)) {
        assert!(thawed.elapsed() < Duration::from_secs(10));
    }
}

/// Sessions that were given up while they waited for the standby do not pile up at the server.
#[tokio::test(flavor = "multi_thread")]
async fn f78_what_waits_for_a_frozen_standby_is_ended_by_the_next() {
    let pair = pair();
    pair.is_waited_for("*");
    let store = pair.store();
    let wallet = paid(&store, "waiting").await;
    pair.standby.freezes();
    for _ in 0..4 {
        assert!(store.decide(vec![wallet.is_cancelled()]).await.remove(0).is_err());
        assert!(store.check().await.is_err());
    }
    let waiting: u32 = pair.primary.says("select count(*) from pg_stat_activity where wait_event = 'SyncRep'").parse().unwrap();
    assert!(waiting <= 2, "{waiting}");
    pair.standby.thaws();
    while store.check().await.is_err() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn f79_whether_commits_wait_is_known_with_every_batch() {
    let pair = pair();
    let store = pair.store();
    assert_eq!(store.state().waits_for_standby, None, "nobody has asked yet");
    paid(&store, "first").await;
    assert_eq!(store.state().waits_for_standby, Some(false));
    pair.is_waited_for("*");
    paid(&store, "second").await;
    assert_eq!(store.state().waits_for_standby, Some(true));
    pair.is_waited_for("");
    store.check().await.unwrap();
    assert_eq!(store.state().waits_for_standby, Some(false));
}

/// By the list of hosts, whichever of them takes writes.
#[tokio::test(flavor = "multi_thread")]
async fn f79_a_server_that_takes_the_place_of_another_is_noticed() {
    let mut pair = pair();
    let store = pair.store();
    let wallet = paid(&store, "before").await;
    assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [CANCELLED]);
    assert_eq!(store.state().history, Some(0));
    pair.primary.kill();
    pair.standby.says("select pg_promote()");
    let promoted = Instant::now();
    while store.check().await.is_err() {
        assert!(promoted.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(store.state().history, Some(1));
    paid(&store, "after").await;
    assert_eq!(store.state().history, Some(1));
}

/// A restart is no failover: nothing that was committed is missing.
#[tokio::test(flavor = "multi_thread")]
async fn f79_a_server_that_starts_again_has_the_same_history() {
    let mut server = Server::new();
    server.start();
    let database = open_within(&Server::url(&[&server], "postgres"), 4, Duration::from_secs(3));
    database.migrate().unwrap();
    let store = database.store(ledger_policy());
    paid(&store, "before").await;
    server.kill();
    server.start();
    while store.check().await.is_err() {}
    paid(&store, "after").await;
    assert_eq!(store.state().history, Some(0));
}

/// One host after the other is asked, and each for a moment only.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_the_one_that_takes_writes_is_found() {
    let pair = pair();
    let url = format!("{}&target_session_attrs=read-write", Server::url(&[&pair.standby, &pair.primary], "postgres"));
    let store = open_within(&url, 4, Duration::from_secs(3)).store(ledger_policy());
    let wallet = paid(&store, "second").await;
    assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [CANCELLED]);
    let first_frozen = Wallet::of("first-frozen");
    pair.standby.freezes();
    let store = open_within(&url, 4, Duration::from_secs(3)).store(ledger_policy());
    let begun = Instant::now();
    while store.decide(vec![first_frozen.is_cancelled()]).await.remove(0).is_err() {}
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    pair.standby.thaws();
}
