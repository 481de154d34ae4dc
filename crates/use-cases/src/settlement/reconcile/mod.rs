//! Compares Alipay+'s clearing files with the record. It reads, and changes nothing.

mod comparison;
mod forms;
mod other_types;
mod reading;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ::ports::{
    ClearingFileReader, FindingTotals, FindingsWriter, LineCounts, LocatedFinding, MalformedFileError, SettlementStore,
    TransactionSorter, UnavailableError,
};
use domain::{ClearingDay, GateState, Mismatch, Scope, UnknownLines};

use comparison::compare;
use reading::{Contents, read};

/// The ports of one reconciliation.
pub struct ReconciliationPorts {
    /// Where the days and their cases are kept.
    pub days: Arc<dyn SettlementStore>,
    /// Opens the files.
    pub reader: Arc<dyn ClearingFileReader>,
    /// Sorts what the files list.
    pub sorter: Box<dyn TransactionSorter>,
    /// Writes down what is found.
    pub findings: Box<dyn FindingsWriter>,
}

/// What is compared.
#[derive(Debug, Clone)]
pub struct ReconcileRequest {
    /// The files, in the order in which they are read.
    pub files: Vec<PathBuf>,
    /// The day whose statement has to be in the files; `None` takes the one that most of what settles in them is of.
    pub day: Option<ClearingDay>,
    /// How much of the record there is to compare with.
    pub scope: Scope,
    /// What a line means of which nothing is known.
    pub unknown_lines: UnknownLines,
}

/// Sees a reconciliation go on.
pub trait ReconciliationObserver: Send {
    /// All files are read, and so many transactions are compared from now on.
    fn compares(&mut self, lines: u64);

    /// So many more are compared.
    fn compared(&mut self, lines: u64);

    /// Something is found.
    fn found(&mut self, finding: &LocatedFinding<'_>);
}

/// What a reconciliation comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciliation {
    /// What was compared and found.
    pub totals: FindingTotals,
    /// Where what settled and is in no file was looked for.
    pub missing: MissingSearch,
}

/// Where what settled and is in no file was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingSearch {
    /// Nowhere: the wallet core keeps the payments, so only cancelled ones were looked for.
    CancelledOnly,
    /// Nowhere: no file lists what settles.
    NoAmounts,
    /// Nowhere: no line has a day, and none was asked for.
    NoDay,
    /// Nowhere: this day is not closed.
    OpenDay {
        /// The day that was asked for, or that most lines are of.
        day: ClearingDay,
        /// Other days that something in the files is of.
        others: Vec<ClearingDay>,
    },
    /// In the statement of this day.
    ClosedDay {
        /// The day that was asked for, or that most lines are of.
        day: ClearingDay,
        /// Other days that something in the files is of.
        others: Vec<ClearingDay>,
    },
}

/// Why a reconciliation ended early. Nothing may be concluded from what it found by then.
#[derive(Debug)]
pub enum ReconcileError {
    /// A file cannot be read for certain, so nothing was compared.
    Malformed(MalformedFileError),
    /// The store did not answer, or a case cannot be read.
    Unavailable(UnavailableError),
    /// What is sorted, or found, cannot be written.
    Disk(io::Error),
}

impl From<MalformedFileError> for ReconcileError {
    fn from(malformed: MalformedFileError) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<UnavailableError> for ReconcileError {
    fn from(unavailable: UnavailableError) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl From<io::Error> for ReconcileError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl fmt::Display for ReconcileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(malformed) => malformed.fmt(f),
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::Disk(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReconcileError {}

/// Compares the files with the record. All of them are read to their ends first, so that a malformed one ends it before anything is
/// compared. Then what they list is walked in the order of the payments, beside the record and the day's statement.
///
/// # Errors
/// [`ReconcileError`]: the findings are not kept.
pub async fn reconcile(
    ports: ReconciliationPorts,
    request: &ReconcileRequest,
    observer: &mut dyn ReconciliationObserver,
) -> Result<Reconciliation, ReconcileError> {
    let ReconciliationPorts { days, reader, sorter, findings } = ports;
    let mut found = Findings { writer: findings, lines: LineCounts::default(), counts: BTreeMap::new(), observer };
    let mut contents = read((days.as_ref(), reader.as_ref()), sorter, request, &mut found).await?;
    let missing = missing_search(days.as_ref(), request, &contents).await?;
    let other_types = std::mem::take(&mut contents.other_types).counts();
    found.observer.compares(contents.lines);
    compare(days.as_ref(), (request.scope, &missing), contents, &mut found).await?;
    let Findings { writer, lines, counts, observer: _ } = found;
    let gate = GateState::of(&counts, request.unknown_lines);
    let totals = FindingTotals { lines, other_types, counts, gate };
    writer.keep(&totals)?;
    Ok(Reconciliation { totals, missing })
}

/// What was found so far: counted, written down, and shown.
struct Findings<'a> {
    writer: Box<dyn FindingsWriter>,
    /// Of each class, those whose class is known by now.
    lines: LineCounts,
    counts: BTreeMap<Mismatch, u64>,
    observer: &'a mut dyn ReconciliationObserver,
}

impl Findings<'_> {
    fn add(&mut self, finding: &LocatedFinding<'_>) -> io::Result<()> {
        *self.counts.entry(finding.finding.mismatch).or_default() += 1;
        self.writer.write(finding)?;
        self.observer.found(finding);
        Ok(())
    }
}

async fn missing_search(
    days: &dyn SettlementStore,
    request: &ReconcileRequest,
    contents: &Contents,
) -> Result<MissingSearch, UnavailableError> {
    if request.scope == Scope::CancelledOnly {
        return Ok(MissingSearch::CancelledOnly);
    }
    if !contents.files.iter().any(|file| file.lists_amounts) {
        return Ok(MissingSearch::NoAmounts);
    }
    // A line that strayed into another day must not have all of that day looked for.
    let most = contents.of_days.iter().max_by_key(|(_, lines)| **lines).map(|(day, _)| *day);
    let Some(day) = request.day.or(most) else { return Ok(MissingSearch::NoDay) };
    let others = contents.of_days.keys().copied().filter(|other| *other != day).collect();
    Ok(match days.closed_day(day).await? {
        Some(_) => MissingSearch::ClosedDay { day, others },
        None => MissingSearch::OpenDay { day, others },
    })
}
