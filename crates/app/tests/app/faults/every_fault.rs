//! Plays a scenario without faults, and then with each fault at each call.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::TimeDelta;
use domain::Policy;
use ports::testing::{core_policy, ledger_policy};

use crate::faults::core::MemoryCore;
use crate::faults::places::{Engine, Place, RunningClock};
use crate::faults::plan::{Fault, Plan};
use crate::faults::process::{Money, Surroundings};
use crate::faults::world::World;

/// Where a scenario is played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    /// Of the test, after the failure that it guards against.
    pub(crate) name: &'static str,
    pub(crate) engine: Engine,
    pub(crate) money: Money,
    pub(crate) processes: usize,
    /// Another than the engine's pace asks for.
    pub(crate) lease: Option<TimeDelta>,
}

/// One test for each store and each way of keeping money, with these faults at every call.
macro_rules! on_every_store {
    ($test:ident, $processes:literal, [$($money:ident),+], $faults:expr, $play:path) => {
        mod $test {
            use super::*;
            use $crate::faults::every_fault::{Stage, with_faults};
            use $crate::faults::places::Engine;
            $(mod $money {
                use super::*;
                fn on(engine: Engine) {
                    let stage = Stage { name: stringify!($test), engine, money: $crate::faults::process::named::$money, processes: $processes, lease: None };
                    with_faults(stage, &$faults, $play);
                }
                #[test]
                fn in_memory() {
                    on(Engine::Memory);
                }
                #[test]
                fn on_sqlite() {
                    on(Engine::Sqlite);
                }
                #[test]
                fn on_postgres() {
                    on(Engine::Postgres);
                }
            })+
        }
    };
}

/// One test for each store, without faults.
macro_rules! undisturbed {
    ($test:ident, $play:path) => {
        mod $test {
            use super::*;
            #[test]
            fn in_memory() {
                $play($crate::faults::places::Engine::Memory);
            }
            #[test]
            fn on_sqlite() {
                $play($crate::faults::places::Engine::Sqlite);
            }
            #[test]
            fn on_postgres() {
                $play($crate::faults::places::Engine::Postgres);
            }
        }
    };
}

pub(crate) use {on_every_store, undisturbed};

/// One run, from a case that nobody has heard of until all of it is at rest and right.
struct Run<'a> {
    stage: Stage,
    place: &'a Arc<Place>,
    number: usize,
}

/// Says which run it was that failed.
struct FailedRun(Stage, Option<(usize, Fault)>, Arc<Plan>);

impl Drop for FailedRun {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}\nwith the fault {:?}, after the calls {:?}", self.0, self.1, self.2.calls());
        }
    }
}

impl Stage {
    pub(crate) fn policy(&self) -> Policy {
        let policy = match self.money {
            Money::Ledger => ledger_policy(),
            Money::Core | Money::CoreWithPayments => core_policy(),
        };
        Policy { lease: self.lease.unwrap_or(self.engine.pace().lease), ..policy }
    }

    /// A world on this stage; to be called on a runtime of the engine's.
    pub(crate) async fn world(&self, name: &str, place: &Arc<Place>, (core, plan): (MemoryCore, Arc<Plan>)) -> World {
        let policy = self.policy();
        let clock = Arc::new(RunningClock::beside(&place.open(&policy)).await);
        let (money, pace) = (self.money, self.engine.pace());
        let around = Surroundings { place: Arc::clone(place), policy, clock, money, core: Arc::new(core), plan, pace };
        World::new(name, around, self.processes)
    }

    /// With a wallet core that the wallet announces its payments beside, for a thing that is played without faults.
    pub(crate) fn undisturbed(engine: Engine, processes: usize) -> Self {
        Self { name: "undisturbed", engine, money: Money::Core, processes, lease: None }
    }

    /// Plays one thing without faults, on a fresh place.
    pub(crate) fn plays(&self, core: MemoryCore, play: impl AsyncFnOnce(&World)) {
        let place = Arc::new(Place::new(self.engine, &self.policy()));
        self.engine.runtime().block_on(async {
            let world = self.world("case", &place, (core, Arc::new(Plan::undisturbed()))).await;
            play(&world).await;
        });
    }
}

