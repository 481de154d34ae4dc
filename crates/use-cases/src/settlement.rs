//! Closing a day, and writing the statement of one that is closed.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::ports::{CancellationStore, Clock, ClosedDay, DuePosition, Page, SettlementStore, Step, StepOutcome, UnavailableError};
use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use domain::{ClearingDay, DayClosing, DayStatement, PaymentRequestId, Policy, StatementRow, cutoff};
use sha2::{Digest, Sha256};

/// How many cases are taken in at once: a cancel waits for no more than them.
const STEP: u32 = 500;
/// How many cases are read at once.
const PAGE: u32 = 1_000;
/// The longest rest after a step, which lets those in that wait for the database.
const LONGEST_REST: Duration = Duration::from_millis(25);
/// How many deferred cases are named.
const NAMED: usize = 5;

/// The first line of every statement's file.
const HEADER: [&str; 10] = [
    "type",
    "paymentRequestId",
    "paymentId",
    "refundRequestId",
    "acquirerId",
    "completedAt",
    "amountValue",
    "amountCurrency",
    "feeValue",
    "feeCurrency",
];

/// What settling works with.
pub struct SettlementPorts {
    /// Where the cases are kept.
    pub cases: Arc<dyn CancellationStore>,
    /// Where the days are kept.
    pub days: Arc<dyn SettlementStore>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// What the settings say.
    pub policy: Policy,
}

/// Why a day was not closed. What it took in by then stays taken in; closing it again goes on from there.
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
    },
    /// A case must not be taken in yet.
    Blocked {
        /// The case.
        id: PaymentRequestId,
        /// Why.
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
                write!(f, "its payments can be cancelled until {} (exclusive)", in_cycle_time(*cutoff))
            }
            Self::Deferred { first, count } => {
                let names: Vec<_> = first.iter().map(PaymentRequestId::as_str).collect();
                let more = if *count > first.len() { ", …" } else { "" };
                write!(f, "the cancels of {count} of its payments are not decided yet ({}{more})", names.join(", "))
            }
            Self::Blocked { id, why } => write!(f, "the payment request {id} does not settle yet: {why}"),
            Self::Unavailable(unavailable) => unavailable.fmt(f),
        }
    }
}

/// Why a statement was not written.
#[derive(Debug)]
pub enum WriteStatementError {
    /// The store did not answer, or a case cannot be read.
    Unavailable(UnavailableError),
    /// Where it was to be written to does not take it.
    Refused(io::Error),
    /// The cases do not make the statement any more that the day was closed with.
    Changed {
        /// The digest the day was closed with.
        closed_with: String,
        /// The digest of what was written.
        written: String,
    },
}

impl From<UnavailableError> for WriteStatementError {
    fn from(unavailable: UnavailableError) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl fmt::Display for WriteStatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::Refused(error) => error.fmt(f),
            Self::Changed { closed_with, written } => write!(
                f,
                "its cases were changed behind Rescind's back: it was closed with the digest {closed_with} and now has {written}"
            ),
        }
    }
}

/// Closes a day, or finds that it is closed. Everything that completed on it and is not accounted for is taken in step by step, and
/// the day is closed in one commit with the statement of all of it.
///
/// # Errors
/// [`CloseDayError`]: nobody is told of a statement, and closing the day again goes on where this ended.
pub async fn close_day(settling: &SettlementPorts, day: ClearingDay) -> Result<ClosedDay, CloseDayError> {
    if let Some(closed) = settling.days.closed_day(day).await? {
        return Ok(closed);
    }
    let at = now(settling).await?;
    let cutoff = cutoff(&settling.policy, day);
    if at < cutoff {
        return Err(CloseDayError::TooEarly { cutoff });
    }
    let closing = settling.days.closing(day).await?;
    refuse_deferred(settling.cases.as_ref(), &closing).await?;
    loop {
        // Something may be taken in by another process between the statement and its commit; then the statement is made again.
        if let Some(revision) = assign_everything(settling, &closing, at).await? {
            let (statement, digest) =
                render(settling.days.as_ref(), day, &mut io::sink()).await.map_err(|error| match error {
                    WriteStatementError::Unavailable(unavailable) => unavailable,
                    WriteStatementError::Refused(_) | WriteStatementError::Changed { .. } => {
                        UnavailableError::because(error.to_string())
                    }
                })?;
            let closed = ClosedDay { statement, closed_at: at, digest };
            if settling.days.close(&closed, revision).await? {
                return Ok(closed);
            }
        }
        if let Some(closed) = settling.days.closed_day(day).await? {
            return Ok(closed);
        }
    }
}

/// The earlier of the process's clock and the store's: a fast clock must not close a day in which payments can be cancelled.
async fn now(settling: &SettlementPorts) -> Result<DateTime<Utc>, UnavailableError> {
    let ours = settling.clock.now();
    Ok(settling.cases.check().await?.map_or(ours, |of_store| of_store.min(ours)))
}

