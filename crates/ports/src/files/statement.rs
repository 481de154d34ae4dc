//! The file that a day's statement is written to.

use std::io;
use std::path::Path;

use domain::{ClearingDay, PaymentId, RefundRequestId, StatementRow};

/// The first line of every statement.
pub const STATEMENT_COLUMNS: [&str; 10] = [
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

/// What a row has in each of the [`STATEMENT_COLUMNS`]; empty where it has nothing.
#[must_use]
pub fn statement_fields(row: &StatementRow) -> [String; 10] {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    [
        if row.refund_request_id.is_none() { "PAYMENT" } else { "REFUND" }.to_owned(),
        row.payment_request_id.to_string(),
        text(row.payment_id.as_ref().map(PaymentId::as_str)),
        text(row.refund_request_id.as_ref().map(RefundRequestId::as_str)),
        row.acquirer_id.to_string(),
        ClearingDay::cycle_time(row.completed_at),
        row.amount.minor().to_string(),
        row.amount.currency().code(),
        row.fee.map(|fee| fee.minor().to_string()).unwrap_or_default(),
        row.fee.map(|fee| fee.currency().code()).unwrap_or_default(),
    ]
}

/// Writes statements.
///
/// - A file MUST be CSV in UTF-8 with `\n` behind each line: [`STATEMENT_COLUMNS`], then the [`statement_fields`] of each row. A field
///   MUST be quoted where it holds a comma or a quote, and nowhere else.
/// - So the same rows MUST make the same bytes, in every process and release: a closed day keeps their digest.
pub trait StatementWriter: Send + Sync {
    /// Begins a statement of which only the digest is wanted. It MUST NOT touch any file.
    fn digest_only(&self) -> io::Result<Box<dyn StatementFile>>;

    /// Begins a statement for the file at `path`.
    ///
    /// - What is at `path` MUST stay as it is until [`keep`](StatementFile::keep).
    /// - A statement that is dropped before MUST leave nothing behind.
    fn create(&self, path: &Path) -> io::Result<Box<dyn StatementFile>>;
}

/// A statement that is being written. Its memory MUST NOT grow with its rows.
pub trait StatementFile: Send {
    /// Adds a row behind those before it.
    fn add(&mut self, row: &StatementRow) -> io::Result<()>;

    /// The SHA-256 of all that was written so far, in small hexadecimal digits: of the bytes that [`keep`](Self::keep) would keep now.
    fn digest(&mut self) -> io::Result<String>;

    /// Puts the file in its place, instead of the one that has its name.
    ///
    /// - `Ok` MUST mean that the whole file and its name are durable. An error MUST leave what was there.
    /// - Nobody but the user of this process MUST be able to read a new file.
    /// - Where only the digest is wanted, nothing MUST be kept.
    fn keep(self: Box<Self>) -> io::Result<()>;
}
