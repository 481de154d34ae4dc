//! A primary that is killed under load, and its synchronous standby in its place: every S is still true.

// Servers of one's own are there already, for the store.
#[allow(dead_code, reason = "the store's tests use the rest")]
#[path = "../../../adapters-db/tests/databases/server.rs"]
pub(crate) mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use server::{Pair, Server};
use testkit::process::Process;
use testkit::wallet::payment_of;
use testkit::{Deployment, TestEngine, loopback};
use tokio::task::JoinSet;

/// How many callers are at work.
const CALLERS: usize = 8;
/// How many cancels are answered S before the primary dies, and again by the other server.
const ENOUGH: usize = 60;

/// Two servers with a database, of which the second is waited for.
fn pair() -> Pair {
    let pair = Pair::start(|primary| {
        primary.says("create database rescind");
    });
    pair.is_waited_for("*");
    pair
}

impl Pair {
    /// A wallet whose cases are there, whichever of the two takes writes.
    fn deployment(&self) -> Deployment {
        let mut deployment = Deployment::on(TestEngine::Sqlite);
        let url = Server::url(&[&self.primary, &self.standby], "rescind");
        deployment.set("database.url", &format!("{url}&target_session_attrs=read-write"));
        deployment.set("callback.answer_budget", "2s");
        deployment.succeed(&["migrate"]);
        deployment
    }
}

