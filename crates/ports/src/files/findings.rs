//! What comparing clearing files with the record finds.

use std::collections::BTreeMap;
use std::io;

use domain::{Finding, GateState, LineClass, Mismatch, Money, PaymentRequestId, RefundRequestId};

/// The columns of a finding. People see all but the last in a table.
pub const FINDING_COLUMNS: [&str; 8] =
    ["finding", "paymentRequestId", "refundRequestId", "listed", "recorded", "file", "line", "why"];

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
    /// Why the line cannot be read, where it cannot: the column, what was found, and what would be right.
    pub why: Option<&'a str>,
}

impl LocatedFinding<'_> {
    /// What it has in each of the [`FINDING_COLUMNS`]; empty where it has nothing.
    #[must_use]
    pub fn fields(&self) -> [String; 8] {
        let Finding { mismatch, refund, recorded, listed } = self.finding;
        [
            mismatch.to_string(),
            self.id.map(PaymentRequestId::to_string).unwrap_or_default(),
            refund.as_ref().map(RefundRequestId::to_string).unwrap_or_default(),
            listed.map(|listed| format!("{} {}", listed.minor, listed.currency)).unwrap_or_default(),
            recorded.as_ref().map(Money::to_string).unwrap_or_default(),
            self.source.map(|source| source.file.to_owned()).unwrap_or_default(),
            self.source.map(|source| source.line.to_string()).unwrap_or_default(),
            self.why.unwrap_or_default().to_owned(),
        ]
    }
}

/// How many lines there are of each class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// See [`LineClass::Compared`].
    pub compared: u64,
    /// See [`LineClass::OnlyLookedAt`].
    pub only_looked_at: u64,
    /// See [`LineClass::Unknown`].
    pub unknown: u64,
    /// See [`LineClass::Unreadable`].
    pub unreadable: u64,
}

impl LineCounts {
    /// Counts a line.
    pub fn add(&mut self, class: LineClass) {
        let count = match class {
            LineClass::Compared => &mut self.compared,
            LineClass::OnlyLookedAt => &mut self.only_looked_at,
            LineClass::Unknown => &mut self.unknown,
            LineClass::Unreadable => &mut self.unreadable,
        };
        *count += 1;
    }

    /// All lines.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { compared, only_looked_at, unknown, unreadable } = self;
        compared + only_looked_at + unknown + unreadable
    }
}

/// What a comparison comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingTotals {
    /// How many lines there are of each class.
    pub lines: LineCounts,
    /// The files' words for what is neither payment nor refund, with the number of their lines.
    pub other_types: BTreeMap<String, u64>,
    /// How many findings there are of each kind.
    pub counts: BTreeMap<Mismatch, u64>,
    /// What all of that says of the gate.
    pub gate: GateState,
}

/// Writes findings down for machines. Its memory MUST NOT grow with their number.
pub trait FindingsWriter: Send {
    /// Writes a finding behind those before it.
    fn write(&mut self, finding: &LocatedFinding<'_>) -> io::Result<()>;

    /// Ends what was written with its totals and puts it in its place. `Ok` MUST mean that it is durable. Where it is never called,
    /// nothing of what was written MUST be left.
    fn keep(self: Box<Self>, totals: &FindingTotals) -> io::Result<()>;
}
