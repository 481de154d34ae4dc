//! Giving the money back: one reversal a case, for ever, known to the wallet core by the case's own id.

use chrono::{DateTime, TimeDelta, Utc};

use crate::spelling::spelled;
use crate::{AccountId, Money, PaymentId, PaymentKind, PaymentRequestId};

spelled! {
    /// What is known to be taken from the user, and so what a reversal undoes. It only informs the wallet core, whose duty is the same
    /// for each.
    Taken {
        /// The account was debited.
        Debit = "debit",
        /// The amount is held.
        Hold = "hold",
        /// The payment failed, is in progress, or was never seen: the core may have taken something all the same.
        NothingKnown = "nothing-known",
    }
}

impl Taken {
    /// What a payment of this kind takes when it succeeds.
    #[must_use]
    pub fn by(kind: PaymentKind) -> Self {
        match kind {
            PaymentKind::Payment => Self::Debit,
            PaymentKind::Authorization => Self::Hold,
        }
    }
}

/// What the wallet core is asked to return. What is not known is left out: the core finds the payment by the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReversalRequest {
    /// The reversal's id, which is the case's.
    pub id: PaymentRequestId,
    /// What is known to be taken.
    pub taken: Taken,
    /// The wallet's own id of the payment.
    pub payment_id: Option<PaymentId>,
    /// Whose money it is.
    pub account: Option<AccountId>,
    /// The full amount of the payment.
    pub amount: Option<Money>,
}

/// The duty to give a payment's money back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reversal {
    /// What is known to be taken, which the reversal undoes.
    pub taken: Taken,
    /// The full amount of the payment, where the payment is known.
    pub amount: Option<Money>,
    /// When the duty arose.
    pub opened_at: DateTime<Utc>,
    /// How many attempts were begun; the number of an attempt is also its lease's token.
    pub attempts: u32,
    /// Where it stands.
    pub state: ReversalState,
}

/// Where a reversal stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversalState {
    /// The money is not known to be back.
    Open {
        /// The next attempt is due from then on.
        next_attempt_at: DateTime<Utc>,
        /// The attempt that is running, if one is.
        lease: Option<Lease>,
        /// What the last attempt met.
        last_error: Option<String>,
    },
    /// An operator decides: the wallet core says that it cannot be done, contradicts what was told, or an operator stopped it.
    Parked {
        /// Why.
        reason: String,
    },
    /// The money is back.
    Done {
        /// When the receipt was recorded.
        at: DateTime<Utc>,
        /// An operator said so, who paid by other means than the wallet core's own undoing: asking the core again would pay twice.
        by_hand: bool,
    },
}

/// How far two clocks may be apart that are both taken for right: of two processes, or of a process and its database. A process that
/// is further from its database is not ready.
pub const CLOCKS_APART: TimeDelta = TimeDelta::seconds(5);

/// The longest wait between two attempts.
pub const LONGEST_WAIT: TimeDelta = TimeDelta::seconds(60);

/// The right to make one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The attempt's number; a close that quotes another is late and changes nothing.
    pub attempt: u32,
    /// From then on any process may begin the next attempt.
    pub until: DateTime<Utc>,
}

/// What came of one attempt to give the money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReversalOutcome {
    /// Nothing of the payment is left debited or held.
    Done,
    /// The same, and nothing had ever been taken.
    NothingToDo,
    /// Refunds gave a part back; the core says it must not be given back in full. How much, where the core says so.
    PartlyRefunded(Option<Money>),
    /// Refunds gave everything back.
    FullyRefunded,
    /// It can never be done, for this reason.
    Impossible(String),
    /// It is not known; the text says what was met instead of an outcome.
    Unknown(String),
}

