//! When the cancel that decides was received, and what that says about the period.

use chrono::{DateTime, Utc};

use crate::{Case, DeferReason, Receipt, Witness};

/// The moments that decide about the period of a cancel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    witness: Witness,
    /// When the message that is decided now was received; `None` where there is none, because a lookup or a refund's result decides.
    own: Option<DateTime<Utc>>,
    /// The message's `Request-Time`, where that and our clocks cannot both be right.
    pub(super) contradiction: Option<DateTime<Utc>>,
    /// The earliest receipt that is recorded, where nobody doubts it.
    recorded: Option<DateTime<Utc>>,
    /// The earliest receipt that is recorded, where one clock contradicted another about it.
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

impl Timing {
    /// A message that came at `at` by our clocks, where the same acquirer's earliest receipt is `known` to the case.
    pub(super) fn of_message(witness: Witness, case: &Case, known: Option<DateTime<Utc>>, at: DateTime<Utc>) -> Self {
        let own = Some(witness.received_at(at));
        Self { witness, own, contradiction: witness.contradiction(at), ..Self::of_record(case, known) }
    }

    /// What is recorded alone decides.
    pub(super) fn of_receipt(case: &Case, receipt: &Receipt) -> Self {
        Self::of_record(case, Some(receipt.received_at))
    }

    fn of_record(case: &Case, known: Option<DateTime<Utc>>) -> Self {
        let is_doubtful = case.defer_reason() == Some(DeferReason::ClocksDisagree);
        let (recorded, doubtful) = (known.filter(|_| !is_doubtful), known.filter(|_| is_doubtful));
        Self { witness: Witness::OurClocks, own: None, contradiction: None, recorded, doubtful }
    }

    /// The same, judged by our clocks alone.
    pub(super) fn by_our_clocks(receipt: &Receipt) -> Self {
        let own = Some(receipt.received_at);
        Self { witness: Witness::TrustedClocks, own, contradiction: None, recorded: None, doubtful: None }
    }

    /// Whether a clock contradicts another about this message, or about one before it, and none of them is known to be right.
    pub(super) fn is_doubtful(&self) -> bool {
        match self.witness {
            Witness::TrustedClocks => false,
            Witness::OurClocks | Witness::RequestTime(_) => self.contradiction.is_some() || self.doubtful.is_some(),
        }
    }

    /// Two processes may commit in another order than they received, so that the earliest receipt counts and not the first one that was
    /// recorded. A repeat that is in time beyond doubt settles the doubt: what came before it was in time too.
    pub(super) fn timeliness(&self, is_in_time: impl Fn(DateTime<Utc>) -> bool) -> Timeliness {
        if self.recorded.is_some_and(&is_in_time) {
            return Timeliness::InTime;
        }
        let own = self.own.is_some_and(&is_in_time);
        if self.contradiction.is_some_and(|claimed| is_in_time(claimed) != own) {
            return Timeliness::Doubtful;
        }
        match (own, self.witness) {
            (true, _) => Timeliness::InTime,
            (false, Witness::TrustedClocks) => Timeliness::TooLate,
            (false, Witness::OurClocks | Witness::RequestTime(_)) if self.doubtful.is_some() => Timeliness::Doubtful,
            (false, Witness::OurClocks | Witness::RequestTime(_)) => Timeliness::TooLate,
        }
    }

    /// The earliest receipt, as it is recorded from now on. A moment that was in doubt goes on counting only while it is in doubt.
    pub(super) fn first_received_at(&self, is_in_doubt: bool) -> Option<DateTime<Utc>> {
        let earlier = if is_in_doubt { self.recorded.or(self.doubtful) } else { self.recorded };
        match (earlier, self.own) {
            (Some(earlier), Some(own)) => Some(earlier.min(own)),
            (earlier, own) => earlier.or(own).or(self.doubtful),
        }
    }
}
