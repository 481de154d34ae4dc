//! What each walk has to find: exactly so many states, steps and contradictions that are known.

use domain::{NeverReceived, OtherAcquirer, PeriodOver, Policy, Results, decide};

use super::commands::{ONE_REFUND, TWO_REFUNDS, World};
use super::explore::Walk;
use super::kinds::Kind::{self, *};
use super::spread::Spread;

/// The figures of one walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figures {
    /// Cases at moments.
    pub(super) states: usize,
    /// Commands that were decided in them.
    pub(super) transitions: u64,
    /// States, each with what was told.
    pub(super) told: usize,
    /// States that do not come to an end within the bounds.
    pub(super) cut: usize,
    /// States that only a wallet core can end (F54).
    pub(super) without_operator: usize,
    /// Steps of each kind that is known.
    pub(super) kinds: Vec<(Kind, u64)>,
}

impl Figures {
    pub(super) fn of(walk: &Walk<'_>, spread: &Spread) -> Self {
        let ends = walk.dead_ends();
        Self {
            states: walk.states.len(),
            transitions: walk.transitions,
            told: spread.states,
            cut: ends.cut,
            without_operator: ends.without_operator,
            kinds: spread.kinds.iter().map(|(kind, times)| (*kind, *times)).collect(),
        }
    }

    /// What is otherwise than it should be, in words.
    pub(super) fn differences(&self, found: &Self, spread: &Spread) -> Vec<String> {
        let mut wrong = vec![];
        let times = |figures: &Self, kind| figures.kinds.iter().find(|(known, _)| *known == kind).map_or(0, |(_, times)| *times);
        for kind in Kind::ALL {
            match (times(self, kind), times(found, kind)) {
                (known, met) if known == met => {}
                (known, 0) => wrong.push(format!("{kind:?}: {known} are listed and none is met; remove it from the list")),
                (0, met) => {
                    wrong.push(format!("{kind:?}: {met} are met and none is listed; the first:\n{}", spread.examples[&kind]))
                }
                (known, met) => wrong.push(format!("{kind:?}: {known} are listed and {met} are met")),
            }
        }
        if (Self { kinds: vec![], ..self.clone() }) != (Self { kinds: vec![], ..found.clone() }) {
            wrong.push("the rules have other states or steps than before".to_owned());
        }
        wrong
    }
}

fn walk_as_listed(world: &World, listed: &Figures) {
    let walk = Walk::through(world, decide).unwrap_or_else(|broken| panic!("{broken}"));
    let spread = walk.spread();
    let found = Figures::of(&walk, &spread);
    println!("{found:#?}");
    assert_eq!(walk.dead_ends().stuck, 0, "from every state an end can be reached");
    let wrong = listed.differences(&found, &spread);
    assert!(wrong.is_empty(), "{}\nfound: {found:?}", wrong.join("\n"));
    let nameless = found.kinds.iter().find(|(kind, _)| kind.known_as().is_none());
    assert_eq!(nameless, None, "a contradiction that is known has a reason");
}

/// The figures as they are listed: states, transitions, told, cut, without an operator.
fn listed(figures: (usize, u64, usize, usize, usize), kinds: &[(Kind, u64)]) -> Figures {
    let (states, transitions, told, cut, without_operator) = figures;
    Figures { states, transitions, told, cut, without_operator, kinds: kinds.to_vec() }
}

const USUAL: Results = Results {
    never_received: NeverReceived::Success,
    period_over: PeriodOver::ProcessFail,
    other_acquirer: OtherAcquirer::ParamIllegal,
};

const NOT_RECEIVED_IS_F: Results = Results { never_received: NeverReceived::OrderNotExist, ..USUAL };
const ANY_ACQUIRER: Results = Results { other_acquirer: OtherAcquirer::Ignore, ..USUAL };
const WINDOW_EXCEEDED: Results = Results { period_over: PeriodOver::CancelWindowExceed, ..USUAL };

fn worded(results: Results, world: World) -> World {
    World { policy: Policy { results, ..world.policy }, ..world }
}

#[test]
fn all_there_is_with_the_ledger() {
    walk_as_listed(&World::with_ledger(), &listed((1_455, 28_749, 4_720, 0, 0), &[(InTimeAndTooLate, 216)]));
}

