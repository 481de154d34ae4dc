//! A cancel that cannot be decided yet: who asked and when, and when it is tried again.

use chrono::{DateTime, TimeDelta, Utc};

use super::reversal::{Jitter, retry_delay};
use super::{Cancellation, CancellationState, Case, DeferReason};
use crate::AcquirerId;
use crate::spelling::spelled;

/// When an acquirer's cancel came. Nobody knows yet whose payment it is, so each acquirer that asks keeps its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Who asked.
    pub acquirer_id: AcquirerId,
    /// The earliest moment at which a cancel of this acquirer was received.
    pub received_at: DateTime<Utc>,
}

/// How a deferred cancel waits. A cancel that waits for the result of a refund recorded here has none, until it is parked: the result
/// decides it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Deferral {
    /// Since when it waits.
    pub since: DateTime<Utc>,
    /// How many lookups ended without a decision.
    pub attempts: u32,
    /// Whether it is looked up again.
    pub state: DeferralState,
}

/// Whether a deferred cancel is looked up again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DeferralState {
    /// The payment is looked up at the wallet core again.
    Waiting {
        /// The next lookup is due from then on. While one is running, the moment at which it is given up for lost.
        next_attempt_at: DateTime<Utc>,
        /// What the last lookup met.
        last_error: Option<String>,
    },
    /// An operator decides; no lookup, no repeat and no refund's result does.
    Parked {
        /// The operator's note.
        reason: String,
    },
}

spelled! {
    /// The name of a [`DeferralState`].
    DeferralStateName {
        /// Looked up again.
        Waiting = "waiting",
        /// An operator decides.
        Parked = "parked",
    }
}

/// One look at the wallet core for the payment of a deferred cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LookupAttempt {
    /// Its number, from 1; one with another number than the next is late, and counts for nothing unless it decides.
    pub number: u32,
    /// For the delay before the next one.
    pub jitter: Jitter,
}

impl LookupAttempt {
    /// The first, with the shortest delay after it.
    pub const FIRST: Self = Self { number: 1, jitter: Jitter(0) };
}

impl DeferralState {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> DeferralStateName {
        match self {
            Self::Waiting { .. } => DeferralStateName::Waiting,
            Self::Parked { .. } => DeferralStateName::Parked,
        }
    }
}

impl Deferral {
    /// Waits since `since` for a lookup that is due at `due_at`.
    #[must_use]
    pub fn waiting(since: DateTime<Utc>, due_at: DateTime<Utc>) -> Self {
        Self { since, attempts: 0, state: DeferralState::Waiting { next_attempt_at: due_at, last_error: None } }
    }

    /// Whether an operator decides.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        matches!(self.state, DeferralState::Parked { .. })
    }

    /// The same after a lookup that decided nothing and met `last_error`; the same as before where the lookup is late.
    #[must_use]
    pub(crate) fn tried(self, attempt: LookupAttempt, last_error: Option<String>, now: DateTime<Utc>) -> Self {
        if self.is_parked() || attempt.number != self.attempts.saturating_add(1) {
            return self;
        }
        let next_attempt_at = now + retry_delay(attempt.number, attempt.jitter);
        Self { attempts: attempt.number, state: DeferralState::Waiting { next_attempt_at, last_error }, ..self }
    }

    /// The same with the next lookup due at `due_at`.
    #[must_use]
    pub(crate) fn due_at(self, due_at: DateTime<Utc>) -> Self {
        let state = match self.state {
            DeferralState::Waiting { next_attempt_at: _, last_error } => {
                DeferralState::Waiting { next_attempt_at: due_at, last_error }
            }
            parked @ DeferralState::Parked { .. } => parked,
        };
        Self { state, ..self }
    }
}

impl Case {
    /// Why the cancel cannot be decided yet, where one is deferred.
    #[must_use]
    pub fn defer_reason(&self) -> Option<DeferReason> {
        self.cancellation.as_ref().and_then(|cancellation| cancellation.state.defer_reason())
    }

    /// Whether there is only the receipt of a cancel: nobody has found out yet whether it can be decided.
    #[must_use]
    pub(crate) fn is_only_received(&self) -> bool {
        let untried = self.deferral.as_ref().is_none_or(|deferral| deferral.attempts == 0);
        self.defer_reason() == Some(DeferReason::LookupFailed) && untried
    }

    /// Whether a deferred cancel is left to an operator.
    #[must_use]
    pub fn has_parked_deferral(&self) -> bool {
        self.deferral.as_ref().is_some_and(Deferral::is_parked)
    }

    /// From when on the payment of a deferred cancel may be looked up again; `None` where no lookup decides it. One that a version
    /// before recorded has no schedule and is due at once.
    #[must_use]
    pub fn lookup_due_at(&self) -> Option<DateTime<Utc>> {
        let Cancellation { first_received_at, state: CancellationState::Deferred(reason), .. } = self.cancellation.as_ref()?
        else {
            return None;
        };
        match (self.deferral.as_ref().map(|deferral| &deferral.state), reason) {
            (Some(DeferralState::Waiting { next_attempt_at, .. }), _) => Some(*next_attempt_at),
            (None, DeferReason::LookupFailed | DeferReason::Contradiction) => Some(*first_received_at),
            (Some(DeferralState::Parked { .. }), _) | (None, DeferReason::RefundRunning | DeferReason::ClocksDisagree) => None,
        }
    }

    /// Since when a deferred cancel waits, if one does.
    #[must_use]
    pub fn deferred_since(&self) -> Option<DateTime<Utc>> {
        let cancellation = self.cancellation.as_ref().filter(|cancellation| cancellation.state.defer_reason().is_some())?;
        Some(self.deferral.as_ref().map_or(cancellation.first_received_at, |deferral| deferral.since))
    }

    /// When the cancel of an acquirer was first received, where one was: a deferred case knows each that asked.
    #[must_use]
    pub fn received_from(&self, acquirer_id: &AcquirerId) -> Option<DateTime<Utc>> {
        self.all_receipts().find(|receipt| receipt.acquirer_id == *acquirer_id).map(|receipt| receipt.received_at)
    }

    /// The cancel that was received first, and its acquirer.
    #[must_use]
    pub fn earliest_receipt(&self) -> Option<Receipt> {
        self.all_receipts().min_by_key(|receipt| receipt.received_at)
    }

    pub(crate) fn all_receipts(&self) -> impl Iterator<Item = Receipt> {
        let first = self.cancellation.as_ref().map(|Cancellation { acquirer_id, first_received_at, state: _ }| Receipt {
            acquirer_id: acquirer_id.clone(),
            received_at: *first_received_at,
        });
        first.into_iter().chain(self.receipts.iter().cloned())
    }
}

/// Moments for what becomes due together, spread evenly: the place `place` of `many` within a time.
#[must_use]
pub fn spread(within: TimeDelta, (place, many): (usize, usize)) -> TimeDelta {
    let micros = i128::from(within.num_microseconds().unwrap_or(i64::MAX));
    let (place, many) = (place as i128, (many as i128).max(1));
    TimeDelta::microseconds(i64::try_from(micros * place / many).unwrap_or(i64::MAX))
}
