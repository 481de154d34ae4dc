//! The feed while two processes write and others hold transactions open: readers that are killed at any moment hear everything once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use adapters_db::Database;
use ports::testing::contracts::feed::{FeedSubject, all_from};
use ports::testing::{Wallet, ledger_policy};
use ports::{CancellationStore, EventFeed, FeedCursor};
use tokio::task::JoinSet;

use crate::feed::OpenWriter;
use crate::fixtures::{Postgres, TestDatabase, decided, for_each_engine};

for_each_engine!(f22_readers_that_are_killed_hear_everything_once_and_in_one_order);

const CANCELLED: [&str; 3] = ["cancellation.received", "payment.cancelled", "money.returned"];

/// How much is cancelled: batches of so many, every so often, by each of two processes.
#[derive(Clone, Copy)]
struct Load {
    batches: usize,
    size: usize,
    every: Duration,
}

fn load() -> Load {
    if std::env::var("RESCIND_SCALE").is_ok_and(|scale| scale == "full") {
        // 1,000 a second from each.
        Load { batches: 1_500, size: 20, every: Duration::from_millis(20) }
    } else {
        Load { batches: 12, size: 5, every: Duration::from_millis(10) }
    }
}

/// The same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// When each cancel was committed, and when it was heard of.
#[derive(Default)]
struct Moments {
    committed: Mutex<BTreeMap<String, Instant>>,
    heard: Mutex<BTreeMap<String, Instant>>,
}

