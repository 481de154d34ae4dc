//! What a cancel has to do with the reversals of others, and with the attempts of others at its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::{AcquirerId, Answer, CancelReply, Reply, ReversalOutcome};
use ports::testing::{ManualClock, MemoryStore, Wallet, core_policy, id, moment, replies};
use ports::{Backlog, CancellationStore, Clock};
use tokio::sync::{Semaphore, watch};
use use_cases::{Core, LaneSettings, Lanes, Ports, ReceivedCancel, cancel, run_worker};

use crate::fakes::HoldingCore;

struct Process {
    ports: Arc<Ports>,
    core: Arc<HoldingCore>,
    store: MemoryStore,
}

impl Process {
    fn with(answers: Vec<ReversalOutcome>) -> Self {
        let core = HoldingCore { lets: Semaphore::new(0), begun: Mutex::default(), answers: Mutex::new(answers) };
        let (core, store) = (Arc::new(core), MemoryStore::new(core_policy()));
        let kept: Arc<dyn CancellationStore> = Arc::new(store.clone());
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(moment(0)));
        let lanes = Lanes::start(&kept, &clock, LaneSettings { lanes: 1, queue: 1000, batch: 64 });
        let funds = Core { funds: Arc::clone(&core) as _, payments: None };
        let ports = Ports::new(lanes, kept, clock, Some(funds));
        Self { ports: Arc::new(ports), core, store }
    }

    /// A cancel with a budget of six seconds.
    fn cancels(&self, name: &str) -> tokio::task::JoinHandle<Answer> {
        let (ports, acquirer_id) = (Arc::clone(&self.ports), AcquirerId::parse("acquirer-1").unwrap());
        let received = ReceivedCancel {
            id: id(name),
            acquirer_id,
            received_at: moment(0),
            request_time: None,
            arrived: ports.clock.instant(),
        };
        let deadline = ports.clock.instant() + Duration::from_secs(6);
        tokio::spawn(async move { cancel(&ports, received, deadline).await.expect("the queue is long enough").answer })
    }

    fn begun(&self) -> usize {
        self.core.begun.lock().unwrap().len()
    }

    /// Waits until so many attempts were begun.
    async fn begins(&self, attempts: usize) {
        while self.begun() < attempts {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Cancelled so long ago that nobody is at it any more.
    async fn has_open_reversal(&self, name: &str) {
        let long_ago = Wallet { at: moment(-60), ..Wallet::of(name) };
        let decided = self.store.decide(vec![long_ago.is_cancelled()]).await;
        assert_eq!(replies(decided), [Ok(Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) }))]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_waits_for_nothing_the_worker_catches_up_on() {
    let process = Process::with(Vec::new());
    for number in 0..600 {
        process.has_open_reversal(&format!("held-{number}")).await;
    }
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(run_worker(Arc::clone(&process.ports), stopped));
    process.begins(1).await;
    // Until it begins no more.
    let mut before = 0;
    while process.begun() > before {
        before = process.begun();
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    assert!(before < 600, "it begins them all: more are needed for this test");
    assert_eq!(process.cancels("new").await.unwrap(), Answer::Cancelled, "while {before} attempts go on");
    process.core.lets.add_permits(600);
    while process.store.backlog().await.unwrap() != Backlog::default() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.send(true).unwrap();
    worker.await.unwrap();
    assert_eq!(process.begun(), 601);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_goes_on_where_the_attempt_of_another_failed() {
    let process = Process::with(vec![ReversalOutcome::Unknown("timeout".to_owned())]);
    let first = process.cancels("held");
    process.begins(1).await;
    let second = process.cancels("held");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(process.begun(), 1, "one at a time");
    process.core.lets.add_permits(2);
    assert_eq!(first.await.unwrap(), Answer::Pending);
    assert_eq!(second.await.unwrap(), Answer::Cancelled);
    assert_eq!(process.begun(), 2);
}

#[tokio::test(start_paused = true)]
async fn f07_cancels_at_once_make_one_attempt_and_get_one_answer() {
    let process = Process::with(Vec::new());
    let cancels: Vec<_> = (0..100).map(|_| process.cancels("held")).collect();
    process.begins(1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    process.core.lets.add_permits(100);
    for cancel in cancels {
        assert_eq!(cancel.await.unwrap(), Answer::Cancelled);
    }
    assert_eq!(process.begun(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_that_an_operator_has_to_decide_is_u_at_once() {
    let process = Process::with(vec![ReversalOutcome::Impossible("closed".to_owned())]);
    process.core.lets.add_permits(1);
    assert_eq!(process.cancels("held").await.unwrap(), Answer::Pending);
    let begun_at = process.ports.clock.instant();
    assert_eq!(process.cancels("held").await.unwrap(), Answer::Pending);
    assert!(process.ports.clock.instant() - begun_at < Duration::from_secs(1), "on a clock that stands still but for waits");
    assert_eq!(process.begun(), 1);
}

/// Nothing is made for a caller or a look that would have to be taken away again.
#[tokio::test(start_paused = true)]
async fn f42_a_day_without_work_writes_nothing() {
    let process = Process::with(Vec::new());
    process.core.lets.add_permits(1);
    assert_eq!(process.cancels("held").await.unwrap(), Answer::Cancelled);
    let file = process.store.find(&id("held")).await;
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(run_worker(Arc::clone(&process.ports), stopped));
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!((process.store.find(&id("held")).await, process.begun()), (file, 1));
    assert_eq!(process.store.backlog().await, Ok(Backlog::default()));
    // The worker is there all the same.
    process.has_open_reversal("after-a-day").await;
    while process.store.backlog().await != Ok(Backlog::default()) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.send(true).unwrap();
    worker.await.unwrap();
}
