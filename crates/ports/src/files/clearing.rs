//! Alipay+'s clearing files, and the order in which their transactions are compared.

use std::cmp::Ordering;
use std::fmt;
use std::io;
use std::path::Path;

use domain::{ClearingDay, Listed, ListedKind, PaymentRequestId, SummaryAmount};

/// The names that columns have in the first line of a file's details.
#[derive(Debug, Clone)]
pub struct ColumnNames {
    /// Of a payment its `paymentRequestId`, of a refund its `refundRequestId`.
    pub transaction_request_id: String,
    /// Of a refund the payment's `paymentRequestId`. A file may be without it.
    pub original_transaction_request_id: String,
    /// `PAYMENT` or `REFUND`; in a file without it every line is a payment.
    pub transaction_type: String,
    /// When the transaction completed. A file may be without it.
    pub transaction_time: String,
    /// What settles, in the currency's smallest unit.
    pub settlement_amount_value: String,
    /// The currency of what settles.
    pub settlement_currency: String,
    /// What the transaction costs the wallet, in the currency's smallest unit.
    pub fee_amount_value: String,
    /// The currency of the fee.
    pub fee_currency: String,
    /// How many lines the details have; of the summary above them.
    pub total_count: String,
    /// What the payments settle without the refunds; of the summary.
    pub net_amount_value: String,
    /// The currency of that; of the summary.
    pub net_currency: String,
}

/// How files are written.
#[derive(Debug, Clone)]
pub struct ClearingFormat {
    /// What the columns are called.
    pub columns: ColumnNames,
    /// The words of the type's column that mean a payment, in any case of their letters.
    pub payment_types: Vec<String>,
    /// The words that mean a refund.
    pub refund_types: Vec<String>,
    /// How dates with slashes are read.
    pub slashed_dates: SlashedDates,
    /// Whether a field in quotes may go on in the next line. A quote that came into a file by mistake does the same, and hides lines.
    pub allows_line_breaks: bool,
}

/// How a date such as `03/01/2026` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlashedDates {
    /// Only with the year first. Anything else could be two days.
    YearFirst,
    /// As the first of March.
    MonthFirst,
    /// As the third of January.
    DayFirst,
}

/// Reads clearing files.
pub trait ClearingFileReader: Send + Sync {
    /// Opens a file and finds its columns. A file that cannot be opened, or that is without a column it needs, MUST be a
    /// [`MalformedFileError`].
    fn open(&self, path: &Path) -> Result<Box<dyn ClearingFile>, MalformedFileError>;
}

/// The transactions of one clearing file, in its order.
///
/// - Memory MUST NOT grow with the file.
/// - Each line MUST come once, or a [`MalformedFileError`] is the last that comes. A file that is cut off MUST NOT read as a shorter one.
/// - A line with a value that cannot be read, or that can be read in two ways, MUST be [`FileLine::Unreadable`], and those behind it MUST come.
/// - What could hide a line MUST be an error: a quote that does not end, for example.
pub trait ClearingFile: Iterator<Item = Result<FileLine, MalformedFileError>> + Send {
    /// Whether the file lists what settles. A file of fees alone need not have every transaction.
    fn lists_amounts(&self) -> bool;

    /// What the file's summary says that its lines settle; `None` where it does not.
    fn summary_amount(&self) -> Option<SummaryAmount>;
}

/// One line of a file's details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileLine {
    /// A transaction.
    Listed(ListedLine),
    /// What the line says cannot be read for certain.
    Unreadable(MalformedFileError),
}

/// One transaction of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedLine {
    /// The line it begins in, counted from 1.
    pub number: u64,
    /// The payment; `None` for a refund whose line does not name it.
    pub id: Option<PaymentRequestId>,
    /// What the line says of it.
    pub listed: Listed,
    /// The day it completed on, where the line says so.
    pub day: Option<ClearingDay>,
    /// The file's word for what it is, where that is neither payment nor refund.
    pub other_type: Option<String>,
}

/// A file, or one line of it, that cannot be read for certain: where, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedFileError {
    /// The file as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: u64,
    /// Where in the line, if one column is wrong.
    pub column: Option<FileColumn>,
    /// What was found, and what would be right.
    pub why: String,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumn {
    /// Counted from 0.
    pub index: usize,
    /// What the file calls it.
    pub name: String,
}

impl MalformedFileError {
    /// The column, where there is one, and why: what is to be said of it beside file and line.
    #[must_use]
    pub fn within_line(&self) -> String {
        let Self { file: _, line: _, column, why } = self;
        match column {
            Some(FileColumn { index, name }) => format!("column {} ({name}): {why}", index + 1),
            None => why.clone(),
        }
    }
}

impl fmt::Display for MalformedFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joint = if self.column.is_some() { "," } else { ":" };
        write!(f, "{}, line {}{joint} {}", self.file, self.line, self.within_line())
    }
}

impl std::error::Error for MalformedFileError {}

/// A transaction and its place, as it is compared. The order is by payment, then as a case has its lines, so that repeats follow one
/// another.
#[derive(Debug, Clone)]
pub struct ListedTransaction {
    /// The payment.
    pub id: PaymentRequestId,
    /// What the line says of it.
    pub listed: Listed,
    /// The index of the file among those that are compared.
    pub file: usize,
    /// The line in it, counted from 1.
    pub line: u64,
}

impl ListedTransaction {
    fn key(&self) -> (&PaymentRequestId, &ListedKind, usize, u64) {
        (&self.id, &self.listed.kind, self.file, self.line)
    }

    /// Which payment or refund the line settles, if it does: each of these is listed once. Fees are of several kinds with a line for each,
    /// and what is neither payment nor refund has no name by which it could be known again.
    #[must_use]
    pub fn settling(&self) -> Option<(PaymentRequestId, ListedKind)> {
        let settles = self.listed.amount.is_some() && self.listed.kind != ListedKind::Other;
        settles.then(|| (self.id.clone(), self.listed.kind.clone()))
    }
}

impl PartialEq for ListedTransaction {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for ListedTransaction {}

impl PartialOrd for ListedTransaction {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ListedTransaction {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Sorts the transactions of all files. Its memory MUST NOT grow with their number.
pub trait TransactionSorter: Send {
    /// Takes a transaction, in any order.
    fn push(&mut self, transaction: ListedTransaction) -> io::Result<()>;

    /// Everything that was pushed, in the order of [`ListedTransaction`]. Each MUST come once, as it was pushed, or an error instead.
    fn sorted(self: Box<Self>) -> io::Result<SortedTransactions>;
}

/// Transactions in order.
pub type SortedTransactions = Box<dyn Iterator<Item = io::Result<ListedTransaction>> + Send>;
