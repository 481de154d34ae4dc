//! A process whose clock is wrong for a moment, and what becomes of the cancels that it receives meanwhile.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::{AcquirerId, Answer, Refusal, RefusalCode, ReportedResult};
use ports::testing::{ManualClock, MemoryStore, Wallet, id, ledger_policy, moment};
use ports::{CancellationStore, Clock};
use tokio::sync::watch;
use use_cases::{LaneSettings, Lanes, Ports, ReceivedCancel, cancel, run_worker};

/// One second before the period of a payment of `moment(0)`, which is noon, ends at half past midnight.
const LAST_SECOND: i64 = 12 * 3600 + 30 * 60 - 1;
const OVER: Answer = Answer::Refused(Refusal::PeriodOver(RefusalCode::ProcessFail));

/// A process, the payment `r` that succeeded at noon, and the true time, which the process's clock may leave.
struct Process {
    ports: Arc<Ports>,
    clock: Arc<ManualClock>,
    wrong_by: TimeDelta,
    store: MemoryStore,
}

impl Process {
    /// At that second after noon. It has heard of enough requests to know that its clock is right, if `witnessed`.
    async fn at(second: i64, witnessed: bool) -> Self {
        let (store, clock) = (MemoryStore::new(ledger_policy()), Arc::new(ManualClock::at(moment(second - 64))));
        let wallet = Wallet::of("r");
        let _ = store.decide(vec![wallet.pays(), wallet.reports(ReportedResult::Succeeded)]).await;
        let kept: Arc<dyn CancellationStore> = Arc::new(store.clone());
        let as_port: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let lanes = Lanes::start(&kept, &as_port, LaneSettings { lanes: 1, queue: 8, batch: 8 });
        let process = Self { ports: Arc::new(Ports::new(lanes, kept, as_port, None)), clock, wrong_by: TimeDelta::zero(), store };
        for _ in 0..20 {
            process.goes_on(Duration::from_millis(3_200)).await;
            if witnessed {
                process.ports.request_times.observe(process.truth(), process.clock.instant());
            }
        }
        process
    }

    fn truth(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now() - self.wrong_by
    }

    async fn goes_on(&self, by: Duration) {
        self.clock.advance(TimeDelta::from_std(by).unwrap());
        tokio::time::advance(by).await;
    }

    /// Somebody sets the clock, to so far ahead of the truth.
    fn is_set(&mut self, wrong_by: TimeDelta) {
        self.clock.advance(wrong_by - self.wrong_by);
        self.wrong_by = wrong_by;
    }

    /// Alipay+ asks, with a header that is so far ahead of the truth.
    async fn is_asked(&self, header_ahead: TimeDelta) -> Answer {
        let (received_at, arrived) = (self.clock.now(), self.clock.instant());
        let acquirer_id = AcquirerId::parse("acquirer-1").unwrap();
        let request_time = Some(self.truth() + header_ahead);
        let received = ReceivedCancel { id: id("r"), acquirer_id, received_at, request_time, arrived };
        let deadline = arrived + Duration::from_secs(6);
        cancel(&self.ports, received, deadline).await.expect("nothing else is asked").answer
    }

    /// What is recorded as the answer once the worker has looked a few times.
    async fn is_answered_after(&self, by: Duration) -> Option<Answer> {
        let (stop, stopped) = watch::channel(false);
        let worker = tokio::spawn(run_worker(Arc::clone(&self.ports), stopped));
        let step = Duration::from_millis(250);
        for _ in 0..by.as_millis() / step.as_millis() {
            self.clock.advance(TimeDelta::from_std(step).unwrap());
            tokio::time::sleep(step).await;
        }
        stop.send_replace(true);
        worker.await.unwrap();
        let file = self.store.find(&id("r")).await.unwrap().unwrap();
        file.case.cancellation.and_then(|known| known.final_answer()).map(Answer::from)
    }
}

const A_BLIP: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn f63_a_clock_that_is_wrong_for_a_moment_costs_nobody_a_cancel_in_time() {
    for ahead in [TimeDelta::hours(25), TimeDelta::hours(1)] {
        for lasts in [A_BLIP, Duration::from_secs(300)] {
            let mut process = Process::at(LAST_SECOND, true).await;
            process.is_set(ahead);
            assert_eq!(process.is_asked(TimeDelta::zero()).await, Answer::Pending, "{ahead}");
            assert!(!process.ports.request_times.is_clock_right(process.clock.as_ref()));
            assert_eq!(process.is_answered_after(lasts.min(SOON)).await, None, "a wrong clock decides nothing");
            process.goes_on(lasts).await;
            process.is_set(TimeDelta::zero());
            // The period may be over by now. The cancel came before.
            assert_eq!(process.is_answered_after(SOON).await, Some(Answer::Cancelled), "{ahead} for {lasts:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f63_a_clock_behind_for_a_moment_cancels_nothing_that_came_too_late() {
    for behind in [TimeDelta::hours(-25), TimeDelta::hours(-1)] {
        let mut process = Process::at(LAST_SECOND + 1_800, true).await;
        process.is_set(behind);
        assert_eq!(process.is_asked(TimeDelta::zero()).await, Answer::Pending, "{behind}");
        process.goes_on(A_BLIP).await;
        process.is_set(TimeDelta::zero());
        assert_eq!(process.is_answered_after(SOON).await, Some(OVER), "{behind}");
    }
}

#[tokio::test(start_paused = true)]
async fn f63_one_odd_header_is_judged_by_a_clock_that_is_right() {
    let process = Process::at(LAST_SECOND + 1_800, true).await;
    assert_eq!(process.is_asked(TimeDelta::hours(-1)).await, Answer::Pending);
    assert!(process.ports.request_times.is_clock_right(process.clock.as_ref()), "one header says nothing about the clock");
    assert_eq!(process.is_answered_after(SOON).await, Some(OVER));
    assert_eq!(process.is_asked(TimeDelta::zero()).await, OVER);
}

#[tokio::test(start_paused = true)]
async fn f63_without_witnesses_a_repeat_decides_and_nobody_else() {
    let mut process = Process::at(LAST_SECOND - 60, false).await;
    process.is_set(TimeDelta::hours(25));
    assert_eq!(process.is_asked(TimeDelta::zero()).await, Answer::Pending);
    process.goes_on(A_BLIP).await;
    process.is_set(TimeDelta::zero());
    assert_eq!(process.is_answered_after(SOON).await, None, "it is not known whether the clock is right");
    assert_eq!(process.is_asked(TimeDelta::zero()).await, Answer::Cancelled);
}
