//! Payments that the wallet core keeps are announced and reported by nobody else.

use super::Decision;
use super::update::CaseUpdate;
use crate::{
    Action, Case, Command, CommandReply, Disposition, EventKind, PayResult, PaymentsKind, Policy, ReportedResult, ReversalState,
};

const REFUSED: CommandReply = CommandReply::PaymentsAreTheCores;

/// What a wallet hears that announces or reports a payment which the core keeps; `None` where the command is decided as ever. An
/// announcement would stand beside the core's own record, and the two could differ. Results are taken all the same where they cannot
/// contradict a record: of payments and refunds that were announced before the core kept them, and a success of what is cancelled.
pub(super) fn of_core(policy: &Policy, case: &Case, command: &Command) -> Option<Decision> {
    if policy.payments == PaymentsKind::Recorded {
        return None;
    }
    match &command.action {
        Action::Pay(_) | Action::Refund(_) => Some(Decision::unchanged(REFUSED)),
        Action::Result(result) if case.payment.is_none() => Some(result_of_unknown(policy, case, (result, command))),
        Action::RefundResult(result) if !case.refunds.iter().any(|known| known.id == result.id) => {
            Some(Decision::unchanged(REFUSED))
        }
        Action::Result(_) | Action::RefundResult(_) | Action::Cancel(_) => None,
        Action::LeaseAttempt | Action::CompleteAttempt(_) => None,
        Action::LeaseLookup | Action::DecideDeferred(_) | Action::LookUpBy(_) => None,
        Action::Retry { .. } | Action::Park { .. } | Action::Resolve { .. } | Action::Approve { .. } => None,
        Action::Settle(_) | Action::Adopt(_) => None,
    }
}

/// Only the success of a cancelled payment says something new: its money has to go back, whatever the core said of it before.
fn result_of_unknown(policy: &Policy, case: &Case, (result, command): (&PayResult, &Command)) -> Decision {
    if result.result == ReportedResult::Failed || !case.is_cancelled() {
        return Decision::unchanged(REFUSED);
    }
    let reversed = CommandReply::Done(Disposition::Reversed);
    if matches!(case.reversal.as_ref().map(|reversal| &reversal.state), Some(ReversalState::Open { lease: None, .. })) {
        return Decision::unchanged(reversed);
    }
    let mut update = CaseUpdate::of(case, command.at);
    update.record_event(EventKind::Succeeded);
    update.return_money(policy);
    update.finish(reversed)
}
