//! What a line of a file says.

use crate::{Currency, RefundRequestId};

/// One transaction as a file lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it is.
    pub kind: ListedKind,
    /// What it settles, where the file tells amounts.
    pub amount: Option<ListedAmount>,
    /// What it costs, where the file tells fees.
    pub fee: Option<ListedAmount>,
}

/// What a listed transaction is. The order is that of a case's lines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListedKind {
    /// What the user paid at the merchant.
    Payment,
    /// A refund of it.
    Refund(RefundRequestId),
    /// Something that we do not settle by, such as a dispute.
    Other,
}

/// An amount as a file tells it: it may be nothing, or negative where the file tells directions so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedAmount {
    /// In the currency's smallest unit.
    pub minor: i64,
    /// Of which currency.
    pub currency: Currency,
}
