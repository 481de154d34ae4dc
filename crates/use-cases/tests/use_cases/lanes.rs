//! What lanes promise to callers, over a store whose commits can be held up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{AcquirerId, Answer, CancelReply, CommandReply, Disposition, ReportedResult};
use ports::testing::{ManualClock, Wallet, ledger_policy, moment};
use ports::{CancellationStore, Clock, ReceivedCommand};
use use_cases::{LaneSettings, Lanes, OverloadedError, Ports, ReceivedCancel, SubmitError, cancel, submit};

use crate::fakes::{Gated, HoldsBatches};

const CANCELLED: CancelReply = CancelReply::Answered(Answer::Cancelled);

/// A store whose batches are held up.
type HeldUp = Gated<HoldsBatches>;

impl HeldUp {
    fn holding(lets: usize) -> Arc<Self> {
        Self::new(ledger_policy(), HoldsBatches::new(lets))
    }

    /// With a lane that takes `queue` commands and decides `batch` of them at once.
    fn ports(self: &Arc<Self>, queue: usize, batch: usize) -> Arc<Ports> {
        let store: Arc<dyn CancellationStore> = Arc::clone(self) as _;
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(moment(0)));
        let lanes = Lanes::start(&store, &clock, LaneSettings { lanes: 1, queue, batch });
        Arc::new(Ports::new(lanes, store, clock, None))
    }
}

fn submitted(ports: &Arc<Ports>, received: ReceivedCommand) -> tokio::task::JoinHandle<Result<CancelReply, SubmitError>> {
    let ports = Arc::clone(ports);
    tokio::spawn(async move { ports.lanes.submit(received).await.map(|decided| decided.reply) })
}

/// The present moment by the clock that the processes here have.
fn now() -> Instant {
    ManualClock::at(moment(0)).instant()
}

fn received(name: &str) -> ReceivedCancel {
    let acquirer_id = AcquirerId::parse("acquirer-1").unwrap();
    ReceivedCancel { id: ports::testing::id(name), acquirer_id, received_at: moment(0), request_time: None, arrived: now() }
}

#[tokio::test]
async fn what_gathers_during_a_commit_is_the_next_batch() {
    let store = HeldUp::holding(0);
    let ports = store.ports(100, 8);
    let mut callers = vec![submitted(&ports, Wallet::of("first").is_cancelled())];
    store.gate.begun(1).await;
    callers.extend((0..10).map(|n| submitted(&ports, Wallet::of(&format!("later-{n}")).is_cancelled())));
    tokio::task::yield_now().await;
    store.gate.lets.add_permits(100);
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Ok(CANCELLED));
    }
    assert_eq!(store.gate.batches(), [1, 8, 2]);
}

#[tokio::test(start_paused = true)]
async fn f40_a_lane_that_is_late_refuses_until_it_has_caught_up() {
    let store = HeldUp::holding(0);
    let ports = store.ports(100, 1);
    let slow = submitted(&ports, Wallet::of("slow").is_cancelled());
    store.gate.begun(1).await;
    let late = submitted(&ports, Wallet::of("late").is_cancelled());
    tokio::time::sleep(Duration::from_secs(3)).await;
    store.gate.lets.add_permits(1);
    store.gate.begun(2).await;
    let refused = submitted(&ports, Wallet::of("refused").is_cancelled()).await.unwrap();
    assert_eq!(refused, Err(SubmitError::Overloaded));
    store.gate.lets.add_permits(2);
    for taken in [slow, late] {
        assert_eq!(taken.await.unwrap(), Ok(CANCELLED), "what was taken is decided");
    }
    // The lane says that it has caught up right after its last answer.
    let again = || submitted(&ports, Wallet::of("refused").is_cancelled());
    while again().await.unwrap() == Err(SubmitError::Overloaded) {
        tokio::task::yield_now().await;
    }
    assert_eq!(store.gate.batches(), [1, 1, 1]);
}

