//! What an operator does about a reversal from the command line, where no process has to be reached.

use ::ports::{CancellationStore, Clock, ReceivedCommand, UnavailableError};
use domain::{Action, Command, CommandReply, PaymentRequestId};

/// Has an operator's command decided by the store itself; the processes that serve the same store go on from there.
///
/// # Errors
/// [`UnavailableError`]: it is not known whether the command was recorded; giving it again is harmless.
pub async fn operate(
    store: &dyn CancellationStore,
    clock: &dyn Clock,
    (id, action): (&PaymentRequestId, Action),
) -> Result<CommandReply, UnavailableError> {
    let command = Command { id: id.clone(), at: clock.now(), action };
    let decided = store.decide(vec![ReceivedCommand { command, arrived: clock.instant() }]).await.pop();
    let decided = decided.unwrap_or_else(|| Err(UnavailableError::because("the store did not reply")))?;
    decided.typed().map(|decided| decided.reply).map_err(|mismatch| UnavailableError::because(mismatch.to_string()))
}