spelled! {
    /// The name of a [`ReversalOutcome`], as in the wallet core's contract and in timelines.
    ReversalOutcomeName {
        /// Nothing is left debited or held.
        Done = "done",
        /// Nothing had ever been taken.
        NothingToDo = "nothing-to-do",
        /// Refunds gave a part back.
        PartlyRefunded = "partly-refunded",
        /// Refunds gave everything back.
        FullyRefunded = "fully-refunded",
        /// It can never be done.
        Impossible = "impossible",
        /// Not known.
        Unknown = "unknown",
    }
}

impl ReversalOutcome {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> ReversalOutcomeName {
        match self {
            Self::Done => ReversalOutcomeName::Done,
            Self::NothingToDo => ReversalOutcomeName::NothingToDo,
            Self::PartlyRefunded(_) => ReversalOutcomeName::PartlyRefunded,
            Self::FullyRefunded => ReversalOutcomeName::FullyRefunded,
            Self::Impossible(_) => ReversalOutcomeName::Impossible,
            Self::Unknown(_) => ReversalOutcomeName::Unknown,
        }
    }
}

spelled! {
    /// The name of a [`ReversalState`].
    ReversalStateName {
        /// Tried until the money is back.
        Open = "open",
        /// An operator decides.
        Parked = "parked",
        /// The money is back.
        Done = "done",
        /// An operator paid by other means.
        Resolved = "resolved",
    }
}

impl ReversalState {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> ReversalStateName {
        match self {
            Self::Open { .. } => ReversalStateName::Open,
            Self::Parked { .. } => ReversalStateName::Parked,
            Self::Done { by_hand: false, .. } => ReversalStateName::Done,
            Self::Done { by_hand: true, .. } => ReversalStateName::Resolved,
        }
    }
}

/// What is recorded of an attempt that said `nothing-to-do` of a payment that succeeded. The next that says the same parks the reversal.
pub(crate) const NOTHING_OF_A_SUCCESS: &str =
    "the wallet core says that nothing was ever taken, and the payment is known to have succeeded";

/// Randomness as a value, in 1/2³² parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jitter(pub u32);

impl Lease {
    /// Whether nobody else may begin an attempt at `at`. A lease that lasts longer than `term` from then on was taken by a clock that
    /// has been set back since. It is over: nobody is to wait for as long as that clock was wrong.
    #[must_use]
    pub fn holds(&self, at: DateTime<Utc>, term: TimeDelta) -> bool {
        at < self.until && self.until <= at + term + CLOCKS_APART
    }
}

/// Whether a wait until `due_at` is over at a moment. One that is longer than any wait was begun by a clock that has been set back since,
/// and is over too.
#[must_use]
pub fn is_over(due_at: DateTime<Utc>, at: DateTime<Utc>) -> bool {
    due_at <= at || due_at > at + LONGEST_WAIT + CLOCKS_APART
}

/// How long to wait after attempt number `attempt`: 200 ms doubled with every attempt up to [`LONGEST_WAIT`], of which a random half is
/// left out so that a backlog does not come back all at once.
#[must_use]
pub fn retry_delay(attempt: u32, jitter: Jitter) -> TimeDelta {
    const FIRST: i64 = 200_000;
    let doublings = attempt.saturating_sub(1).min(20);
    let longest = LONGEST_WAIT.num_seconds() * 1_000_000;
    let half = (FIRST << doublings).min(longest) / 2;
    TimeDelta::microseconds(half + ((half * i64::from(jitter.0)) >> 32))
}

impl Reversal {
    /// After how long a core is asked again that contradicts a success: its own books may not have been up to date.
    pub const SECOND_WORD_AFTER: TimeDelta = TimeDelta::seconds(2);

    /// A duty that arises now and is due at once.
    #[must_use]
    pub fn open(taken: Taken, amount: Option<Money>, at: DateTime<Utc>) -> Self {
        let state = ReversalState::Open { next_attempt_at: at, lease: None, last_error: None };
        Self { taken, amount, opened_at: at, attempts: 0, state }
    }

    /// A duty that arises and is fulfilled in the same commit: the embedded ledger's way.
    #[must_use]
    pub fn booked(taken: Taken, amount: Money, at: DateTime<Utc>) -> Self {
        Self { taken, amount: Some(amount), opened_at: at, attempts: 1, state: ReversalState::Done { at, by_hand: false } }
    }

