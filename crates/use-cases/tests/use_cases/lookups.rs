//! Payments that are looked up: whose cancel decides, when it counts as received, and how a core that is away is asked again.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AcquirerId, Action, Answer, CorePayment, Payment, PaymentStatus, Refusal, RefusalCode};
use ports::testing::{MemoryStore, Wallet, core_policy, id, moment};
use ports::{CancellationStore, Clock, Page};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use use_cases::{Core, LaneSettings, Lanes, Ports, ReceivedCancel, cancel, run_worker};

use crate::fakes::{PaymentsCore, TimersClock, timers_now};

/// The period of a payment of `moment(0)`, which is noon, ends at half past midnight.
const END: i64 = 12 * 3600 + 30 * 60;
const PERIOD_OVER: Answer = Answer::Refused(Refusal::PeriodOver(RefusalCode::ProcessFail));
const STRANGE: Answer = Answer::Refused(Refusal::DifferentRequest);

/// Two processes on one store, with a core that keeps the payments.
struct Processes {
    core: Arc<PaymentsCore>,
    store: MemoryStore,
    clock: Arc<dyn Clock>,
    ports: [Arc<Ports>; 2],
    stop: watch::Sender<bool>,
}

impl Processes {
    fn at(at: DateTime<Utc>) -> Self {
        let (core, store) = (Arc::new(PaymentsCore::default()), MemoryStore::new(core_policy()));
        let clock: Arc<dyn Clock> = Arc::new(TimersClock::at(at));
        let (stop, stopped) = watch::channel(false);
        let ports = [(); 2].map(|()| {
            let kept: Arc<dyn CancellationStore> = Arc::new(store.clone());
            let lanes = Lanes::start(&kept, &clock, LaneSettings { lanes: 1, queue: 4_000, batch: 64 });
            let asked = Core { funds: Arc::clone(&core) as _, payments: Some(Arc::clone(&core) as _) };
            let ports = Arc::new(Ports::new(lanes, kept, Arc::clone(&clock), Some(asked)));
            tokio::spawn(run_worker(Arc::clone(&ports), stopped.clone()));
            ports
        });
        Self { core, store, clock, ports, stop }
    }

    fn has(&self, name: &str, (acquirer, takes): (&str, Duration)) {
        let Action::Pay(payment) = Wallet::of(name).pays().command.action else { panic!("a payment is announced") };
        let status = PaymentStatus::Succeeded { completed_at: moment(0), fee: None };
        let acquirer_id = AcquirerId::parse(acquirer).unwrap();
        let payment = Payment { acquirer_id, status, ..payment };
        let found = CorePayment { payment, refunded: 0, refund_running: false };
        self.core.payments.lock().unwrap().insert(id(name), (found, takes));
    }

    /// A cancel with a budget of six seconds.
    fn cancels(&self, process: usize, name: &str, acquirer: &str) -> impl Future<Output = Answer> + use<> {
        let (ports, acquirer_id) = (Arc::clone(&self.ports[process]), AcquirerId::parse(acquirer).unwrap());
        let (received_at, arrived) = (self.clock.now(), self.clock.instant());
        let received = ReceivedCancel { id: id(name), acquirer_id, received_at, request_time: None, arrived };
        async move { cancel(&ports, received, arrived + Duration::from_secs(6)).await.expect("the queue is long enough").answer }
    }

    async fn deferred(&self) -> usize {
        self.store.deferred(&Page { limit: 10_000, after: None }).await.unwrap().len()
    }
}

