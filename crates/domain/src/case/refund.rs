//! Refunds that the wallet makes by its own wish. They stand in Alipay+'s files; a reversal does not.

use chrono::{DateTime, Utc};

use crate::spelling::spelled;
use crate::{ClearingDay, Money, RefundRequestId};

/// One refund that the wallet makes on its own, outside of any cancellation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

spelled! {
    /// The name of a [`RefundState`].
    RefundStateName {
        /// Allowed, without a result.
        Reserved = "reserved",
        /// The money went back.
        Succeeded = "succeeded",
        /// It never will.
        Failed = "failed",
    }
}

impl RefundState {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> RefundStateName {
        match self {
            Self::Reserved => RefundStateName::Reserved,
            Self::Succeeded { .. } => RefundStateName::Succeeded,
            Self::Failed { .. } => RefundStateName::Failed,
        }
    }
}
