//! The commands of the wallet's pay flow, and of its operators, by the wallet API.

use ::ports::ReceivedCommand;
use domain::{Action, CommandReply};
use tracing::{error, instrument, warn};

use crate::{Lanes, SubmitError};

/// Has a command of the wallet or of an operator decided.
///
/// # Errors
/// [`SubmitError`]: the caller repeats the call until it is answered.
#[instrument(skip_all, fields(payment_request_id = %received.command.id))]
pub async fn submit(lanes: &Lanes, received: ReceivedCommand) -> Result<CommandReply, SubmitError> {
    let id = received.command.id.clone();
    let reports_result = matches!(received.command.action, Action::Result(_) | Action::RefundResult(_));
    let decided = lanes.submit::<CommandReply>(received).await.inspect_err(|error| {
        error!(payment_request_id = %id, %error, "a command of the wallet API was not decided (the caller repeats it)");
    })?;
    match decided.reply {
        CommandReply::NotFound { fenced: true } => {
            warn!(payment_request_id = %id, "a result came for a payment that was cancelled and never announced (check what the wallet debited)");
        }
        CommandReply::Conflict(why) if reports_result => {
            warn!(payment_request_id = %id, why, "a result contradicts the record and was refused (check what the wallet did)");
        }
        CommandReply::RefundedElsewhere => {
            warn!(payment_request_id = %id, "a refund is refused: the wallet core said that refunds gave the money back already (compare the core's books)");
        }
        CommandReply::Done(_) if reports_result && decided.parks => {
            error!(payment_request_id = %id, "the reversal is parked again: the payment succeeded after it was resolved by hand (an operator has to decide)");
        }
        CommandReply::Done(_)
        | CommandReply::NotFound { fenced: false }
        | CommandReply::Conflict(_)
        | CommandReply::PaymentsAreTheCores => {}
    }
    Ok(decided.reply)
}
