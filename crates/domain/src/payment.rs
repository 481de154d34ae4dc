//! What the wallet says of a payment, and of the refunds it makes itself.

use chrono::{DateTime, Utc};

use crate::{AccountId, AcquirerId, ClearingDay, Money, PaymentId, RefundRequestId};

/// How the user's money is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentKind {
    /// The account is debited.
    Payment,
    /// The amount is held on the account (card-like products); giving it back is a release.
    Authorization,
}

/// One payment as the wallet recorded it before debiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The acquirer that asked for the payment.
    pub acquirer_id: AcquirerId,
    /// The account that pays.
    pub account: AccountId,
    /// What the user pays.
    pub amount: Money,
    /// What Alipay+ settles, where that differs from `amount`.
    pub settlement_amount: Option<Money>,
    /// Debit or hold.
    pub kind: PaymentKind,
    /// When the payment was initiated; its date in the period's zone is the transaction day.
    pub initiated_at: DateTime<Utc>,
    /// The wallet's own id of the payment, once a result named it.
    pub payment_id: Option<PaymentId>,
    /// How it ended, if it has.
    pub status: PaymentStatus,
}

impl Payment {
    /// Whether `other` was recorded with the same content; what results added later does not count.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        let Self { acquirer_id, account, amount, settlement_amount, kind, initiated_at, payment_id: _, status: _ } = self;
        *acquirer_id == other.acquirer_id
            && *account == other.account
            && *amount == other.amount
            && *settlement_amount == other.settlement_amount
            && *kind == other.kind
            && *initiated_at == other.initiated_at
    }

    /// What Alipay+ settles of it.
    #[must_use]
    pub fn settles(&self) -> Money {
        self.settlement_amount.unwrap_or(self.amount)
    }
}

/// The payment's status in Alipay+'s terms: U, S or F.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentStatus {
    /// U: no result yet.
    InProgress,
    /// S: the money is taken.
    Succeeded {
        /// When the wallet took it; decides the settlement day.
        completed_at: DateTime<Utc>,
        /// What it costs the wallet. `None` is no fee: none was reported, or the payment is cancelled for good.
        fee: Option<Money>,
    },
    /// F: no money was taken.
    Failed {
        /// When the wallet gave it up.
        completed_at: DateTime<Utc>,
    },
}

/// A payment as the wallet core has it, where payments are not announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorePayment {
    /// The payment with its status.
    pub payment: Payment,
    /// How much refunds gave back, in the payment's smallest unit; not less than 0.
    pub refunded: i64,
    /// Whether a refund without a result is going on.
    pub refund_running: bool,
}

/// One refund that the wallet makes on its own, outside of any cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Unique within the payment.
    pub id: RefundRequestId,
    /// How much of the payment goes back.
    pub amount: Money,
    /// Where it stands.
    pub state: RefundState,
    /// The day whose statement accounts for it, once one does.
    pub settled_on: Option<ClearingDay>,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundState {
    /// Announced and allowed; its result is not known.
    Reserved,
    /// The money went back.
    Succeeded {
        /// When it did.
        completed_at: DateTime<Utc>,
    },
    /// It never will.
    Failed {
        /// When the wallet gave it up.
        completed_at: DateTime<Utc>,
    },
}