async fn refuse_deferred(cases: &dyn CancellationStore, closing: &DayClosing) -> Result<(), CloseDayError> {
    let (mut first, mut count) = (Vec::new(), 0);
    let mut page = Page { limit: PAGE, after: None };
    loop {
        let deferred = cases.deferred(&page).await?;
        for case in deferred.iter().filter(|case| case.prevents_closing(closing)) {
            count += 1;
            if first.len() < NAMED {
                first.push(case.id.clone());
            }
        }
        match deferred.last() {
            Some(last) => page.after = Some(last.id.to_string()),
            None if count == 0 => return Ok(()),
            None => return Err(CloseDayError::Deferred { first, count }),
        }
    }
}

/// Takes in what is due until nothing is; the day's revision then, or `None` where somebody else has closed it.
async fn assign_everything(
    settling: &SettlementPorts,
    closing: &DayClosing,
    at: DateTime<Utc>,
) -> Result<Option<i64>, CloseDayError> {
    let mut after: Option<DuePosition> = None;
    loop {
        let begun = Instant::now();
        let step = Step { at, after: after.clone(), limit: STEP };
        match settling.days.assign_to_day(closing, &step).await? {
            StepOutcome::Closed => return Ok(None),
            StepOutcome::Blocked { id, why } => return Err(CloseDayError::Blocked { id, why }),
            StepOutcome::Taken { last: Some(last), .. } => after = Some(last),
            // What became known meanwhile and stands before the position that was reached settles in the next open day.
            StepOutcome::Taken { last: None, revision } => return Ok(Some(revision)),
        }
        tokio::time::sleep((begun.elapsed() / 4).min(LONGEST_REST)).await;
    }
}

/// Writes the statement of a closed day, the same bytes every time.
///
/// # Errors
/// [`WriteStatementError`]: what was written by then is no statement.
pub async fn write_statement(
    days: &dyn SettlementStore,
    closed: &ClosedDay,
    to: &mut (impl Write + Send),
) -> Result<(), WriteStatementError> {
    let (_, written) = render(days, closed.statement.day, to).await?;
    if written == closed.digest {
        return Ok(());
    }
    Err(WriteStatementError::Changed { closed_with: closed.digest.clone(), written })
}

/// Writes the lines of everything that the day accounts for, in the order of the cases' ids, and adds them up.
async fn render(
    days: &dyn SettlementStore,
    day: ClearingDay,
    to: &mut (impl Write + Send),
) -> Result<(DayStatement, String), WriteStatementError> {
    let mut statement = DayStatement::empty(day);
    let mut lines = csv::Writer::from_writer(Digesting { to, digest: Sha256::new() });
    lines.write_record(HEADER).map_err(refused)?;
    let mut page = Page { limit: PAGE, after: None };
    loop {
        let cases = days.accounted(day, &page).await?;
        for row in cases.iter().flat_map(|case| statement.add(case)) {
            lines.write_record(fields(&row)).map_err(refused)?;
        }
        match cases.last() {
            Some(last) => page.after = Some(last.id.to_string()),
            None => break,
        }
    }
    lines.flush().map_err(WriteStatementError::Refused)?;
    let digesting = lines.into_inner().map_err(|error| WriteStatementError::Refused(error.into_error()))?;
    let digest = digesting.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((statement, digest))
}

fn refused(error: csv::Error) -> WriteStatementError {
    WriteStatementError::Refused(error.into())
}

fn fields(row: &StatementRow) -> [String; 10] {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    [
        if row.refund_request_id.is_none() { "PAYMENT" } else { "REFUND" }.to_owned(),
        row.payment_request_id.to_string(),
        text(row.payment_id.as_ref().map(domain::PaymentId::as_str)),
        text(row.refund_request_id.as_ref().map(domain::RefundRequestId::as_str)),
        row.acquirer_id.to_string(),
        in_cycle_time(row.completed_at),
        row.amount.minor().to_string(),
        row.amount.currency().code(),
        row.fee.map(|fee| fee.minor().to_string()).unwrap_or_default(),
        row.fee.map(|fee| fee.currency().code()).unwrap_or_default(),
    ]
}

/// At UTC+8, where the clearing cycle's days begin, to the microsecond where there are any.
fn in_cycle_time(at: DateTime<Utc>) -> String {
    let Some(zone) = FixedOffset::east_opt(8 * 60 * 60) else { return at.to_rfc3339() };
    let to = if at.timestamp_subsec_micros() == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    at.with_timezone(&zone).to_rfc3339_opts(to, false)
}

/// Digests what is written.
struct Digesting<'a, W> {
    to: &'a mut W,
    digest: Sha256,
}

impl<W: Write> Write for Digesting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
