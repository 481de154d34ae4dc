//! Replies to commands: each kind of command has its own type.

use std::fmt;

use crate::{Answer, EventName, spelling::spelled};

/// The reply to any command; the store hands it through without looking into it.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// To [`crate::Action::Cancel`] and [`crate::Action::DecideDeferred`].
    Cancel(CancelReply),
    /// To the commands of the wallet, of operators, and of a day that is closed, and to [`crate::Action::LookUpBy`].
    Command(CommandReply),
    /// To [`crate::Action::LeaseAttempt`] and [`crate::Action::LeaseLookup`].
    Lease(LeaseReply),
    /// To [`crate::Action::CompleteAttempt`]: what the cancel is answered from now on.
    Attempt(Answer),
}

/// The reply to a cancel.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelReply {
    /// The answer is known.
    Answered(Answer),
    /// The receipt is recorded, and nothing is decided: the caller looks the payment up and asks again.
    LookUp {
        /// The number of that lookup.
        attempt: u32,
    },
    /// The payment is cancelled and its money is not back yet: the answer is U until it is.
    ReversalPending {
        /// The attempt that this commit leased to the caller; `None` where another caller holds the lease or an operator decides.
        attempt: Option<u32>,
    },
}

/// The reply to a command of the wallet, of an operator, or of a day that is closed.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandReply {
    /// The caller goes on like this.
    Done(Disposition),
    /// No such payment, refund or reversal is recorded.
    NotFound {
        /// A cancel is recorded: the report is about a payment that was never announced, and an operator must see that.
        fenced: bool,
    },
    /// The command contradicts the record, for this reason; nothing changed.
    Conflict(&'static str),
    /// Do not refund: the wallet core said that refunds which are not recorded here gave the money back, or a part of it that it did not
    /// name; nothing changed.
    RefundedElsewhere,
    /// The wallet core keeps the payments, so nobody else announces or reports them; nothing changed.
    PaymentsAreTheCores,
}

/// The reply to a request for the next attempt, or for the next lookup.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseReply {
    /// The caller may make the attempt, or the lookup, with this number.
    Leased(u32),
    /// It is not due, not waited for, or leased to another caller.
    NotDue,
}

spelled! {
    /// How the wallet, or an operator, goes on.
    Disposition {
        /// Go ahead: debit, or refund.
        Proceed = "proceed",
        /// The payment is cancelled: do not debit.
        Closed = "closed",
        /// The result stands.
        Stands = "stands",
        /// The payment is cancelled, and its money goes back, or went back, by the cancellation.
        Reversed = "reversed",
        /// Do not refund.
        Refused = "refused",
        /// The reversal is open again and due at once.
        Reopened = "reopened",
        /// The reversal is done.
        Resolved = "resolved",
        /// The reversal is parked.
        Parked = "parked",
    }
}

/// The store replied to another kind of command than the one it was given: a defect of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyMismatchError;

/// The reason of [`CommandReply::RefundedElsewhere`], and the name of the event that records the core's word.
pub const REFUNDED_ELSEWHERE: &str = EventName::RefundedElsewhere.as_str();

impl fmt::Display for ReplyMismatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store replied to another kind of command")
    }
}

impl std::error::Error for ReplyMismatchError {}

macro_rules! typed_replies {
    ($($variant:ident => $reply:ty),+ $(,)?) => {
        $(
            impl TryFrom<Reply> for $reply {
                type Error = ReplyMismatchError;

                fn try_from(reply: Reply) -> Result<Self, ReplyMismatchError> {
                    if let Reply::$variant(reply) = reply { Ok(reply) } else { Err(ReplyMismatchError) }
                }
            }

            impl From<$reply> for Reply {
                fn from(reply: $reply) -> Self {
                    Self::$variant(reply)
                }
            }
        )+
    };
}

typed_replies! {
    Cancel => CancelReply,
    Command => CommandReply,
    Lease => LeaseReply,
    Attempt => Answer,
}
