//! `rescind reversals retry ID`: what an operator does about a parked reversal where no API can be reached.

use std::process::ExitCode;

use domain::{CommandReply, PaymentRequestId};
use use_cases::retry_reversal;

use crate::clock::SystemClock;
use crate::output::{CliError, print_line};
use crate::settings::Settings;
use crate::wiring;

/// Has a parked reversal tried again by the processes that serve the database.
pub(crate) async fn retry(settings: Settings, id: PaymentRequestId) -> Result<ExitCode, CliError> {
    let store = wiring::deployment_store(&settings)?;
    let reply = retry_reversal(store.as_ref(), &SystemClock, &id).await.map_err(|error| {
        CliError::new(format!("it is not known whether the reversal {id} is tried again, because the database failed: {error}"))
    })?;
    match reply {
        CommandReply::Done(_) => {
            print_line(format_args!("the reversal {id} is open again and due at once"))?;
            Ok(ExitCode::SUCCESS)
        }
        CommandReply::NotFound { fenced: _ } => Err(CliError::new(format!("there is no reversal {id}"))),
        CommandReply::PaymentsAreTheCores => Err(CliError::new(format!("the reversal {id} is not tried again"))),
        CommandReply::Conflict(why) => Err(CliError::new(format!("the reversal {id} is not tried again: {why}"))),
    }
}
