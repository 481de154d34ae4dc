//! What goes wrong, how often, and how often it did.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::Random;

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident = $name:literal at $parts:literal,)+) => {
        /// A kind of fault. Each has a stream of numbers of its own.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind {
            $($(#[$doc])* $fault,)+
        }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$fault,)+];

            /// Its name, as `--faults` takes it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)+ }
            }

            /// Of 10,000 places where it could happen, at how many it does.
            fn parts(self) -> u64 {
                match self { $(Self::$fault => $parts,)+ }
            }
        }
    };
}

faults! {
    /// The store fails before it commits a batch.
    LostBeforeCommit = "lost-before-commit" at 80,
    /// A batch is committed, and nobody hears of it.
    LostAfterCommit = "lost-after-commit" at 80,
    /// The store takes up to a second and a half.
    SlowStore = "slow-store" at 100,
    /// The store stands still for up to eight seconds.
    FrozenStore = "frozen-store" at 4,
    /// The store does not answer a question.
    FailedRead = "failed-read" at 60,
    /// The due reversals are leased, and nobody hears of it.
    LostLease = "lost-lease" at 300,
    /// A process dies at a moment of its own, wherever its tasks are.
    Kill = "kill" at 10_000,
    /// A process dies before it commits a batch.
    KillBeforeCommit = "kill-before-commit" at 4,
    /// A process dies after it has committed a batch.
    KillAfterCommit = "kill-after-commit" at 6,
    /// A process dies while it waits for the core.
    KillAtCore = "kill-at-core" at 30,
    /// A process is stopped in order and begins again, with settings that may differ.
    Restart = "restart" at 3_000,
    /// A process's clock is set ahead or back by up to a second.
    ClockStep = "clock-step" at 5_000,
    /// A process's clock goes too fast or too slow.
    ClockDrift = "clock-drift" at 4_000,
    /// Many cancels of one payment come at once, more than a lane takes.
    Storm = "storm" at 90,
    /// A request of Alipay+ arrives twice.
    Duplicate = "duplicate" at 600,
    /// A request of Alipay+ never arrives.
    LostRequest = "lost-request" at 300,
    /// An answer to Alipay+ never arrives.
    LostAnswer = "lost-answer" at 300,
    /// The wallet dies before it reports a result.
    LostResult = "lost-result" at 200,
    /// The wallet reports a result twice.
    RepeatedResult = "repeated-result" at 600,
    /// The core does not answer and has done nothing.
    CoreFails = "core-fails" at 700,
    /// The core has done its work, and its answer is lost.
    CoreLosesAnswer = "core-loses-answer" at 500,
    /// The core answers late.
    CoreDelays = "core-delays" at 800,
    /// The core answers after its caller's patience.
    CoreFreezes = "core-freezes" at 100,
    /// The core says that giving back is impossible.
    CoreRefuses = "core-refuses" at 150,
    /// The core never answers for one payment.
    CoreFailsForEver = "core-fails-for-ever" at 12,
    /// The core says that nothing was taken where it took.
    CoreLies = "core-lies" at 25,
    /// The core says of a payment that is given back that refunds came first.
    CoreContradicts = "core-contradicts" at 1_500,
    /// The core refunds a payment by itself.
    CoreRefunds = "core-refunds" at 400,
    /// The core does not know a payment that it knows.
    CoreForgets = "core-forgets" at 30,
    /// The core names another amount than before.
    CoreChangesAmount = "core-changes-amount" at 200,
    /// The core cannot be asked for a payment.
    LookupFails = "lookup-fails" at 900,
    /// The core takes seconds to name a payment.
    LookupDelays = "lookup-delays" at 500,
    /// The core can never be asked for one payment.
    LookupFailsForEver = "lookup-fails-for-ever" at 18,
}

impl FaultKind {
    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

/// The faults of a run.
#[derive(Debug)]
pub(crate) struct FaultStreams {
    streams: BTreeMap<FaultKind, Random>,
    counts: BTreeMap<FaultKind, u64>,
    /// Off while everything has to come to its end.
    are_on: bool,
}

impl FaultStreams {
    /// Only these kinds happen.
    pub(crate) fn of(seed: u64, kinds: &BTreeSet<FaultKind>) -> Self {
        let streams = kinds.iter().map(|kind| (*kind, Random::of(seed, kind.name()))).collect();
        Self { streams, counts: BTreeMap::new(), are_on: true }
    }

    pub(crate) fn turn(&mut self, on: bool) {
        self.are_on = on;
    }

    /// Whether it happens here, and a number that says how.
    pub(crate) fn strikes(&mut self, kind: FaultKind) -> Option<u64> {
        let stream = self.streams.get_mut(&kind)?;
        let struck = stream.chance(kind.parts());
        let how = stream.next();
        if !struck || !self.are_on {
            return None;
        }
        *self.counts.entry(kind).or_default() += 1;
        Some(how)
    }

    /// How often each kind happened, of all kinds.
    pub(crate) fn counts(&self) -> BTreeMap<FaultKind, u64> {
        FaultKind::ALL.iter().map(|kind| (*kind, self.counts.get(kind).copied().unwrap_or_default())).collect()
    }
}
