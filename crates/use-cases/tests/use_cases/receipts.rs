//! A cancel that came in time is never late, however late its money or its retry: a receipt inside the period counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use domain::{AcquirerId, Answer, Case, CommandReply, Policy, Refusal, RefusalCode, Reply, ReportedResult};
use ports::testing::{ManualClock, Wallet, core_policy, id, moment};
use ports::{CancellationStore, Clock};
use tokio::sync::watch;
use use_cases::{Core, LaneSettings, Lanes, Ports, ReceivedCancel, cancel, run_worker};

use crate::fakes::{Away, AwayCore, Gated};

/// One second before the period of a payment of `moment(0)`, which is noon, ends at half past midnight.
const LAST_SECOND: i64 = 12 * 3600 + 30 * 60 - 1;

/// A process with a payment that succeeded, in the last second of its period.
struct Process {
    ports: Arc<Ports>,
    clock: Arc<ManualClock>,
    core: Arc<AwayCore>,
    store: Arc<Gated<Away>>,
}

impl Process {
    async fn under(policy: Policy) -> Self {
        let (clock, core) = (Arc::new(ManualClock::at(moment(LAST_SECOND))), Arc::new(AwayCore::default()));
        let store = Gated::new(policy, Away::default());
        let wallet = Wallet::of("r");
        for decided in store.decide(vec![wallet.pays(), wallet.reports(ReportedResult::Succeeded)]).await {
            assert!(
                matches!(&decided, Ok(decided) if matches!(decided.reply, Reply::Command(CommandReply::Done(_)))),
                "{decided:?}"
            );
        }
        let kept: Arc<dyn CancellationStore> = Arc::clone(&store) as _;
        let as_port: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let lanes = Lanes::start(&kept, &as_port, LaneSettings { lanes: 1, queue: 8, batch: 8 });
        let funds = Core { funds: Arc::clone(&core) as _, payments: None };
        let ports = Arc::new(Ports::new(lanes, kept, as_port, Some(funds)));
        Self { ports, clock, core, store }
    }

    async fn cancel(&self) -> Answer {
        let (acquirer_id, received_at) = (AcquirerId::parse("acquirer-1").unwrap(), self.clock.now());
        let received =
            ReceivedCancel { id: id("r"), acquirer_id, received_at, request_time: None, arrived: self.clock.instant() };
        let deadline = self.clock.instant() + Duration::from_secs(6);
        cancel(&self.ports, received, deadline).await.expect("nothing else is asked").answer
    }

    async fn state(&self) -> Option<Case> {
        self.store.cases.find(&id("r")).await.unwrap().map(|file| file.case)
    }
}

fn with_grace(minutes: i64) -> Policy {
    let mut policy = core_policy();
    policy.period.grace = TimeDelta::minutes(minutes);
    policy
}

const PERIOD_OVER: Answer = Answer::Refused(Refusal::PeriodOver(RefusalCode::ProcessFail));

#[tokio::test(start_paused = true)]
async fn a_cancel_in_the_last_second_is_given_back_by_its_retry() {
    let process = Process::under(core_policy()).await;
    assert_eq!(process.cancel().await, Answer::Pending);
    assert!(process.state().await.unwrap().is_cancelled());
    process.clock.advance(TimeDelta::minutes(10));
    assert_eq!(process.cancel().await, Answer::Pending, "the core is still away, and that is no reason to refuse");
    process.core.is_back.store(true, Ordering::Relaxed);
    assert_eq!(process.cancel().await, Answer::Cancelled);
    assert_eq!(process.cancel().await, Answer::Cancelled);
    assert_eq!(process.core.given_back.load(Ordering::Relaxed), 1);
    let first_received_at = process.state().await.unwrap().cancellation.unwrap().first_received_at;
    assert_eq!(first_received_at, moment(LAST_SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_in_the_last_second_is_given_back_by_the_worker() {
    let process = Process::under(core_policy()).await;
    let (stop, stopped) = watch::channel(false);
    let worker = tokio::spawn(run_worker(Arc::clone(&process.ports), stopped));
    assert_eq!(process.cancel().await, Answer::Pending);
    // Ten minutes in which the worker asks again and again.
    let calls = || process.core.calls.load(Ordering::Relaxed);
    for _ in 0..600 {
        process.clock.advance(TimeDelta::seconds(1));
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // Each wait has a random part, so that the exact number differs from run to run.
    assert!(calls() > 10, "{}", calls());
    process.core.is_back.store(true, Ordering::Relaxed);
    process.clock.advance(TimeDelta::minutes(1));
    while process.core.given_back.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    while process.state().await.unwrap().reversal.is_some_and(|reversal| reversal.is_unfinished()) {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    worker.await.unwrap();
    let calls_before = calls();
    assert_eq!(process.cancel().await, Answer::Cancelled);
    assert_eq!((calls(), process.core.given_back.load(Ordering::Relaxed)), (calls_before, 1), "the answer was recorded");
}

/// The first cancel meets no database, so that nobody knows when it came; its retry comes ten minutes later.
async fn retried_after_an_outage_of_the_database(policy: Policy) -> (Process, Answer) {
    let process = Process::under(policy).await;
    process.core.is_back.store(true, Ordering::Relaxed);
    process.store.gate.set(true);
    assert_eq!(process.cancel().await, Answer::Pending);
    process.store.gate.set(false);
    assert_eq!(process.state().await.unwrap().cancellation, None);
    process.clock.advance(TimeDelta::minutes(10));
    let answer = process.cancel().await;
    (process, answer)
}

#[tokio::test(start_paused = true)]
async fn grace_makes_up_for_a_database_that_was_away() {
    let (process, answer) = retried_after_an_outage_of_the_database(with_grace(15)).await;
    assert_eq!(answer, Answer::Cancelled);
    assert_eq!(process.core.given_back.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn without_grace_a_receipt_nobody_recorded_is_lost() {
    let (process, answer) = retried_after_an_outage_of_the_database(with_grace(0)).await;
    assert_eq!(answer, PERIOD_OVER);
    assert_eq!(process.core.calls.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_first_cancel_after_the_period_is_refused() {
    let process = Process::under(core_policy()).await;
    process.clock.advance(TimeDelta::seconds(1));
    assert_eq!(process.cancel().await, PERIOD_OVER);
}
