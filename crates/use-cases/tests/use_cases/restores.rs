//! What a failover took back is made true again: who was entitled stays entitled.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AcquirerId, Action, Answer, Case, CorePayment, Payment, PaymentStatus, Refusal};
use ports::testing::{Wallet, core_policy, id, moment};
use ports::{CancellationStore, Clock};
use use_cases::{Core, LaneSettings, Lanes, Ports, ReceivedCancel, cancel, watch_history};

use crate::fakes::{Forgetful, PaymentsCore, TimersClock};

const OWNER: &str = "acquirer-1";
const STRANGER: &str = "acquirer-0";
const STRANGE: Answer = Answer::Refused(Refusal::DifferentRequest);
/// Longer than the database goes unwatched.
const A_WHILE: Duration = Duration::from_secs(5);

/// The end of the period of a payment of `moment(0)`.
fn end() -> DateTime<Utc> {
    core_policy().period.end(moment(0))
}

/// A process without a worker, whose core keeps the payments.
struct Process {
    core: Arc<PaymentsCore>,
    store: Arc<Forgetful>,
    clock: Arc<dyn Clock>,
    ports: Arc<Ports>,
}

impl Process {
    fn at(at: DateTime<Utc>) -> Self {
        let (core, store) = (Arc::new(PaymentsCore::default()), Arc::new(Forgetful::new()));
        let clock: Arc<dyn Clock> = Arc::new(TimersClock::at(at));
        let kept: Arc<dyn CancellationStore> = Arc::clone(&store) as _;
        let lanes = Lanes::start(&kept, &clock, LaneSettings { lanes: 1, queue: 64, batch: 8 });
        let asked = Core { funds: Arc::clone(&core) as _, payments: Some(Arc::clone(&core) as _) };
        let ports = Arc::new(Ports::new(lanes, kept, Arc::clone(&clock), Some(asked)));
        drop(watch_history(&ports));
        Self { core, store, clock, ports }
    }

    /// The owner's payment, which succeeded.
    fn has(&self, name: &str) {
        let Action::Pay(payment) = Wallet::of(name).pays().command.action else { panic!("a payment is announced") };
        let status = PaymentStatus::Succeeded { completed_at: moment(0), fee: None };
        let payment = Payment { acquirer_id: AcquirerId::parse(OWNER).unwrap(), status, ..payment };
        let found = CorePayment { payment, refunded: 0, refund_running: false };
        self.core.payments.lock().unwrap().insert(id(name), (found, Duration::ZERO));
    }

    async fn cancels(&self, name: &str, (acquirer, request_time): (&str, Option<DateTime<Utc>>)) -> Answer {
        let (received_at, arrived) = (self.clock.now(), self.clock.instant());
        let acquirer_id = AcquirerId::parse(acquirer).unwrap();
        let received = ReceivedCancel { id: id(name), acquirer_id, received_at, request_time, arrived };
        let deadline: Instant = arrived + Duration::from_secs(6);
        cancel(&self.ports, received, deadline).await.expect("the queue is long enough").answer
    }

    async fn state(&self, name: &str) -> Option<Case> {
        self.store.find(&id(name)).await.unwrap().map(|file| file.case)
    }
}

#[tokio::test(start_paused = true)]
async fn f79_a_receipt_that_waited_for_its_lookup_counts_after_a_failover_too() {
    let process = Process::at(end() - TimeDelta::seconds(1));
    process.has("p");
    process.core.is_away.store(true, Ordering::Relaxed);
    assert_eq!(process.cancels("p", (OWNER, None)).await, Answer::Pending);
    process.store.forgets();
    assert_eq!(process.state("p").await, None);
    tokio::time::sleep(A_WHILE).await;
    assert!(process.clock.now() > end());
    process.core.is_away.store(false, Ordering::Relaxed);
    assert_eq!(process.cancels("p", (OWNER, None)).await, Answer::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn f79_an_s_that_a_request_time_entitled_is_made_true_again() {
    let process = Process::at(end() + TimeDelta::seconds(2));
    process.has("p");
    assert_eq!(process.cancels("p", (OWNER, Some(end() - TimeDelta::seconds(9)))).await, Answer::Cancelled);
    process.store.forgets();
    tokio::time::sleep(A_WHILE).await;
    assert!(process.state("p").await.unwrap().is_cancelled());
    assert_eq!(process.cancels("p", (OWNER, None)).await, Answer::Cancelled);
}

/// Nobody has the payment, so the fence is the one's who came first.
#[tokio::test(start_paused = true)]
async fn f79_whose_fence_it_was_comes_before_who_was_told_nothing() {
    let process = Process::at(moment(60));
    process.core.is_away.store(true, Ordering::Relaxed);
    for acquirer in [OWNER, STRANGER] {
        assert_eq!(process.cancels("p", (acquirer, None)).await, Answer::Pending);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    process.core.is_away.store(false, Ordering::Relaxed);
    assert_eq!(process.cancels("p", (OWNER, None)).await, Answer::Cancelled);
    process.store.forgets();
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(process.state("p").await.unwrap().cancellation.unwrap().acquirer_id.as_str(), OWNER);
    assert_eq!(process.cancels("p", (STRANGER, None)).await, STRANGE);
    assert_eq!(process.cancels("p", (OWNER, None)).await, Answer::Cancelled);
}
