//! What is asked of a case, and when.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    AcquirerId, CorePayment, DayClosing, Jitter, LookupAttempt, Money, Payment, PaymentId, PaymentRequestId, RefundRequestId,
    ReversalOutcome,
};

/// One command on one case: every endpoint and worker comes down to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The case's key.
    pub id: PaymentRequestId,
    /// The command's own instant: for a cancel, when it was received.
    pub at: DateTime<Utc>,
    /// What is to be done.
    pub action: Action,
}

/// What is asked of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Alipay+ cancels.
    Cancel(Cancel),
    /// The wallet is about to debit; the payment's status is "in progress".
    Pay(Payment),
    /// The wallet knows a payment's result.
    Result(PayResult),
    /// The wallet is about to refund on its own.
    Refund(RefundRequest),
    /// The wallet knows a refund's result.
    RefundResult(RefundResult),
    /// A worker wants to make the next attempt to give the money back, if it is due.
    LeaseAttempt,
    /// An attempt to give the money back has ended.
    CompleteAttempt(AttemptEnd),
    /// An operator has a parked reversal tried again.
    Retry {
        /// Who did it.
        by: String,
    },
    /// An operator stops what is open, and decides about it.
    Park {
        /// Why.
        note: String,
        /// Who did it.
        by: String,
    },
    /// An operator has paid a parked reversal by hand. With four eyes another one has to approve it.
    Resolve {
        /// What was done.
        note: String,
        /// Who did it.
        by: String,
    },
    /// An operator approves the resolution that another one asked for.
    Approve {
        /// Who does it.
        by: String,
    },
    /// A worker wants to look up the payment of a deferred cancel, if that is due.
    LeaseLookup,
    /// The payment of a deferred cancel was looked up.
    DecideDeferred(LookupEnd),
    /// The wallet core answers again: the next lookup of a deferred cancel is due at this moment, unless it is due before.
    LookUpBy(DateTime<Utc>),
    /// An operator has the deployment served with other settings, while the payment can still be cancelled.
    Adopt(Adoption),
    /// A day is closed, which accounts for what completed and is not accounted for yet.
    Settle(DayClosing),
}

impl Action {
    /// Whether it may be the first that is heard of a case. Anything else on an unknown case is "not found" and leaves no trace.
    #[must_use]
    pub fn opens_case(&self) -> bool {
        match self {
            Self::Cancel(_) | Self::Pay(_) => true,
            Self::Result(_) | Self::Refund(_) | Self::RefundResult(_) => false,
            Self::LeaseAttempt | Self::CompleteAttempt(_) | Self::Settle(_) | Self::Adopt(_) => false,
            Self::Retry { .. } | Self::Park { .. } | Self::Resolve { .. } | Self::Approve { .. } => false,
            Self::LeaseLookup | Self::DecideDeferred(_) | Self::LookUpBy(_) => false,
        }
    }
}

/// Other settings that a deployment is served with from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adoption {
    /// Where funds and payments were.
    pub from: String,
    /// Where they are.
    pub to: String,
    /// Why the payment may go on under them.
    pub note: String,
    /// Who said so.
    pub by: String,
}

/// The end of one attempt to give the money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptEnd {
    /// The attempt's number.
    pub attempt: u32,
    /// What came of it.
    pub outcome: ReversalOutcome,
    /// For the next attempt's delay.
    pub jitter: Jitter,
}

/// `cancelPayment`, whose signature is verified and whose `pspId` is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    /// Who asks.
    pub acquirer_id: AcquirerId,
    /// What asking the wallet core for the payment came to.
    pub lookup: Lookup,
    /// For how long it has waited since it was received: the right to an attempt counts from the decision.
    pub waited: TimeDelta,
    /// Which lookup it was.
    pub attempt: LookupAttempt,
    /// Who besides our own clocks says when it was received.
    pub witness: Witness,
}

/// Who says when a cancel was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// Our own clocks alone.
    OurClocks,
    /// Our own clocks, and the signed `Request-Time` of the message.
    RequestTime(DateTime<Utc>),
    /// Our own clocks, which are known to be right: they judge a receipt that was in doubt.
    TrustedClocks,
}

/// How far `Request-Time` may be from our clocks. It counts if it is at most so much earlier. Beyond it, one of the clocks is wrong.
pub const REQUEST_TIME_APART: TimeDelta = TimeDelta::minutes(5);

impl Witness {
    /// When a cancel was received that came at `at` by our clocks: the earlier of the two, where they can both be right.
    #[must_use]
    pub fn received_at(self, at: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::RequestTime(claimed) if claimed < at && at - claimed <= REQUEST_TIME_APART => claimed,
            Self::RequestTime(_) | Self::OurClocks | Self::TrustedClocks => at,
        }
    }

    /// The `Request-Time`, where it is so far from `at` that one of the clocks is wrong.
    #[must_use]
    pub fn contradiction(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::RequestTime(claimed) => Some(claimed).filter(|claimed| (*claimed - at).abs() > REQUEST_TIME_APART),
            Self::OurClocks | Self::TrustedClocks => None,
        }
    }
}

impl Cancel {
    /// One that is decided in the moment of its receipt.
    #[must_use]
    pub fn now(acquirer_id: AcquirerId, lookup: Lookup) -> Self {
        let (attempt, witness) = (LookupAttempt::FIRST, Witness::OurClocks);
        Self { acquirer_id, lookup, waited: TimeDelta::zero(), attempt, witness }
    }
}

/// The end of a lookup that nobody's cancel waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupEnd {
    /// What it came to.
    pub lookup: Lookup,
    /// Which lookup it was.
    pub attempt: LookupAttempt,
}

/// What asking the wallet core for the payment came to, before the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// What is recorded is all there is: the wallet announces its payments, or the core has never heard of this one.
    Recorded,
    /// The core will be asked: first the receipt is recorded, because the user's right hangs on it.
    NotYet,
    /// The core was asked and did not say; this was met instead.
    Failed(String),
    /// The core was asked and has this payment.
    Found(Box<CorePayment>),
}

/// How a payment or a refund ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportedResult {
    /// S: the money moved.
    Succeeded,
    /// F: it never will.
    Failed,
}

/// A payment's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayResult {
    /// How it ended.
    pub result: ReportedResult,
    /// When.
    pub completed_at: DateTime<Utc>,
    /// The wallet's own id of the payment.
    pub payment_id: Option<PaymentId>,
    /// What the payment costs the wallet.
    pub fee: Option<Money>,
}

/// A refund that the wallet wants to make on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// Unique within the payment.
    pub id: RefundRequestId,
    /// How much.
    pub amount: Money,
}

/// A refund's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundResult {
    /// Which refund.
    pub id: RefundRequestId,
    /// How it ended.
    pub result: ReportedResult,
    /// When.
    pub completed_at: DateTime<Utc>,
}
