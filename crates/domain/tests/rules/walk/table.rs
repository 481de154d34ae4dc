//! What a walk found is compared with what is listed.

use std::collections::BTreeSet;

use domain::decide;

use super::explore::Walk;
use super::graph::the_page;
use super::kinds::Kind;
use super::rows::{ROWS, Row};
use super::spread::Spread;

/// The figures of one walk, as its row has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) figures: (usize, u64, usize, usize, usize),
    pub(super) kinds: Vec<(Kind, u64)>,
}

impl Figures {
    pub(super) fn of(walk: &Walk<'_>, spread: &Spread) -> Self {
        let ends = walk.dead_ends();
        let figures = (walk.states.len(), walk.transitions, spread.states, ends.cut, ends.without_operator);
        Self { figures, kinds: spread.kinds.iter().map(|(kind, times)| (*kind, *times)).collect() }
    }

    fn listed(row: &Row) -> Self {
        Self { figures: row.figures, kinds: row.kinds.to_vec() }
    }

    fn times(&self, kind: Kind) -> u64 {
        self.kinds.iter().find(|(known, _)| *known == kind).map_or(0, |(_, times)| *times)
    }

    /// What is found otherwise than it is listed, in words.
    pub(super) fn differences(&self, found: &Self, spread: &Spread) -> Vec<String> {
        let kind_differs = |kind| match (self.times(kind), found.times(kind)) {
            (listed, met) if listed == met => None,
            (listed, 0) => Some(format!("{kind:?}: {listed} are listed and none is met; remove it from the list")),
            (0, met) => Some(format!("{kind:?}: {met} are met and none is listed; the first:\n{}", spread.examples[&kind])),
            (listed, met) => Some(format!("{kind:?}: {listed} are listed and {met} are met")),
        };
        let figures =
            format!("the rules have other states or steps: {:?} are listed and {:?} are met", self.figures, found.figures);
        let figures = (self.figures != found.figures).then_some(figures);
        Kind::ALL.into_iter().filter_map(kind_differs).chain(figures).collect()
    }
}

fn walk_as_listed(row: &Row) {
    let world = (row.world)();
    let walk = Walk::through(&world, decide).unwrap_or_else(|broken| panic!("{broken}"));
    let spread = walk.spread();
    let found = Figures::of(&walk, &spread);
    println!("{}: {found:?}", row.name);
    assert_eq!(walk.dead_ends().stuck, 0, "from every state an end can be reached");
    assert_eq!(walk.moves.missing_from(&the_page()), [""; 0], "the page shows every move");
    let wrong = Figures::listed(row).differences(&found, &spread);
    assert!(wrong.is_empty(), "{}\n{} should be {found:?}", wrong.join("\n"), row.name);
}

fn walk_rows(is: impl Fn(&str) -> bool) {
    let mut rows = ROWS.iter().filter(|row| is(row.name)).peekable();
    assert!(rows.peek().is_some(), "a walk of this name");
    rows.for_each(walk_as_listed);
}

#[test]
fn all_there_is_with_the_ledger() {
    walk_rows(|name| name.starts_with("ledger"));
}

#[test]
fn all_there_is_with_a_wallet_core() {
    walk_rows(|name| name == "core");
}

#[test]
fn all_there_is_with_payments_at_the_core() {
    walk_rows(|name| name == "payments at the core");
}

#[test]
fn what_other_settings_change_with_a_wallet_core() {
    walk_rows(|name| name.starts_with("core,"));
}

#[test]
fn what_other_settings_change_with_payments_at_the_core() {
    walk_rows(|name| name.starts_with("payments at the core,"));
}

#[test]
fn a_contradiction_is_listed_with_its_reason_and_a_reason_is_of_one_that_is_listed() {
    let listed: BTreeSet<_> = ROWS.iter().flat_map(|row| row.kinds).map(|(kind, _)| *kind).collect();
    let reasoned: BTreeSet<_> = Kind::ALL.into_iter().filter(|kind| kind.known_as().is_some()).collect();
    assert_eq!(listed, reasoned);
}