impl Run<'_> {
    /// The calls until everything was at rest, and how often the fault took place.
    fn goes(&self, fault: Option<(usize, Fault)>, play: &impl AsyncFn(&World)) -> (Vec<&'static str>, usize) {
        let plan = Arc::new(fault.map_or_else(Plan::undisturbed, |(place, fault)| Plan::with(place, fault)));
        let _told = FailedRun(self.stage, fault, Arc::clone(&plan));
        self.stage.engine.runtime().block_on(async {
            let name = format!("run-{}", self.number);
            let world = self.stage.world(&name, self.place, (MemoryCore::default(), Arc::clone(&plan))).await;
            play(&world).await;
            world.comes_to_rest().await;
            // Where no worker asks for work, nothing that comes later is called before the plan has to be over.
            let calls = plan.calls();
            world.is_right().await;
            (calls, plan.hit())
        })
    }
}

/// Which faults are tried at which calls: every fault at every call where everything is asked for, and in memory as long as the
/// calls are not very many; else as many as there is time for, spread over all calls, and as many of each fault.
fn planned(stage: &Stage, calls: usize, faults: &[Fault]) -> Vec<(usize, Fault)> {
    let all: Vec<_> = (0..calls).flat_map(|place| faults.iter().map(move |fault| (place, *fault))).collect();
    let most = most_runs(stage.engine);
    if all.len() <= most {
        return all;
    }
    // Each scenario begins with another fault.
    let first: usize = stage.name.bytes().map(usize::from).sum();
    (0..most).map(|n| (n * calls / most, faults[(first + n) % faults.len()])).collect()
}

/// How many runs with a fault a scenario has at most.
fn most_runs(engine: Engine) -> usize {
    match engine {
        _ if std::env::var("RESCIND_SCALE").is_ok_and(|scale| scale == "full") => usize::MAX,
        Engine::Memory => 500,
        Engine::Sqlite => 12,
        Engine::Postgres => 6,
    }
}

/// Plays it once, with one fault at one call; how often the fault took place.
pub(crate) fn with_fault(stage: Stage, job: (usize, Fault), play: impl AsyncFn(&World)) -> usize {
    let place = Arc::new(Place::new(stage.engine, &stage.policy()));
    Run { stage, place: &place, number: 0 }.goes(Some(job), &play).1
}

/// Every planned fault took place, and once.
pub(crate) fn took_place(planned: usize, hit: usize) {
    assert_eq!(hit, planned, "every planned fault took place once");
}

/// Plays it with these faults at every call. The cases of a database's runs stand beside each other, as they do in a wallet.
pub(crate) fn with_faults(stage: Stage, faults: &[Fault], play: impl AsyncFn(&World)) {
    let mut place = Arc::new(Place::new(stage.engine, &stage.policy()));
    let (calls, _) = Run { stage, place: &place, number: 0 }.goes(None, &play);
    let jobs = planned(&stage, calls.len(), faults);
    let mut hit = 0;
    for (number, job) in (1..).zip(&jobs) {
        if stage.engine == Engine::Memory {
            place = Arc::new(Place::new(stage.engine, &stage.policy()));
        }
        hit += Run { stage, place: &place, number }.goes(Some(*job), &play).1;
    }
    // How many calls there are depends on when the workers look; how many runs follow from them does not.
    assert!(!calls.is_empty());
    assert_eq!(jobs.len(), (calls.len() * faults.len()).min(most_runs(stage.engine)));
    took_place(jobs.len(), hit);
    let crossed = calls.iter().fold(BTreeMap::<_, usize>::new(), |mut crossed, name| {
        *crossed.entry(*name).or_default() += 1;
        crossed
    });
    let kinds: BTreeSet<_> = jobs.iter().map(|(_, fault)| format!("{fault:?}")).collect();
    assert_eq!(kinds.len(), faults.len().min(jobs.len()), "no kind of fault is left out where there are enough runs");
    println!(
        "{} on {:?}, {:?}: {} calls {crossed:?}, {} faults of {} kinds, each hit",
        stage.name,
        stage.engine,
        stage.money,
        calls.len(),
        jobs.len(),
        kinds.len()
    );
}
