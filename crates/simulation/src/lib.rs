//! Whole deployments of Rescind on one thread and a paused clock: everything in a run is drawn from its seed, so that a run is repeated
//! by its number. What is real and what is simulated stands in `docs/develop/simulation.md`.

mod actors;
mod callback;
mod checks;
mod cluster;
mod core;
mod days;
mod deployment;
mod faults;
mod keys;
mod life;
mod log;
mod node;
mod planted;
mod plants;
mod promises;
mod random;
mod recorder;
mod report;
mod rulebook;
mod storage;
mod store;
mod terms;
mod time;
mod violations;
mod window;
mod world;
mod year;

use std::sync::Arc;

pub use faults::FaultKind;
pub use plants::Plant;
pub use report::RunReport;
pub use terms::{RunRequest, StoreKind};
pub use violations::{Violation, ViolationKind};
pub use year::{YearReport, simulate_year};

/// How many payment requests a window has at most, where nothing else is asked for.
pub const PAYMENTS: u64 = 420;

/// Lets a run happen.
///
/// # Errors
/// A sentence about what the machine did not do.
pub fn simulate(request: &RunRequest) -> Result<RunReport, String> {
    let file = match &request.trace {
        Some(path) => Some(std::fs::File::create(path).map_err(|error| format!("{}: {error}", path.display()))?),
        None => None,
    };
    let recorder = Arc::new(recorder::Recorder::new(faults::FaultStreams::of(request.seed, &request.faults), file));
    let keys = keys::SimulatedKeys::create()?;
    let (mut number, mut day) = (0, 0);
    while day < request.days {
        let days = deployment::DAYS.min(request.days - day);
        deployment::run(request, &recorder, &keys, (number, day, days))?;
        (number, day) = (number + 1, day + days);
    }
    Ok(RunReport::of(request, &recorder))
}