/// As where the wallet core was asked for the payment before, and was slow.
#[tokio::test]
async fn what_took_long_before_the_queue_makes_no_lane_late() {
    let store = HeldUp::holding(0);
    let ports = store.ports(100, 1);
    let early = now().checked_sub(Duration::from_secs(3)).unwrap();
    let slow = submitted(&ports, ReceivedCommand { arrived: early, ..Wallet::of("slow").is_cancelled() });
    store.gate.begun(1).await;
    let other = submitted(&ports, Wallet::of("other").is_cancelled());
    store.gate.lets.add_permits(2);
    for taken in [slow, other] {
        assert_eq!(taken.await.unwrap(), Ok(CANCELLED));
    }
}

#[tokio::test]
async fn a_full_queue_refuses_before_anything_changes() {
    let store = HeldUp::holding(0);
    let ports = store.ports(2, 1);
    let begun = submitted(&ports, Wallet::of("begun").is_cancelled());
    store.gate.begun(1).await;
    let waiting = [submitted(&ports, Wallet::of("a").is_cancelled()), submitted(&ports, Wallet::of("b").is_cancelled())];
    tokio::task::yield_now().await;
    let deadline = now() + Duration::from_secs(60);
    assert_eq!(cancel(&ports, received("too-much"), deadline).await, Err(OverloadedError));
    assert_eq!(submit(&ports.lanes, Wallet::of("too-much").pays()).await, Err(SubmitError::Overloaded));
    store.gate.lets.add_permits(100);
    for caller in [begun].into_iter().chain(waiting) {
        assert_eq!(caller.await.unwrap(), Ok(CANCELLED));
    }
    assert_eq!(store.find(&ports::testing::id("too-much")).await, Ok(None));
}

