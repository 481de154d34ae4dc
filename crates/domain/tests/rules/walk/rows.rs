//! What each walk has to find: exactly so many states and steps, and so many contradictions of each kind that is known.

use domain::{NeverReceived, OtherAcquirer, PeriodOver, Policy, Results};

use super::commands::{ONE_REFUND, TWO_REFUNDS, World};
use super::kinds::Kind::{self, *};

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

pub(super) const ROWS: [Row; 10] = [
    Row { name: "ledger", world: World::with_ledger, figures: (1_455, 28_749, 4_720, 0, 0), kinds: &[] },
    Row {
        name: "core",
        world: || World::with_core(3, TWO_REFUNDS),
        figures: (69_877, 2_214_743, 238_136, 1_610, 9_920),
        kinds: &[
            (ClosedThenProceed, 68_976),
            (ClosedThenStands, 68_976),
            (RefundBeyondTheCore, 25_618),
            (InquiryTakenBack, 39_320),
            (PartlyRefundedAfterSuccess, 644),
            (NothingOfASuccess, 18_076),
        ],
    },
    Row {
        name: "payments at the core",
        world: || World::with_payments_at_core(3, TWO_REFUNDS),
        figures: (107_819, 5_051_001, 651_294, 2_090, 12_791),
        kinds: &[
            (ClosedThenProceed, 107_280),
            (ClosedThenStands, 171_248),
            (RefundBeyondTheCore, 54_034),
            (InquiryTakenBack, 145_076),
            (PartlyRefundedAfterSuccess, 1_904),
            (UnknownInDoubt, 964),
            (NothingOfASuccess, 62_772),
            (DecidedOnTwoAmounts, 67_744),
        ],
    },
    Row {
        name: "ledger, never received is F",
        world: || with(NOT_RECEIVED_IS_F, World::with_ledger()),
        figures: (1_501, 29_787, 4_812, 0, 0),
        kinds: &[],
    },
    Row {
        name: "ledger, any acquirer",
        world: || with(ANY_ACQUIRER, World::with_ledger()),
        figures: (2_583, 51_445, 8_277, 0, 0),
        kinds: &[],
    },
    Row {
        name: "ledger, window exceeded",
        world: || with(WINDOW_EXCEEDED, World::with_ledger()),
        figures: (1_455, 28_749, 4_720, 0, 0),
        kinds: &[],
    },
    Row {
        name: "core, never received is F",
        world: || with(NOT_RECEIVED_IS_F, World::with_core(2, ONE_REFUND)),
        figures: (11_658, 297_412, 39_876, 900, 2_730),
        kinds: &[
            (ClosedThenProceed, 7_940),
            (ClosedThenStands, 7_940),
            (RefundBeyondTheCore, 3_216),
            (InquiryTakenBack, 7_376),
            (PartlyRefundedAfterSuccess, 420),
            (NothingOfASuccess, 3_164),
        ],
    },
    Row {
        name: "core, any acquirer",
        world: || with(ANY_ACQUIRER, World::with_core(2, ONE_REFUND)),
        figures: (21_153, 538_952, 65_643, 1_470, 4_664),
        kinds: &[
            (ClosedThenProceed, 15_880),
            (ClosedThenStands, 15_880),
            (RefundBeyondTheCore, 6_432),
            (InquiryTakenBack, 7_044),
            (PartlyRefundedAfterSuccess, 560),
            (NothingOfASuccess, 3_304),
        ],
    },
    Row {
        name: "payments at the core, never received is F",
        world: || with(NOT_RECEIVED_IS_F, World::with_payments_at_core(1, ONE_REFUND)),
        figures: (8_154, 304_174, 36_362, 952, 1_405),
        kinds: &[
            (ClosedThenProceed, 5_020),
            (ClosedThenStands, 7_084),
            (RefundBeyondTheCore, 2_434),
            (InquiryTakenBack, 3_968),
            (UnknownInDoubt, 844),
            (NothingOfASuccess, 1_720),
            (DecidedOnTwoAmounts, 1_132),
        ],
    },
    Row {
        name: "payments at the core, any acquirer",
        world: || with(ANY_ACQUIRER, World::with_payments_at_core(1, ONE_REFUND)),
        figures: (15_241, 569_044, 60_813, 1_624, 2_434),
        kinds: &[
            (ClosedThenProceed, 10_040),
            (ClosedThenStands, 14_168),
            (RefundBeyondTheCore, 4_946),
            (InquiryTakenBack, 3_808),
            (UnknownInDoubt, 268),
            (NothingOfASuccess, 1_720),
            (DecidedOnTwoAmounts, 2_026),
        ],
    },
];
