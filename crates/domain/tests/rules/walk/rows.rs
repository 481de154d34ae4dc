//! What each walk has to find: exactly so many states and steps, and so many contradictions of each kind that is known.

use domain::{NeverReceived, OtherAcquirer, PeriodOver, Policy, Results};

use super::commands::{ONE_REFUND, TWO_REFUNDS, World};
use super::kinds::Kind;

/// One walk with its figures.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) world: fn() -> World,
    /// States, transitions, states with what was told, states that the bounds cut off, states that no operator can end.
    pub(super) figures: (usize, u64, usize, usize, usize),
    /// Steps of each kind that is known.
    pub(super) kinds: &'static [(Kind, u64)],
}

const USUAL: Results = Results {
    never_received: NeverReceived::Success,
    period_over: PeriodOver::ProcessFail,
    other_acquirer: OtherAcquirer::ParamIllegal,
};
const NOT_RECEIVED_IS_F: Results = Results { never_received: NeverReceived::OrderNotExist, ..USUAL };
const ANY_ACQUIRER: Results = Results { other_acquirer: OtherAcquirer::Ignore, ..USUAL };
const WINDOW_EXCEEDED: Results = Results { period_over: PeriodOver::CancelWindowExceed, ..USUAL };

fn with(results: Results, world: World) -> World {
    World { policy: Policy { results, ..world.policy }, ..world }
}

fn with_four_eyes(world: World) -> World {
    World { policy: Policy { four_eyes: true, ..world.policy }, ..world }
}

pub(super) const ROWS: [Row; 12] = [
    Row { name: "ledger", world: World::with_ledger, figures: (3_901, 84_657, 12_244, 0, 0), kinds: &[] },
    Row { name: "core", world: || World::with_core(3, TWO_REFUNDS), figures: (129_012, 4_274_338, 292_426, 0, 0), kinds: &[] },
    Row {
        name: "payments at the core",
        world: || World::with_payments_at_core(2, ONE_REFUND),
        figures: (218_432, 11_263_286, 745_776, 0, 0),
        kinds: &[],
    },
    Row {
        name: "ledger, never received is F",
        world: || with(NOT_RECEIVED_IS_F, World::with_ledger()),
        figures: (3_947, 85_787, 12_336, 0, 0),
        kinds: &[],
    },
    Row {
        name: "ledger, any acquirer",
        world: || with(ANY_ACQUIRER, World::with_ledger()),
        figures: (11_579, 247_495, 26_241, 0, 0),
        kinds: &[],
    },
    Row {
        name: "ledger, window exceeded",
        world: || with(WINDOW_EXCEEDED, World::with_ledger()),
        figures: (3_901, 84_657, 12_244, 0, 0),
        kinds: &[],
    },
    Row { name: "ledger, four eyes", world: || with_four_eyes(World::with_ledger()), figures: (0, 0, 0, 0, 0), kinds: &[] },
    Row {
        name: "core, four eyes",
        world: || with_four_eyes(World::with_core(2, ONE_REFUND)),
        figures: (0, 0, 0, 0, 0),
        kinds: &[],
    },
    Row {
        name: "core, never received is F",
        world: || with(NOT_RECEIVED_IS_F, World::with_core(2, ONE_REFUND)),
        figures: (32_554, 878_038, 75_380, 0, 0),
        kinds: &[],
    },
    Row {
        name: "core, any acquirer",
        world: || with(ANY_ACQUIRER, World::with_core(2, ONE_REFUND)),
        figures: (62_275, 1_669_858, 108_519, 0, 0),
        kinds: &[],
    },
    Row {
        name: "payments at the core, never received is F",
        world: || with(NOT_RECEIVED_IS_F, World::with_payments_at_core(1, ONE_REFUND)),
        figures: (140_964, 6_754_734, 400_071, 0, 0),
        kinds: &[],
    },
    Row {
        name: "payments at the core, any acquirer",
        world: || with(ANY_ACQUIRER, World::with_payments_at_core(1, ONE_REFUND)),
        figures: (266_804, 12_626_838, 445_780, 0, 0),
        kinds: &[],
    },
];
