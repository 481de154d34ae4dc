//! Inquiries: every state of a payment with everything that a wallet core can say, in time or not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    AcquirerId, Action, Answer, CorePayment, FinalAnswer, InquiryRule, Payment, PaymentStatus, PaymentsKind, Policy,
    ReversalState,
};
use ports::testing::{MemoryStore, Wallet, core_policy, id, ledger_policy, moment};
use ports::{CancellationStore, Clock};
use tokio::task::JoinSet;
use use_cases::{Core, LaneSettings, Lanes, NoInquiryError, Ports, ReceivedCancel, ReceivedInquiry, cancel, inquire};

use crate::fakes::{Away, Gated, HoldsInquiries, PaymentsCore, TimersClock};

const BUDGET: Duration = Duration::from_secs(4);

fn at_core() -> Policy {
    Policy { payments: PaymentsKind::Core, ..core_policy() }
}

/// A process on a store, with a core that keeps the payments or without one.
struct Process {
    core: Arc<PaymentsCore>,
    clock: Arc<dyn Clock>,
    ports: Arc<Ports>,
}

impl Process {
    fn on(store: Arc<dyn CancellationStore>, has_core: bool) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TimersClock::at(moment(0)));
        let core = Arc::new(PaymentsCore::default());
        let lanes = Lanes::start(&store, &clock, LaneSettings { lanes: 1, queue: 64, batch: 64 });
        let asked = Core { funds: Arc::clone(&core) as _, payments: Some(Arc::clone(&core) as _) };
        let ports = Arc::new(Ports::new(lanes, store, Arc::clone(&clock), has_core.then_some(asked)));
        Self { core, clock, ports }
    }

    async fn inquires(&self, name: &str, acquirer: &str) -> Result<InquiryRule, NoInquiryError> {
        let acquirer_id = AcquirerId::parse(acquirer).unwrap();
        let received = ReceivedInquiry { id: id(name), acquirer_id, received_at: self.clock.now() };
        inquire(&self.ports, &received, self.clock.instant() + BUDGET).await
    }

    async fn own(&self, name: &str) -> Result<InquiryRule, NoInquiryError> {
        self.inquires(name, "acquirer-1").await
    }

    async fn cancels(&self, name: &str) -> Answer {
        let (received_at, arrived) = (self.clock.now(), self.clock.instant());
        let acquirer_id = AcquirerId::parse("acquirer-1").unwrap();
        let received = ReceivedCancel { id: id(name), acquirer_id, received_at, request_time: None, arrived };
        cancel(&self.ports, received, arrived + Duration::from_secs(6)).await.unwrap().answer
    }

    /// The core has this payment, and takes so long to name it.
    fn has(&self, name: &str, status: PaymentStatus, takes: Duration) {
        let Action::Pay(payment) = Wallet::of(name).pays().command.action else { panic!("a payment is announced") };
        let found = CorePayment { payment: Payment { status, ..payment }, refunded: 0, refund_running: false };
        self.core.payments.lock().unwrap().insert(id(name), (found, takes));
    }

    fn lookups(&self) -> u64 {
        self.core.lookups.load(Ordering::Relaxed)
    }
}

fn succeeded() -> PaymentStatus {
    PaymentStatus::Succeeded { completed_at: moment(0), fee: None }
}

fn failed() -> PaymentStatus {
    PaymentStatus::Failed { completed_at: moment(0), reason: None }
}

fn is_paid(rule: &Result<InquiryRule, NoInquiryError>) -> bool {
    matches!(rule, Ok(InquiryRule::Paid(_)))
}

#[tokio::test(start_paused = true)]
async fn without_payments_at_the_core_the_record_answers_and_nobody_is_asked() {
    let process = Process::on(Arc::new(MemoryStore::new(ledger_policy())), false);
    assert_eq!(process.own("unknown").await, Ok(InquiryRule::NeverReceived));
    assert_eq!(process.cancels("fence").await, Answer::Cancelled);
    assert_eq!(process.own("fence").await, Ok(InquiryRule::Cancelled));
    assert_eq!(process.inquires("fence", "acquirer-2").await, Ok(InquiryRule::DifferentAcquirer));
    // Where the core is there for the money alone.
    let process = Process::on(Arc::new(MemoryStore::new(core_policy())), true);
    assert_eq!(process.own("unknown").await, Ok(InquiryRule::NeverReceived));
    assert_eq!(process.lookups(), 0);
}

