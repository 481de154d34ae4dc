//! A wallet core that fails: every user has the money back exactly once, nobody receives S before, and nothing is left over.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::core::{Effect, FakeCore, Faults, Gate, Reach, one_of};
use testkit::process::Process;
use testkit::wallet::payment_of;
use testkit::{Deployment, TestEngine};
use tokio::sync::{Mutex, RwLock};
use tokio::task::JoinSet;

/// How many callers are at work at any time.
const CALLERS: usize = 32;
/// How long Alipay+ waits for an answer.
const PATIENCE_OF_ALIPAYPLUS: Duration = Duration::from_secs(8);

fn full_scale() -> bool {
    std::env::var("RESCIND_SCALE").as_deref() == Ok("full")
}

/// A deployment whose money is at `core`.
fn deployment_with(core: &FakeCore, engine: TestEngine, timeout: &str) -> Deployment {
    let mut deployment = Deployment::on(engine);
    deployment.set("funds.kind", "http");
    deployment.set("funds.url", &core.url());
    deployment.set("funds.timeout", timeout);
    deployment
}

/// A cancel that ended.
struct Cancelled {
    id: String,
    account: String,
    amount: i64,
    /// Just before the first byte of its first cancel was sent.
    sent: Instant,
    /// When S had arrived.
    answered: Instant,
    /// How many cancels that took.
    cancels: usize,
}

/// Several processes that come and go, and a core that fails.
struct Storm {
    deployment: Deployment,
    core: FakeCore,
    processes: [RwLock<Option<Arc<Process>>>; 2],
    next: AtomicUsize,
    enough: AtomicBool,
    cancelled: Mutex<Vec<Cancelled>>,
}

impl Storm {
    async fn begin() -> Arc<Self> {
        let core = FakeCore::start();
        let timeout = Duration::from_millis(300);
        let deployment = deployment_with(&core, TestEngine::Postgres, "300ms");
        core.set_faults(Faults { before: 30, after: 30, late: 10, delay: timeout + Duration::from_millis(150) });
        let processes = [deployment.start().await, deployment.start().await].map(|process| RwLock::new(Some(Arc::new(process))));
        let (next, enough, cancelled) = (AtomicUsize::new(0), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { deployment, core, processes, next, enough, cancelled })
    }

    /// Asks one of the processes until there is an answer, as Alipay+ and a wallet do.
    async fn asks<T, Call: Future<Output = Result<T, String>>>(&self, call: impl Fn(Arc<Process>) -> Call) -> T {
        loop {
            let process = self.processes[one_of(2)].read().await.clone();
            if let Some(process) = process
                && let Ok(answer) = call(process).await
            {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Cancels until the answer is S.
    async fn cancels(&self, id: &str, account: &str, amount: i64) {
        let (sent, mut cancels) = (Instant::now(), 1);
        loop {
            let cancel = |process: Arc<Process>| async move { process.alipayplus.cancel(id).await };
            let answer = self.asks(cancel).await;
            match answer.status.as_str() {
                "S" => break,
                "U" => tokio::time::sleep(Duration::from_millis(50)).await,
                _ => panic!("{id} is refused: {answer:?}"),
            }
            cancels += 1;
        }
        let (id, account, answered) = (id.to_owned(), account.to_owned(), Instant::now());
        self.cancelled.lock().await.push(Cancelled { id, account, amount, sent, answered, cancels });
    }

    /// One payment's life. Every fourth is cancelled after the debit, and the core has died before it could report its success.
    async fn live(&self, number: usize) {
        let (id, account, amount) = (format!("payment-{number}"), format!("user-{number}"), 1000 + number as i64);
        let (id, content) = (id.as_str(), &payment_of(&account, amount));
        self.asks(|process| async move { process.wallet.announce_as(id, content).await }).await;
        self.core.debit(id, &account, amount);
        if !number.is_multiple_of(4) {
            assert_eq!(self.asks(|process| async move { process.wallet.report(id, "S").await }).await, "stands");
        }
        self.cancels(id, &account, amount).await;
    }

    async fn work(&self, cancels: usize) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= cancels && self.enough.load(Ordering::Relaxed) {
                return;
            }
            self.live(number).await;
        }
    }

    /// At least `cancels` payments, and more until `enough` is set.
    fn rages(self: &Arc<Self>, cancels: usize) -> JoinSet<()> {
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let storm = Arc::clone(self);
            callers.spawn(async move { storm.work(cancels).await });
        }
        callers
    }

