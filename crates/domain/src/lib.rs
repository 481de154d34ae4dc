//! The rules of cancelling a payment, and nothing else: no I/O, no clock, no random numbers.
//!
//! Read [`decide()`] first. Every endpoint and worker comes down to it: a [`Case`] is all that is known of one payment request, a
//! [`Command`] is what is asked of the case and when, and the [`Decision`] says what to reply, by which [`Rule`], and what becomes of
//! the case. [`Policy`] carries the deployment's settings. The rule table is in `docs/develop/decisions.md`.

mod case;
mod clearing;
mod command;
mod decide;
mod feed;
mod identifiers;
mod ledger;
mod money;
mod period;
mod policy;
mod reply;
mod rule;
mod spelling;

pub(crate) use case::NOTHING_OF_A_SUCCESS;
pub use case::{
    Answer, CLOCKS_APART, Cancellation, CancellationState, CancellationStateName, Case, CorePayment, DeferReason, Deferral,
    DeferralState, DeferralStateName, Event, EventKind, EventName, FinalAnswer, Inquiry, Jitter, LONGEST_WAIT, Lease,
    LookupAttempt, Payment, PaymentKind, PaymentStatus, PaymentStatusName, Receipt, Refund, RefundState, RefundStateName,
    RefundedElsewhere, RefundedElsewhereName, Refusal, RefusalCode, RefusalName, Reversal, ReversalOutcome, ReversalOutcomeName,
    ReversalRequest, ReversalState, ReversalStateName, Settlement, Taken, Told, is_over, retry_delay, spread,
};
pub use clearing::{
    ClearingDay, ClearingDayError, DayClosing, DayStatement, Examination, Excluded, ExclusionReason, Finding, GateState,
    LineClass, Listed, ListedAmount, ListedKind, Mismatch, NetAmount, Scope, StatementRow, SummaryAmount, Totals, UnknownLines,
    cutoff, doubt_about_id, examine, fee_differs, listed_twice, missing, not_known,
};
pub use command::{
    Action, Adoption, AttemptEnd, Cancel, Command, Lookup, LookupEnd, PayResult, REQUEST_TIME_APART, RefundRequest, RefundResult,
    ReportedResult, Witness,
};
pub use decide::{Change, Decision, decide};
pub use feed::{CaseFeed, FeedEvent, FeedEventType, FeedTypeRow};
pub use identifiers::{AccountId, AcquirerId, IdentifierError, PaymentId, PaymentRequestId, PspId, RefundRequestId};
pub use ledger::{Entry, EntryKind};
pub use money::{Currency, Money, MoneyError};
pub use period::CancellablePeriod;
pub use policy::{FundsKind, NeverReceived, OtherAcquirer, PaymentsKind, PeriodOver, Policy, Results};
pub use reply::{CancelReply, CommandReply, Disposition, LeaseReply, REFUNDED_ELSEWHERE, Reply, ReplyMismatchError};
pub use rule::{Rule, RuleRow};
