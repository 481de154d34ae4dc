//! Where a case can still come to.

use domain::{CancellationState, Case, DeferReason, Reversal, ReversalState};

use super::explore::{Edge, Walk};
use crate::invariants::recorded_answer;

/// How many states of a walk cannot come to an end, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DeadEnds {
    /// The bound of attempts, or the last moment, is in the way.
    pub(super) cut: usize,
    /// Nothing is in the way: the rules have no way out.
    pub(super) stuck: usize,
    /// A wallet core that answers is the only way out: no operator can end it.
    pub(super) without_operator: usize,
}

/// Answered for good and no money on the way, or on an operator's list.
fn is_end(case: &Case) -> bool {
    let is = |wanted: fn(&ReversalState) -> bool| case.reversal.as_ref().is_some_and(|Reversal { state, .. }| wanted(state));
    let is_parked = is(|state| matches!(state, ReversalState::Parked { .. }));
    // An operator has it on the list of deferred cancels, whatever the core says next.
    let is_contradicted =
        case.cancellation.as_ref().is_some_and(|known| known.state == CancellationState::Deferred(DeferReason::Contradiction));
    is_parked || is_contradicted || (recorded_answer(case).is_some() && !is(|state| matches!(state, ReversalState::Open { .. })))
}

impl Walk<'_> {
    pub(super) fn dead_ends(&self) -> DeadEnds {
        let ends: Vec<_> = self.states.iter().map(|state| is_end(&state.case)).collect();
        let any = self.leading_to(ends.clone(), |_| true);
        let by_operators = self.leading_to(ends, |edge| !edge.says.needs_core);
        let cut = self.leading_to(self.cut.clone(), |_| true);
        let lost = || any.iter().zip(&cut).filter(|(any, _)| !**any);
        DeadEnds {
            cut: lost().filter(|(_, cut)| **cut).count(),
            stuck: lost().filter(|(_, cut)| !**cut).count(),
            without_operator: by_operators.iter().filter(|leads| !**leads).count(),
        }
    }

    /// The states from which steps of this sort lead to one of the marked.
    fn leading_to(&self, mut marked: Vec<bool>, counts: impl Fn(&Edge) -> bool) -> Vec<bool> {
        let mut into: Vec<Vec<u32>> = vec![vec![]; self.states.len()];
        for (from, edges) in self.edges.iter().enumerate() {
            for edge in edges.iter().filter(|edge| edge.to != from && counts(edge)) {
                into[edge.to].push(from as u32);
            }
        }
        let mut queue: Vec<_> = (0..marked.len()).filter(|place| marked[*place]).collect();
        while let Some(to) = queue.pop() {
            for from in into[to].iter().map(|from| *from as usize) {
                if !marked[from] {
                    marked[from] = true;
                    queue.push(from);
                }
            }
        }
        marked
    }
}
