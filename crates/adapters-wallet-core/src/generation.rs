//! Connections that do not outlive the place they lead to.
//!
//! A name may lead to another machine from one moment to the next, and a connection that is kept does not notice. So connections belong
//! to a generation. When the generation is old, or an answer outside of the contract came over one of its connections, the next call
//! begins a new one: it asks for the name again. Connections of the old one end with their calls.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Client;

/// How old a connection may be at the end of its last call.
const OLDEST: Duration = Duration::from_secs(60);

/// The client of one generation, with its number.
#[derive(Debug, Clone)]
pub(crate) struct Generation {
    pub(crate) http: Client,
    number: u64,
}

/// The present generation.
#[derive(Debug)]
pub(crate) struct Generations {
    present: Mutex<Present>,
    /// A call begins a new generation where the present one is as old as this.
    longest: Duration,
}

#[derive(Debug)]
struct Present {
    generation: Generation,
    /// `None` once it has to end.
    begun: Option<Instant>,
}

impl Generations {
    /// Begins with the first one. A call of `timeout` has to end before its connection is too old.
    pub(crate) fn beginning_with(first: Client, max_age: Duration, timeout: Duration) -> Self {
        let generation = Generation { http: first, number: 0 };
        let present = Mutex::new(Present { generation, begun: Some(Instant::now()) });
        Self { present, longest: max_age.min(OLDEST.saturating_sub(timeout)) }
    }

    /// The generation for a call that begins now. Where no new one can be made, the old one is better than none.
    pub(crate) fn present(&self, make: impl FnOnce() -> Option<Client>) -> Generation {
        let mut present = self.lock();
        let is_over = present.begun.is_none_or(|begun| begun.elapsed() >= self.longest);
        if is_over && let Some(http) = make() {
            let number = present.generation.number + 1;
            *present = Present { generation: Generation { http, number }, begun: Some(Instant::now()) };
        }
        present.generation.clone()
    }

    /// Ends a generation, if it is the present one.
    pub(crate) fn end(&self, generation: &Generation) {
        let mut present = self.lock();
        if present.generation.number == generation.number {
            present.begun = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
