//! The files of settlement: the statement that Rescind writes, the clearing files that Alipay+ delivers, and what comparing them finds.
//!
//! A call may block on the disk: only commands that run beside the service make them, never a lane. A file that cannot be written is an
//! [`std::io::Error`]; one that cannot be read for certain is a [`MalformedFileError`].

mod clearing;
mod findings;
mod statement;

pub use clearing::{
    ClearingFile, ClearingFileReader, ClearingFormat, ColumnNames, FileColumn, FileLine, ListedLine, ListedTransaction,
    MalformedFileError, SlashedDates, SortedTransactions, TransactionSorter,
};
pub use findings::{FINDING_COLUMNS, FindingTotals, FindingsWriter, LineCounts, LocatedFinding, SourceLine};
pub use statement::{STATEMENT_COLUMNS, StatementFile, StatementWriter, statement_fields};
