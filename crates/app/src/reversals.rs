//! `rescind reversals`: what an operator sees and does of reversals where no API can be reached.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use domain::{
    Action, Case, CommandReply, DeferReason, DeferralState, Disposition, Money, PaymentRequestId, ReversalState,
    ReversalStateName,
};
use ports::{Page, ReversalFilter};
use serde_json::json;
use use_cases::operate;

use crate::clock::SystemClock;
use crate::output::{CliError, print_line};
use crate::settings::Settings;
use crate::wiring;

/// How many are read at once.
const AT_ONCE: u32 = 500;

/// Which list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListedState {
    /// Tried until the money is back.
    Open,
    /// Left to an operator.
    Parked,
    /// Not decidable yet.
    Deferred,
}

/// Prints what is in a list, one a line.
pub(crate) async fn list(settings: Settings, state: ListedState, as_json: bool) -> Result<ExitCode, CliError> {
    let store = wiring::deployment_store(&settings)?;
    let mut after = None;
    loop {
        let page = Page { limit: AT_ONCE, after };
        let cases = match state {
            ListedState::Open => store.reversals(ReversalFilter::Open, &page).await,
            ListedState::Parked => store.reversals(ReversalFilter::Parked, &page).await,
            ListedState::Deferred => store.deferred(&page).await,
        };
        let cases = cases.map_err(|error| CliError::new(format!("the database cannot be asked: {error}")))?;
        for case in &cases {
            let line = match (as_json, state) {
                (false, _) => ListedCase::of(case).map(|listed| listed.in_words()),
                (true, ListedState::Deferred) => wiring::json_of_deferred(case).map(|json| json.to_string()),
                (true, ListedState::Open | ListedState::Parked) => wiring::json_of_reversal(case).map(|json| json.to_string()),
            };
            line.map_or(Ok(()), print_line)?;
        }
        after = cases.last().map(|case| case.id.to_string());
        if cases.len() < AT_ONCE as usize {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// A reversal, or a deferred cancel, as it is listed.
struct ListedCase<'a> {
    case: &'a Case,
    /// In the words of the wallet API.
    state: &'static str,
    amount: Option<Money>,
    since: DateTime<Utc>,
    attempts: u32,
    /// What was met last, or why it is parked.
    last_error: Option<&'a str>,
}

impl<'a> ListedCase<'a> {
    fn of(case: &'a Case) -> Option<Self> {
        case.defer_reason().map_or_else(|| Self::of_reversal(case), |reason| Self::of_deferred(case, reason))
    }

    fn of_deferred(case: &'a Case, reason: DeferReason) -> Option<Self> {
        let (state, last_error) = match case.deferral.as_ref().map(|deferral| &deferral.state) {
            Some(DeferralState::Parked { reason }) => (ReversalStateName::Parked.as_str(), Some(reason.as_str())),
            Some(DeferralState::Waiting { last_error, .. }) => (reason.as_str(), last_error.as_deref()),
            None => (reason.as_str(), None),
        };
        let attempts = case.deferral.as_ref().map_or(0, |deferral| deferral.attempts);
        Some(Self { case, state, amount: None, since: case.deferred_since()?, attempts, last_error })
    }

    fn of_reversal(case: &'a Case) -> Option<Self> {
        let reversal = case.reversal.as_ref()?;
        let last_error = match &reversal.state {
            ReversalState::Open { last_error, .. } => last_error.as_deref(),
            ReversalState::Parked { reason } => Some(reason.as_str()),
            ReversalState::Done { .. } => None,
        };
        Some(Self {
            case,
            state: reversal.state.name().as_str(),
            amount: reversal.amount,
            since: reversal.opened_at,
            attempts: reversal.attempts,
            last_error,
        })
    }

    fn in_words(&self) -> String {
        let Self { case, state, amount, since, attempts, last_error, .. } = self;
        let amount = amount.map_or_else(|| "whatever was taken".to_owned(), |amount| amount.to_string());
        let error = last_error.map(|error| format!(": {error}")).unwrap_or_default();
        format!("{}  {state}  {amount}  since {}  {attempts} attempts{error}", case.id, since.to_rfc3339())
    }
}

/// Has an operator's act recorded, which the processes that serve the database go on from, and says what came of it.
pub(crate) async fn act(
    settings: Settings,
    (id, action): (PaymentRequestId, Action),
    as_json: bool,
) -> Result<ExitCode, CliError> {
    let (store, not_done) = (wiring::deployment_store(&settings)?, not_done(&action));
    let reply = operate(store.as_ref(), &SystemClock, (&id, action)).await.map_err(|error| {
        CliError::new(format!(
            "it is not known whether this was recorded of the reversal {id}, because the database failed: {error}"
        ))
    })?;
    match reply {
        CommandReply::Done(disposition) if as_json => {
            print_line(json!({ "reversalId": id.as_str(), "disposition": disposition.as_str() }))?;
            Ok(ExitCode::SUCCESS)
        }
        CommandReply::Done(disposition) => {
            print_line(format_args!("the reversal {id} {}", in_words(disposition)))?;
            Ok(ExitCode::SUCCESS)
        }
        CommandReply::NotFound { fenced: _ } => Err(CliError::new(format!("there is no reversal {id}"))),
        CommandReply::Conflict(why) => Err(CliError::new(format!("the reversal {id} {not_done}: {why}"))),
        CommandReply::RefundedElsewhere | CommandReply::PaymentsAreTheCores => {
            Err(CliError::new(format!("the reversal {id} {not_done}")))
        }
    }
}

/// What did not become of a reversal.
fn not_done(action: &Action) -> &'static str {
    match action {
        Action::Retry { .. } => "is not tried again",
        Action::Park { .. } => "is not parked",
        Action::Resolve { .. } | Action::Approve { .. } => "is not resolved",
        Action::Cancel(_)
        | Action::Pay(_)
        | Action::Result(_)
        | Action::Refund(_)
        | Action::RefundResult(_)
        | Action::LeaseAttempt
        | Action::CompleteAttempt(_)
        | Action::LeaseLookup
        | Action::DecideDeferred(_)
        | Action::LookUpBy(_)
        | Action::Adopt(_)
        | Action::Settle(_) => "is left as it is",
    }
}

/// What became of a reversal.
fn in_words(disposition: Disposition) -> &'static str {
    match disposition {
        Disposition::Reopened => "is open again and due at once",
        Disposition::Parked => "is parked until an operator decides",
        Disposition::Requested => "waits for another operator, who runs `rescind reversals approve`",
        Disposition::Resolved => "is resolved",
        Disposition::Proceed | Disposition::Closed | Disposition::Stands | Disposition::Reversed | Disposition::Refused => {
            "is left as it is"
        }
    }
}