/// When the owner and the stranger ask in a round, in milliseconds around the end: the first of the owner is in time in half of them.
fn asks(round: i64) -> [(&'static str, i64); 4] {
    let (owner, stranger) = owner_and_stranger(round);
    let first = (round * 7_919) % 1_000 - 500;
    [(owner, first), (stranger, (round * 104_729) % 1_200 - 600), (owner, first + 40 + round % 500), (stranger, 700)]
}

fn owner_and_stranger(round: i64) -> (&'static str, &'static str) {
    if round % 2 == 0 { ("acquirer-1", "acquirer-2") } else { ("acquirer-2", "acquirer-1") }
}

/// Asks at a moment around the end, and again until the answer is final; together with when it was received first.
async fn asks_until_final(
    processes: Arc<Processes>,
    (round, place): (i64, usize),
    (acquirer, at): (&'static str, i64),
) -> (i64, &'static str, i64, Answer) {
    tokio::time::sleep(Duration::from_millis(u64::try_from(2_000 + at).unwrap())).await;
    let received_at = (processes.clock.now() - moment(END)).num_milliseconds();
    let mut process = (place + usize::try_from(round).unwrap()) % 2;
    loop {
        let answer = processes.cancels(process, &format!("r-{round}"), acquirer).await;
        if answer != Answer::Pending {
            return (round, acquirer, received_at, answer);
        }
        process = 1 - process;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn f55_in_two_hundred_rounds_around_the_end_each_receipt_in_time_is_entitled() {
    let processes = Arc::new(Processes::at(moment(END) - TimeDelta::seconds(2)));
    let mut asking = JoinSet::new();
    for round in 0..200 {
        let (owner, _) = owner_and_stranger(round);
        let takes = Duration::from_millis(u64::try_from((round * 613) % 4_000).unwrap());
        processes.has(&format!("r-{round}"), (owner, takes));
        for (place, ask) in asks(round).into_iter().enumerate() {
            asking.spawn(asks_until_final(Arc::clone(&processes), (round, place), ask));
        }
    }
    let (mut first, mut answers) = (BTreeMap::<i64, i64>::new(), Vec::new());
    while let Some(asked) = asking.join_next().await {
        let (round, acquirer, received_at, answer) = asked.unwrap();
        if acquirer == owner_and_stranger(round).0 {
            let known = first.entry(round).or_insert(received_at);
            *known = received_at.min(*known);
        }
        answers.push((round, acquirer, answer));
    }
    let entitled = first.values().filter(|received_at| **received_at < 0).count();
    assert!((80..=120).contains(&entitled), "{entitled} of 200 rounds are in time");
    for (round, acquirer, answer) in answers {
        let is_owner = acquirer == owner_and_stranger(round).0;
        let right = if !is_owner {
            STRANGE
        } else if first[&round] < 0 {
            Answer::Cancelled
        } else {
            PERIOD_OVER
        };
        assert_eq!(answer, right, "round {round}, {acquirer}, received {} ms from the end", first[&round]);
    }
}

#[tokio::test(start_paused = true)]
async fn f51_a_case_is_never_taken_over_by_another_acquirer() {
    let processes = Processes::at(moment(0));
    processes.core.is_away.store(true, Ordering::Relaxed);
    for name in ["of-1", "of-2", "of-nobody"] {
        for acquirer in ["acquirer-1", "acquirer-2", "acquirer-1"] {
            assert_eq!(processes.cancels(0, name, acquirer).await, Answer::Pending, "nobody knows whose it is");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    processes.has("of-1", ("acquirer-1", Duration::ZERO));
    processes.has("of-2", ("acquirer-2", Duration::ZERO));
    processes.core.is_away.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(processes.deferred().await, 0, "nothing is asked for ever");
    let lookups = processes.core.lookups.load(Ordering::Relaxed);
    for (name, owner) in [("of-1", "acquirer-1"), ("of-2", "acquirer-2"), ("of-nobody", "acquirer-1")] {
        for acquirer in ["acquirer-1", "acquirer-2"] {
            let right = if acquirer == owner { Answer::Cancelled } else { STRANGE };
            assert_eq!(processes.cancels(1, name, acquirer).await, right, "{name} {acquirer}");
        }
    }
    assert_eq!(processes.core.lookups.load(Ordering::Relaxed), lookups, "what is decided is not looked up");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_hears_the_same_after_the_core_has_forgotten_the_payment() {
    let processes = Processes::at(moment(0));
    processes.has("r", ("acquirer-1", Duration::ZERO));
    assert_eq!(processes.cancels(0, "r", "acquirer-2").await, STRANGE);
    processes.core.payments.lock().unwrap().clear();
    assert_eq!(processes.cancels(0, "r", "acquirer-2").await, STRANGE, "what was told is never taken back");
    assert_eq!(processes.cancels(0, "r", "acquirer-1").await, Answer::Cancelled);
}

/// Counts the lines of the log in each second.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<BTreeMap<u64, u64>>>, Option<tokio::time::Instant>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::INFO && metadata.target().starts_with("use_cases")
    }

    fn event(&self, _: &Event<'_>) {
        let second = self.1.map_or(0, |began| began.elapsed().as_secs());
        *self.0.lock().unwrap().entry(second).or_default() += 1;
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(start_paused = true)]
async fn f72_a_core_that_is_away_is_asked_less_and_less_and_tells_of_it_in_few_lines() {
    const CASES: usize = 1_000;
    let lines = Lines(Arc::default(), Some(tokio::time::Instant::from_std(timers_now())));
    let _logs = tracing::subscriber::set_default(lines.clone());
    let processes = Processes::at(moment(0));
    processes.core.is_away.store(true, Ordering::Relaxed);
    let mut asking = JoinSet::new();
    for n in 0..CASES {
        processes.has(&format!("r-{n}"), ("acquirer-1", Duration::from_millis(20)));
        asking.spawn(processes.cancels(n % 2, &format!("r-{n}"), "acquirer-1"));
    }
    while let Some(answer) = asking.join_next().await {
        assert_eq!(answer.unwrap(), Answer::Pending);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    let lookups = processes.core.lookups.load(Ordering::Relaxed);
    // 200 ms doubled, of which at most a half is random: the ninth pause ends after 25.6 s at the earliest.
    assert!(lookups <= 11 * CASES as u64, "{lookups} lookups in a minute");
    let told = lines.0.lock().unwrap().clone();
    assert!(told.values().all(|lines| *lines <= 2), "{told:?}");
    assert!(told.values().sum::<u64>() <= 40, "{told:?}");
    assert_eq!(processes.deferred().await, CASES);
    assert_eq!(processes.store.backlog().await.unwrap().oldest_deferred.map(|(_, since)| since), Some(moment(0)));

    processes.core.is_away.store(false, Ordering::Relaxed);
    assert_eq!(processes.cancels(0, "r-0", "acquirer-1").await, Answer::Cancelled);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(processes.deferred().await, 0, "all are decided within 30 s");
    processes.stop.send(true).unwrap();
}
