//! The processes of a deployment, and what its callers keep from one window to the next.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use domain::{AcquirerId, PaymentRequestId};
use ports::CancellationStore;
use ports::testing::MemoryStatements;

use crate::faults::FaultKind;
use crate::keys::SimulatedKeys;
use crate::node::{Node, NodeSettings};
use crate::planted::PlantedStore;
use crate::plants::Plant;
use crate::random::Random;
use crate::recorder::lock;
use crate::storage::Storage;
use crate::time::SimulatedClock;
use crate::world::World;

/// A cancel that is sent in a later window.
#[derive(Debug, Clone)]
pub(crate) struct LaterCancel {
    pub(crate) id: PaymentRequestId,
    pub(crate) acquirer: AcquirerId,
    pub(crate) not_before: DateTime<Utc>,
}

/// A deployment.
pub(crate) struct Cluster {
    pub(crate) world: Arc<World>,
    pub(crate) storage: Storage,
    pub(crate) keys: SimulatedKeys,
    pub(crate) statements: MemoryStatements,
    /// For what no single caller draws.
    pub(crate) chance: Mutex<Random>,
    /// What has to be looked at when the window ends.
    pub(crate) touched: Mutex<BTreeSet<PaymentRequestId>>,
    pub(crate) later: Mutex<Vec<LaterCancel>>,
    /// Some that were answered for good, to be asked for again.
    pub(crate) told: Mutex<Vec<(PaymentRequestId, AcquirerId)>>,
    /// Payments of today that nobody means to cancel.
    pub(crate) uncancelled: Mutex<Vec<(PaymentRequestId, AcquirerId)>>,
    nodes: Mutex<Vec<Arc<Node>>>,
}

impl Cluster {
    pub(crate) fn new(world: Arc<World>, storage: Storage, keys: SimulatedKeys, chance: Random) -> Self {
        Self {
            world,
            storage,
            keys,
            statements: MemoryStatements::default(),
            chance: Mutex::new(chance),
            touched: Mutex::default(),
            later: Mutex::default(),
            told: Mutex::default(),
            uncancelled: Mutex::default(),
            nodes: Mutex::default(),
        }
    }

    /// The cases as they are, past all faults.
    pub(crate) fn cases(&self) -> Arc<dyn CancellationStore> {
        let policy = self.world.terms.policy(&mut Random::of(0, "reading"));
        let cases = self.storage.cases(&policy);
        match self.world.plant {
            Some(plant) if plant.is_in_store() => Arc::new(PlantedStore { inner: cases, plant, policy }),
            Some(_) | None => cases,
        }
    }

    fn start(&self, number: usize) -> Arc<Node> {
        let world = &self.world;
        let mut chance = lock(&self.chance);
        let policy = world.terms.policy(&mut chance);
        let sign = |how: u64| if how.is_multiple_of(2) { 1 } else { -1 };
        let small = |how: u64, bound: u64| sign(how) * i64::try_from(how / 2 % bound).unwrap_or_default();
        let drift = world.strikes(FaultKind::ClockDrift, &number).map_or(0, |how| small(how, 2_000));
        let ahead = small(chance.next(), 200_000);
        let clock = SimulatedClock::start(&world.time, ahead, drift);
        drop(chance);
        let cases = self.storage.cases(&policy);
        let cases: Arc<dyn CancellationStore> = match world.plant {
            Some(plant) if plant.is_in_store() => Arc::new(PlantedStore { inner: cases, plant, policy: policy.clone() }),
            Some(_) | None => cases,
        };
        let days = self.storage.days(&policy);
        let statements = self.statements.clone();
        world.trace(format_args!("p{number} starts"));
        Node::start(world, NodeSettings { number, clock, policy, cases, days, statements })
    }

    /// Starts all processes.
    pub(crate) fn start_all(&self) {
        let nodes = (0..self.world.terms.processes).map(|number| self.start(number)).collect();
        *lock(&self.nodes) = nodes;
    }

    /// Puts a new process in the place of one that died or stopped.
    pub(crate) fn replace(&self, number: usize) {
        let node = self.start(number);
        if let Some(place) = lock(&self.nodes).get_mut(number) {
            *place = node;
        }
    }

    /// Every process, dead ones too.
    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        lock(&self.nodes).clone()
    }

    /// Where a caller's request goes. Nobody knows of a dead process until it is replaced.
    pub(crate) fn pick(&self, random: &mut Random) -> Option<Arc<Node>> {
        random.pick(&lock(&self.nodes)).cloned()
    }

    /// The window is over: what still runs ends with its runtime.
    pub(crate) fn forget_nodes(&self) {
        lock(&self.nodes).clear();
        self.world.forget_running();
    }

    /// It has to be looked at when the window ends.
    pub(crate) fn touches(&self, id: &PaymentRequestId) {
        lock(&self.touched).insert(id.clone());
    }
}

impl Plant {
    /// Whether it is a bug of the store.
    pub(crate) fn is_in_store(self) -> bool {
        !matches!(self, Self::CoreGivesTwice | Self::StatesCancelled)
    }
}
