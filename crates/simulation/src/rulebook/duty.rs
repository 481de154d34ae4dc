//! Giving money back by a core, and what operators may do about it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Answer, AttemptEnd, CommandReply, Disposition, FinalAnswer, FundsKind, LeaseReply, NeverReceived, Policy, Refusal,
    ReversalOutcome,
};

use super::page::{CancelStands, CasePage, DutyPage, DutyStands, Elsewhere};

/// Every conflict is one here: why it is one is for people.
const CONFLICT: CommandReply = CommandReply::Conflict("");

impl CasePage {
    /// The duty arises, or arises again: something new became known.
    pub(super) fn gives_back(&mut self, policy: &Policy, at: DateTime<Utc>) {
        if policy.funds == FundsKind::Ledger {
            return;
        }
        let due = DutyStands::Due { from: at, lease: None };
        self.duty = Some(match self.duty.take() {
            None => DutyPage { attempts: 0, denied: false, stands: due },
            Some(DutyPage { attempts, stands: DutyStands::Parked | DutyStands::Back { by_hand: true }, .. }) => {
                DutyPage { attempts, denied: false, stands: DutyStands::Parked }
            }
            Some(DutyPage { attempts, stands: DutyStands::Due { .. } | DutyStands::Back { by_hand: false }, .. }) => {
                DutyPage { attempts, denied: false, stands: due }
            }
        });
    }

    /// The next attempt, unless somebody has one: its number.
    pub(super) fn begins_attempt(&mut self, policy: &Policy, now: DateTime<Utc>) -> Option<u32> {
        let duty = self.duty.as_mut()?;
        let DutyStands::Due { from, lease } = duty.stands else { return None };
        if lease.is_some_and(|(_, until)| now < until) || (duty.denied && now < from) {
            return None;
        }
        duty.attempts += 1;
        duty.stands = DutyStands::Due { from: from.min(now), lease: Some((duty.attempts, now + policy.lease)) };
        Some(duty.attempts)
    }

    pub(super) fn leases(&mut self, policy: &Policy, at: DateTime<Utc>) -> LeaseReply {
        let due = self.duty.as_ref().is_some_and(|duty| matches!(duty.stands, DutyStands::Due { from, .. } if from <= at));
        let begun = if due { self.begins_attempt(policy, at) } else { None };
        begun.map_or(LeaseReply::NotDue, LeaseReply::Leased)
    }

    pub(super) fn completes(&mut self, policy: &Policy, end: &AttemptEnd, at: DateTime<Utc>) -> Answer {
        let holds = |duty: &&mut DutyPage| matches!(duty.stands, DutyStands::Due { lease: Some((attempt, _)), .. } if attempt == end.attempt);
        let (is_taken, told) = (self.taken_at().is_some(), self.told || self.answer().is_some());
        let Some(duty) = self.duty.as_mut().filter(holds) else { return self.answer_now() };
        match &end.outcome {
            ReversalOutcome::Unknown(_) => {
                duty.stands = DutyStands::Due { from: at + pause(end), lease: None };
            }
            ReversalOutcome::Impossible(_) => duty.stands = DutyStands::Parked,
            ReversalOutcome::Done => self.is_back(FinalAnswer::Cancelled, true),
            ReversalOutcome::NothingToDo if is_taken && duty.denied => duty.stands = DutyStands::Parked,
            ReversalOutcome::NothingToDo if is_taken => {
                duty.denied = true;
                duty.stands = DutyStands::Due { from: at + TimeDelta::seconds(2), lease: None };
            }
            ReversalOutcome::NothingToDo => {
                let fence = self.paid.is_none() && policy.results.never_received == NeverReceived::OrderNotExist;
                self.is_back(if fence { FinalAnswer::Refused(Refusal::NeverReceived) } else { FinalAnswer::Cancelled }, true);
            }
            ReversalOutcome::PartlyRefunded(part) => {
                if told {
                    duty.stands = DutyStands::Parked;
                } else {
                    self.is_back(FinalAnswer::Refused(Refusal::PartlyRefunded), false);
                }
                let currency = self.paid.as_ref().map(|paid| paid.amount.currency());
                let known = part.filter(|part| Some(part.currency()) == currency);
                self.hears_of_refunds(known.map_or(Elsewhere::Something, |part| Elsewhere::Much(part.minor())));
            }
            ReversalOutcome::FullyRefunded => {
                self.is_back(FinalAnswer::Cancelled, false);
                self.hears_of_refunds(Elsewhere::Everything);
            }
        }
        self.answer_now()
    }

    fn answer_now(&self) -> Answer {
        self.answer().map_or(Answer::Pending, Answer::from)
    }

    fn is_back(&mut self, answer: FinalAnswer, cancelled: bool) {
        if let Some(duty) = &mut self.duty {
            duty.stands = DutyStands::Back { by_hand: false };
        }
        if self.answer().is_none()
            && let Some(cancel) = &mut self.cancel
        {
            cancel.stands = CancelStands::Answered { answer, cancelled };
        }
        // What is not cancelled after all settles in the next open day.
        if !self.is_cancelled() && self.accounted.is_some_and(|(_, settles)| !settles) {
            self.accounted = None;
        }
    }

    pub(super) fn retries(&mut self, at: DateTime<Utc>) -> CommandReply {
        match &mut self.duty {
            None => CommandReply::NotFound { fenced: false },
            Some(duty) if duty.stands == DutyStands::Parked => {
                duty.stands = DutyStands::Due { from: at, lease: None };
                duty.denied = false;
                CommandReply::Done(Disposition::Reopened)
            }
            Some(_) => CONFLICT,
        }
    }

    pub(super) fn parks(&mut self, at: DateTime<Utc>) -> CommandReply {
        let Some(duty) = &mut self.duty else { return CommandReply::NotFound { fenced: false } };
        match duty.stands {
            DutyStands::Due { lease, .. } if lease.is_none_or(|(_, until)| until <= at) => {
                duty.stands = DutyStands::Parked;
                CommandReply::Done(Disposition::Parked)
            }
            DutyStands::Due { .. } | DutyStands::Parked | DutyStands::Back { .. } => CONFLICT,
        }
    }

    pub(super) fn resolves(&mut self, _at: DateTime<Utc>) -> CommandReply {
        match &self.duty {
            None => CommandReply::NotFound { fenced: false },
            Some(duty) if duty.stands == DutyStands::Parked => {
                self.is_back(FinalAnswer::Cancelled, true);
                if let Some(duty) = &mut self.duty {
                    duty.stands = DutyStands::Back { by_hand: true };
                }
                CommandReply::Done(Disposition::Resolved)
            }
            Some(_) => CONFLICT,
        }
    }
}

/// 200 ms, doubled with every attempt up to a minute, of which the attempt's chance leaves out up to a half.
fn pause(end: &AttemptEnd) -> TimeDelta {
    let whole = (200_000_i64 << end.attempt.saturating_sub(1).min(20)).min(60_000_000);
    TimeDelta::microseconds(whole / 2 + ((whole / 2 * i64::from(end.jitter.0)) >> 32))
}
