//! `rescind reversals`: what an operator does about money that is not back, where no API can be reached.

use std::process::ExitCode;

use clap::ValueEnum;
use domain::{Action, Case, CommandReply, DeferralState, PaymentRequestId, ReversalState};
use ports::{CancellationStore, Page, ReversalFilter, UnavailableError};
use use_cases::operate;

use crate::clock::SystemClock;
use crate::explain::time;
use crate::output::{CliError, print_line};
use crate::settings::Settings;
use crate::wiring;

/// How many cases are read at once.
const PAGE: u32 = 500;
/// How long a note may be, in characters.
const LONGEST_NOTE: usize = 1000;
/// How long the name of an operator may be, in characters.
const LONGEST_NAME: usize = 64;

/// Which list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListedState {
    /// Tried until the money is back
    Open,
    /// Left to an operator
    Parked,
    /// Not decided yet
    Deferred,
}

/// What is to be done about one of them.
pub(crate) enum Act {
    /// Has it tried, or decided, again.
    Retry,
    /// Leaves it to an operator.
    Park { note: String, by: String },
    /// Ends it, because the money went back by hand.
    Resolve { note: String, by: String },
}

impl Act {
    fn action(&self) -> Result<Action, CliError> {
        match self {
            Self::Retry => Ok(Action::Retry),
            Self::Park { note, by } => {
                let (note, by) = signed(note, by)?;
                Ok(Action::Park { note, by })
            }
            Self::Resolve { note, by } => {
                let (note, by) = signed(note, by)?;
                Ok(Action::Resolve { note, by })
            }
        }
    }

    /// What was done, and what was not, in words.
    fn in_words(&self) -> [&'static str; 2] {
        match self {
            Self::Retry => ["is open again and due at once", "is not tried again"],
            Self::Park { .. } => ["is parked", "is not parked"],
            Self::Resolve { .. } => ["is done: its cancel is answered S from now on", "is not resolved"],
        }
    }
}

fn signed(note: &str, by: &str) -> Result<(String, String), CliError> {
    let is_plain = |text: &str, longest: usize| {
        (1..=longest).contains(&text.chars().count()) && text.chars().all(|c| !c.is_control() || c == '\n')
    };
    if !is_plain(note, LONGEST_NOTE) {
        return Err(CliError::new(format!("--note must be 1 to {LONGEST_NOTE} characters without control characters")));
    }
    if !is_plain(by, LONGEST_NAME) {
        return Err(CliError::new(format!("--by must be 1 to {LONGEST_NAME} characters without control characters")));
    }
    Ok((note.to_owned(), by.to_owned()))
}

/// Has it decided in the database; the processes that serve it go on from there.
pub(crate) async fn act(settings: Settings, id: PaymentRequestId, act: Act) -> Result<ExitCode, CliError> {
    let action = act.action()?;
    let [done, not_done] = act.in_words();
    let store = wiring::deployment_store(&settings)?;
    let reply = operate(store.as_ref(), &SystemClock, &id, action).await.map_err(|error| {
        CliError::new(format!("it is not known whether the reversal {id} {done}, because the database failed: {error}"))
    })?;
    match reply {
        CommandReply::Done(_) => {
            print_line(format_args!("the reversal {id} {done}"))?;
            Ok(ExitCode::SUCCESS)
        }
        CommandReply::NotFound { fenced: _ } => Err(CliError::new(format!("there is no reversal {id}"))),
        CommandReply::Conflict(why) => Err(CliError::new(format!("the reversal {id} {not_done}: {why}"))),
    }
}

/// Prints what is in one of the lists, a line each.
pub(crate) async fn list(settings: Settings, state: ListedState) -> Result<ExitCode, CliError> {
    let store = wiring::deployment_store(&settings)?;
    let mut page = Page { limit: PAGE, after: None };
    loop {
        let listed = page_of(store.as_ref(), state, &page).await;
        let cases = listed.map_err(|error| CliError::new(format!("the database cannot be asked: {error}")))?;
        for case in &cases {
            if let Some(line) = line(case) {
                print_line(line)?;
            }
        }
        match cases.last() {
            Some(last) => page.after = Some(last.id.to_string()),
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

async fn page_of(store: &dyn CancellationStore, state: ListedState, page: &Page) -> Result<Vec<Case>, UnavailableError> {
    match state {
        ListedState::Open => store.reversals(ReversalFilter::Open, page).await,
        ListedState::Parked => store.reversals(ReversalFilter::Parked, page).await,
        ListedState::Deferred => store.deferred(page).await,
    }
}

/// The id, since when, how often it was tried, when it is tried again, and what was met last.
fn line(case: &Case) -> Option<String> {
    let (since, attempts, next, met) = if let Some(reason) = case.defer_reason() {
        let deferral = case.deferral.as_ref();
        let met = match deferral.map(|deferral| &deferral.state) {
            Some(DeferralState::Waiting { last_error, .. }) => last_error.clone(),
            Some(DeferralState::Parked { reason }) => Some(reason.clone()),
            None => None,
        };
        let attempts = deferral.map_or(0, |deferral| deferral.attempts);
        (case.deferred_since()?, attempts, case.lookup_due_at(), met.or_else(|| Some(reason.to_string())))
    } else {
        let reversal = case.reversal.as_ref()?;
        let (next, met) = match &reversal.state {
            ReversalState::Open { next_attempt_at, last_error, .. } => (Some(*next_attempt_at), last_error.clone()),
            ReversalState::Parked { reason } => (None, Some(reason.clone())),
            ReversalState::Done { .. } => (None, None),
        };
        (reversal.opened_at, reversal.attempts, next, met)
    };
    let next = next.map_or_else(String::new, |next| format!(", next {}", time(next)));
    let met = met.map_or_else(String::new, |met| format!(": {}", met.replace('\n', " ")));
    Some(format!("{}  since {}, attempts {attempts}{next}{met}", case.id, time(since)))
}
