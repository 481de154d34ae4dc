//! What happened to a case, in the words of its timeline.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::spelling::spelled;
use crate::{
    AcquirerId, Adoption, ClearingDay, DeferReason, Money, RefundRequestId, RefundedElsewhere, Refusal, ReversalOutcome, Rule,
};

/// One line of a case's timeline; written in the commit that made it true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When it was decided.
    pub at: DateTime<Utc>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// The wallet announced the payment.
    PaymentRecorded(Money),
    /// The payment succeeded.
    Succeeded,
    /// The payment failed.
    Failed,
    /// The wallet announced a refund of its own.
    RefundReserved(RefundRequestId, Money),
    /// That refund succeeded.
    RefundSucceeded(RefundRequestId),
    /// That refund failed.
    RefundFailed(RefundRequestId),
    /// A cancel came for the first time.
    CancelReceived,
    /// A cancel came from one more acquirer, while nobody knew whose payment it is.
    FurtherCancelReceived(AcquirerId),
    /// The cancel cannot be decided yet; written the first time it is found out. Where the clocks are the reason,
    /// [`Self::ClocksDisagree`] says so instead.
    Deferred(DeferReason),
    /// Two clocks disagree about whether it came within the period, so that neither decides yet.
    ClocksDisagree {
        /// When it came by our own clocks.
        received_at: DateTime<Utc>,
        /// When it was sent, by its signed `Request-Time`.
        requested_at: DateTime<Utc>,
    },
    /// The payment is cancelled by this rule.
    Cancelled(Rule),
    /// The cancel is refused.
    Refused(Refusal),
    /// The money has to go back to the user.
    ReversalOpened(Option<Money>),
    /// An attempt to give it back ended.
    ReversalTried {
        /// The attempt's number.
        attempt: u32,
        /// What came of it.
        outcome: ReversalOutcome,
    },
    /// The wallet core says that refunds, which are not recorded here, gave back so much of the payment.
    RefundedElsewhere(RefundedElsewhere),
    /// An operator has to decide.
    ReversalParked {
        /// Why.
        reason: String,
        /// The operator who wanted it; `None` where Rescind parked it by itself.
        by: Option<String>,
    },
    /// The money is back.
    ReversalDone,
    /// An operator paid it by hand.
    ReversalResolved {
        /// What was done.
        note: String,
        /// Who did it.
        by: String,
    },
    /// The deployment is served with other settings from now on.
    SettingsAdopted(Adoption),
    /// A day's statement accounts for the payment, or for a refund, as something that settles.
    Settled {
        /// The day whose statement it stands in.
        day: ClearingDay,
        /// The day it completed on, where that one was closed already.
        late_from: Option<ClearingDay>,
        /// The refund; `None` is the payment.
        refund: Option<RefundRequestId>,
    },
}

spelled! {
    /// The name of an [`EventKind`], as timelines keep it.
    EventName {
        /// The wallet announced the payment.
        PaymentRecorded = "payment-recorded",
        /// The payment succeeded.
        Succeeded = "succeeded",
        /// The payment failed.
        Failed = "failed",
        /// The wallet announced a refund of its own.
        RefundReserved = "refund-reserved",
        /// That refund succeeded.
        RefundSucceeded = "refund-succeeded",
        /// That refund failed.
        RefundFailed = "refund-failed",
        /// A cancel came.
        CancelReceived = "cancel-received",
        /// The cancel cannot be decided yet.
        Deferred = "deferred",
        /// Two clocks disagree about whether it came within the period.
        ClocksDisagree = "clocks-disagree",
        /// The payment is cancelled.
        Cancelled = "cancelled",
        /// The cancel is refused.
        Refused = "refused",
        /// The money has to go back to the user.
        ReversalOpened = "reversal-opened",
        /// An attempt to give it back ended.
        ReversalTried = "reversal-tried",
        /// Refunds that are not recorded here gave money back.
        RefundedElsewhere = "refunded-elsewhere",
        /// An operator has to decide.
        ReversalParked = "reversal-parked",
        /// The money is back.
        ReversalDone = "reversal-done",
        /// An operator paid it by hand.
        ReversalResolved = "reversal-resolved",
        /// The deployment is served with other settings.
        SettingsAdopted = "settings-adopted",
        /// A day's statement accounts for it.
        Settled = "settled",
    }
}

