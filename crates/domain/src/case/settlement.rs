//! How a case stands to the statements of closed days.

use chrono::{DateTime, Utc};

use crate::{Case, ClearingDay, DayClosing, DeferReason, PaymentStatus, Refund, RefundState};

/// How the statement of a closed day accounts for a completed payment. It is in exactly one day's, as one or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settlement {
    /// It settles: from here on a cancel of it comes too late.
    Settled {
        /// The day that accounts for it.
        day: ClearingDay,
        /// When it was taken in.
        at: DateTime<Utc>,
    },
    /// It was cancelled and settles nowhere.
    Excluded {
        /// The day that accounts for it.
        day: ClearingDay,
    },
}

impl Settlement {
    /// The day that accounts for the payment.
    #[must_use]
    pub fn day(&self) -> ClearingDay {
        match self {
            Self::Settled { day, at: _ } | Self::Excluded { day } => *day,
        }
    }
}

impl Case {
    /// Whether a closed day, or one that is being closed, has the payment among what settles.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.settlement, Some(Settlement::Settled { .. }))
    }

    /// When the payment succeeded, if it has.
    #[must_use]
    pub fn completed_at(&self) -> Option<DateTime<Utc>> {
        match self.payment.as_ref()?.status {
            PaymentStatus::Succeeded { completed_at, fee: _ } => Some(completed_at),
            PaymentStatus::InProgress | PaymentStatus::Failed { .. } => None,
        }
    }

    /// Whether a closing has to account for the payment itself.
    #[must_use]
    pub fn payment_is_due(&self, closing: &DayClosing) -> bool {
        self.settlement.is_none() && self.completed_at().is_some_and(|at| closing.takes(at))
    }

    /// Whether a closing has anything of this case to account for.
    #[must_use]
    pub fn is_due(&self, closing: &DayClosing) -> bool {
        self.payment_is_due(closing) || self.refunds.iter().any(|refund| refund.is_due(closing))
    }

    /// Whether the case keeps a closing from going on: what it has to account for is not decided yet. What waits only for the clocks
    /// to agree does not: the closing decides it.
    #[must_use]
    pub fn prevents_closing(&self, closing: &DayClosing) -> bool {
        let reason = self.cancellation.as_ref().and_then(|cancellation| cancellation.state.defer_reason());
        let waits = reason.is_some_and(|reason| reason != DeferReason::ClocksDisagree || self.has_parked_deferral());
        waits && self.is_due(closing)
    }
}

impl Refund {
    /// When the money went back, if it has.
    #[must_use]
    pub fn completed_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            RefundState::Succeeded { completed_at } => Some(completed_at),
            RefundState::Reserved | RefundState::Failed { .. } => None,
        }
    }

    /// Whether a closing has to account for it.
    #[must_use]
    pub fn is_due(&self, closing: &DayClosing) -> bool {
        self.settled_on.is_none() && self.completed_at().is_some_and(|at| closing.takes(at))
    }
}