    async fn kill_and_restart_one(&self) {
        let mut slot = self.processes[one_of(2)].write().await;
        slot.take().unwrap().kill();
        *slot = Some(Arc::new(self.deployment.start().await));
    }

    async fn audit(&self, kills: usize) {
        let process = self.processes[0].read().await.clone().unwrap();
        nothing_is_left(&process).await;
        self.core.assert_told_the_truth();
        let (journal, cancelled) = (self.core.journal(), self.cancelled.lock().await);
        let effects = by_id(&journal);
        assert_eq!((journal.len(), effects.len()), (cancelled.len(), cancelled.len()), "one effect a payment");
        for Cancelled { id, account, amount, answered, .. } in cancelled.iter() {
            let effect = effects[id.as_str()];
            assert_eq!((&effect.account, effect.amount), (account, *amount), "{id}");
            assert!(effect.at <= *answered, "{id} was answered S before the money was back");
            let payment = process.wallet.payment(id).await.unwrap();
            assert_eq!(payment["cancellation"]["resultStatus"], "S", "{payment:#}");
            assert_eq!(payment["reversal"]["state"], "done", "{payment:#}");
        }
        let until_back = cancelled.iter().map(|cancel| effects[cancel.id.as_str()].at - cancel.sent).collect();
        let (cancels, once) = (cancelled.iter().map(|cancel| cancel.cancels).sum::<usize>(), cancelled.len());
        println!(
            "{once} payments cancelled by {cancels} cancels, {} calls of the core, failures {}, {kills} kills, 0 F, {}",
            self.core.requests(),
            self.core.failures(),
            percentiles(until_back)
        );
    }
}

fn by_id(journal: &[Effect]) -> HashMap<&str, &Effect> {
    journal.iter().map(|effect| (effect.id.as_str(), effect)).collect()
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_millis();
    format!("time to money p50 {} ms, p99 {} ms, max {} ms", at(50), at(99), at(100))
}

async fn readyz(process: &Process) -> Value {
    process.wallet.readiness().await.unwrap()
}

/// Ids of the reversals in that state, in order.
async fn reversals(process: &Process, state: &str) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let list = process.wallet.get(&format!("/reversals?state={state}&limit=1000{after}")).await.unwrap();
        ids.extend(list["reversals"].as_array().unwrap().iter().map(|one| one["reversalId"].as_str().unwrap().to_owned()));
        let Some(next) = list["next"].as_str() else { return ids };
        after = format!("&after={next}");
    }
}