#[tokio::test(start_paused = true)]
async fn f52_an_inquiry_at_the_core_denies_nothing_in_doubt() {
    let process = Process::on(Arc::new(MemoryStore::new(at_core())), true);
    assert_eq!(process.own("nobodys").await, Ok(InquiryRule::NeverReceived));
    process.core.is_away.store(true, Ordering::Relaxed);
    assert_eq!(process.own("nobodys").await, Ok(InquiryRule::InDoubt));
    process.core.is_away.store(false, Ordering::Relaxed);
    process.has("slow", succeeded(), BUDGET * 2);
    assert_eq!(process.own("slow").await, Ok(InquiryRule::InDoubt), "what comes too late is not known");
    for (name, status, rule) in
        [("running", PaymentStatus::InProgress, InquiryRule::InProgress), ("failed", failed(), InquiryRule::Failed(None))]
    {
        process.has(name, status, Duration::from_millis(100));
        assert_eq!(process.own(name).await, Ok(rule));
        assert_eq!(process.inquires(name, "acquirer-2").await, Ok(InquiryRule::DifferentAcquirer));
    }
    process.has("paid", succeeded(), Duration::from_millis(100));
    assert!(is_paid(&process.own("paid").await));
    let before = process.lookups();
    assert_eq!(process.cancels("paid").await, Answer::Cancelled);
    assert_eq!((process.own("paid").await, process.lookups()), (Ok(InquiryRule::Cancelled), before + 1), "one of the cancel's");
}

#[tokio::test(start_paused = true)]
async fn f39_a_cancel_that_is_answered_during_the_lookup_is_not_contradicted() {
    let process = Arc::new(Process::on(Arc::new(MemoryStore::new(at_core())), true));
    process.has("raced", succeeded(), Duration::from_millis(1_000));
    let inquiring = Arc::clone(&process);
    let inquiring = tokio::spawn(async move { inquiring.own("raced").await });
    while process.lookups() == 0 {
        tokio::task::yield_now().await;
    }
    // The core names it to the cancel at once, and to the inquiry later.
    process.has("raced", succeeded(), Duration::ZERO);
    assert_eq!(process.cancels("raced").await, Answer::Cancelled);
    assert!(!inquiring.is_finished());
    assert_eq!(inquiring.await.unwrap(), Ok(InquiryRule::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn f01_a_success_that_an_inquiry_looks_up_after_the_cancel_is_given_back() {
    let store = MemoryStore::new(at_core());
    let process = Process::on(Arc::new(store.clone()), true);
    assert_eq!(process.cancels("late").await, Answer::Cancelled);
    process.has("late", succeeded(), Duration::from_millis(500));
    let begun = process.clock.instant();
    assert_eq!(process.own("late").await, Ok(InquiryRule::Cancelled));
    assert!(process.clock.instant() - begun < Duration::from_millis(500), "it does not wait for the core");
    let case = loop {
        let case = store.find(&id("late")).await.unwrap().unwrap().case;
        if case.payment.is_some() {
            break case;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(matches!(case.reversal.as_ref().map(|known| &known.state), Some(ReversalState::Open { .. })), "{case:#?}");
    assert_eq!(case.cancellation.and_then(|known| known.final_answer()), Some(FinalAnswer::Cancelled));
    let lookups = process.lookups();
    assert_eq!((process.own("late").await, process.lookups()), (Ok(InquiryRule::Cancelled), lookups), "it is known now");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_says_nothing_of_a_payment() {
    let store = Gated::new(ledger_policy(), Away::default());
    let process = Process::on(Arc::clone(&store) as _, false);
    assert_eq!(process.own("p").await, Ok(InquiryRule::NeverReceived));
    store.gate.set(true);
    assert_eq!(process.own("p").await, Err(NoInquiryError::NotRead));
    store.gate.set(false);
    assert_eq!(process.own("p").await, Ok(InquiryRule::NeverReceived));
}

#[tokio::test(start_paused = true)]
async fn inquiries_that_come_together_are_read_together_and_none_waits_beyond_its_time() {
    let store = Gated::new(ledger_policy(), HoldsInquiries::new());
    let process = Arc::new(Process::on(Arc::clone(&store) as _, false));
    let first = Arc::clone(&process);
    let first = tokio::spawn(async move { first.own("first").await });
    while store.gate.begun.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    let mut asking = JoinSet::new();
    for number in 0..100 {
        let process = Arc::clone(&process);
        asking.spawn(async move { process.own(&format!("p-{number}")).await });
    }
    // All of them are queued before time goes on.
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.gate.lets.add_permits(2);
    while let Some(answered) = asking.join_next().await {
        assert_eq!(answered.unwrap(), Ok(InquiryRule::NeverReceived));
    }
    assert_eq!(first.await.unwrap(), Ok(InquiryRule::NeverReceived));
    assert_eq!(store.gate.begun.load(Ordering::Relaxed), 2, "two statements for a hundred and one");
    let begun = process.clock.now();
    assert_eq!(process.own("held").await, Err(NoInquiryError::NotRead));
    assert_eq!(elapsed(begun, process.clock.now()), BUDGET);
}

fn elapsed(begun: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (now - begun).to_std().unwrap()
}
