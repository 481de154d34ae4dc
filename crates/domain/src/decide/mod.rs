//! The one decision behind every door.

mod cancel;
mod reversal;
mod rules;
mod settlement;
mod update;
mod wallet;

pub use rules::Rule;

use crate::{Action, Answer, Case, Command, Entry, Event, Policy};

/// What to answer, and what becomes of the case.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What the caller is told.
    pub outcome: Outcome,
    /// What has to be recorded, in one commit, before the caller is told; `None` where nothing changes.
    pub change: Option<Change>,
}

/// What has to be recorded, all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The case as it is from now on.
    pub case: Case,
    /// New lines of its timeline, in order.
    pub events: Vec<Event>,
    /// New entries of the embedded ledger.
    pub entries: Vec<Entry>,
}

/// What the caller is told.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The answer to a cancel.
    Answered(Answer),
    /// The payment is cancelled and its money is not back yet: the answer is U until it is.
    ReversalPending {
        /// The attempt that this commit leased to the caller; `None` where somebody else is at it or an operator has to decide.
        attempt: Option<u32>,
    },
    /// The wallet may go on like this.
    DispositionBody(Disposition),
    /// No such payment or refund is recorded.
    NotFound {
        /// A cancel was there before: somebody reports on a payment that was never announced, which an operator must see.
        fenced: bool,
    },
    /// It contradicts what is recorded; nothing changed.
    Conflict(&'static str),
}

/// How the wallet, or an operator, may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Go ahead: debit, or refund.
    Proceed,
    /// The payment is cancelled; do not debit.
    Closed,
    /// The result stands.
    Stands,
    /// The payment is cancelled and the money goes back, or went back, by the cancellation.
    Reversed,
    /// Do not refund.
    Refused,
    /// The reversal is due again.
    Reopened,
    /// The reversal is done.
    Resolved,
}

impl Decision {
    fn unchanged(outcome: Outcome) -> Self {
        Self { outcome, change: None }
    }
}

/// Decides what a command means for a case. Pure: deciding again on the unchanged case gives the same decision, so a transaction
/// that failed is simply run again.
pub fn decide(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let at = command.at;
    match &command.action {
        Action::Cancel(cancel) => cancel::cancel(policy, case, cancel, at),
        Action::Pay(payment) => wallet::pay(policy, case, payment, at),
        Action::Result(result) => wallet::result(policy, case, result, at),
        Action::Refund(refund) => wallet::refund(case, refund, at),
        Action::RefundResult(result) => wallet::refund_result(policy, case, result, at),
        Action::LeaseAttempt => reversal::attempt(policy, case, at),
        Action::CompleteAttempt { attempt, outcome, jitter } => {
            let closing = reversal::AttemptEnd { attempt: *attempt, outcome, jitter: *jitter };
            reversal::close(policy, case, &closing, at)
        }
        Action::Retry => reversal::retry(case, at),
        Action::Resolve { note, by } => reversal::resolve(case, (note, by), at),
        Action::Settle(closing) => settlement::settle(policy, case, closing, at),
    }
}