/// Waits until the worker has nothing to do; a reversal that stays for ever makes the test hang and fail.
async fn nothing_is_left(process: &Process) {
    while !reversals(process, "open").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(reversals(process, "parked").await, Vec::<String>::new());
    let ready = readyz(process).await;
    let nothing = json!({ "ready": true, "reasons": [], "details": [], "deferred": 0, "openReversals": 0, "parkedReversals": 0 });
    assert_eq!(ready, nothing);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_core_gives_everybody_the_money_back_once() {
    let storm = Storm::begin().await;
    storm.enough.store(true, Ordering::Relaxed);
    storm.rages(if full_scale() { 10_000 } else { 500 }).join_all().await;
    storm.audit(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_every_two_seconds_changes_nothing() {
    let storm = Storm::begin().await;
    let cancels = if full_scale() { 10_000 } else { 500 };
    let callers = storm.rages(cancels);
    let mut kills = 0;
    while kills < 4 || storm.next.load(Ordering::Relaxed) < cancels {
        tokio::time::sleep(Duration::from_secs(2)).await;
        storm.kill_and_restart_one().await;
        kills += 1;
    }
    storm.enough.store(true, Ordering::Relaxed);
    callers.join_all().await;
    storm.audit(kills).await;
}

/// How many payments are made and cancelled while a backlog is held up.
const NEW: usize = 20;

/// A payment of 1000 yen that succeeded, with its money taken.
async fn pays(process: &Process, core: &FakeCore, id: &str) {
    assert_eq!(process.wallet.announce(id, &format!("user-of-{id}"), 1000).await.unwrap(), "proceed");
    core.debit(id, &format!("user-of-{id}"), 1000);
    assert_eq!(process.wallet.report(id, "S").await.unwrap(), "stands");
}

/// Cancels once; there has to be an answer while Alipay+ waits.
async fn cancelled_in_time(process: &Process, id: &str) -> String {
    let sent = Instant::now();
    let answer = process.alipayplus.cancel(id).await;
    assert!(sent.elapsed() < PATIENCE_OF_ALIPAYPLUS, "{id}: {:?}", sent.elapsed());
    answer.unwrap_or_else(|met| panic!("{id}: {met}")).brief()
}

/// Does something for each of `ids`, with up to a hundred at once; returns when each was begun.
async fn for_each<Done: Future<Output = ()> + Send + 'static>(
    ids: &[String],
    begin: impl Fn(String) -> Done + Clone + Send + Sync + 'static,
) -> HashMap<String, Instant> {
    let mut callers = JoinSet::new();
    for caller in ids.chunks(ids.len().div_ceil(100)).map(<[String]>::to_vec) {
        let begin = begin.clone();
        callers.spawn(async move {
            let mut begun = Vec::new();
            for id in caller {
                begun.push((id.clone(), Instant::now()));
                begin(id).await;
            }
            begun
        });
    }
    callers.join_all().await.into_iter().flatten().collect()
}

async fn survives_an_outage(engine: TestEngine, outage: Reach) {
    let core = FakeCore::start();
    let mut deployment = deployment_with(&core, engine, "3s");
    deployment.set("callback.answer_budget", "5s");
    let process = Arc::new(deployment.start().await);
    let (lasts, backlog) = if full_scale() { (60, 2000) } else { (5, 300) };
    let ids: Vec<_> = (0..backlog).map(|number| format!("backlog-{number}")).collect();
    let with = (Arc::clone(&process), core.clone());
    for_each(&ids, move |id| {
        let (process, core) = with.clone();
        async move { pays(&process, &core, &id).await }
    })
    .await;

    let (gone, lasts) = (Instant::now(), Duration::from_secs(lasts));
    core.set_reach(outage);
    let with = Arc::clone(&process);
    let sent = for_each(&ids, move |id| {
        let process = Arc::clone(&with);
        async move { assert_eq!(cancelled_in_time(&process, &id).await, "U UNKNOWN_EXCEPTION", "{id}") }
    })
    .await;
    while gone.elapsed() < lasts {
        let id = &ids[one_of(backlog)];
        assert_eq!(cancelled_in_time(&process, id).await, "U UNKNOWN_EXCEPTION", "{id}");
    }
    assert_eq!(readyz(&process).await["openReversals"], backlog);
    assert_eq!(core.journal(), []);

    // The backlog is as slow as can be: no request for it is answered, and it has taken all that it may take.
    core.hold(Gate::Request, "backlog-");
    core.set_reach(Reach::Up);
    let mut held = 0;
    while core.held_requests() > held || held == 0 {
        held = core.held_requests();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    for number in 0..NEW {
        let id = format!("new-{number}");
        pays(&process, &core, &id).await;
        assert_eq!(cancelled_in_time(&process, &id).await, "S SUCCESS", "{id}, while {held} others are held");
    }
    assert_eq!(reversals(&process, "open").await.len(), backlog, "none of the backlog was done before the new ones");
    assert_eq!(core.journal().len(), NEW);

    core.release();
    let released = Instant::now();
    nothing_is_left(&process).await;
    core.assert_told_the_truth();
    let drained = released.elapsed();
    let journal = core.journal();
    let effects = by_id(&journal);
    assert_eq!((journal.len(), effects.len()), (backlog + NEW, backlog + NEW), "one effect a payment");
    let requests = core.requests();
    for id in &ids {
        assert_eq!(cancelled_in_time(&process, id).await, "S SUCCESS", "{id}");
    }
    assert_eq!(core.requests(), requests, "an answer that is recorded needs no core");
    let until_back = sent.iter().map(|(id, sent)| effects[id.as_str()].at - *sent).collect();
    let (lasted, drained) = (lasts.as_secs(), drained.as_millis());
    let times = percentiles(until_back);
    println!("{outage:?} for {lasted} s: {backlog} cancels, all U, done {drained} ms after it could be, {times}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_cancels_do_not_wait_for_a_backlog_on_postgresql() {
    survives_an_outage(TestEngine::Postgres, Reach::Silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_cancels_do_not_wait_for_a_backlog_on_sqlite() {
    survives_an_outage(TestEngine::Sqlite, Reach::Refusing).await;
}