/// Asks until there is an answer, as a wallet does.
async fn asks<T, Call: Future<Output = Result<T, String>>>(call: impl Fn() -> Call) -> T {
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Payments are made and cancelled until enough are; the ids that were answered S.
async fn works(process: Arc<Process>, (caller, answered, enough): (usize, Arc<AtomicUsize>, usize)) -> Vec<String> {
    let mut cancelled = Vec::new();
    while answered.load(Ordering::Relaxed) < enough {
        let number = cancelled.len();
        let (id, content) = (format!("failover-{caller}-{number}"), payment_of(&format!("user-{caller}-{number}"), 1000));
        if number.is_multiple_of(2) {
            asks(|| process.wallet.announce_as(&id, &content)).await;
            asks(|| process.wallet.report(&id, "S")).await;
        }
        loop {
            let answer = asks(|| process.alipayplus.cancel(&id)).await;
            match answer.status.as_str() {
                "S" => break,
                "U" => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => panic!("{id} is refused: {answer:?}"),
            }
        }
        answered.fetch_add(1, Ordering::Relaxed);
        cancelled.push(id);
    }
    cancelled
}

async fn is_still_true(process: &Process, id: &str) {
    let case = process.wallet.payment(id).await.unwrap();
    assert_eq!(
        (&case["cancellation"]["state"], &case["inquiry"]["resultCode"]),
        (&"cancelled".into(), &"ORDER_IS_CLOSED".into()),
        "{id}"
    );
    assert_eq!(process.alipayplus.cancel(id).await.unwrap().brief(), "S SUCCESS", "{id}");
    if case["status"] != Value::Null {
        let account = process.wallet.account(&id.replace("failover", "user")).await.unwrap();
        let kinds: Vec<_> = account["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()).collect();
        assert_eq!((kinds, &account["balances"][0]["value"]), (vec!["debit".into(), "credit".into()], &"0".into()), "{id}");
    }
}

/// What an inquiry shows afterwards agrees with every S too (F39).
#[tokio::test(flavor = "multi_thread")]
async fn f38_every_s_is_true_after_a_failover() {
    let mut pair = pair();
    let deployment = pair.deployment();
    let process = Arc::new(deployment.start().await);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(works(Arc::clone(&process), (caller, Arc::clone(&answered), 2 * ENOUGH)));
    }
    while answered.load(Ordering::Relaxed) < ENOUGH {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    pair.primary.kill();
    let before = answered.load(Ordering::Relaxed);
    assert!(before < 2 * ENOUGH, "the storm was over before the primary died");
    pair.standby.says("select pg_promote()");
    let cancelled = callers.join_all().await.concat();
    // No caller begins another once there are enough; each may be at one by then.
    assert_eq!(cancelled.len(), answered.load(Ordering::Relaxed));
    assert!((2 * ENOUGH..2 * ENOUGH + CALLERS).contains(&cancelled.len()), "{}", cancelled.len());
    for id in &cancelled {
        is_still_true(&process, id).await;
    }
    println!("{before} answered S before the primary died, {} by the end", cancelled.len());
}

/// A commit that waits for the standby is no commit yet, however long it takes.
#[tokio::test(flavor = "multi_thread")]
async fn f38_what_the_standby_has_not_confirmed_is_not_answered_with_s() {
    let mut pair = pair();
    let deployment = pair.deployment();
    let process = deployment.start().await;
    assert_eq!(process.wallet.announce("alone", "user", 1000).await.unwrap(), "proceed");
    assert_eq!(process.wallet.report("alone", "S").await.unwrap(), "stands");
    pair.standby.kill();
    // Longer than any statement may take.
    for _ in 0..4 {
        assert_eq!(process.alipayplus.cancel("alone").await.unwrap().brief(), "U UNKNOWN_EXCEPTION");
    }
    pair.standby.start();
    while process.alipayplus.cancel("alone").await.unwrap().brief() != "S SUCCESS" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(process.wallet.balance("user").await.unwrap(), 0);
}

/// What a process says of its readiness: the first reason's code, or that there is none.
async fn reason(process: &Process) -> Option<String> {
    let response = loopback().get(format!("http://{}/readyz", process.wallet_api)).send().await.unwrap();
    let is_ready = response.status() == 200;
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["ready"], is_ready, "{body}");
    (!is_ready).then(|| body["reasons"][0].as_str().unwrap().to_owned())
}

/// Whether it comes to say so within this time.
async fn comes_to_say(process: &Process, within: Duration, is: impl Fn(Option<&str>) -> bool) {
    let begun = Instant::now();
    loop {
        let said = reason(process).await;
        if is(said.as_deref()) {
            return;
        }
        assert!(begun.elapsed() < within, "{said:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Nobody asks for a commit but the look itself.
#[tokio::test(flavor = "multi_thread")]
async fn f77_while_commits_wait_for_a_frozen_standby_the_process_is_unready() {
    let pair = pair();
    let deployment = pair.deployment();
    let process = deployment.start().await;
    assert_eq!(reason(&process).await, None);
    pair.standby.freezes();
    let begun = Instant::now();
    let said = reason(&process).await.unwrap();
    assert_eq!(said, "database");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    // With cancels it is the same, and the database keeps no more than a few sessions that wait.
    for _ in 0..3 {
        assert_eq!(process.alipayplus.cancel("waiting").await.unwrap().brief(), "U UNKNOWN_EXCEPTION");
        assert!(reason(&process).await.is_some());
    }
    let waiting: u32 = pair.primary.says("select count(*) from pg_stat_activity where wait_event = 'SyncRep'").parse().unwrap();
    assert!(waiting <= 4, "{waiting}");
    pair.standby.thaws();
    comes_to_say(&process, Duration::from_secs(10), |reason| reason.is_none()).await;
    assert_eq!(asks_until_s(&process, "waiting").await, "S SUCCESS");
}

async fn asks_until_s(process: &Process, id: &str) -> String {
    loop {
        let brief = asks(|| process.alipayplus.cancel(id)).await.brief();
        if brief != "U UNKNOWN_EXCEPTION" {
            return brief;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f79_where_a_standby_is_required_the_process_is_unready_without() {
    let pair = pair();
    let mut deployment = pair.deployment();
    deployment.set("database.synchronous_standby", "required");
    let process = deployment.start().await;
    assert_eq!(reason(&process).await, None);
    // As Patroni does when the standby has gone.
    for (names, standby) in [("", Some("standby")), ("*", None)] {
        pair.primary.says(&format!("alter system set synchronous_standby_names = '{names}'"));
        pair.primary.says("select pg_reload_conf()");
        comes_to_say(&process, Duration::from_secs(5), |said| said == standby).await;
    }
    // A process that starts without one says so, and is ready once there is one.
    let is_named = |names: &str| {
        pair.primary.says(&format!("alter system set synchronous_standby_names = '{names}'"));
        pair.primary.says("select pg_reload_conf()");
    };
    is_named("");
    let (process, ()) = tokio::join!(deployment.start(), async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        is_named("*");
    });
    let is_said = |line: &String| line.contains("ERROR") && line.contains("commits wait for no standby");
    assert!(process.log().iter().any(is_said), "{:?}", process.log());
}

/// The standby has nothing of what was answered last.
#[tokio::test(flavor = "multi_thread")]
async fn f79_answers_that_a_failover_took_back_are_made_true_again() {
    let mut pair = pair();
    pair.primary.says("alter system set synchronous_standby_names = ''");
    pair.primary.says("select pg_reload_conf()");
    let deployment = pair.deployment();
    let process = deployment.start().await;
    let is_paid = async |id: &str| {
        assert_eq!(process.wallet.announce(id, &format!("user-of-{id}"), 1000).await.unwrap(), "proceed");
        assert_eq!(process.wallet.report(id, "S").await.unwrap(), "stands");
    };
    for number in 0..20 {
        is_paid(&format!("kept-{number}")).await;
    }
    let position = pair.primary.says("select pg_current_wal_lsn()");
    pair.standby.comes_to_say(&format!("select pg_last_wal_replay_lsn() >= '{position}'"), "t");
    pair.standby.says("alter system set primary_conninfo = ''");
    pair.standby.says("select pg_reload_conf()");
    pair.primary.comes_to_say("select count(*) from pg_stat_replication", "0");
    let ids: Vec<_> = (0..20).flat_map(|number| [format!("kept-{number}"), format!("fence-{number}")]).collect();
    for id in &ids {
        assert_eq!(process.alipayplus.cancel(id).await.unwrap().brief(), "S SUCCESS");
    }
    pair.primary.kill();
    pair.standby.says("select pg_promote()");
    let cancelled = || pair.standby.says_in("rescind", "select count(*) from cases where cancellation = 'cancelled'");
    assert_eq!(cancelled(), "0");
    // The first commit of the new one is somebody else's payment.
    asks(|| process.wallet.announce("after", "user", 1000)).await;
    let begun = Instant::now();
    while cancelled() != "40" {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for id in &ids {
        let case = process.wallet.payment(id).await.unwrap();
        assert_eq!(case["inquiry"]["resultCode"], "ORDER_IS_CLOSED", "{id}");
        if id.starts_with("kept") {
            assert_eq!(process.wallet.balance(&format!("user-of-{id}")).await.unwrap(), 0, "{id}");
        }
    }
    let log = || process.log().join("\n");
    while !log().contains("the database had forgotten answers: they are recorded again") {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let text = loopback().get(format!("http://{}/metrics", process.wallet_api)).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("rescind_answers_restored_total{outcome=\"restored\"} 40"), "{text}");
    assert!(text.contains("rescind_database_histories_total 1"), "{text}");
}

/// What waits is not "none" where nobody could count it, and the alarm is that nobody could.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_database_that_is_gone_metrics_tell_no_numbers() {
    let mut server = Server::new();
    server.start();
    server.says("create database rescind");
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    deployment.set("database.url", &Server::url(&[&server], "rescind"));
    deployment.succeed(&["migrate"]);
    let process = deployment.start().await;
    let scraped = async || {
        let response = loopback().get(format!("http://{}/metrics", process.wallet_api)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.text().await.unwrap()
    };
    let shows = |text: &str, line: &str| text.lines().any(|shown| shown == line);
    let counted = ["rescind_open_reversals", "rescind_parked_reversals", "rescind_deferred_cancels"];
    let text = scraped().await;
    assert!(shows(&text, "rescind_ready 1"), "{text}");
    for metric in counted {
        assert!(shows(&text, &format!("{metric} 0")), "{metric}: {text}");
    }
    server.kill();
    let text = scraped().await;
    assert!(shows(&text, "rescind_ready 0"), "{text}");
    for metric in counted {
        assert!(shows(&text, &format!("{metric} NaN")), "{metric}: {text}");
    }
}
