//! Refunds that the wallet makes by its own wish. They stand in Alipay+'s files; a reversal does not.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::spelling::spelled;
use crate::{ClearingDay, Money, Payment, RefundRequestId};

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

/// How much of a payment refunds gave back that are not recorded here, as the wallet core says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundedElsewhere {
    /// Everything that was left.
    All,
    /// A part, and it is not known how much.
    Part,
    /// So much, in the payment's smallest unit; more than 0.
    Amount(i64),
}

/// The name of a [`RefundedElsewhere`]. Its words mean other things in other places, so they are no spelling of this one alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RefundedElsewhereName {
    /// Everything.
    All,
    /// A part that is not known.
    Part,
    /// A part that is known.
    Amount,
}

impl RefundedElsewhereName {
    /// Every value, in the order of its definition.
    pub const ALL: &'static [Self] = &[Self::All, Self::Part, Self::Amount];

    const NAMES: [&'static str; 3] = ["all", "part", "amount"];

    /// The spelling.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The value with exactly this spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == text)
    }
}

impl fmt::Display for RefundedElsewhereName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl RefundedElsewhere {
    /// Its name.
    #[must_use]
    pub fn name(self) -> RefundedElsewhereName {
        match self {
            Self::All => RefundedElsewhereName::All,
            Self::Part => RefundedElsewhereName::Part,
            Self::Amount(_) => RefundedElsewhereName::Amount,
        }
    }

    /// How much, where that is known, in the payment's smallest unit.
    #[must_use]
    pub fn amount(self) -> Option<i64> {
        match self {
            Self::All | Self::Part => None,
            Self::Amount(minor) => Some(minor),
        }
    }

    /// What is known once the core says `now`. It never becomes less, and a part that the core does not measure may be more than the
    /// one it measured before.
    #[must_use]
    pub fn and(self, now: Self) -> Self {
        match (self, now) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (_, Self::Part) => Self::Part,
            (Self::Part, Self::Amount(minor)) => Self::Amount(minor),
            (Self::Amount(before), Self::Amount(minor)) => Self::Amount(before.max(minor)),
        }
    }

    /// The part that the core says, where it says how much of which payment; of an unknown payment no amount can be compared.
    pub(crate) fn part_of(payment: Option<&Payment>, refunded: Option<Money>) -> Self {
        match (payment, refunded) {
            (Some(payment), Some(refunded)) if payment.amount.currency() == refunded.currency() => Self::Amount(refunded.minor()),
            (Some(_) | None, Some(_) | None) => Self::Part,
        }
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
