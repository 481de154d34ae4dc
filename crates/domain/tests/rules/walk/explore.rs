//! The search: breadth first, over everything that may happen, until nothing new comes of it.

use std::cell::Cell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use domain::{Case, Change, PaymentRequestId, Reversal};

use super::commands::{Commands, ID, MOMENTS, World, in_words};
use super::feed::Added;
use super::graph::Moves;
use super::holds::hold;
use super::kinds::{Kind, OF_A_STEP};
use super::told::Says;
use crate::fixtures::{at, good};
use crate::invariants::{Decide, Step};

/// A case at a moment.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) case: Case,
    pub(super) moment: usize,
}

/// One or more commands that do the same: lead to the same state, say the same, and are of the same kinds.
pub(super) struct Edge {
    pub(super) to: usize,
    pub(super) says: Says,
    pub(super) kinds: Vec<Kind>,
    /// What they add to the timeline and to the ledger.
    pub(super) adds: Added,
    /// How many commands.
    pub(super) times: u64,
    /// The place of the first of them.
    pub(super) command: u16,
}

/// All that was seen.
pub(super) struct Walk<'a> {
    world: &'a World,
    decide: Decide,
    commands: Vec<Commands>,
    pub(super) states: Vec<Rc<State>>,
    index: HashMap<Rc<State>, usize>,
    /// From where, and by which command, each state was reached first.
    parents: Vec<(usize, u16)>,
    pub(super) edges: Vec<Vec<Edge>>,
    pub(super) transitions: u64,
    /// States whose next attempt goes beyond the bound, or is due after the last moment.
    pub(super) cut: Vec<bool>,
    pub(super) moves: Moves,
}

/// The place of the command that lets time go by.
pub(super) const LATER: u16 = u16::MAX;

impl<'a> Walk<'a> {
    /// Walks through all of a world.
    ///
    /// # Errors
    /// What does not hold, with the shortest history that leads to it.
    pub(super) fn through(world: &'a World, decide: Decide) -> Result<Self, String> {
        let commands = (0..MOMENTS.len()).map(|moment| world.commands(moment)).collect();
        let mut walk = Self {
            world,
            decide,
            commands,
            states: vec![],
            index: HashMap::new(),
            parents: vec![],
            edges: vec![],
            transitions: 0,
            cut: vec![],
            moves: Moves::default(),
        };
        walk.place_of(State { case: Case::unknown(good(PaymentRequestId::parse(ID))), moment: 0 }, (0, LATER));
        let mut next = 0;
        while next < walk.states.len() {
            walk.look_around(next)?;
            next += 1;
        }
        Ok(walk)
    }

    /// Every step that leads out of a state.
    fn look_around(&mut self, from: usize) -> Result<(), String> {
        let state = Rc::clone(&self.states[from]);
        let attempts = state.case.reversal.as_ref().map_or(0, |reversal| reversal.attempts).min(self.world.attempts);
        let running = Cell::new(0);
        let looked = catch_unwind(AssertUnwindSafe(|| {
            for place in 0..self.commands[state.moment].after(attempts).len() {
                running.set(place as u16);
                self.step(from, &state, place);
            }
        }));
        if let Err(panic) = looked {
            let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            let history = self.history(from, Some(running.get()));
            return Err(format!("{}\n{}\nfrom {:#?}", said.unwrap_or("a panic"), history.join("\n"), state.case));
        }
        if state.moment + 1 < MOMENTS.len() {
            let later = State { case: state.case.clone(), moment: state.moment + 1 };
            let to = self.place_of(later, (from, LATER));
            self.record(
                from,
                Edge { to, says: Says::default(), kinds: vec![], adds: Added::default(), times: 1, command: LATER },
            );
        } else if is_due_later(&state) {
            self.cut[from] = true;
        }
        Ok(())
    }

    fn step(&mut self, from: usize, state: &State, place: usize) {
        let command = &self.commands[state.moment].after(self.world.attempts)[place];
        let policy = &self.world.policy;
        let decision = (self.decide)(policy, &state.case, command);
        if from.is_multiple_of(97) {
            assert_eq!((self.decide)(policy, &state.case, command), decision, "deciding is a function");
        }
        let after = decision.change.as_ref().map_or(&state.case, |change| &change.case);
        let step = Step { policy, before: &state.case, command, decision: &decision, after };
        hold(self.decide, &step);
        self.moves.record(&step);
        let says = Says::of(&step, self.world.looks_up);
        let kinds = OF_A_STEP.iter().filter(|(_, is)| is(&step)).map(|(kind, _)| *kind).collect();
        self.transitions += 1;
        let adds = Added::by(&step);
        let begun = after.reversal.as_ref().map_or(0, |reversal| reversal.attempts);
        let to = match decision.change {
            None => from,
            Some(_) if begun > self.world.attempts => {
                self.cut[from] = true;
                return;
            }
            Some(Change { case, .. }) => self.place_of(State { case, moment: state.moment }, (from, place as u16)),
        };
        self.record(from, Edge { to, says, kinds, adds, times: 1, command: place as u16 });
    }

    fn place_of(&mut self, state: State, parent: (usize, u16)) -> usize {
        if let Some(place) = self.index.get(&state) {
            return *place;
        }
        let (place, state) = (self.states.len(), Rc::new(state));
        self.states.push(Rc::clone(&state));
        self.index.insert(state, place);
        self.parents.push(parent);
        self.edges.push(vec![]);
        self.cut.push(false);
        place
    }

    fn record(&mut self, from: usize, edge: Edge) {
        let same = |known: &&mut Edge| {
            known.to == edge.to && known.kinds == edge.kinds && known.says == edge.says && known.adds == edge.adds
        };
        match self.edges[from].iter_mut().find(same) {
            Some(known) => known.times += 1,
            None => self.edges[from].push(edge),
        }
    }

    fn history(&self, mut state: usize, last: Option<u16>) -> Vec<String> {
        let mut lines: Vec<_> = last.map(|place| self.in_words(state, place)).into_iter().collect();
        while state != 0 {
            let (before, command) = self.parents[state];
            lines.push(self.in_words(before, command));
            state = before;
        }
        lines.reverse();
        lines
    }

    pub(super) fn in_words(&self, from: usize, place: u16) -> String {
        let of_moment = self.commands[self.states[from].moment].after(self.world.attempts);
        of_moment.get(usize::from(place)).map_or("time goes by".into(), in_words)
    }
}

/// Whether the next attempt would need more time than a walk has.
fn is_due_later(state: &State) -> bool {
    let later = |reversal: &Reversal| reversal.is_unfinished() && !reversal.is_due(at(MOMENTS[state.moment]));
    state.case.reversal.as_ref().is_some_and(later)
}