/// What a reader has on its disk.
#[derive(Default)]
struct Kept {
    cursor: Option<FeedCursor>,
    heard: Vec<(String, &'static str)>,
}

fn wallets(process: usize, Load { batches, size, .. }: Load) -> Vec<Vec<Wallet>> {
    let wallet = |batch: usize, place: usize| Wallet::of(&format!("p{process}-{batch:05}-{place:02}"));
    (0..batches).map(|batch| (0..size).map(|place| wallet(batch, place)).collect()).collect()
}

async fn pay_all(store: &Arc<dyn CancellationStore>, batches: &[Vec<Wallet>]) {
    let all: Vec<_> = batches.iter().flatten().collect();
    for some in all.chunks(60) {
        let pays = some.iter().map(|wallet| wallet.pays());
        let reports = some.iter().map(|wallet| wallet.reports(domain::ReportedResult::Succeeded));
        decided(store, pays.chain(reports).collect()).await;
    }
}

/// One process: batches at their times, whether the last one is committed or not.
async fn cancel_all(store: Arc<dyn CancellationStore>, batches: Vec<Vec<Wallet>>, every: Duration, moments: Arc<Moments>) {
    let (mut ticks, mut running) = (tokio::time::interval(every), JoinSet::new());
    for batch in batches {
        ticks.tick().await;
        let (store, moments) = (Arc::clone(&store), Arc::clone(&moments));
        running.spawn(async move {
            decided(&store, batch.iter().map(Wallet::is_cancelled).collect()).await;
            let now = Instant::now();
            moments.committed.lock().unwrap().extend(batch.iter().map(|wallet| (wallet.id.to_string(), now)));
        });
    }
    while let Some(done) = running.join_next().await {
        done.unwrap();
    }
}

/// Reads, and keeps the cursor with what was heard.
async fn read_on(feed: Arc<dyn EventFeed>, kept: Arc<Mutex<Kept>>, limit: u32, moments: Arc<Moments>) {
    loop {
        let after = kept.lock().unwrap().cursor.clone();
        let page = feed.read(after.as_ref(), limit).await.unwrap();
        tokio::task::yield_now().await;
        let now = Instant::now();
        {
            let mut kept = kept.lock().unwrap();
            kept.heard
                .extend(page.events.iter().map(|event| (event.payment_request_id.to_string(), event.event.event_type.as_str())));
            kept.cursor = Some(page.cursor);
        }
        {
            let mut heard = moments.heard.lock().unwrap();
            for event in page.events.iter().filter(|event| event.event.event_type.as_str() == CANCELLED[2]) {
                heard.entry(event.payment_request_id.to_string()).or_insert(now);
            }
        }
        if page.is_end {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A reader that is killed and started again until it has heard so much.
async fn reader(database: Database, number: u64, expected: usize, moments: Arc<Moments>) -> Vec<(String, &'static str)> {
    let (kept, mut dice) = (Arc::new(Mutex::new(Kept::default())), Dice(number));
    loop {
        let limit = [3, 50, 1000][usize::try_from(dice.below(3)).unwrap()];
        let reading = tokio::spawn(read_on(database.feed(), Arc::clone(&kept), limit, Arc::clone(&moments)));
        tokio::time::sleep(Duration::from_millis(20 + dice.below(400))).await;
        reading.abort();
        assert!(reading.await.unwrap_err().is_cancelled(), "it reads until it is killed");
        let kept = kept.lock().unwrap();
        if kept.heard.len() >= expected {
            return kept.heard.clone();
        }
    }
}

/// Slow transactions, of which every second one is rolled back, until it is told to stop.
fn disturb(database: &Postgres, seed: u64, stop: &AtomicBool) {
    let mut dice = Dice(seed);
    let mut commits = false;
    while !stop.load(Ordering::Relaxed) {
        let mut writer = OpenWriter::of(database.server_url());
        if !commits {
            writer.writes_nonsense();
        }
        std::thread::sleep(Duration::from_millis(5 + dice.below(60)));
        writer.ends(if commits { "commit" } else { "rollback" });
        commits = !commits;
    }
}

/// What goes on beside the processes; on SQLite nobody else writes.
trait Disturbed {
    fn disturb_until(&self, stop: &AtomicBool);
}

impl Disturbed for Postgres {
    fn disturb_until(&self, stop: &AtomicBool) {
        std::thread::scope(|scope| {
            for seed in [1, 2] {
                scope.spawn(move || disturb(self, seed, stop));
            }
        });
    }
}

impl Disturbed for crate::fixtures::Sqlite {
    fn disturb_until(&self, _: &AtomicBool) {}
}

async fn f22_readers_that_are_killed_hear_everything_once_and_in_one_order(
    database: &(impl TestDatabase + FeedSubject + Disturbed),
) {
    let load = load();
    let processes = [0, 1].map(|process| (database.open_database(4), wallets(process, load)));
    for (process, batches) in &processes {
        pay_all(&process.store(ledger_policy()), batches).await;
    }
    let (expected, moments) = (2 * load.batches * load.size * CANCELLED.len(), Arc::new(Moments::default()));
    let stop = AtomicBool::new(false);
    let heard = std::thread::scope(|scope| {
        let disturbed = scope.spawn(|| database.disturb_until(&stop));
        let heard = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let mut readers = JoinSet::new();
                for number in 1..=3 {
                    readers.spawn(reader(database.open_database(2), number, expected, Arc::clone(&moments)));
                }
                let cancels = processes.map(|(process, batches)| {
                    tokio::spawn(cancel_all(process.store(ledger_policy()), batches, load.every, Arc::clone(&moments)))
                });
                for cancelling in cancels {
                    cancelling.await.unwrap();
                }
                // The last ones wait for nobody any more.
                stop.store(true, Ordering::Relaxed);
                readers.join_all().await
            })
        });
        disturbed.join().unwrap();
        heard
    });
    let again = all_from(database, &database.open_feed(), None, 1000).await;
    let again: Vec<_> =
        again.iter().map(|event| (event.payment_request_id.to_string(), event.event.event_type.as_str())).collect();
    assert_eq!(again.len(), expected);
    for (number, heard) in (1..).zip(&heard) {
        assert!(*heard == again, "reader {number} heard {} of {expected}, in another order", heard.len());
    }
    let mut of_cases: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, event_type) in &again {
        of_cases.entry(id).or_default().push(event_type);
    }
    assert!(of_cases.values().all(|types| *types == CANCELLED), "each case in its own order");
    tell_latency(&moments, load);
}

/// From the commit until the first of the readers has heard of it.
fn tell_latency(moments: &Moments, load: Load) {
    let (committed, heard) = (moments.committed.lock().unwrap(), moments.heard.lock().unwrap());
    let mut latencies: Vec<_> = committed.iter().map(|(id, at)| heard[id].saturating_duration_since(*at)).collect();
    latencies.sort();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100];
    let rate = load.size as f64 * 2.0 / load.every.as_secs_f64();
    println!(
        "{} cancels at {rate:.0} a second: heard after {:?} p50, {:?} p99, {:?} at most",
        latencies.len(),
        at(50),
        at(99),
        at(100)
    );
    assert!(load.batches < 1_000 || at(99) <= Duration::from_secs(1), "{:?}", at(99));
}
