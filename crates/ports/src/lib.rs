//! What Rescind asks of the world outside, each promise in prose.
//!
//! An adapter keeps these promises or is wrong; the suites in `testing` hold it to them. Three kinds of trouble are never
//! mixed: a refusal is a value inside an [`Reply`]; [`UnavailableError`] is a failure to know, and leads to the answer U; what is
//! malformed ends at the door and never reaches a port.

mod files;
mod keys;
mod settlement;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod wallet_core;

use std::fmt;

use chrono::{DateTime, Utc};

pub use files::{
    ClearingFile, ClearingFileReader, ColumnNames, FINDING_COLUMNS, FileColumn, FindingTotals, FindingsWriter, ListedLine,
    ListedTransaction, LocatedFinding, MalformedFileError, STATEMENT_COLUMNS, SortedTransactions, SourceLine, StatementFile,
    StatementWriter, TransactionSorter, statement_fields,
};
pub use keys::{MessageSigner, MessageVerifier, Signature, SignedText};
pub use settlement::{ClosedDay, DuePosition, SettlementStore, Step, StepOutcome};
pub use store::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, LeasedReversal, Page, PostedEntry, ReceivedCommand,
    ReversalFilter, TimelineEntry,
};
pub use wallet_core::{FundsGateway, Payments};

/// What time it is. The only clock.
pub trait Clock: Send + Sync {
    /// The present moment. MUST NOT block.
    fn now(&self) -> DateTime<Utc>;
}

/// A failure to know: whatever was asked may or may not have happened. Nobody may conclude anything from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnavailableError {
    reason: String,
}

impl UnavailableError {
    /// `reason` is for the log: it MUST NOT hold keys, tokens or bodies.
    #[must_use]
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl fmt::Display for UnavailableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for UnavailableError {}
