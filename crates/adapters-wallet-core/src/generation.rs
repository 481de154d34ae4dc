//! Connections that do not outlive the place they lead to.
//!
//! A name may lead to another machine from one moment to the next, and a connection that is kept does not notice. So connections belong
//! to a generation. When the generation is old, or an answer outside of the contract came over one of its connections, the next call
//! begins a new one: it asks for the name again. Connections of the old one end with their calls. So do those that began with another
//! token or another certificate than is in force.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Client;

use crate::recipe::Recipe;

/// How old a connection may be at the end of its last call.
const OLDEST: Duration = Duration::from_secs(60);

/// The client of one generation, with what it was made of and its number.
#[derive(Debug, Clone)]
pub(crate) struct Generation {
    pub(crate) http: Client,
    pub(crate) recipe: Arc<Recipe>,
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
    /// Begins with the first one. A call has to end before its connection is too old.
    pub(crate) fn beginning_with(recipe: Arc<Recipe>, first: Client, max_age: Duration) -> Self {
        let longest = max_age.min(OLDEST.saturating_sub(recipe.timeout));
        let generation = Generation { http: first, recipe, number: 0 };
        Self { present: Mutex::new(Present { generation, begun: Some(Instant::now()) }), longest }
    }

    /// The generation for a call that begins now. Where no new one can be made, the old one is better than none.
    pub(crate) fn present(&self) -> Generation {
        let mut present = self.lock();
        let is_over = present.begun.is_none_or(|begun| begun.elapsed() >= self.longest);
        let recipe = &present.generation.recipe;
        if is_over && let Ok(http) = recipe.client() {
            *present = present.followed_by(Arc::clone(recipe), http);
        }
        present.generation.clone()
    }

    /// Begins a generation that is made of something else.
    pub(crate) fn exchange(&self, recipe: Arc<Recipe>, http: Client) {
        let mut present = self.lock();
        *present = present.followed_by(recipe, http);
    }

    /// What the present generation is made of.
    pub(crate) fn recipe(&self) -> Arc<Recipe> {
        Arc::clone(&self.lock().generation.recipe)
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

impl Present {
    fn followed_by(&self, recipe: Arc<Recipe>, http: Client) -> Self {
        let number = self.generation.number + 1;
        Self { generation: Generation { http, recipe, number }, begun: Some(Instant::now()) }
    }
}
