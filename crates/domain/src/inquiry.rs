//! `inquiryPayment`: what is asked, what is looked at, and the table of what is answered. `docs/develop/decisions.md` shows the
//! same table, and a test compares the two.

use chrono::{DateTime, Utc};

use crate::case::is_foreign;
use crate::{
    AcquirerId, Cancellation, CancellationState, Case, FailureReason, Lookup, Money, Payment, PaymentId, PaymentRequestId,
    PaymentStatus,
};

/// What `inquiryPayment` must say of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inquiry {
    /// F `ORDER_IS_CLOSED`: cancelled, whatever happened before.
    Closed,
    /// S `SUCCESS`.
    Paid,
    /// U `PAYMENT_IN_PROCESS`.
    InProcess,
    /// F with the wallet's own reason, where it named one.
    Failed(Option<FailureReason>),
    /// No such order.
    Unknown,
}

/// `inquiryPayment`, whose signature is verified and whose `pspId` is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentInquiry {
    /// The case's key.
    pub id: PaymentRequestId,
    /// Who asks.
    pub acquirer_id: AcquirerId,
    /// What asking the wallet core for the payment came to; [`Lookup::NotYet`] where it was not asked.
    pub lookup: Lookup,
    /// When it is asked, by this process's clock.
    pub at: DateTime<Utc>,
}

/// All that an inquiry looks at of a case. Nothing else of it changes the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InquiredCase {
    /// The payment, if one is recorded.
    pub payment: Option<Payment>,
    /// The cancellation, if one was received.
    pub cancellation: Option<Cancellation>,
}

/// What is said to Alipay+ about a payment that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidPayment {
    /// The wallet's own id of the payment, where a result named it.
    pub payment_id: Option<PaymentId>,
    /// When the wallet took the money.
    pub paid_at: DateTime<Utc>,
    /// What the user paid.
    pub amount: Money,
}

/// The reply to an inquiry.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InquiryReply {
    /// The answer is known.
    Answered(InquiryRule),
    /// The caller asks the wallet core for the payment, and inquires again with what that came to.
    LookUp,
    /// The payment is cancelled, which is the answer for ever. Nobody here knows of a success: the caller answers, and asks the
    /// wallet core whether it took the money since.
    CancelledUnseen,
}

impl InquiryReply {
    /// Whether it comes to the answer that the payment is closed, which is one for ever.
    #[must_use]
    pub fn says_closed(&self) -> bool {
        match self {
            Self::Answered(rule) => rule.inquiry() == Inquiry::Closed,
            Self::CancelledUnseen => true,
            Self::LookUp => false,
        }
    }
}

/// The rule that answers an inquiry, with what it speaks of. The order is the precedence: the first rule that applies answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InquiryRule {
    /// Another acquirer than the recorded one asks.
    DifferentAcquirer,
    /// A cancel was received and is not answered for good.
    CancelPending,
    /// The payment is cancelled for good.
    Cancelled,
    /// The payment succeeded.
    Paid(PaidPayment),
    /// What the wallet core says of the payment is not known, or cannot be true.
    InDoubt,
    /// The payment has no result.
    InProgress,
    /// The payment failed.
    Failed(Option<FailureReason>),
    /// No payment is known.
    NeverReceived,
}

/// A row of the table in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InquiryRow {
    /// The rule's name: lower case, words joined by hyphens.
    pub name: &'static str,
    /// The condition under which the rule applies.
    pub when: &'static str,
    /// What Alipay+ is answered: the result of the call, and the result of the payment.
    pub answer: &'static str,
}

impl InquiryRule {
    /// Every rule in words, in order of precedence.
    pub const TABLE: [InquiryRow; 8] = [
        InquiryRow {
            name: "different-acquirer",
            when: "another acquirer than the recorded one asks, or than the one that the wallet core names (setting: not compared)",
            answer: "F ORDER_NOT_EXIST, no payment",
        },
        InquiryRow {
            name: "cancel-pending",
            when: "a cancel is deferred, or its money is not known to be back",
            answer: "S, payment U PAYMENT_IN_PROCESS",
        },
        InquiryRow {
            name: "cancelled",
            when: "the payment is cancelled and its cancel answered for good, or refunds had given everything back before it was announced",
            answer: "S, payment F ORDER_IS_CLOSED, for ever",
        },
        InquiryRow { name: "paid", when: "the payment succeeded", answer: "S, payment S SUCCESS with its id, time and amount" },
        InquiryRow {
            name: "in-doubt",
            when: "the payment could not be looked up, the lookup contradicts the record, or a payment that the core knew is gone",
            answer: "S, payment U PAYMENT_IN_PROCESS",
        },
        InquiryRow { name: "in-progress", when: "the payment has no result", answer: "S, payment U PAYMENT_IN_PROCESS" },
        InquiryRow {
            name: "failed",
            when: "the payment failed",
            answer: "S, payment F with the wallet's reason, else PROCESS_FAIL",
        },
        InquiryRow { name: "never-received", when: "no payment is known", answer: "F ORDER_NOT_EXIST, no payment" },
    ];

