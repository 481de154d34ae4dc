//! The wallet core under test, and what the promises of both its ports ask of it.

pub mod funds;
pub mod payments;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Case, CorePayment, PaymentKind, PaymentRequestId, PaymentStatus, ReportedResult, ReversalOutcome, ReversalRequest};

use crate::testing::{MemoryStore, Wallet, core_policy, moment};
use crate::{CancellationStore, FundsGateway, Payments, ReceivedCommand};

/// A wallet core that a test plays, with the adapter under test before it.
#[async_trait]
pub trait CoreSubject: Send + Sync {
    /// The core takes this payment in: it debits or holds the whole amount. Where it has promised that nothing of the payment will be
    /// left, it gives the amount back at once.
    async fn keep(&self, id: &PaymentRequestId, payment: &CorePayment);

    /// The next call meets this trouble, and the calls behind it do not.
    async fn disturb(&self, trouble: CoreTrouble);

    /// The adapter's own time for one call.
    fn time_limit(&self) -> Duration;

    /// What must not be told: the credentials of a call, and a text that stands in every answer outside of the contract.
    fn secrets(&self) -> Vec<String>;
}

/// A core that can be asked to give money back.
#[async_trait]
pub trait FundsSubject: CoreSubject {
    /// The adapter. All calls give one that calls the same core.
    fn funds(&self) -> Arc<dyn FundsGateway>;

    /// What is debited or held of the payment by the core's books, in the smallest unit; negative where too much was given back.
    async fn left(&self, id: &PaymentRequestId) -> i64;

    /// The core answers the next call so, and does nothing. Never [`ReversalOutcome::Unknown`], which a core does not say.
    async fn answer_next(&self, outcome: ReversalOutcome);
}

/// A core that can be asked for payments.
#[async_trait]
pub trait PaymentsSubject: CoreSubject {
    /// The adapter. All calls give one that calls the same core.
    fn payments(&self) -> Arc<dyn Payments>;
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CoreTrouble {
    /// The core takes it and never answers.
    Silence,
    /// The connection closes before the core has done anything.
    Refusal,
    /// The core does what it was asked for, and the connection closes before the answer.
    LostAnswer,
    /// The core does what it was asked for, and the connection closes in the middle of the answer.
    HalfAnswer,
    /// The core answers outside of the contract, and quotes a secret.
    OtherLanguage,
    /// The core takes it and says that it has not finished.
    NotFinished,
    /// Something before the core answers in its place that it knows nothing, and quotes a secret: over HTTP, a page with 404.
    WrongPlace,
}

/// Every trouble but silence, which takes as long as the adapter's own time.
const TROUBLES: [CoreTrouble; 6] = [
    CoreTrouble::Refusal,
    CoreTrouble::LostAnswer,
    CoreTrouble::HalfAnswer,
    CoreTrouble::OtherLanguage,
    CoreTrouble::NotFinished,
    CoreTrouble::WrongPlace,
];

/// More than any machine needs beyond the adapter's own time.
const SLACK: Duration = Duration::from_secs(10);

/// Ends a call that does not end by itself.
async fn in_time<T>(subject: &impl CoreSubject, call: impl Future<Output = T>) -> T {
    let limit = subject.time_limit();
    tokio::time::timeout(limit + SLACK, call).await.unwrap_or_else(|_| panic!("no answer long after {limit:?}"))
}

/// The case after these commands, as Rescind decides it with a wallet core.
async fn case_after(commands: Vec<ReceivedCommand>) -> Case {
    let store = MemoryStore::new(core_policy());
    let id = commands[0].command.id.clone();
    for outcome in store.decide(commands).await {
        assert!(outcome.is_ok(), "{outcome:?}");
    }
    store.find(&id).await.unwrap().unwrap().case
}

/// The reversal of a payment of 1000 yen that succeeded.
async fn paid_reversal(name: &str, kind: PaymentKind) -> ReversalRequest {
    let wallet = Wallet::of(name);
    let commands = vec![wallet.announces(kind), wallet.reports(ReportedResult::Succeeded), wallet.is_cancelled()];
    case_after(commands).await.reversal_request().unwrap()
}

/// The reversal of a payment that nobody announced.
async fn unknown_reversal(name: &str) -> ReversalRequest {
    case_after(vec![Wallet::of(name).is_cancelled()]).await.reversal_request().unwrap()
}

/// A payment of 1000 yen as a core has it.
async fn core_payment(name: &str, kind: PaymentKind, status: PaymentStatus) -> CorePayment {
    let mut payment = case_after(vec![Wallet::of(name).announces(kind)]).await.payment.unwrap();
    payment.status = status;
    CorePayment { payment, refunded: 0, refund_running: false }
}

/// The status of a payment that has succeeded.
fn succeeded() -> PaymentStatus {
    PaymentStatus::Succeeded { completed_at: moment(2), fee: None }
}

fn holds_a_secret(subject: &impl CoreSubject, text: &str) -> bool {
    subject.secrets().iter().any(|secret| text.contains(secret.as_str()))
}
