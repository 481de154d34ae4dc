//! `rescind reversals`: what an operator sees and does of reversals where no API can be reached.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use domain::{
    Action, Case, CommandReply, DeferReason, DeferralState, Money, PaymentRequestId, ReversalState, ReversalStateName, Taken,
};
use ports::{Page, ReversalFilter};
use serde_json::{Value, json};
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
        for listed in cases.iter().filter_map(ListedCase::of) {
            print_line(if as_json { listed.in_json().to_string() } else { listed.in_words() })?;
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
    taken: Taken,
    amount: Option<Money>,
    since: DateTime<Utc>,
    attempts: u32,
    next_attempt_at: Option<DateTime<Utc>>,
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
        let (since, next_attempt_at) = (case.deferred_since()?, case.lookup_due_at());
        Some(Self { case, state, taken: Taken::NothingKnown, amount: None, since, attempts, next_attempt_at, last_error })
    }

    fn of_reversal(case: &'a Case) -> Option<Self> {
        let reversal = case.reversal.as_ref()?;
        let (next_attempt_at, last_error) = match &reversal.state {
            ReversalState::Open { next_attempt_at, last_error, .. } => (Some(*next_attempt_at), last_error.as_deref()),
            ReversalState::Parked { reason } => (None, Some(reason.as_str())),
            ReversalState::Done { .. } => (None, None),
        };
        Some(Self {
            case,
            state: reversal.state.name().as_str(),
            taken: reversal.taken,
            amount: reversal.amount,
            since: reversal.opened_at,
            attempts: reversal.attempts,
            next_attempt_at,
            last_error,
        })
    }

    fn in_words(&self) -> String {
        let Self { case, state, amount, since, attempts, last_error, .. } = self;
        let amount = amount.map_or_else(|| "whatever was taken".to_owned(), |amount| amount.to_string());
        let error = last_error.map(|error| format!(": {error}")).unwrap_or_default();
        format!("{}  {state}  {amount}  since {}  {attempts} attempts{error}", case.id, since.to_rfc3339())
    }

    /// The members of the wallet API's list of reversals.
    fn in_json(&self) -> Value {
        let amount =
            self.amount.map(|amount| json!({ "value": amount.minor().to_string(), "currency": amount.currency().code() }));
        json!({
            "reversalId": self.case.id.as_str(),
            "taken": self.taken.as_str(),
            "amount": amount,
            "state": self.state,
            "attempts": self.attempts,
            "openedAt": self.since.to_rfc3339(),
            "nextAttemptAt": self.next_attempt_at.map(|at| at.to_rfc3339()),
            "lastError": self.last_error,
        })
    }
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
        CommandReply::RefundedElsewhere | CommandReply::PaymentsAreTheCores => {
            Err(CliError::new(format!("the reversal {id} {not_done}")))
        }
    }
}
