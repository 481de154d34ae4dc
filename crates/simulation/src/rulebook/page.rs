//! What the rule book knows of one payment request.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AccountId, AcquirerId, ClearingDay, DeferReason, FinalAnswer, Money, Payment, PaymentId, PaymentKind, RefundRequestId,
};

/// A payment as announced or as the core named it.
#[derive(Debug, Clone)]
pub(crate) struct PaidPage {
    pub(crate) acquirer: AcquirerId,
    pub(crate) account: AccountId,
    pub(crate) amount: Money,
    pub(crate) settles: Option<Money>,
    pub(crate) kind: PaymentKind,
    pub(crate) initiated: DateTime<Utc>,
    pub(crate) own_id: Option<PaymentId>,
    pub(crate) ended: Ended,
}

/// How a payment or a refund ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    NotYet,
    Well(DateTime<Utc>),
    Badly,
}

/// A refund of the wallet's own.
#[derive(Debug, Clone)]
pub(crate) struct RefundPage {
    pub(crate) id: RefundRequestId,
    pub(crate) amount: Money,
    pub(crate) ended: Ended,
    pub(crate) stated: bool,
}

/// Where a cancel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CancelStands {
    Waits(DeferReason),
    /// Cancelled; the answer is U until the money is back.
    Open,
    /// Answered for good.
    Answered {
        answer: FinalAnswer,
        cancelled: bool,
    },
}

/// A cancel.
#[derive(Debug, Clone)]
pub(crate) struct CancelPage {
    pub(crate) acquirer: AcquirerId,
    pub(crate) received: DateTime<Utc>,
    pub(crate) stands: CancelStands,
}

impl CancelPage {
    /// Whether nobody knows yet whose payment it is.
    pub(crate) fn is_anybodys(&self) -> bool {
        matches!(self.stands, CancelStands::Waits(DeferReason::LookupFailed | DeferReason::Contradiction))
    }
}

/// What the core said of refunds that the wallet did not announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elsewhere {
    Everything,
    Something,
    Much(i64),
}

/// The duty to give money back at a core.
#[derive(Debug, Clone)]
pub(crate) struct DutyPage {
    pub(crate) attempts: u32,
    /// The core said that there was nothing to do, of a payment that is known to have succeeded.
    pub(crate) denied: bool,
    pub(crate) stands: DutyStands,
}

/// Where such a duty stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DutyStands {
    Due { from: DateTime<Utc>, lease: Option<(u32, DateTime<Utc>)> },
    Parked,
    Back { by_hand: bool },
}

/// Everything about one payment request.
#[derive(Debug, Clone, Default)]
pub(crate) struct CasePage {
    pub(crate) paid: Option<PaidPage>,
    pub(crate) refunds: Vec<RefundPage>,
    pub(crate) cancel: Option<CancelPage>,
    pub(crate) duty: Option<DutyPage>,
    /// Which day accounts for the payment, and whether it settles there.
    pub(crate) accounted: Option<(ClearingDay, bool)>,
    /// Whether the wallet heard that the payment is closed, or its success reversed.
    pub(crate) told: bool,
    pub(crate) elsewhere: Option<Elsewhere>,
    /// When further acquirers asked, before it was known whose payment it is.
    pub(crate) others: BTreeMap<AcquirerId, DateTime<Utc>>,
    /// How its cancel waits, where it is looked up again or parked.
    pub(crate) wait: Option<WaitPage>,
    /// Who wants what is parked ended, and whether that surely stands.
    pub(crate) asked: Option<AskedPage>,
}

/// What an operator asked for, and another one has not approved.
#[derive(Debug, Clone)]
pub(crate) struct AskedPage {
    pub(crate) by: String,
    /// Nothing was asked of the case since.
    pub(crate) surely: bool,
}

/// How a cancel waits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WaitPage {
    /// Looks at the core that decided nothing.
    pub(crate) tries: u32,
    pub(crate) parked: bool,
}

