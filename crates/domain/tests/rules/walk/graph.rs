//! The graphs of the pages, made of the steps that were seen.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Action, CancellationState, FundsKind, ReversalState};

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
    if let Some(rule) = step.decision.rule {
        return rule.name();
    }
    match step.action() {
        Action::Cancel(_) => "cancel",
        Action::Pay(_) => "pay",
        Action::Result(_) => "late success",
        Action::Refund(_) => "refund",
        Action::RefundResult(_) => "refund result",
        Action::LeaseAttempt => "lease",
        Action::CompleteAttempt(end) => end.outcome.name().as_str(),
        Action::Retry => "retry",
        Action::Resolve { .. } => "resolve",
        Action::Settle(_) => "day closed",
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

    /// The two blocks, as the page shows them.
    pub(super) fn blocks(&self) -> [String; 2] {
        [self.cancellation.block(), self.reversal.block()]
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

    /// In Mermaid, whose names have no hyphens; a state that is never left leads to the end.
    fn block(&self) -> String {
        let name = |state: &str| state.replace('-', "_");
        let mut lines = vec!["```mermaid".to_owned(), "stateDiagram-v2".to_owned()];
        for ((from, to), (causes, funds)) in &self.0 {
            let causes: Vec<_> = causes.iter().copied().collect();
            let only = if let (1, Some(only)) = (funds.len(), funds.first()) { format!(" ({only})") } else { String::new() };
            let from = from.map_or("[*]".to_owned(), name);
            lines.push(format!("    {from} --> {}: {}{only}", name(to), causes.join(", ")));
        }
        let left: BTreeSet<_> = self.0.keys().filter_map(|(from, _)| *from).collect();
        let ends: BTreeSet<_> = self.0.keys().map(|(_, to)| *to).filter(|to| !left.contains(to)).collect();
        lines.extend(ends.into_iter().map(|end| format!("    {} --> [*]", name(end))));
        lines.push("```".to_owned());
        lines.join("\n")
    }
}
