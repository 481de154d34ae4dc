//! The states of a walk once more, each with all that can have been told on the way to it.

use std::collections::BTreeMap;

use super::explore::{LATER, Walk};
use super::kinds::Kind;
use super::told::Told;

/// What was told, and what of it was taken back.
pub(super) struct Spread {
    /// States, each with what was told until then.
    pub(super) states: usize,
    /// How many steps are of each kind.
    pub(super) kinds: BTreeMap<Kind, u64>,
    /// The shortest history of each kind.
    pub(super) examples: BTreeMap<Kind, String>,
}

/// A state, what was told, the place of the one before it in the queue, and the command that led here.
type Reached = (usize, Told, usize, u16);

impl Walk<'_> {
    pub(super) fn spread(&self) -> Spread {
        let mut spread = Spread { states: 0, kinds: BTreeMap::new(), examples: BTreeMap::new() };
        let mut seen: Vec<Vec<Told>> = vec![vec![]; self.states.len()];
        seen[0].push(Told::default());
        let mut queue: Vec<Reached> = vec![(0, Told::default(), 0, LATER)];
        while let Some(&(from, told, _, _)) = queue.get(spread.states) {
            for edge in &self.edges[from] {
                let (heard, taken_back) = told.hear(&edge.says);
                for kind in edge.kinds.iter().copied().chain(taken_back) {
                    *spread.kinds.entry(kind).or_default() += edge.times;
                    let example = || self.story(&queue, spread.states, edge.command);
                    spread.examples.entry(kind).or_insert_with(example);
                }
                if !seen[edge.to].contains(&heard) {
                    seen[edge.to].push(heard);
                    queue.push((edge.to, heard, spread.states, edge.command));
                }
            }
            spread.states += 1;
        }
        spread
    }

    fn story(&self, queue: &[Reached], mut place: usize, last: u16) -> String {
        let mut lines = vec![self.in_words(queue[place].0, last)];
        while place != 0 {
            let (_, _, before, command) = queue[place];
            lines.push(self.in_words(queue[before].0, command));
            place = before;
        }
        lines.reverse();
        lines.join("\n")
    }
}
