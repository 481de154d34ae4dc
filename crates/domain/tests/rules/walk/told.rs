//! Who was told what. It is part of the state: what was told must stay true.

use domain::{Action, Answer, CancelReply, CommandReply, Disposition, RefusalCode, Reply, ReversalOutcome};

use super::kinds::{Kind, asker, core_said, reports_success};
use crate::fixtures::ACQUIRER;
use crate::invariants::Step;

/// What one step says to one who listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Says {
    /// The place of the acquirer, and its answer.
    answer: Option<(usize, Heard)>,
    /// To an announcement or a success of the wallet.
    disposition: Option<Disposition>,
    /// The most that can have been refunded before a new refund, if that may proceed.
    leaves_room_for: Option<i64>,
    /// How much the wallet core says was refunded, as far as it is known: a part counts as 1.
    refunded: i64,
    /// Whether only a wallet core that answers can bring this step.
    pub(super) needs_core: bool,
}

/// The answers an acquirer can have heard; of those that are not final nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Heard {
    #[default]
    NothingFinal,
    Success,
    Refused(RefusalCode),
}

impl From<Answer> for Heard {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Cancelled => Self::Success,
            Answer::Refused(refusal) => Self::Refused(refusal.code()),
            Answer::Pending => Self::NothingFinal,
        }
    }
}

/// What each of them has heard until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Told {
    answers: [Heard; 2],
    /// The wallet heard `closed` or `reversed`.
    closed: bool,
    /// The most that the wallet core said was refunded.
    refunded: i64,
}

fn place(acquirer: &domain::AcquirerId) -> usize {
    usize::from(acquirer.as_str() != ACQUIRER)
}

impl Says {
    /// What a step says.
    pub(super) fn of(step: &Step<'_>, looks_up: bool) -> Self {
        let action = step.action();
        let answered = match step.decision.reply {
            Reply::Cancel(CancelReply::Answered(answer)) | Reply::Attempt(answer) => Some(Heard::from(answer)),
            Reply::Cancel(CancelReply::ReversalPending { .. } | CancelReply::LookUp { .. }) => Some(Heard::NothingFinal),
            Reply::Command(_) | Reply::Lease(_) => None,
        };
        // Nobody hears what a worker's lookup comes to; it is told when the acquirer asks again.
        let answered = answered.filter(|_| !matches!(action, Action::DecideDeferred(_)));
        // The answer of an attempt goes to the acquirer whose cancel waits for it.
        let waits = step.after.cancellation.as_ref().map(|cancellation| &cancellation.acquirer_id);
        let listens = asker(action).or(waits).map(place);
        let announces = matches!(action, Action::Pay(_)) || reports_success(action);
        let disposition = match step.decision.reply {
            Reply::Command(CommandReply::Done(disposition)) if announces => Some(disposition),
            Reply::Command(_) | Reply::Cancel(_) | Reply::Lease(_) | Reply::Attempt(_) => None,
        };
        Self {
            answer: listens.zip(answered),
            disposition,
            leaves_room_for: leaves_room_for(step),
            refunded: refunded(step),
            needs_core: needs_core(action, looks_up),
        }
    }
}

fn leaves_room_for(step: &Step<'_>) -> Option<i64> {
    let Action::Refund(refund) = step.action() else { return None };
    let payment = step.after.payment.as_ref().filter(|_| step.decision.change.is_some());
    payment.map(|payment| payment.amount.minor() - refund.amount.minor())
}

/// How much the wallet core says that refunds gave back, where a step hears it.
fn refunded(step: &Step<'_>) -> i64 {
    let looked_up = step.found().filter(|_| step.decision.change.is_some()).map_or(0, |found| found.refunded);
    looked_up.max(match core_said(step) {
        Some(ReversalOutcome::PartlyRefunded(_)) => 1,
        Some(ReversalOutcome::FullyRefunded) => 2,
        Some(
            ReversalOutcome::Done | ReversalOutcome::NothingToDo | ReversalOutcome::Impossible(_) | ReversalOutcome::Unknown(_),
        ) => 0,
        None => 0,
    })
}

fn needs_core(action: &Action, looks_up: bool) -> bool {
    match action {
        Action::CompleteAttempt(end) => !matches!(end.outcome, ReversalOutcome::Unknown(_)),
        Action::Cancel(domain::Cancel { lookup, .. }) | Action::DecideDeferred(domain::LookupEnd { lookup, .. }) => {
            looks_up && !matches!(lookup, domain::Lookup::Failed(_) | domain::Lookup::NotYet)
        }
        Action::LeaseLookup | Action::LookUpBy(_) => false,
        Action::Pay(_) | Action::Result(_) | Action::Refund(_) | Action::RefundResult(_) | Action::LeaseAttempt => false,
        Action::Retry { .. }
        | Action::Park { .. }
        | Action::Resolve { .. }
        | Action::Approve { .. }
        | Action::Settle(_)
        | Action::Adopt(_) => false,
    }
}

impl Told {
    /// What is told after a step, and what the step took back.
    pub(super) fn hear(mut self, says: &Says) -> (Self, Option<Kind>) {
        let mut taken_back = None;
        if let Some((who, heard)) = says.answer {
            taken_back = match self.answers[who] {
                Heard::NothingFinal => None,
                before if before == heard => None,
                Heard::Success => Some(Kind::SuccessTakenBack),
                Heard::Refused(_) => Some(Kind::RefusalTakenBack),
            };
            if self.answers[who] == Heard::NothingFinal {
                self.answers[who] = heard;
            }
        }
        match says.disposition {
            Some(Disposition::Closed | Disposition::Reversed) => self.closed = true,
            Some(Disposition::Proceed) if self.closed => taken_back = Some(Kind::ClosedThenProceed),
            Some(Disposition::Stands) if self.closed => taken_back = Some(Kind::ClosedThenStands),
            Some(
                Disposition::Proceed
                | Disposition::Stands
                | Disposition::Refused
                | Disposition::Reopened
                | Disposition::Requested
                | Disposition::Resolved
                | Disposition::Parked,
            )
            | None => {}
        }
        if says.leaves_room_for.is_some_and(|room| self.refunded > room) {
            taken_back = Some(Kind::RefundBeyondTheCore);
        }
        self.refunded = self.refunded.max(says.refunded);
        (self, taken_back)
    }
}
