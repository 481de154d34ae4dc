//! `rescind reversals`: what an operator sees and does of reversals where no API can be reached.

use std::process::ExitCode;

use domain::{Action, Case, CommandReply, PaymentRequestId, Reversal, ReversalState};
use ports::{Page, ReversalFilter};
use serde_json::{Value, json};
use use_cases::operate;

use crate::clock::SystemClock;
use crate::output::{CliError, print_line};
use crate::settings::Settings;
use crate::wiring;

/// How many are read at once.
const AT_ONCE: u32 = 500;

/// Prints the reversals that are open or parked, one a line.
pub(crate) async fn list(settings: Settings, filter: ReversalFilter, as_json: bool) -> Result<ExitCode, CliError> {
    let store = wiring::deployment_store(&settings)?;
    let mut after = None;
    loop {
        let page = Page { limit: AT_ONCE, after };
        let cases = store.reversals(filter, &page).await;
        let cases = cases.map_err(|error| CliError::new(format!("the database cannot be asked: {error}")))?;
        for case in &cases {
            if let Some(reversal) = &case.reversal {
                print_line(if as_json { in_json(case, reversal).to_string() } else { in_words(case, reversal) })?;
            }
        }
        after = cases.last().map(|case| case.id.to_string());
        if cases.len() < AT_ONCE as usize {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// When the next attempt is due, and what an operator has to know.
fn state_of(reversal: &Reversal) -> (Option<String>, Option<&str>) {
    match &reversal.state {
        ReversalState::Open { next_attempt_at, last_error, .. } => (Some(next_attempt_at.to_rfc3339()), last_error.as_deref()),
        ReversalState::Parked { reason } => (None, Some(reason)),
        ReversalState::Done { .. } => (None, None),
    }
}

fn in_words(case: &Case, reversal: &Reversal) -> String {
    let amount = reversal.amount.map_or_else(|| "whatever was taken".to_owned(), |amount| amount.to_string());
    let since = reversal.opened_at.to_rfc3339();
    let (_, error) = state_of(reversal);
    let error = error.map(|error| format!(": {error}")).unwrap_or_default();
    format!("{}  {}  {amount}  since {since}  {} attempts{error}", case.id, reversal.state.name(), reversal.attempts)
}

/// The members of the wallet API's list.
fn in_json(case: &Case, reversal: &Reversal) -> Value {
    let (next_attempt_at, last_error) = state_of(reversal);
    let amount =
        reversal.amount.map(|amount| json!({ "value": amount.minor().to_string(), "currency": amount.currency().code() }));
    json!({
        "reversalId": case.id.as_str(),
        "taken": reversal.taken.as_str(),
        "amount": amount,
        "state": reversal.state.name().as_str(),
        "attempts": reversal.attempts,
        "openedAt": reversal.opened_at.to_rfc3339(),
        "nextAttemptAt": next_attempt_at,
        "lastError": last_error,
    })
}

/// Has an operator's act recorded, which the processes that serve the database go on from, and says what came of it.
pub(crate) async fn act(
    settings: Settings,
    (id, action): (PaymentRequestId, Action),
    [done, not_done]: [&str; 2],
) -> Result<ExitCode, CliError> {
    let store = wiring::deployment_store(&settings)?;
    let reply = operate(store.as_ref(), &SystemClock, (&id, action)).await.map_err(|error| {
        CliError::new(format!("it is not known whether the reversal {id} {done}, because the database failed: {error}"))
    })?;
    match reply {
        CommandReply::Done(_) => {
            print_line(format_args!("the reversal {id} {done}"))?;
            Ok(ExitCode::SUCCESS)
        }
        CommandReply::NotFound { fenced: _ } => Err(CliError::new(format!("there is no reversal {id}"))),
        CommandReply::Conflict(why) => Err(CliError::new(format!("the reversal {id} {not_done}: {why}"))),
        CommandReply::RefundedElsewhere => Err(CliError::new(format!("the reversal {id} {not_done}"))),
    }
}
