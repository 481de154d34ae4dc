//! All that is known of one payment request.

mod cancellation;
mod deferral;
mod event;
mod payment;
mod refund;
mod reversal;
mod settlement;

use chrono::{DateTime, Utc};

pub use cancellation::{
    Answer, Cancellation, CancellationState, CancellationStateName, DeferReason, FinalAnswer, Refusal, RefusalCode, RefusalName,
    Told,
};
pub use deferral::{Deferral, DeferralState, DeferralStateName, LookupAttempt, Receipt, spread};
pub use event::{Event, EventKind, EventName};
pub use payment::{CorePayment, Payment, PaymentKind, PaymentStatus, PaymentStatusName};
pub use refund::{Refund, RefundState, RefundStateName, RefundedElsewhere, RefundedElsewhereName};
pub(crate) use reversal::NOTHING_OF_A_SUCCESS;
pub use reversal::{
    CLOCKS_APART, Jitter, LONGEST_WAIT, Lease, Reversal, ReversalOutcome, ReversalOutcomeName, ReversalRequest, ReversalState,
    ReversalStateName, Taken, is_over, retry_delay,
};
pub use settlement::Settlement;

use crate::{AcquirerId, PaymentRequestId};

/// What is known of one `paymentRequestId`. A case of which nothing is known is a case too: a cancel may be the first message
/// about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Case {
    /// The key of the case, for ever.
    pub id: PaymentRequestId,
    /// The payment, if the wallet recorded one.
    pub payment: Option<Payment>,
    /// Refunds that the wallet makes itself.
    pub refunds: Vec<Refund>,
    /// The cancellation, if one was received.
    pub cancellation: Option<Cancellation>,
    /// The cancels of further acquirers, where more than one asked before the payment was known; only while the cancel is deferred.
    pub receipts: Vec<Receipt>,
    /// How a deferred cancel waits.
    pub deferral: Option<Deferral>,
    /// The duty to give money back, if it ever arose.
    pub reversal: Option<Reversal>,
    /// How a day's statement accounts for the payment, once one does.
    pub settlement: Option<Settlement>,
    /// What the wallet was told first of the closed payment, once it was told.
    pub told: Option<Told>,
    /// What the wallet core said of refunds that are not recorded here.
    pub refunded_elsewhere: Option<RefundedElsewhere>,
}

/// What `inquiryPayment` must say of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inquiry {
    /// F `ORDER_IS_CLOSED`: cancelled, whatever happened before.
    Closed,
    /// S `SUCCESS`.
    Paid,
    /// U `PAYMENT_IN_PROCESS`.
    InProcess,
    /// F with the wallet's own reason, which is not known here.
    Failed,
    /// No such order.
    Unknown,
}

impl Case {
    /// The case of which nothing is known.
    #[must_use]
    pub fn unknown(id: PaymentRequestId) -> Self {
        Self {
            id,
            payment: None,
            refunds: Vec::new(),
            cancellation: None,
            receipts: Vec::new(),
            deferral: None,
            reversal: None,
            settlement: None,
            told: None,
            refunded_elsewhere: None,
        }
    }

