//! `rescind reversals retry ID`: what an operator does about a parked reversal where no API can be reached.

use std::process::ExitCode;
use std::time::Instant;

use domain::{Action, Command, Disposition, Outcome, PaymentRequestId};
use ports::{Clock, ReceivedCommand, UnavailableError};

use crate::clock::SystemClock;
use crate::output::{Failure, print_line};
use crate::settings::Settings;
use crate::wiring;

/// Has a parked reversal tried again, by whichever process serves the database.
pub(crate) async fn retry(settings: Settings, id: PaymentRequestId) -> Result<ExitCode, Failure> {
    let store = wiring::deployment_store(&settings)?;
    let command = Command { id: id.clone(), at: SystemClock.now(), action: Action::Retry };
    let decided = store.decide(vec![ReceivedCommand { command, arrived: Instant::now() }]).await.pop();
    let outcome = decided.unwrap_or_else(|| Err(UnavailableError::because("it did not answer")));
    let outcome = outcome.map_err(|error| {
        Failure::new(format!("it is not known whether the reversal {id} is tried again, because the database failed: {error}"))
    })?;
    match outcome {
        Outcome::DispositionBody(Disposition::Reopened) => {
            print_line(format_args!("the reversal {id} is open again and due at once"))?;
            Ok(ExitCode::SUCCESS)
        }
        Outcome::NotFound { fenced: _ } => Err(Failure::new(format!("there is no reversal {id}"))),
        Outcome::Conflict(why) => Err(Failure::new(format!("the reversal {id} is not tried again: {why}"))),
        Outcome::DispositionBody(_) | Outcome::Answered(_) | Outcome::ReversalPending { .. } => {
            Err(Failure::new(format!("the store answered for the reversal {id} with something else: {outcome:?}")))
        }
    }
}