    /// The rule's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        Self::TABLE[self.position()].name
    }

    /// What is said of the payment.
    #[must_use]
    pub fn inquiry(&self) -> Inquiry {
        match self {
            Self::DifferentAcquirer | Self::NeverReceived => Inquiry::Unknown,
            Self::CancelPending | Self::InDoubt | Self::InProgress => Inquiry::InProcess,
            Self::Cancelled => Inquiry::Closed,
            Self::Paid(_) => Inquiry::Paid,
            Self::Failed(reason) => Inquiry::Failed(*reason),
        }
    }

    /// What a payment is, where no cancel changes that.
    pub(crate) fn of_payment(payment: &Payment) -> Self {
        match &payment.status {
            PaymentStatus::InProgress => Self::InProgress,
            PaymentStatus::Succeeded { completed_at, fee: _ } => {
                Self::Paid(PaidPayment { payment_id: payment.payment_id.clone(), paid_at: *completed_at, amount: payment.amount })
            }
            PaymentStatus::Failed { completed_at: _, reason } => Self::Failed(*reason),
        }
    }

    const fn position(&self) -> usize {
        match self {
            Self::DifferentAcquirer => 0,
            Self::CancelPending => 1,
            Self::Cancelled => 2,
            Self::Paid(_) => 3,
            Self::InDoubt => 4,
            Self::InProgress => 5,
            Self::Failed(_) => 6,
            Self::NeverReceived => 7,
        }
    }
}

impl InquiredCase {
    /// Whether another acquirer asks than those the case is recorded for, as [`Case::is_foreign_to`] says.
    #[must_use]
    pub fn is_foreign_to(&self, acquirer_id: &AcquirerId) -> bool {
        is_foreign((self.payment.as_ref(), self.cancellation.as_ref()), acquirer_id)
    }
}

impl From<&Case> for InquiredCase {
    fn from(case: &Case) -> Self {
        Self { payment: case.payment.clone(), cancellation: case.cancellation.clone() }
    }
}

/// What a cancel says of an inquiry; `None` where the answer is what the payment is.
pub(crate) fn of_cancellation(cancellation: Option<&Cancellation>) -> Option<InquiryRule> {
    match cancellation.map(|cancellation| cancellation.state) {
        Some(CancellationState::Deferred(_) | CancellationState::Open { .. }) => Some(InquiryRule::CancelPending),
        Some(CancellationState::Cancelled { .. } | CancellationState::AlreadyRefunded { never_seen: true }) => {
            Some(InquiryRule::Cancelled)
        }
        Some(CancellationState::Refused { .. } | CancellationState::AlreadyRefunded { never_seen: false }) | None => None,
    }
}

/// What the record alone says, where no cancel does.
pub(crate) fn of_record(payment: Option<&Payment>, cancellation: Option<&Cancellation>) -> InquiryRule {
    match payment {
        Some(payment) => InquiryRule::of_payment(payment),
        // The wallet core knew a payment, which is not recorded here.
        None if cancellation.is_some() => InquiryRule::InDoubt,
        None => InquiryRule::NeverReceived,
    }
}

impl Case {
    /// What `inquiryPayment` must say from the commit that made this case: F `ORDER_IS_CLOSED` once a cancellation is answered
    /// for good, and U as long as it is not. A refused cancel leaves the payment what it is; what refunds gave back in full of a
    /// payment that was never seen is closed.
    #[must_use]
    pub fn inquiry(&self) -> Inquiry {
        let (payment, cancellation) = (self.payment.as_ref(), self.cancellation.as_ref());
        of_cancellation(cancellation).unwrap_or_else(|| of_record(payment, cancellation)).inquiry()
    }
}