    /// Begins the next attempt if the reversal is open and not leased; `None` otherwise. Should the process that begins it die, the
    /// next one is due as soon as the lease has run out, however long the wait would have been that it cut short.
    #[must_use]
    pub fn begin_attempt(&self, at: DateTime<Utc>, lease_for: TimeDelta) -> Option<Self> {
        match &self.state {
            ReversalState::Open { lease: Some(lease), .. } if lease.holds(at, lease_for) => None,
            ReversalState::Open { next_attempt_at, lease: _, last_error } => {
                let attempts = self.attempts.saturating_add(1);
                let lease = Some(Lease { attempt: attempts, until: at + lease_for });
                let next_attempt_at = at.min(*next_attempt_at);
                let state = ReversalState::Open { next_attempt_at, lease, last_error: last_error.clone() };
                Some(Self { attempts, state, ..self.clone() })
            }
            ReversalState::Parked { .. } | ReversalState::Done { .. } => None,
        }
    }

    /// Open, due at once and without a lease, so that an attempt that is still running ends too late. Used where something new became
    /// known. What was parked or done begins to wait now; what was open has waited all the time.
    #[must_use]
    pub fn reopened(self, at: DateTime<Utc>) -> Self {
        let opened_at = match self.state {
            ReversalState::Open { .. } => self.opened_at,
            ReversalState::Parked { .. } | ReversalState::Done { .. } => at,
        };
        let state = ReversalState::Open { next_attempt_at: at, lease: None, last_error: None };
        Self { opened_at, state, ..self }
    }

    /// Whether the next attempt may begin by its time, as [`is_over`] says.
    #[must_use]
    pub fn is_due(&self, at: DateTime<Utc>) -> bool {
        matches!(self.state, ReversalState::Open { next_attempt_at, .. } if is_over(next_attempt_at, at))
    }

    /// Whether an attempt may be running: its lease is not over.
    #[must_use]
    pub fn is_leased(&self, at: DateTime<Utc>) -> bool {
        matches!(&self.state, ReversalState::Open { lease: Some(lease), .. } if at < lease.until)
    }

    /// Whether the wallet core said that there was nothing to give back, of a payment that is known to have succeeded. It is asked once
    /// more, and not before the attempt is due.
    #[must_use]
    pub fn waits_for_second_word(&self) -> bool {
        matches!(&self.state, ReversalState::Open { last_error: Some(error), .. } if error.starts_with(NOTHING_OF_A_SUCCESS))
    }

    /// Whether `attempt` holds the lease.
    #[must_use]
    pub fn is_leased_to(&self, attempt: u32) -> bool {
        matches!(&self.state, ReversalState::Open { lease: Some(lease), .. } if lease.attempt == attempt)
    }

    /// Whether an operator decides.
    #[must_use]
    pub fn is_parked(&self) -> bool {
        matches!(self.state, ReversalState::Parked { .. })
    }

    /// Whether the money is not back: the reversal is open or parked.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        match self.state {
            ReversalState::Open { .. } | ReversalState::Parked { .. } => true,
            ReversalState::Done { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_from_200_ms_to_60_s_and_at_most_half_of_it_is_random() {
        let whole = [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 51_200, 60_000, 60_000];
        for (attempt, whole) in (1..).zip(whole) {
            assert_eq!(retry_delay(attempt, Jitter(0)), TimeDelta::milliseconds(whole / 2));
            let longest = retry_delay(attempt, Jitter(u32::MAX));
            assert!(longest < TimeDelta::milliseconds(whole), "{attempt}: {longest}");
            assert!(longest > TimeDelta::milliseconds(whole - 1), "{attempt}: {longest}");
        }
        assert_eq!(retry_delay(u32::MAX, Jitter(0)), TimeDelta::seconds(30));
    }
}
