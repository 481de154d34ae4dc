//! Which call goes wrong, and how.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) trouble: Trouble,
    pub(crate) side: Side,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The port says that it does not know. After its effect, that is a lost answer.
    Fails,
    /// It takes longer than anybody waits for it.
    IsSlow,
    /// It has a bug.
    Panics,
    /// Its process dies.
    EndsTheProcess,
    /// All callers of its process hang up.
    LosesItsCallers,
}

/// On which side of the call's effect it goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Before,
    After,
}

const TROUBLES: [Trouble; 5] =
    [Trouble::Fails, Trouble::IsSlow, Trouble::Panics, Trouble::EndsTheProcess, Trouble::LosesItsCallers];

/// Every fault there is.
pub(crate) fn every_fault() -> Vec<Fault> {
    TROUBLES.into_iter().flat_map(on_both_sides).collect()
}

/// One trouble before the effect, and after it.
pub(crate) fn on_both_sides(trouble: Trouble) -> [Fault; 2] {
    [Side::Before, Side::After].map(|side| Fault { trouble, side })
}

/// The calls of one run, of all ports and all processes, and the one that goes wrong.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    fault: Mutex<Option<(usize, Fault)>>,
    is_undisturbed: bool,
    calls: Mutex<Vec<&'static str>>,
    hits: AtomicUsize,
    /// Faults that have passed: a slow call is one until it goes on, or is given up.
    passed: AtomicUsize,
}

/// A fault while it lasts.
pub(crate) struct Lasting<'a>(&'a Plan);

impl Drop for Lasting<'_> {
    fn drop(&mut self) {
        self.0.passed.fetch_add(1, Ordering::SeqCst);
    }
}

impl Plan {
    /// The call at that place, counted from 0, meets the fault.
    pub(crate) fn with(place: usize, fault: Fault) -> Self {
        Self { fault: Mutex::new(Some((place, fault))), ..Self::default() }
    }

    /// No call meets anything.
    pub(crate) fn undisturbed() -> Self {
        Self { is_undisturbed: true, ..Self::default() }
    }

    /// Counts a call and says what it meets.
    pub(crate) fn counts(&self, name: &'static str) -> Option<Fault> {
        let mut calls = held(&self.calls);
        let place = calls.len();
        calls.push(name);
        held(&self.fault).take_if(|(planned, _)| *planned <= place).map(|(_, fault)| fault)
    }

    /// A call was given up by its caller before its fault took place: the next call meets it.
    pub(crate) fn misses(&self, fault: Fault) {
        *held(&self.fault) = Some((0, fault));
    }

    /// A fault takes place.
    pub(crate) fn hits(&self) -> Lasting<'_> {
        self.hits.fetch_add(1, Ordering::SeqCst);
        Lasting(self)
    }

    /// How often a fault took place.
    pub(crate) fn hit(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// Whether everything planned has happened.
    pub(crate) fn is_over(&self) -> bool {
        self.is_undisturbed || self.passed.load(Ordering::SeqCst) > 0
    }

    /// The calls so far, by the names of their methods.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        held(&self.calls).clone()
    }
}

/// What a mutex guards, also after a panic that was injected.
pub(crate) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
