//! SIGKILL at random moments under load: what was answered stays true, and nobody gets money twice.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use testkit::process::Process;
use testkit::wallet::payment_of;
use testkit::{Deployment, TestEngine};
use tokio::sync::{Mutex, RwLock};

/// How many callers are at work at any time.
const CALLERS: usize = 8;
/// How many of the payments that were answered S last before a kill are looked at right after it; all are at the end.
const LAST: usize = 50;

/// A deployment whose process comes and goes.
struct Shaky {
    deployment: Deployment,
    process: RwLock<Option<Arc<Process>>>,
    next: AtomicUsize,
    enough: AtomicBool,
    /// The ids for which S was received, before anything else was done.
    cancelled: Mutex<Vec<String>>,
}

impl Shaky {
    /// Asks until there is an answer, as Alipay+ and a wallet do.
    async fn asks<T, Call: Future<Output = Result<T, String>>>(&self, call: impl Fn(Arc<Process>) -> Call) -> T {
        loop {
            let process = self.process.read().await.clone();
            if let Some(process) = process
                && let Ok(answer) = call(process).await
            {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Cancels until the answer is final.
    async fn is_cancelled(&self, id: &str) {
        loop {
            let cancel = |process: Arc<Process>| async move { process.alipayplus.cancel(id).await };
            let answer = self.asks(cancel).await;
            match answer.status.as_str() {
                "S" => return self.cancelled.lock().await.push(id.to_owned()),
                "U" => tokio::time::sleep(Duration::from_millis(5)).await,
                _ => panic!("{id} is refused: {answer:?}"),
            }
        }
    }

    /// One payment's life, with the cancel at one of four places.
    async fn live(&self, number: usize) {
        let (id, account) = (format!("payment-{number}"), format!("user-{number}"));
        let (id, content) = (id.as_str(), &payment_of(&account, 1000));
        if number.is_multiple_of(4) {
            self.is_cancelled(id).await;
        }
        self.asks(|process| async move { process.wallet.announce_as(id, content).await }).await;
        if number % 4 == 1 {
            self.is_cancelled(id).await;
        }
        self.asks(|process| async move { process.wallet.report(id, "S").await }).await;
        if number % 4 == 3 {
            self.asks(|process| async move { process.wallet.refund(id, "refund", 1000).await }).await;
            self.asks(|process| async move { process.wallet.report_refund(id, "refund", "S").await }).await;
        }
        if number % 4 >= 2 {
            self.is_cancelled(id).await;
        }
    }

    async fn work(&self) {
        while !self.enough.load(Ordering::Relaxed) {
            self.live(self.next.fetch_add(1, Ordering::Relaxed)).await;
        }
    }

    async fn kill_and_restart(&self, round: usize) {
        let random = RandomState::new().hash_one(round);
        tokio::time::sleep(Duration::from_millis(20 + random % 300)).await;
        let process = self.process.write().await.take().unwrap();
        process.kill();
        let answered = self.cancelled.lock().await.clone();
        let process = Arc::new(self.deployment.start().await);
        *self.process.write().await = Some(Arc::clone(&process));
        // Every S is still true after the restart, also while the load goes on.
        for id in answered.iter().rev().take(LAST) {
            let state = process.wallet.payment(id).await.unwrap()["cancellation"]["resultStatus"].clone();
            assert_eq!(state, "S", "{id}");
        }
    }

    /// Every S is still true, each user has what he had, and every movement has its counterpart.
    async fn audit(&self) {
        let process = self.process.read().await.clone().unwrap();
        let cancelled = self.cancelled.lock().await;
        assert_eq!(cancelled.len(), self.next.load(Ordering::Relaxed), "every payment was cancelled");
        for id in cancelled.iter() {
            let payment = process.wallet.payment(id).await.unwrap();
            let refunded = payment["refunds"] != serde_json::json!([]);
            let expected = if refunded { ("already-refunded", "SUCCESS") } else { ("cancelled", "ORDER_IS_CLOSED") };
            assert_eq!(payment["cancellation"]["state"], expected.0, "{payment:#}");
            assert_eq!(payment["inquiry"]["resultCode"], expected.1, "{payment:#}");
            assert_eq!(process.alipayplus.cancel(id).await.unwrap().brief(), "S SUCCESS");
            let account = process.wallet.account(&id.replace("payment", "user")).await.unwrap();
            let entries = account["entries"].as_array().unwrap();
            let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
            assert_eq!(kinds, ["debit", "credit"], "{id}");
            assert_eq!(account["balances"][0]["value"], "0", "{id}");
        }
    }
}

/// Returns what was done, in a line.
async fn survives_sigkill(engine: TestEngine) -> String {
    let kills = if std::env::var("RESCIND_SCALE").as_deref() == Ok("full") { 50 } else { 5 };
    let deployment = Deployment::on(engine);
    let process = RwLock::new(Some(Arc::new(deployment.start().await)));
    let (next, enough, cancelled) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::default());
    let shaky = Arc::new(Shaky { deployment, process, next, enough, cancelled });
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let shaky = Arc::clone(&shaky);
            tokio::spawn(async move { shaky.work().await })
        })
        .collect();
    for round in 0..kills {
        shaky.kill_and_restart(round).await;
    }
    shaky.enough.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    shaky.audit().await;
    format!("{engine:?}: {kills} kills, {} payments cancelled", shaky.cancelled.lock().await.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_what_was_answered_survives_sigkill_on_sqlite() {
    println!("{}", survives_sigkill(TestEngine::Sqlite).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn f14_what_was_answered_survives_sigkill_on_postgresql() {
    println!("{}", survives_sigkill(TestEngine::Postgres).await);
}