impl EventKind {
    /// The name it has in the wallet API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.event_name().as_str()
    }

    /// The same as a value.
    #[must_use]
    pub fn event_name(&self) -> EventName {
        match self {
            Self::PaymentRecorded(_) => EventName::PaymentRecorded,
            Self::Succeeded => EventName::Succeeded,
            Self::Failed => EventName::Failed,
            Self::RefundReserved(..) => EventName::RefundReserved,
            Self::RefundSucceeded(_) => EventName::RefundSucceeded,
            Self::RefundFailed(_) => EventName::RefundFailed,
            Self::CancelReceived | Self::FurtherCancelReceived(_) => EventName::CancelReceived,
            Self::Deferred(_) => EventName::Deferred,
            Self::ClocksDisagree { .. } => EventName::ClocksDisagree,
            Self::Cancelled(_) => EventName::Cancelled,
            Self::Refused(_) => EventName::Refused,
            Self::ReversalOpened(_) => EventName::ReversalOpened,
            Self::ReversalTried { .. } => EventName::ReversalTried,
            Self::RefundedElsewhere(_) => EventName::RefundedElsewhere,
            Self::ReversalParked { .. } => EventName::ReversalParked,
            Self::ReversalDone => EventName::ReversalDone,
            Self::ReversalResolved { .. } => EventName::ReversalResolved,
            Self::SettingsAdopted(_) => EventName::SettingsAdopted,
            Self::Settled { .. } => EventName::Settled,
        }
    }

    /// Who did it, where a person did.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        match self {
            Self::ReversalParked { reason: _, by } => by.as_deref(),
            Self::ReversalResolved { note: _, by } => Some(by),
            Self::SettingsAdopted(adoption) => Some(&adoption.by),
            Self::ClocksDisagree { .. } => None,
            Self::PaymentRecorded(_)
            | Self::Succeeded
            | Self::Failed
            | Self::RefundReserved(..)
            | Self::RefundSucceeded(_)
            | Self::RefundFailed(_)
            | Self::CancelReceived
            | Self::FurtherCancelReceived(_)
            | Self::Deferred(_)
            | Self::Cancelled(_)
            | Self::Refused(_)
            | Self::ReversalOpened(_)
            | Self::ReversalTried { .. }
            | Self::RefundedElsewhere(_)
            | Self::ReversalDone
            | Self::Settled { .. } => None,
        }
    }

    /// What else is worth knowing, by name.
    #[must_use]
    pub fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Succeeded | Self::Failed | Self::CancelReceived | Self::ReversalDone | Self::ReversalOpened(None) => vec![],
            Self::PaymentRecorded(amount) | Self::ReversalOpened(Some(amount)) => vec![("amount", amount.to_string())],
            Self::RefundReserved(id, amount) => vec![("refundRequestId", id.to_string()), ("amount", amount.to_string())],
            Self::RefundSucceeded(id) | Self::RefundFailed(id) => vec![("refundRequestId", id.to_string())],
            Self::FurtherCancelReceived(acquirer_id) => vec![("acquirerId", acquirer_id.to_string())],
            Self::Deferred(reason) => vec![("reason", reason.to_string())],
            Self::ClocksDisagree { received_at, requested_at } => {
                let text = |at: &DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
                vec![("receivedAt", text(received_at)), ("requestTime", text(requested_at))]
            }
            Self::Cancelled(rule) => vec![("rule", rule.name().to_owned())],
            Self::Refused(refusal) => {
                vec![("reason", refusal.name().to_string()), ("resultCode", refusal.code().to_string())]
            }
            Self::ReversalTried { attempt, outcome } => {
                let mut details = vec![("attempt", attempt.to_string()), ("outcome", outcome.name().to_string())];
                match outcome {
                    ReversalOutcome::Unknown(met) => details.push(("error", met.clone())),
                    ReversalOutcome::PartlyRefunded(Some(refunded)) => details.push(("refunded", refunded.to_string())),
                    ReversalOutcome::Done
                    | ReversalOutcome::NothingToDo
                    | ReversalOutcome::PartlyRefunded(None)
                    | ReversalOutcome::FullyRefunded
                    | ReversalOutcome::Impossible(_) => {}
                }
                details
            }
            Self::RefundedElsewhere(refunded) => {
                let amount = refunded.amount().map(|minor| ("value", minor.to_string()));
                [("refunded", refunded.name().to_string())].into_iter().chain(amount).collect()
            }
            Self::ReversalParked { reason, by } => {
                let by = by.iter().map(|by| ("by", by.clone()));
                [("reason", reason.clone())].into_iter().chain(by).collect()
            }
            Self::ReversalResolved { note, by } => vec![("note", note.clone()), ("by", by.clone())],
            Self::SettingsAdopted(Adoption { from, to, note, by }) => {
                vec![("from", from.clone()), ("to", to.clone()), ("note", note.clone()), ("by", by.clone())]
            }
            Self::Settled { day, late_from, refund } => {
                let of_refund = refund.iter().map(|id| ("refundRequestId", id.to_string()));
                let late = late_from.iter().map(|own| ("lateFrom", own.to_string()));
                [("day", day.to_string())].into_iter().chain(late).chain(of_refund).collect()
            }
        }
    }
}
