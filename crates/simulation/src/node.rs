//! One process of a deployment: the real use cases on ports of the simulation.

use std::sync::Arc;
use std::time::Duration;

use adapters_http::PaymentIds;
use domain::{AcquirerId, Action, Answer, Command, CommandReply, InquiryRule, PaymentRequestId, Policy, Rule};
use ports::testing::MemoryStatements;
use ports::{CancellationStore, Clock, ReceivedCommand, SettlementStore};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use use_cases::{
    Core, LaneSettings, Lanes, Ports, ReceivedCancel, ReceivedInquiry, SettlementPorts, cancel, inquire, run_worker, submit,
};

use crate::callback::{WireMessage, code_of};
use crate::core::CoreClient;
use crate::days::WatchedDays;
use crate::keys::KeySet;
use crate::life::Life;
use crate::store::{BATCH, WatchedStore};
use crate::terms::FundsAt;
use crate::time::SimulatedClock;
use crate::world::World;

/// How many commands wait in a lane at most: so few that a storm fills it.
const QUEUE: usize = 24;
/// How long a cancel's answer may take.
const ANSWER_BUDGET: Duration = Duration::from_secs(6);
/// How long an inquiry's answer may take.
const INQUIRY_BUDGET: Duration = Duration::from_secs(4);
/// How long a process may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(20);
/// How long a call of the wallet may take.
const CALL_BUDGET: Duration = Duration::from_secs(5);

/// One process.
pub(crate) struct Node {
    pub(crate) number: usize,
    pub(crate) life: Life,
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) settlement: SettlementPorts,
    ports: Arc<Ports>,
    world: Arc<World>,
    stop: watch::Sender<bool>,
    worker: std::sync::Mutex<Option<JoinHandle<()>>>,
}

/// What a process starts with.
pub(crate) struct NodeSettings {
    pub(crate) number: usize,
    pub(crate) clock: SimulatedClock,
    pub(crate) policy: Policy,
    pub(crate) cases: Arc<dyn CancellationStore>,
    pub(crate) days: Arc<dyn SettlementStore>,
    pub(crate) statements: MemoryStatements,
}

/// What Alipay+ receives of an answer.
pub(crate) struct SignedAnswer {
    pub(crate) answer: Answer,
    pub(crate) code: &'static str,
    /// Whether a rule decided about the payment now, and not before.
    pub(crate) by_rule: bool,
    pub(crate) message: WireMessage,
}

impl Node {
    /// Starts a process on the current runtime.
    pub(crate) fn start(world: &Arc<World>, settings: NodeSettings) -> Arc<Self> {
        let NodeSettings { number, clock, policy, cases, days, statements } = settings;
        let (life, clock) = (Life::begin(), Arc::new(clock));
        let watched = WatchedStore { inner: cases, world: Arc::clone(world), life: life.clone(), policy: policy.clone(), number };
        let store: Arc<dyn CancellationStore> = Arc::new(watched);
        let days = Arc::new(WatchedDays { inner: days, world: Arc::clone(world), life: life.clone() });
        let client = Arc::new(CoreClient { world: Arc::clone(world), life: life.clone() });
        let core = match world.terms.funds {
            FundsAt::Ledger => None,
            FundsAt::Core => Some(Core { funds: client, payments: None }),
            FundsAt::CoreWithPayments => Some(Core { funds: Arc::clone(&client) as _, payments: Some(client) }),
        };
        let as_port: Arc<dyn Clock> = Arc::clone(&clock) as _;
        let lanes = Lanes::start(&store, &as_port, LaneSettings { lanes: world.terms.lanes, queue: QUEUE, batch: BATCH });
        let ports = Arc::new(Ports::new(lanes, Arc::clone(&store), Arc::clone(&as_port), core));
        let (stop, stopped) = watch::channel(false);
        let worker = std::sync::Mutex::new(Some(tokio::spawn(run_worker(Arc::clone(&ports), stopped))));
        let settlement = SettlementPorts { cases: store, days, statements: Arc::new(statements), clock: as_port, policy };
        Arc::new(Self { number, life, clock, settlement, ports, world: Arc::clone(world), stop, worker })
    }

    /// Stops it in order: what was taken is done first. One that dies meanwhile, or takes too long, is killed.
    pub(crate) async fn stop(&self) {
        let _ = self.stop.send(true);
        let worker = crate::recorder::lock(&self.worker).take();
        let in_order = async {
            if let Some(worker) = worker {
                let _ = worker.await;
            }
            self.ports.stop().await;
        };
        let _ = tokio::time::timeout(STOPS_WITHIN, in_order).await;
        self.life.end();
    }

    /// Kills it: from now on it does nothing.
    pub(crate) fn kill(&self) {
        self.life.end();
        // Its loops end by themselves, so that no dead worker wakes up for ever.
        let _ = self.stop.send(true);
    }

    /// Answers a request as the callback does; `None` where it is refused at the door or cannot be signed.
    pub(crate) async fn answer(&self, request: &WireMessage, keys: &KeySet) -> Option<SignedAnswer> {
        let (received_at, arrived) = (self.clock.now(), self.clock.instant());
        if !request.is_signed(keys.verifier_of_wallet.as_ref(), received_at) {
            return None;
        }
        let PaymentIds { payment_request_id: id, acquirer_id, psp_id: _ } = request.parsed()?;
        let received = ReceivedCancel { id, acquirer_id, received_at, request_time: None, arrived };
        let (answer, by_rule, code) = match cancel(&self.ports, received, arrived + ANSWER_BUDGET).await {
            Ok(known) => {
                let by_rule = known.rule.is_some_and(|rule| !matches!(rule, Rule::AnswerRecorded(_) | Rule::DifferentAcquirer));
                (known.answer, by_rule, code_of(known.answer))
            }
            Err(use_cases::OverloadedError) => {
                self.world.recorder.count("cancels that found a full queue");
                (Answer::Pending, false, "REQUEST_TRAFFIC_EXCEED_LIMIT")
            }
        };
        let message = WireMessage::sign(code.to_owned(), self.clock.now(), keys.signer_of_wallet.as_ref()).await?;
        Some(SignedAnswer { answer, code, by_rule, message })
    }

    /// Answers an inquiry as the callback does; `None` where nothing is said of the payment.
    pub(crate) async fn inquire(&self, id: &PaymentRequestId, acquirer_id: &AcquirerId) -> Option<InquiryRule> {
        let (received_at, deadline) = (self.clock.now(), self.clock.instant() + INQUIRY_BUDGET);
        let received = ReceivedInquiry { id: id.clone(), acquirer_id: acquirer_id.clone(), received_at };
        inquire(&self.ports, &received, deadline).await.ok()
    }

    /// Has a command of the wallet or of an operator decided; `None` where it has to be repeated.
    pub(crate) async fn submit(&self, id: &PaymentRequestId, action: Action) -> Option<CommandReply> {
        let command = Command { id: id.clone(), at: self.clock.now(), action };
        let received = ReceivedCommand { command, arrived: self.clock.instant() };
        let submitted = tokio::time::timeout(CALL_BUDGET, submit(&self.ports.lanes, received)).await.ok()?;
        submitted.ok()
    }
}