impl PaidPage {
    pub(crate) fn of(payment: &Payment) -> Self {
        Self {
            acquirer: payment.acquirer_id.clone(),
            account: payment.account.clone(),
            amount: payment.amount,
            settles: payment.settlement_amount,
            kind: payment.kind,
            initiated: payment.initiated_at,
            own_id: None,
            ended: Ended::NotYet,
        }
    }

    /// The first moment that is too late: half past midnight of the day after, at UTC+8.
    pub(crate) fn too_late(&self, grace: TimeDelta) -> DateTime<Utc> {
        too_late(self.initiated) + grace
    }
}

/// The first moment at which a payment that was initiated then cannot be cancelled.
pub(crate) fn too_late(initiated: DateTime<Utc>) -> DateTime<Utc> {
    const DAY: i64 = 24 * 3600;
    const AHEAD: i64 = 8 * 3600;
    let days = (initiated.timestamp() + AHEAD).div_euclid(DAY);
    DateTime::from_timestamp((days + 1) * DAY - AHEAD + 30 * 60, 0).unwrap_or_default()
}

impl CasePage {
    pub(crate) fn is_cancelled(&self) -> bool {
        let stands = self.cancel.as_ref().map(|cancel| cancel.stands);
        matches!(stands, Some(CancelStands::Open | CancelStands::Answered { cancelled: true, .. }))
    }

    pub(crate) fn is_deferred(&self) -> bool {
        matches!(self.cancel.as_ref().map(|cancel| cancel.stands), Some(CancelStands::Waits(_)))
    }

    pub(crate) fn answer(&self) -> Option<FinalAnswer> {
        match self.cancel.as_ref()?.stands {
            CancelStands::Answered { answer, .. } => Some(answer),
            CancelStands::Waits(_) | CancelStands::Open => None,
        }
    }

    /// Whether the wallet hears that it is closed.
    pub(crate) fn is_closed(&self) -> bool {
        let refunded = matches!(
            self.cancel.as_ref().map(|cancel| cancel.stands),
            Some(CancelStands::Answered { answer: FinalAnswer::Cancelled, cancelled: false })
        );
        self.told || self.is_cancelled() || (refunded && self.taken_at().is_none())
    }

    /// What the core says of refunds never becomes less; a part that is not measured may be more than one that was.
    pub(crate) fn hears_of_refunds(&mut self, said: Elsewhere) {
        self.elsewhere = Some(match (self.elsewhere, said) {
            (Some(Elsewhere::Everything), _) | (_, Elsewhere::Everything) => Elsewhere::Everything,
            (_, Elsewhere::Something) => Elsewhere::Something,
            (Some(Elsewhere::Much(before)), Elsewhere::Much(now)) => Elsewhere::Much(before.max(now)),
            (None | Some(Elsewhere::Something), much @ Elsewhere::Much(_)) => much,
        });
    }

    /// When the payment took the money, if it did.
    pub(crate) fn taken_at(&self) -> Option<DateTime<Utc>> {
        match self.paid.as_ref()?.ended {
            Ended::Well(at) => Some(at),
            Ended::NotYet | Ended::Badly => None,
        }
    }

    /// How much refunds gave back; with `reserved`, also what they still may.
    pub(crate) fn refunded(&self, reserved: bool) -> i64 {
        let counts = |refund: &&RefundPage| match refund.ended {
            Ended::Well(_) => true,
            Ended::NotYet => reserved,
            Ended::Badly => false,
        };
        self.refunds.iter().filter(counts).map(|refund| refund.amount.minor()).sum()
    }

    pub(crate) fn refund_runs(&self) -> bool {
        self.refunds.iter().any(|refund| refund.ended == Ended::NotYet)
    }

    /// Whether somebody else's payment, or somebody else's decided cancel, is known and nobody's of this acquirer.
    pub(crate) fn is_strange(&self, acquirer: &AcquirerId) -> bool {
        let paid = self.paid.as_ref().map(|paid| &paid.acquirer);
        let asked = self.cancel.as_ref().filter(|cancel| !cancel.is_anybodys()).map(|cancel| &cancel.acquirer);
        let known: Vec<_> = paid.into_iter().chain(asked).collect();
        !known.is_empty() && !known.contains(&acquirer)
    }
}
