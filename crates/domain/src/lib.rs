//! The rules of cancelling a payment, and nothing else: no I/O, no clock, no random numbers.
//!
//! Read [`decide()`] first. It is the one function behind every door: a [`Case`] is what is known of one payment request, a
//! [`Command`] is what somebody asks of it and when, and the [`Decision`] says what to answer and what becomes of the case.
//! [`Terms`] carries what the deployment's settings say. The rule table is in `docs/develop/decisions.md`.

mod cancellation;
mod case;
mod command;
mod decide;
mod identifiers;
mod ledger;
mod money;
mod payment;
mod period;
mod reconciliation;
mod reversal;
mod settlement;
mod terms;
mod timeline;

pub use cancellation::{Answer, Cancellation, CancellationState, DeferReason, FinalAnswer, Refusal, RefusalCode};
pub use case::{Case, Inquiry};
pub use command::{Action, Cancel, Command, Lookup, PayResult, RefundRequest, RefundResult, ReportedResult};
pub use decide::{Change, Decision, Disposition, Outcome, Rule, decide};
pub use identifiers::{AccountId, AcquirerId, InvalidIdentifier, PaymentId, PaymentRequestId, PspId, RefundRequestId};
pub use ledger::{Entry, EntryKind};
pub use money::{Currency, InvalidMoney, Money};
pub use payment::{CorePayment, Payment, PaymentKind, PaymentStatus, Refund, RefundState};
pub use period::CancellablePeriod;
pub use reconciliation::{Finding, Listed, ListedAmount, ListedKind, Mismatch, Scope, examine, listed_twice, missing};
pub use reversal::{GiveBack, Jitter, Lease, Owed, Reversal, ReversalKind, ReversalState, retry_delay};
pub use settlement::{
    ClearingDay, Closing, DayStatement, InvalidDay, LeftOut, LeftOutReason, Settlement, StatementRow, Totals, closable_from,
};
pub use terms::{FundsKind, NeverReceived, OtherAcquirer, PeriodOver, Results, Terms};
pub use timeline::{Event, What};