/// Some servers drop the handler of a connection that is lost, others let it run on: the command is decided either way, whether
/// its batch had begun or not.
#[tokio::test]
async fn what_has_happened_waits_for_its_place_in_a_full_queue() {
    let store = HeldUp::holding(0);
    let ports = store.ports(1, 1);
    let begun = submitted(&ports, Wallet::of("begun").is_cancelled());
    store.gate.begun(1).await;
    let waiting = submitted(&ports, Wallet::of("waiting").is_cancelled());
    tokio::task::yield_now().await;
    assert_eq!(ports.lanes.submit::<CancelReply>(Wallet::of("refused").is_cancelled()).await, Err(SubmitError::Overloaded));
    let of_patient = Arc::clone(&ports);
    let patient = tokio::spawn(async move {
        of_patient.lanes.submit_patiently(Wallet::of("patient").is_cancelled()).await.map(|decided| decided.reply)
    });
    tokio::task::yield_now().await;
    assert!(!patient.is_finished());
    store.gate.lets.add_permits(100);
    for caller in [begun, waiting, patient] {
        assert_eq!(caller.await.unwrap(), Ok(CANCELLED));
    }
    ports.lanes.stop().await;
    assert_eq!(ports.lanes.submit_patiently::<CancelReply>(Wallet::of("late").is_cancelled()).await, Err(SubmitError::Stopping));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_does_not_end_is_seen_to_go_on() {
    let store = HeldUp::holding(0);
    let ports = store.ports(10, 1);
    assert_eq!(ports.lanes.oldest_batch(), Duration::ZERO);
    let begun = submitted(&ports, Wallet::of("begun").is_cancelled());
    store.gate.begun(1).await;
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(ports.lanes.oldest_batch(), Duration::from_secs(31));
    store.gate.lets.add_permits(1);
    assert_eq!(begun.await.unwrap(), Ok(CANCELLED));
    assert_eq!(ports.lanes.oldest_batch(), Duration::ZERO);
}

#[tokio::test]
async fn f18_a_caller_that_goes_away_changes_nothing() {
    let store = HeldUp::holding(0);
    let ports = store.ports(100, 8);
    let begun = submitted(&ports, Wallet::of("begun").is_cancelled());
    store.gate.begun(1).await;
    let deadline = now() + Duration::from_secs(60);
    let handler = |name: &'static str| {
        let ports = Arc::clone(&ports);
        tokio::spawn(async move { cancel(&ports, received(name), deadline).await })
    };
    let (dropped, runs_on) = (handler("dropped"), handler("runs-on"));
    tokio::task::yield_now().await;
    begun.abort();
    dropped.abort();
    assert!(begun.await.is_err() && dropped.await.is_err());
    drop(runs_on);
    store.gate.lets.add_permits(100);
    ports.stop().await;
    for name in ["begun", "dropped", "runs-on"] {
        let file = store.find(&ports::testing::id(name)).await.unwrap().unwrap();
        assert!(file.case.is_cancelled(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn past_the_budget_the_answer_is_u_and_the_work_goes_on() {
    let store = HeldUp::holding(0);
    let ports = store.ports(100, 8);
    let deadline = now() + Duration::from_secs(6);
    assert_eq!(cancel(&ports, received("slow"), deadline).await.map(|known| known.answer), Ok(Answer::Pending));
    store.gate.lets.add_permits(100);
    ports.stop().await;
    let file = store.find(&ports::testing::id("slow")).await.unwrap().unwrap();
    assert!(file.case.is_cancelled());
}

#[tokio::test]
async fn stopping_finishes_what_was_taken_and_takes_no_more() {
    let store = HeldUp::holding(0);
    let ports = store.ports(100, 2);
    let taken: Vec<_> = (0..7).map(|n| submitted(&ports, Wallet::of(&format!("taken-{n}")).is_cancelled())).collect();
    store.gate.begun(1).await;
    let stopping = {
        let ports = Arc::clone(&ports);
        tokio::spawn(async move { ports.stop().await })
    };
    tokio::task::yield_now().await;
    assert_eq!(ports.lanes.submit::<CancelReply>(Wallet::of("late").is_cancelled()).await, Err(SubmitError::Stopping));
    store.gate.lets.add_permits(100);
    stopping.await.unwrap();
    for caller in taken {
        assert_eq!(caller.await.unwrap(), Ok(CANCELLED));
    }
    assert_eq!(store.find(&ports::testing::id("late")).await, Ok(None));
}

#[tokio::test]
async fn a_batch_that_dies_costs_only_its_own_answers() {
    let store = HeldUp::holding(100);
    let ports = store.ports(100, 8);
    let died = ports.lanes.submit::<CancelReply>(Wallet::of("panic").is_cancelled()).await;
    assert!(matches!(died, Err(SubmitError::Unavailable(_))), "{died:?}");
    let deadline = now() + Duration::from_secs(60);
    assert_eq!(cancel(&ports, received("next"), deadline).await.map(|known| known.answer), Ok(Answer::Cancelled));
}

#[tokio::test]
async fn the_wallet_is_told_what_was_decided() {
    let store = HeldUp::holding(100);
    let ports = store.ports(100, 8);
    let wallet = Wallet::of("told");
    let submitted = |received| {
        let ports = Arc::clone(&ports);
        async move { submit(&ports.lanes, received).await }
    };
    assert_eq!(submitted(wallet.reports(ReportedResult::Failed)).await, Ok(CommandReply::NotFound { fenced: false }));
    assert_eq!(submitted(wallet.pays()).await, Ok(CommandReply::Done(Disposition::Proceed)));
    assert_eq!(
        submitted(Wallet { amount: 1, ..wallet.clone() }.pays()).await,
        Ok(CommandReply::Conflict("the payment is recorded with other content"))
    );
    assert_eq!(submitted(wallet.reports(ReportedResult::Succeeded)).await, Ok(CommandReply::Done(Disposition::Stands)));
    assert_eq!(submitted(wallet.refunds("r", 1001)).await, Ok(CommandReply::Done(Disposition::Refused)));
}
