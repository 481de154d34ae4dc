//! The embedded ledger's entries: what a decision books in the commit that records it.

use chrono::{DateTime, Utc};

use crate::spelling::spelled;
use crate::{AccountId, Money, PaymentKind, RefundRequestId};

/// One movement between a user's account and the merchants' side, named from the user's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The refund that moved it; `None` for the payment itself and for its cancellation.
    pub refund: Option<RefundRequestId>,
    /// Direction and nature.
    pub kind: EntryKind,
    /// The user's account.
    pub account: AccountId,
    /// How much.
    pub amount: Money,
    /// When it was decided.
    pub at: DateTime<Utc>,
}

spelled! {
    /// Direction and nature of an entry.
    EntryKind {
        /// Taken from the account.
        Debit = "debit",
        /// Given to the account.
        Credit = "credit",
        /// Held on the account.
        Hold = "hold",
        /// No longer held.
        Release = "release",
    }
}

impl EntryKind {
    /// How a payment takes the money.
    #[must_use]
    pub fn taking(kind: PaymentKind) -> Self {
        match kind {
            PaymentKind::Payment => Self::Debit,
            PaymentKind::Authorization => Self::Hold,
        }
    }

    /// How the money goes back.
    #[must_use]
    pub fn returning(kind: PaymentKind) -> Self {
        match kind {
            PaymentKind::Payment => Self::Credit,
            PaymentKind::Authorization => Self::Release,
        }
    }

    /// Whether the account has more afterwards.
    #[must_use]
    pub fn gives(self) -> bool {
        match self {
            Self::Credit | Self::Release => true,
            Self::Debit | Self::Hold => false,
        }
    }
}
