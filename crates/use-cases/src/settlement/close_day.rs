//! Closes a day.

use std::fmt;
use std::time::Duration;

use ::ports::{CancellationStore, ClosedDay, DuePosition, Page, ReversalFilter, Step, StepOutcome, UnavailableError};
use chrono::{DateTime, Utc};
use domain::{ClearingDay, DayClosing, DayStatement, PaymentRequestId, cutoff};

use super::write_statement::{WriteStatementError, add_rows};
use super::{PAGE, SettlementPorts};

/// How many cases are assigned to the day at once: a cancel waits for no more than them.
const STEP: u32 = 500;
/// The longest rest after a step, which lets those in that wait for the database.
const LONGEST_REST: Duration = Duration::from_millis(25);
/// How many deferred cases are named.
const NAMED: usize = 5;

/// Why a day was not closed. What was assigned to it by then stays assigned; closing it again goes on from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseDayError {
    /// Payments of it can still be cancelled.
    TooEarly {
        /// When it can be closed.
        cutoff: DateTime<Utc>,
    },
    /// Cancels of its payments are not decided yet.
    Deferred {
        /// Some of them.
        first: Vec<PaymentRequestId>,
        /// How many there are.
        count: usize,
        /// How many of them wait for an operator.
        parked: usize,
    },
    /// A case must not be assigned to a day yet.
    Blocked {
        /// The case.
        id: PaymentRequestId,
        /// What has to happen first.
        why: &'static str,
    },
    /// The store did not answer, or a case cannot be read.
    Unavailable(UnavailableError),
}

impl From<UnavailableError> for CloseDayError {
    fn from(unavailable: UnavailableError) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl fmt::Display for CloseDayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooEarly { cutoff } => {
                write!(f, "its payments can be cancelled until {} (exclusive)", ClearingDay::cycle_time(*cutoff))
            }
            Self::Deferred { first, count, parked } => {
                let names: Vec<_> = first.iter().map(PaymentRequestId::as_str).collect();
                let more = if *count > first.len() { ", …" } else { "" };
                write!(f, "the cancels of {count} of its payments are not decided yet ({}{more})", names.join(", "))?;
                match parked {
                    0 => Ok(()),
                    parked => write!(f, "; {parked} of them are parked until `rescind reversals` resolves or retries them"),
                }
            }
            Self::Blocked { id, why } => write!(f, "the payment request {id} does not settle yet: {why}"),
            Self::Unavailable(unavailable) => unavailable.fmt(f),
        }
    }
}

impl std::error::Error for CloseDayError {}

/// Closes a day, or finds that it is closed. All that completed on it and that no day accounts for is assigned to it step by step. Then
/// one commit closes it with the statement of all of it.
///
/// # Errors
/// [`CloseDayError`]: the day has no statement, and closing it again goes on where this ended.
pub async fn close_day(settlement: &SettlementPorts, day: ClearingDay) -> Result<ClosedDay, CloseDayError> {
    if let Some(closed) = settlement.days.closed_day(day).await? {
        return Ok(closed);
    }
    let at = now(settlement).await?;
    let cutoff = cutoff(&settlement.policy, day);
    if at < cutoff {
        return Err(CloseDayError::TooEarly { cutoff });
    }
    let closing = settlement.days.closing(day).await?;
    refuse_deferred(settlement.cases.as_ref(), &closing).await?;
    loop {
        // Another process may assign something between the statement and its commit; then the statement is made again.
        if let Some(revision) = assign_everything(settlement, &closing, at).await? {
            let (statement, digest) = sum_up(settlement, day).await?;
            let closed = ClosedDay { statement, closed_at: at, digest };
            if settlement.days.close(&closed, revision).await? {
                return Ok(closed);
            }
        }
        if let Some(closed) = settlement.days.closed_day(day).await? {
            return Ok(closed);
        }
    }
}

/// The day's statement and its digest, as they are now.
async fn sum_up(settlement: &SettlementPorts, day: ClearingDay) -> Result<(DayStatement, String), UnavailableError> {
    let unavailable = |why: &dyn fmt::Display| UnavailableError::because(why.to_string());
    let mut digested = settlement.statements.digest_only().map_err(|error| unavailable(&error))?;
    add_rows(settlement.days.as_ref(), day, digested.as_mut()).await.map_err(|error| match error {
        WriteStatementError::Unavailable(unavailable) => unavailable,
        WriteStatementError::Disk(_) | WriteStatementError::Changed { .. } => unavailable(&error),
    })
}

/// The earlier of the process's clock and the store's: a fast clock must not close a day in which payments can be cancelled.
async fn now(settlement: &SettlementPorts) -> Result<DateTime<Utc>, UnavailableError> {
    let ours = settlement.clock.now();
    Ok(settlement.cases.check().await?.map_or(ours, |of_store| of_store.min(ours)))
}

async fn refuse_deferred(cases: &dyn CancellationStore, closing: &DayClosing) -> Result<(), CloseDayError> {
    let (mut first, mut count, mut parked) = (Vec::new(), 0, 0);
    for is_parked in [false, true] {
        let mut page = Page { limit: PAGE, after: None };
        loop {
            let waiting =
                if is_parked { cases.reversals(ReversalFilter::Parked, &page).await? } else { cases.deferred(&page).await? };
            for case in waiting.iter().filter(|case| case.prevents_closing(closing)) {
                count += 1;
                parked += usize::from(is_parked);
                if first.len() < NAMED {
                    first.push(case.id.clone());
                }
            }
            let Some(last) = waiting.last() else { break };
            page.after = Some(last.id.to_string());
        }
    }
    if count == 0 { Ok(()) } else { Err(CloseDayError::Deferred { first, count, parked }) }
}

/// Assigns what is due until nothing is. Returns the day's revision then, or `None` where another process has closed it.
async fn assign_everything(
    settlement: &SettlementPorts,
    closing: &DayClosing,
    at: DateTime<Utc>,
) -> Result<Option<i64>, CloseDayError> {
    let mut after: Option<DuePosition> = None;
    loop {
        let begun = settlement.clock.instant();
        let step = Step { at, after: after.clone(), limit: STEP };
        match settlement.days.assign_to_day(closing, &step).await? {
            StepOutcome::Closed => return Ok(None),
            StepOutcome::Blocked { id, why } => return Err(CloseDayError::Blocked { id, why }),
            StepOutcome::Taken { last: Some(last), .. } => after = Some(last),
            // What became known meanwhile and stands before the position that was reached settles in the next open day.
            StepOutcome::Taken { last: None, revision } => return Ok(Some(revision)),
        }
        let took = settlement.clock.instant().saturating_duration_since(begun);
        tokio::time::sleep((took / 4).min(LONGEST_REST)).await;
    }
}
