//! In what a file and the record may differ, and what that means for the files as a whole.

use std::collections::BTreeMap;

use super::listed::ListedAmount;
use crate::spelling::spelled;
use crate::{Money, RefundRequestId};

spelled! {
    /// In what a file and the record differ, the gravest first.
    Mismatch {
        /// The payment is cancelled, and the file settles it.
        CancelledButPresent = "cancelled-but-present",
        /// The payment is cancelled, and the file takes a fee for it.
        FeeOnCancelled = "fee-on-cancelled",
        /// What the line says cannot be read for certain.
        Unreadable = "unreadable",
        /// A closed day settles it, and the files do not have it.
        SettledButMissing = "settled-but-missing",
        /// Nothing is known of it. Where the wallet core keeps the payments: and its id has another form than those that are known.
        Unknown = "unknown",
        /// The payment is known, but not that it succeeded.
        NotCompleted = "not-completed",
        /// The amount is another one.
        AmountDiffers = "amount-differs",
        /// The currency is another one.
        CurrencyDiffers = "currency-differs",
        /// The fee is another one.
        FeeDiffers = "fee-differs",
        /// No such refund succeeded, or not of this amount.
        RefundMismatch = "refund-mismatch",
        /// It is listed twice.
        ListedTwice = "listed-twice",
        /// The lines of a file do not add up to what its summary says.
        SummaryDiffers = "summary-differs",
    }
}

spelled! {
    /// What the findings say of the one question: is a cancelled payment in the files?
    GateState {
        /// No line is one.
        Passed = "passed",
        /// No line is known to be one, and some line may be.
        Doubt = "doubt",
        /// A line is one.
        Failed = "failed",
    }
}

spelled! {
    /// What a line means of which nothing is known.
    UnknownLines {
        /// It may be a cancelled payment whose id was changed on the way.
        Doubt = "doubt",
        /// It is a payment that was made without asking here.
        Allowed = "allowed",
    }
}

/// One thing in which a file and the record differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In what.
    pub mismatch: Mismatch,
    /// The refund, where it is about one.
    pub refund: Option<RefundRequestId>,
    /// What the record says. Of a summary: what the lines add up to.
    pub recorded: Option<Money>,
    /// What the file says.
    pub listed: Option<ListedAmount>,
}

impl Mismatch {
    /// What a finding of this kind says of the gate. A line that cannot be read may be a cancelled payment. So may one that repeats
    /// another, where a spreadsheet filled a cell with that of the row above.
    #[must_use]
    pub fn gate(self, unknown: UnknownLines) -> GateState {
        match self {
            Self::CancelledButPresent | Self::FeeOnCancelled => GateState::Failed,
            Self::Unreadable | Self::ListedTwice => GateState::Doubt,
            Self::Unknown => match unknown {
                UnknownLines::Doubt => GateState::Doubt,
                UnknownLines::Allowed => GateState::Passed,
            },
            Self::SettledButMissing
            | Self::NotCompleted
            | Self::AmountDiffers
            | Self::CurrencyDiffers
            | Self::FeeDiffers
            | Self::RefundMismatch
            | Self::SummaryDiffers => GateState::Passed,
        }
    }
}

impl GateState {
    /// What all findings say together: the gravest decides.
    #[must_use]
    pub fn of(counts: &BTreeMap<Mismatch, u64>, unknown: UnknownLines) -> Self {
        counts.keys().map(|mismatch| mismatch.gate(unknown)).max().unwrap_or(Self::Passed)
    }
}
