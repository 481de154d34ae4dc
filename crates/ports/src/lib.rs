//! What Rescind asks of the world outside, each promise in prose.
//!
//! An adapter keeps these promises or is wrong; the suites in `testing` hold it to them. Three kinds of trouble are never
//! mixed. A refusal is a value inside a [`domain::Reply`]. [`UnavailableError`] is a failure to know, and leads to the answer U.
//! What is malformed ends at the edge and never reaches a port.

mod cases;
mod clock;
mod days;
mod feed;
mod files;
mod keys;
#[cfg(feature = "testing")]
pub mod testing;
mod wallet_core;

use std::fmt;

pub use cases::{
    AccountStatement, Backlog, CancellationStore, CaseFile, Decided, LeasedLookup, LeasedReversal, Page, PostedEntry,
    ReceivedCommand, ReversalFilter, StoreState, TimelineEntry,
};
pub use clock::Clock;
pub use days::{ClosedDay, DuePosition, SettlementStore, Step, StepOutcome};
pub use feed::{CursorError, EventFeed, FeedCursor, FeedError, FeedPage, FeedPosition, PublishedEvent, RecordedLines, page_of};
pub use files::{
    ClearingFile, ClearingFileReader, ClearingFormat, ColumnNames, FINDING_COLUMNS, FileColumn, FileLine, FindingTotals,
    FindingsWriter, LineCounts, ListedLine, ListedTransaction, LocatedFinding, MalformedFileError, STATEMENT_COLUMNS,
    SlashedDates, SortedTransactions, SourceLine, StatementFile, StatementWriter, TransactionSorter, statement_fields,
};
pub use keys::{MessageSigner, MessageVerifier, Signature, SignedText};
pub use wallet_core::{FundsGateway, Payments};

/// A failure to know: what was asked for may or may not have happened. Nobody may conclude anything from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnavailableError {
    reason: String,
    kind: UnavailableKind,
}

/// What a failure to know says about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnavailableKind {
    /// Nothing: it may concern this one command, case or call alone.
    Alone,
    /// The store as a whole may do nothing at the moment.
    Store,
    /// The store has no room for more.
    StoreFull,
}

impl UnavailableError {
    /// `reason` is for the log: it MUST NOT hold keys, tokens or bodies.
    #[must_use]
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: UnavailableKind::Alone }
    }

    /// The same, which says this about others.
    #[must_use]
    pub fn of_kind(self, kind: UnavailableKind) -> Self {
        Self { kind, ..self }
    }

    /// What it says about others.
    #[must_use]
    pub fn kind(&self) -> UnavailableKind {
        self.kind
    }
}

impl fmt::Display for UnavailableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for UnavailableError {}
