//! What comparing clearing files with the record finds.

use std::collections::BTreeMap;
use std::io;

use domain::{Finding, Mismatch, Money, PaymentRequestId, RefundRequestId};

/// The columns of a finding, for people and machines alike.
pub const FINDING_COLUMNS: [&str; 7] = ["finding", "paymentRequestId", "refundRequestId", "listed", "recorded", "file", "line"];

/// Where a file lists a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceLine<'a> {
    /// The file as it was named.
    pub file: &'a str,
    /// Counted from 1.
    pub line: u64,
}

/// A finding with what it is about.
#[derive(Debug, Clone, Copy)]
pub struct LocatedFinding<'a> {
    /// The payment; `None` for a refund of which no payment is known.
    pub id: Option<&'a PaymentRequestId>,
    /// In what the file and the record differ.
    pub finding: &'a Finding,
    /// Where the file has it; `None` for what no file has.
    pub source: Option<SourceLine<'a>>,
}

impl LocatedFinding<'_> {
    /// What it has in each of the [`FINDING_COLUMNS`]; empty where it has nothing.
    #[must_use]
    pub fn fields(&self) -> [String; 7] {
        let Finding { mismatch, refund, recorded, listed } = self.finding;
        [
            mismatch.to_string(),
            self.id.map(PaymentRequestId::to_string).unwrap_or_default(),
            refund.as_ref().map(RefundRequestId::to_string).unwrap_or_default(),
            listed.map(|listed| format!("{} {}", listed.minor, listed.currency)).unwrap_or_default(),
            recorded.as_ref().map(Money::to_string).unwrap_or_default(),
            self.source.map(|source| source.file.to_owned()).unwrap_or_default(),
            self.source.map(|source| source.line.to_string()).unwrap_or_default(),
        ]
    }
}

/// What a comparison comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindingTotals {
    /// How many transactions were compared.
    pub lines: u64,
    /// How many findings there are of each kind.
    pub counts: BTreeMap<Mismatch, u64>,
}

impl FindingTotals {
    /// Whether something was found that must never be: see [`Mismatch::fails_the_gate`].
    #[must_use]
    pub fn fails_the_gate(&self) -> bool {
        self.counts.keys().any(|mismatch| mismatch.fails_the_gate())
    }
}

/// Writes findings down for machines. Its memory MUST NOT grow with their number.
pub trait FindingsWriter: Send {
    /// Writes a finding behind those before it.
    fn write(&mut self, finding: &LocatedFinding<'_>) -> io::Result<()>;

    /// Ends what was written with its totals and puts it in its place. `Ok` MUST mean that it is durable. Where it is never called,
    /// nothing of what was written MUST be left.
    fn keep(self: Box<Self>, totals: &FindingTotals) -> io::Result<()>;
}
