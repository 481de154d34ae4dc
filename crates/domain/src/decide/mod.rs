//! The one decision behind every endpoint and worker.

mod cancel;
mod contradiction;
mod deferral;
mod ownership;
mod resolution;
mod reversal;
mod settlement;
mod timing;
mod update;
mod wallet;

use crate::{Action, Case, Command, Entry, Event, Policy, Reply, Rule};

/// What to reply, and what becomes of the case.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The reply to the caller, once the change is durable.
    pub reply: Reply,
    /// The rule that decided a cancel, also where a refund's result decided a deferred one; `None` where no cancel was decided.
    pub rule: Option<Rule>,
    /// What has to be recorded, in one commit, before the reply; `None` where nothing changes.
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

impl Decision {
    fn unchanged(reply: impl Into<Reply>) -> Self {
        Self { reply: reply.into(), rule: None, change: None }
    }

    fn by(self, rule: Rule) -> Self {
        Self { rule: Some(rule), ..self }
    }
}

/// Decides what a command means for a case. Pure: deciding again on the unchanged case gives the same decision, so a transaction
/// that failed is simply run again.
pub fn decide(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let at = command.at;
    if let Some(decision) = ownership::of_core(policy, case, command) {
        return decision;
    }
    match &command.action {
        Action::Cancel(cancel) => cancel::cancel(policy, case, cancel, at),
        Action::Pay(payment) => wallet::pay(policy, case, payment, at),
        Action::Result(result) => wallet::result(policy, case, result, at),
        Action::Refund(refund) => wallet::refund(case, refund, at),
        Action::RefundResult(result) => wallet::refund_result(policy, case, result, at),
        Action::LeaseAttempt => reversal::lease_attempt(policy, case, at),
        Action::CompleteAttempt(end) => reversal::complete_attempt(policy, case, end, at),
        Action::Retry { by } => reversal::retry(policy, case, by, at),
        Action::Park { note, by } => reversal::park(case, (note, by), at),
        Action::Resolve { note, by } => resolution::resolve(policy, case, (note, by), at),
        Action::Approve { by } => resolution::approve(policy, case, by, at),
        Action::LeaseLookup => deferral::lease_lookup(policy, case, at),
        Action::DecideDeferred(end) => cancel::decide_looked_up(policy, case, end, at),
        Action::LookUpBy(due_at) => deferral::look_up_by(case, *due_at, at),
        Action::Adopt(adoption) => wallet::adopt(case, adoption, at),
        Action::Settle(closing) => settlement::settle(policy, case, closing, at),
    }
}
