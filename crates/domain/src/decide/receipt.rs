//! When a cancel was received, and what that says about the period.

use chrono::{DateTime, Utc};

use crate::{Cancel, Cancellation, CancellationState, DeferReason, Witness};

/// A cancel with the moments that decide about its period.
pub(super) struct Receipt<'a> {
    pub(super) cancel: &'a Cancel,
    /// When this message was received.
    pub(super) own: DateTime<Utc>,
    /// Its `Request-Time`, where that and our clocks cannot both be right.
    pub(super) contradiction: Option<DateTime<Utc>>,
    /// The earliest receipt that is recorded for the case, where nobody doubts it.
    recorded: Option<DateTime<Utc>>,
    /// The earliest receipt that is recorded for the case, where one clock contradicted another about it.
    doubtful: Option<DateTime<Utc>>,
}

/// Whether a cancel came within the cancellable period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Timeliness {
    InTime,
    TooLate,
    /// One clock says that it did, another one that it did not, and it is not known which of them is right.
    Doubtful,
}

impl<'a> Receipt<'a> {
    /// A cancel that came at `at` by our clocks, for a case with this cancellation.
    pub(super) fn of(cancel: &'a Cancel, known: Option<&Cancellation>, at: DateTime<Utc>) -> Self {
        let first = |doubtful: bool| {
            let first = known.filter(|known| known.is_of_doubtful_time() == doubtful);
            first.map(|known| known.first_received_at)
        };
        let (own, contradiction) = (cancel.witness.received_at(at), cancel.witness.contradiction(at));
        Self { cancel, own, contradiction, recorded: first(false), doubtful: first(true) }
    }

    /// Whether a clock contradicts another about this message, or about one before it, and none of them is known to be right.
    pub(super) fn is_of_doubtful_time(&self) -> bool {
        match self.cancel.witness {
            Witness::TrustedClocks => false,
            Witness::OurClocks | Witness::RequestTime(_) => self.contradiction.is_some() || self.doubtful.is_some(),
        }
    }

    /// Two processes may commit in another order than they received, so that the earliest receipt counts and not the first one that was
    /// recorded. A repeat that is in time beyond doubt settles the doubt: what came before it was in time too.
    pub(super) fn timeliness(&self, is_in_time: impl Fn(DateTime<Utc>) -> bool) -> Timeliness {
        let own = is_in_time(self.own);
        if self.recorded.is_some_and(&is_in_time) {
            return Timeliness::InTime;
        }
        if self.contradiction.is_some_and(|claimed| is_in_time(claimed) != own) {
            return Timeliness::Doubtful;
        }
        match (own, self.cancel.witness) {
            (true, _) => Timeliness::InTime,
            (false, Witness::TrustedClocks) => Timeliness::TooLate,
            (false, Witness::OurClocks | Witness::RequestTime(_)) if self.doubtful.is_some() => Timeliness::Doubtful,
            (false, Witness::OurClocks | Witness::RequestTime(_)) => Timeliness::TooLate,
        }
    }

    /// The earliest receipt, as it is recorded with `state`. A moment that was in doubt goes on counting only while it is in doubt.
    pub(super) fn first_received_at(&self, state: CancellationState) -> DateTime<Utc> {
        let is_in_doubt = state == CancellationState::Deferred(DeferReason::ClocksDisagree);
        let earlier = if is_in_doubt { self.recorded.or(self.doubtful) } else { self.recorded };
        earlier.map_or(self.own, |earlier| earlier.min(self.own))
    }
}
