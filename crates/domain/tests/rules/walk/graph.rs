//! The graphs of the pages, made of the steps that were seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use domain::{Action, CancellationState, FundsKind, ReversalState, ReversalStateName, decide};

use super::commands::{ONE_REFUND, World};
use super::explore::Walk;
use crate::invariants::Step;

/// From a state to another; `None` is the beginning.
type Move = (Option<&'static str>, &'static str);

/// Which moves there are in one graph, with what causes them and in whose books the money is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Graph(BTreeMap<Move, (BTreeSet<&'static str>, BTreeSet<&'static str>)>);

/// The moves of the cancellation and of the reversal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moves {
    cancellation: Graph,
    reversal: Graph,
}

fn cause(step: &Step<'_>) -> &'static str {
    let parks = |case: &domain::Case| case.reversal.as_ref().is_some_and(|known| known.state.name() == ReversalStateName::Parked);
    if step.found().is_some() && parks(step.after) && !parks(step.before) {
        return "contradiction";
    }
    if let Some(rule) = step.decision.rule {
        return rule.name();
    }
    match step.action() {
        Action::Cancel(_) => "cancel",
        Action::Pay(_) => "pay",
        Action::Result(_) => "late success",
        Action::Refund(_) => "refund",
        Action::RefundResult(_) => "refund result",
        Action::LeaseAttempt | Action::LeaseLookup => "lease",
        Action::DecideDeferred(_) | Action::LookUpBy(_) => "lookup",
        Action::CompleteAttempt(end) => end.outcome.name().as_str(),
        Action::Retry { .. } => "retry",
        Action::Park { .. } => "park",
        // With four eyes it takes a second command, and moves the same.
        Action::Resolve { .. } | Action::Approve { .. } => "resolve",
        Action::Settle(_) => "day closed",
        Action::Adopt(_) => "other settings",
    }
}

impl Moves {
    pub(super) fn record(&mut self, step: &Step<'_>) {
        if step.decision.change.is_none() {
            return;
        }
        let cancellation =
            |case: &domain::Case| case.cancellation.as_ref().map(|known| CancellationState::name(&known.state).as_str());
        let reversal = |case: &domain::Case| case.reversal.as_ref().map(|known| ReversalState::name(&known.state).as_str());
        self.cancellation.record(cancellation(step.before), cancellation(step.after), step);
        self.reversal.record(reversal(step.before), reversal(step.after), step);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.cancellation.merge(other.cancellation);
        self.reversal.merge(other.reversal);
    }

    /// The moves that a page does not show, each as the page could show it.
    pub(super) fn missing_from(&self, page: &str) -> Vec<String> {
        [&self.cancellation, &self.reversal].into_iter().flat_map(|graph| graph.missing_from(page)).collect()
    }
}

impl Graph {
    fn record(&mut self, from: Option<&'static str>, to: Option<&'static str>, step: &Step<'_>) {
        let Some(to) = to.filter(|_| from != to) else { return };
        let (causes, funds) = self.0.entry((from, to)).or_default();
        causes.insert(cause(step));
        funds.insert(match step.policy.funds {
            FundsKind::Ledger => "ledger",
            FundsKind::Http => "wallet core",
        });
    }

    fn merge(&mut self, other: Self) {
        for (way, (causes, funds)) in other.0 {
            let known = self.0.entry(way).or_default();
            known.0.extend(causes);
            known.1.extend(funds);
        }
    }

    fn missing_from(&self, page: &str) -> Vec<String> {
        let each = self.0.iter().flat_map(|(way, (causes, _))| causes.iter().map(move |cause| (arrow(way), *cause)));
        let shows = |arrow: &str, cause: &str| {
            page.lines().filter_map(|line| line.trim().strip_prefix(arrow)).any(|label| label.contains(cause))
        };
        each.filter(|(arrow, cause)| !shows(arrow, cause)).map(|(arrow, cause)| arrow + cause).collect()
    }

    /// In Mermaid. A state that is never left leads to the end.
    fn block(&self) -> String {
        let mut lines = vec!["```mermaid".to_owned(), "stateDiagram-v2".to_owned()];
        for (way, (causes, funds)) in &self.0 {
            let causes: Vec<_> = causes.iter().copied().collect();
            let only = if let (1, Some(only)) = (funds.len(), funds.first()) { format!(" ({only})") } else { String::new() };
            lines.push(format!("    {}{}{only}", arrow(way), causes.join(", ")));
        }
        let left: BTreeSet<_> = self.0.keys().filter_map(|(from, _)| *from).collect();
        let ends: BTreeSet<_> = self.0.keys().map(|(_, to)| *to).filter(|to| !left.contains(to)).collect();
        lines.extend(ends.into_iter().map(|end| format!("    {} --> [*]", name(end))));
        lines.push("```".to_owned());
        lines.join("\n")
    }
}

/// Mermaid's names have no hyphens.
fn name(state: &str) -> String {
    state.replace('-', "_")
}

fn arrow((from, to): &Move) -> String {
    format!("{} --> {}: ", from.map_or("[*]".to_owned(), name), name(to))
}

/// The page that shows the two graphs.
pub(super) fn the_page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/start/concepts.md");
    fs::read_to_string(path).unwrap_or_else(|missing| panic!("{path}: {missing}"))
}

/// The blocks that a page does not show word for word.
fn wrong_blocks(moves: &Moves, page: &str) -> Vec<String> {
    let blocks = [moves.cancellation.block(), moves.reversal.block()];
    let drawn = page.matches("stateDiagram-v2").count();
    let surplus = (drawn != blocks.len()).then(|| format!("the page has {drawn} state diagrams, and {} are known", blocks.len()));
    blocks.into_iter().filter(|block| !page.contains(block)).chain(surplus).collect()
}

fn moves_of_all_kinds() -> Moves {
    let worlds = [World::with_ledger(), World::with_core(2, ONE_REFUND), World::with_payments_at_core(1, ONE_REFUND)];
    let mut moves = Moves::default();
    for world in &worlds {
        moves.merge(Walk::through(world, decide).unwrap_or_else(|broken| panic!("{broken}")).moves);
    }
    moves
}

#[test]
fn the_page_shows_the_states_as_they_were_walked() {
    let wrong = wrong_blocks(&moves_of_all_kinds(), &the_page());
    assert!(wrong.is_empty(), "docs/start/concepts.md has to show this instead:\n\n{}", wrong.join("\n\n"));
}

#[test]
fn a_page_with_any_other_arrow_is_found_out() {
    let world = World::with_core(1, ONE_REFUND);
    let moves = Walk::through(&world, decide).unwrap_or_else(|broken| panic!("{broken}")).moves;
    let page = format!("# States\n\n{}\n\n{}\n", moves.cancellation.block(), moves.reversal.block());
    assert_eq!(wrong_blocks(&moves, &page), [""; 0]);
    assert_eq!(moves.missing_from(&page), [""; 0]);
    for line in page.lines().filter(|line| line.contains("-->")) {
        assert_eq!(wrong_blocks(&moves, &page.replacen(&format!("{line}\n"), "", 1)).len(), 1, "{line}");
        let changed = page.replacen(line, &line.replace(": ", ": not "), 1);
        assert!(line.contains("[*]") || wrong_blocks(&moves, &changed).len() == 1, "{line}");
    }
    let without = page.replace("retry", "again");
    assert_eq!(moves.missing_from(&without), ["parked --> open: retry"]);
    assert_eq!(wrong_blocks(&moves, &format!("{page}stateDiagram-v2")).len(), 1);
}