#[test]
fn all_there_is_with_a_wallet_core() {
    walk_as_listed(
        &World::with_core(3, TWO_REFUNDS),
        &listed(
            (69_877, 2_214_743, 238_136, 1_610, 9_920),
            &[
                (ClosedThenProceed, 68_976),
                (ClosedThenStands, 68_976),
                (RefundBeyondTheCore, 25_618),
                (InquiryTakenBack, 39_320),
                (PartlyRefundedAfterSuccess, 644),
                (InTimeAndTooLate, 216),
                (NothingOfASuccess, 18_076),
            ],
        ),
    );
}

#[test]
fn all_there_is_with_payments_at_the_core() {
    walk_as_listed(
        &World::with_payments_at_core(3, TWO_REFUNDS),
        &listed(
            (107_819, 5_051_001, 651_294, 2_090, 12_791),
            &[
                (RefusalTakenBack, 123_418),
                (ClosedThenProceed, 107_280),
                (ClosedThenStands, 171_248),
                (RefundBeyondTheCore, 54_034),
                (InquiryTakenBack, 145_076),
                (PartlyRefundedAfterSuccess, 1_904),
                (AskerReplaced, 80),
                (UnknownInDoubt, 964),
                (InTimeAndTooLate, 900),
                (NothingOfASuccess, 62_772),
                (DecidedOnTwoAmounts, 67_744),
            ],
        ),
    );
}

#[test]
fn other_settings_with_the_ledger() {
    let world = World::with_ledger;
    walk_as_listed(&worded(NOT_RECEIVED_IS_F, world()), &listed((1_501, 29_787, 4_812, 0, 0), &[(InTimeAndTooLate, 216)]));
    walk_as_listed(&worded(ANY_ACQUIRER, world()), &listed((2_583, 51_445, 8_277, 0, 0), &[(InTimeAndTooLate, 864)]));
    walk_as_listed(&worded(WINDOW_EXCEEDED, world()), &listed((1_455, 28_749, 4_720, 0, 0), &[(InTimeAndTooLate, 216)]));
}

#[test]
fn other_settings_with_a_wallet_core() {
    let world = || World::with_core(2, ONE_REFUND);
    walk_as_listed(
        &worded(NOT_RECEIVED_IS_F, world()),
        &listed(
            (11_658, 297_412, 39_876, 900, 2_730),
            &[
                (ClosedThenProceed, 7_940),
                (ClosedThenStands, 7_940),
                (RefundBeyondTheCore, 3_216),
                (InquiryTakenBack, 7_376),
                (PartlyRefundedAfterSuccess, 420),
                (InTimeAndTooLate, 54),
                (NothingOfASuccess, 3_164),
            ],
        ),
    );
    walk_as_listed(
        &worded(ANY_ACQUIRER, world()),
        &listed(
            (21_153, 538_952, 65_643, 1_470, 4_664),
            &[
                (ClosedThenProceed, 15_880),
                (ClosedThenStands, 15_880),
                (RefundBeyondTheCore, 6_432),
                (InquiryTakenBack, 7_044),
                (PartlyRefundedAfterSuccess, 560),
                (InTimeAndTooLate, 216),
                (NothingOfASuccess, 3_304),
            ],
        ),
    );
}

#[test]
fn other_settings_with_payments_at_the_core() {
    let world = || World::with_payments_at_core(1, ONE_REFUND);
    walk_as_listed(
        &worded(NOT_RECEIVED_IS_F, world()),
        &listed(
            (8_154, 304_174, 36_362, 952, 1_405),
            &[
                (RefusalTakenBack, 7_504),
                (ClosedThenProceed, 5_020),
                (ClosedThenStands, 7_084),
                (RefundBeyondTheCore, 2_434),
                (InquiryTakenBack, 3_968),
                (AskerReplaced, 80),
                (UnknownInDoubt, 844),
                (InTimeAndTooLate, 180),
                (NothingOfASuccess, 1_720),
                (DecidedOnTwoAmounts, 1_132),
            ],
        ),
    );
    walk_as_listed(
        &worded(ANY_ACQUIRER, world()),
        &listed(
            (15_241, 569_044, 60_813, 1_624, 2_434),
            &[
                (ClosedThenProceed, 10_040),
                (ClosedThenStands, 14_168),
                (RefundBeyondTheCore, 4_946),
                (InquiryTakenBack, 3_808),
                (AskerReplaced, 676),
                (WaitsInAnothersName, 70),
                (UnknownInDoubt, 268),
                (InTimeAndTooLate, 720),
                (NothingOfASuccess, 1_720),
                (DecidedOnTwoAmounts, 2_026),
            ],
        ),
    );
}