    /// Whether anything at all is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.payment.is_none() && self.cancellation.is_none()
    }

    /// The acquirer that the case belongs to: the payment's, or that of the first cancel.
    #[must_use]
    pub fn acquirer_id(&self) -> Option<&AcquirerId> {
        let of_payment = self.payment.as_ref().map(|payment| &payment.acquirer_id);
        of_payment.or(self.cancellation.as_ref().map(|cancellation| &cancellation.acquirer_id))
    }

    /// Whether another acquirer asks than those the case is recorded for. Payment and first cancel can name two acquirers where the
    /// settings once said that the difference is not compared; what each of them was answered then stands. A cancel that waits for the
    /// lookup of its payment, or for the clocks, does not count: it may not be known yet whose payment it is.
    #[must_use]
    pub fn is_foreign_to(&self, acquirer_id: &AcquirerId) -> bool {
        let of_payment = self.payment.as_ref().map(|payment| &payment.acquirer_id);
        let undecided = |cancellation: &&Cancellation| cancellation.waits_for_lookup() || cancellation.is_of_doubtful_time();
        let of_cancel = self.cancellation.as_ref().filter(|cancellation| !undecided(cancellation));
        let of_cancel = of_cancel.map(|cancellation| &cancellation.acquirer_id);
        let mut recorded = of_payment.into_iter().chain(of_cancel).peekable();
        recorded.peek().is_some() && recorded.all(|known| known != acquirer_id)
    }

    /// Whether the payment is cancelled, answered or not.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.as_ref().is_some_and(|cancellation| cancellation.cancelled_at().is_some())
    }

    /// Whether the wallet hears that the payment is closed and its success reversed. What it heard once stays. Where refunds gave everything
    /// back of a payment that is not known to have succeeded, S was answered, and nothing may be taken any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let refunded = matches!(
            self.cancellation,
            Some(Cancellation { state: CancellationState::AlreadyRefunded { .. }, .. }) if self.completed_at().is_none()
        );
        self.told.is_some() || self.is_cancelled() || refunded
    }

    /// Whether somebody outside was told that the payment is closed: Alipay+ by a final answer, or the wallet.
    #[must_use]
    pub fn is_promised(&self) -> bool {
        self.told.is_some() || self.cancellation.as_ref().is_some_and(|cancellation| cancellation.final_answer().is_some())
    }

    /// Whether nothing more has to be known to answer a cancel: it is answered for good, or cancelled and its money on the way.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        let answer = self.cancellation.as_ref().and_then(Cancellation::final_answer);
        answer.is_some() || self.is_cancelled()
    }

    /// What the wallet core is asked to return by the case's reversal, in any state of it.
    #[must_use]
    pub fn reversal_request(&self) -> Option<ReversalRequest> {
        let reversal = self.reversal.as_ref()?;
        let payment = self.payment.as_ref();
        Some(ReversalRequest {
            id: self.id.clone(),
            taken: reversal.taken,
            payment_id: payment.and_then(|payment| payment.payment_id.clone()),
            account: payment.map(|payment| payment.account.clone()),
            amount: reversal.amount,
        })
    }

    /// Since when the user waits for what the reversal gives back: since the first byte of the cancel, or since the payment took
    /// the money where that came after it.
    #[must_use]
    pub fn waiting_since(&self) -> Option<DateTime<Utc>> {
        let received_at = self.cancellation.as_ref().filter(|_| self.reversal.is_some())?.first_received_at;
        Some(match self.payment.as_ref().map(|payment| &payment.status) {
            Some(PaymentStatus::Succeeded { completed_at, fee: _ }) => received_at.max(*completed_at),
            Some(PaymentStatus::InProgress | PaymentStatus::Failed { .. }) | None => received_at,
        })
    }

    /// Whether the money went back by a reversal, as far as one was opened.
    #[must_use]
    pub fn is_money_returned(&self) -> bool {
        self.reversal.as_ref().is_some_and(|reversal| !reversal.is_unfinished())
    }

    /// Whether a refund of the wallet's own is running.
    #[must_use]
    pub fn has_running_refund(&self) -> bool {
        self.refunds.iter().any(|refund| refund.state == RefundState::Reserved)
    }

    /// How much refunds gave back, in the payment's smallest unit.
    #[must_use]
    pub fn refunded(&self) -> i64 {
        self.sum_of_refunds(|state| matches!(state, RefundState::Succeeded { .. }))
    }

    /// How much refunds gave back or may still give back, in the payment's smallest unit.
    #[must_use]
    pub fn refunded_or_reserved(&self) -> i64 {
        self.sum_of_refunds(|state| !matches!(state, RefundState::Failed { .. }))
    }

    fn sum_of_refunds(&self, counts: impl Fn(&RefundState) -> bool) -> i64 {
        let counted = self.refunds.iter().filter(|refund| counts(&refund.state));
        counted.fold(0, |sum: i64, refund| sum.saturating_add(refund.amount.minor()))
    }

    /// How much the wallet may still refund, in the payment's smallest unit; `None` where the wallet core said that a part was refunded and
    /// not how much.
    #[must_use]
    pub fn refundable(&self) -> Option<i64> {
        let amount = self.payment.as_ref().map_or(0, |payment| payment.amount.minor());
        let left = amount.saturating_sub(self.refunded_or_reserved());
        match self.refunded_elsewhere {
            None => Some(left),
            Some(RefundedElsewhere::All) => Some(0),
            Some(RefundedElsewhere::Part) => None,
            Some(RefundedElsewhere::Amount(elsewhere)) => Some(left.saturating_sub(elsewhere).max(0)),
        }
    }

    /// How much of the payment refunds gave back, recorded here or not: all of it, a part, or nothing.
    #[must_use]
    pub fn refunded_in_all(&self) -> Option<RefundedElsewhere> {
        let amount = self.payment.as_ref().map_or(0, |payment| payment.amount.minor());
        let recorded = self.refunded();
        let sum = match self.refunded_elsewhere {
            Some(part @ (RefundedElsewhere::All | RefundedElsewhere::Part)) => return Some(part),
            Some(RefundedElsewhere::Amount(elsewhere)) => recorded.saturating_add(elsewhere),
            None => recorded,
        };
        match sum {
            ..=0 => None,
            sum if sum >= amount => Some(RefundedElsewhere::All),
            sum => Some(RefundedElsewhere::Amount(sum)),
        }
    }

    /// What `inquiryPayment` must say from the commit that made this case: F `ORDER_IS_CLOSED` once a cancellation is answered for good, and
    /// U as long as it is not. A refused cancel leaves the payment what it is; what refunds gave back in full of a payment that was never
    /// seen is closed.
    #[must_use]
    pub fn inquiry(&self) -> Inquiry {
        match self.cancellation.as_ref().map(|cancellation| cancellation.state) {
            Some(CancellationState::Deferred(_) | CancellationState::Open { .. }) => Inquiry::InProcess,
            Some(CancellationState::Cancelled { .. } | CancellationState::AlreadyRefunded { never_seen: true }) => {
                Inquiry::Closed
            }
            // The wallet core knows a payment, which is not recorded here.
            Some(CancellationState::Refused { .. }) if self.payment.is_none() => Inquiry::InProcess,
            Some(CancellationState::Refused { .. } | CancellationState::AlreadyRefunded { never_seen: false }) | None => {
                self.inquiry_of_payment()
            }
        }
    }

    fn inquiry_of_payment(&self) -> Inquiry {
        match self.payment.as_ref().map(|payment| &payment.status) {
            Some(PaymentStatus::Succeeded { .. }) => Inquiry::Paid,
            Some(PaymentStatus::InProgress) => Inquiry::InProcess,
            Some(PaymentStatus::Failed { .. }) => Inquiry::Failed,
            None => Inquiry::Unknown,
        }
    }
}
