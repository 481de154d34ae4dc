//! A process: its lanes, its worker, its connection to the cases, and the calls it makes.

use std::sync::Arc;

use domain::Policy;
use ports::{CancellationStore, Clock, MessageSigner};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use use_cases::{Core, LaneSettings, Lanes, Ports, run_worker};

use crate::faults::broken_ports::{Broken, Crossing, Life, Seal};
use crate::faults::core::MemoryCore;
use crate::faults::places::{Pace, Place, RunningClock};
use crate::faults::plan::Plan;

/// Where the users' money is, and who knows the payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Money {
    Ledger,
    /// A wallet core; the wallet announces its payments.
    Core,
    /// A wallet core that is asked for the payment.
    CoreWithPayments,
}

/// As the paths of the tests name them.
pub(crate) mod named {
    pub(crate) use super::Money::{Core as core, CoreWithPayments as core_with_payments, Ledger as ledger};
}

/// What all processes of a run share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) place: Arc<Place>,
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<RunningClock>,
    pub(crate) money: Money,
    pub(crate) core: Arc<MemoryCore>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) pace: Pace,
}

/// One process.
pub(crate) struct Process {
    pub(crate) ports: Arc<Ports>,
    pub(crate) signer: Arc<dyn MessageSigner>,
    pub(crate) life: Arc<Life>,
    worker: JoinHandle<()>,
    _stop: watch::Sender<bool>,
}

impl Process {
    pub(crate) fn start(around: &Surroundings) -> Arc<Self> {
        let life = Life::begins();
        let crossing = Crossing { plan: Arc::clone(&around.plan), life: Arc::clone(&life), slow: around.pace.slow };
        let port = around.place.open(&around.policy);
        let store: Arc<dyn CancellationStore> = Arc::new(Broken { port, crossing: crossing.clone() });
        let broken = || Arc::new(Broken { port: Arc::clone(&around.core), crossing: crossing.clone() });
        let core = match around.money {
            Money::Ledger => None,
            Money::Core => Some(Core { funds: broken(), payments: None }),
            Money::CoreWithPayments => Some(Core { funds: broken(), payments: Some(broken()) }),
        };
        let signer = Arc::new(Broken { port: Seal, crossing: crossing.clone() });
        let clock: Arc<dyn Clock> = Arc::clone(&around.clock) as _;
        let lanes = Lanes::start(&store, &clock, LaneSettings { lanes: 2, queue: 1000, batch: 64 });
        let ports = Arc::new(Ports::new(lanes, store, clock, core));
        let (stop, stopped) = watch::channel(false);
        let worker = tokio::spawn(run_worker(Arc::clone(&ports), stopped));
        Arc::new(Self { ports, signer, life, worker, _stop: stop })
    }
}

impl Process {
    /// From now on nobody here looks for what is due.
    pub(crate) fn loses_its_worker(&self) {
        self.worker.abort();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.life.ends();
        self.worker.abort();
    }
}
