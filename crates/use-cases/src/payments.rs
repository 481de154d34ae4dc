//! What the wallet says of its payments and refunds, and what an operator does about a reversal.

use ::ports::ReceivedCommand;
use domain::{Action, Disposition, Outcome};
use tracing::{error, instrument, warn};

use crate::{Lanes, SubmitError};

/// What the wallet is told.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandReply {
    /// It may go on like this.
    DispositionBody(Disposition),
    /// No such payment, refund or reversal is recorded.
    NotFound,
    /// It contradicts what is recorded.
    Conflict(&'static str),
}

/// Has a command of the wallet's decided.
///
/// # Errors
/// [`SubmitError`]: the wallet repeats the call until it is answered.
#[instrument(skip_all, fields(payment_request_id = %asked.command.id))]
pub async fn submit(lanes: &Lanes, asked: ReceivedCommand) -> Result<CommandReply, SubmitError> {
    let id = asked.command.id.clone();
    let reports_result = matches!(asked.command.action, Action::Result(_) | Action::RefundResult(_));
    let outcome = lanes.submit(asked).await.inspect_err(|not_decided| {
        error!(payment_request_id = %id, error = %not_decided, "the wallet's command was not decided");
    })?;
    Ok(match outcome {
        Outcome::DispositionBody(disposition) => CommandReply::DispositionBody(disposition),
        Outcome::NotFound { fenced } => {
            if fenced {
                warn!(payment_request_id = %id, "a result came for a cancelled payment that was never announced");
            }
            CommandReply::NotFound
        }
        Outcome::Conflict(why) => {
            if reports_result {
                warn!(payment_request_id = %id, why, "a result contradicts what is recorded");
            }
            CommandReply::Conflict(why)
        }
        Outcome::Answered(_) | Outcome::ReversalPending { .. } => {
            error!(payment_request_id = %id, ?outcome, "the store answered the wallet with something else");
            CommandReply::Conflict("the command does not fit the case")
        }
    })
}
