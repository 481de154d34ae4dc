//! The payment, as the wallet announced it or as the wallet core has it.

use chrono::{DateTime, TimeDelta, Utc};

use crate::spelling::spelled;
use crate::{AccountId, AcquirerId, ClearingDay, Money, PaymentId};

spelled! {
    /// How the user's money is taken.
    PaymentKind {
        /// The account is debited.
        Payment = "payment",
        /// The amount is held on the account (card-like products); giving it back is a release.
        Authorization = "authorization",
    }
}

/// One payment as the wallet recorded it before debiting.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    /// How long ago a payment can have been initiated. What is older was never meant: a zero of a programming language, or a wrong clock.
    pub const OLDEST: TimeDelta = TimeDelta::days(366);
    /// How far ahead the clock of the one who initiated it may be.
    pub const FURTHEST_AHEAD: TimeDelta = TimeDelta::minutes(5);

    /// Whether `other` was recorded with the same content; what results added later does not count. Databases and formats cut a moment
    /// to milliseconds or microseconds, so moments that are less than a second apart on one date are the same.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        let Self { acquirer_id, account, amount, settlement_amount, kind, initiated_at, payment_id: _, status: _ } = self;
        *acquirer_id == other.acquirer_id
            && *account == other.account
            && *amount == other.amount
            && *settlement_amount == other.settlement_amount
            && *kind == other.kind
            && is_same_moment(*initiated_at, other.initiated_at)
    }

    /// Whether a payment can have been initiated then, as it looks at `now`.
    #[must_use]
    pub fn can_be_initiated(initiated_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let age = now - initiated_at;
        -Self::FURTHEST_AHEAD <= age && age <= Self::OLDEST
    }

    /// What Alipay+ settles of it.
    #[must_use]
    pub fn settles(&self) -> Money {
        self.settlement_amount.unwrap_or(self.amount)
    }
}

/// The date at UTC+8 is that of the period, which must not depend on what a database kept.
fn is_same_moment(one: DateTime<Utc>, other: DateTime<Utc>) -> bool {
    (one - other).abs() < TimeDelta::seconds(1) && ClearingDay::of(one) == ClearingDay::of(other)
}

/// The payment's status in Alipay+'s terms: U, S or F.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PaymentStatus {
    /// U: no result yet.
    InProgress,
    /// S: the money is taken.
    Succeeded {
        /// When the wallet took it; decides the settlement day.
        completed_at: DateTime<Utc>,
        /// What it costs the wallet. `None` where no fee was reported, or where the payment is cancelled for good.
        fee: Option<Money>,
    },
    /// F: no money was taken.
    Failed {
        /// When the wallet gave it up.
        completed_at: DateTime<Utc>,
        /// Why, where the wallet says so.
        reason: Option<FailureReason>,
    },
}

spelled! {
    /// Why a payment failed, by the codes that `inquiryPayment` has for it ("Respond to payment inquiry" of Alipay+'s guides).
    /// None of them says that the payment is closed: only a cancel does.
    FailureReason {
        /// Declined for risk.
        RiskReject = "RISK_REJECT",
        /// The user's balance is not enough.
        UserBalanceNotEnough = "USER_BALANCE_NOT_ENOUGH",
        /// What the user pays with cannot be used.
        UnavailablePaymentMethod = "UNAVAILABLE_PAYMENT_METHOD",
        /// The user was not verified.
        UserPaymentVerificationFailed = "USER_PAYMENT_VERIFICATION_FAILED",
        /// What is known of the user does not allow the payment.
        UserKycNotQualified = "USER_KYC_NOT_QUALIFIED",
        /// There is no such user.
        UserNotExist = "USER_NOT_EXIST",
        /// The user's status forbids it.
        UserStatusAbnormal = "USER_STATUS_ABNORMAL",
        /// The merchant was not verified.
        MerchantNotRegistered = "MERCHANT_NOT_REGISTERED",
    }
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

spelled! {
    /// The name of a [`PaymentStatus`].
    PaymentStatusName {
        /// U on the wire.
        InProgress = "in-progress",
        /// S on the wire.
        Succeeded = "succeeded",
        /// F on the wire.
        Failed = "failed",
    }
}

impl PaymentStatus {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> PaymentStatusName {
        match self {
            Self::InProgress => PaymentStatusName::InProgress,
            Self::Succeeded { .. } => PaymentStatusName::Succeeded,
            Self::Failed { .. } => PaymentStatusName::Failed,
        }
    }
}
