//! The one word for where a case stands, by which people search.

use chrono::{DateTime, Utc};

use super::{CancellationState, Case, PaymentStatus, Reversal};
use crate::spelling::spelled;

spelled! {
    /// Where a case stands, in one word. What a person may have to look at comes first: a reversal that is not finished, then what became
    /// of the cancel, then the payment's own status.
    CaseState {
        /// The payment has no result, and no cancel came.
        InProgress = "in-progress",
        /// The payment succeeded, and no cancel came.
        Succeeded = "succeeded",
        /// The payment failed, and no cancel came.
        Failed = "failed",
        /// A cancel came and cannot be decided yet.
        Deferred = "deferred",
        /// The money is being given back.
        Open = "open",
        /// An operator decides.
        Parked = "parked",
        /// Cancelled, and nothing is left to give back.
        Cancelled = "cancelled",
        /// The cancel is refused.
        Refused = "refused",
        /// The cancel is answered S, because refunds had given everything back.
        AlreadyRefunded = "already-refunded",
    }
}

impl CaseState {
    /// Whether it is a state that hardly any case is in at a time, and that each case leaves again.
    #[must_use]
    pub fn is_passing(self) -> bool {
        match self {
            Self::Deferred | Self::Open | Self::Parked => true,
            Self::InProgress | Self::Succeeded | Self::Failed | Self::Cancelled | Self::Refused | Self::AlreadyRefunded => false,
        }
    }
}

impl Case {
    /// Where the case stands; `None` where nothing is known of it.
    #[must_use]
    pub fn state(&self) -> Option<CaseState> {
        if self.is_parked() {
            return Some(CaseState::Parked);
        }
        if self.reversal.as_ref().is_some_and(Reversal::is_unfinished) {
            return Some(CaseState::Open);
        }
        Some(match self.cancellation.as_ref().map(|cancellation| cancellation.state) {
            Some(CancellationState::Deferred(_)) => CaseState::Deferred,
            Some(CancellationState::Open { .. }) => CaseState::Open,
            Some(CancellationState::Cancelled { .. }) => CaseState::Cancelled,
            Some(CancellationState::Refused { .. }) => CaseState::Refused,
            Some(CancellationState::AlreadyRefunded { .. }) => CaseState::AlreadyRefunded,
            None => match self.payment.as_ref()?.status {
                PaymentStatus::InProgress => CaseState::InProgress,
                PaymentStatus::Succeeded { .. } => CaseState::Succeeded,
                PaymentStatus::Failed { .. } => CaseState::Failed,
            },
        })
    }

    /// When it began, as far as is known: when the payment was initiated, or else when its cancel first came.
    #[must_use]
    pub fn began_at(&self) -> Option<DateTime<Utc>> {
        let initiated_at = self.payment.as_ref().map(|payment| payment.initiated_at);
        initiated_at.or_else(|| self.cancellation.as_ref().map(|cancellation| cancellation.first_received_at))
    }
}
