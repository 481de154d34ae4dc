//! Giving money back by a core, and what operators may do about it.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Answer, AttemptEnd, CommandReply, CorePayment, DeferReason, Disposition, FinalAnswer, FundsKind, LeaseReply, NeverReceived,
    PaymentStatus, Policy, Refusal, ReversalOutcome,
};

use super::page::{CancelStands, CasePage, DutyPage, DutyStands, Elsewhere, WaitPage};

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

    pub(super) fn gives_attempt_back(&mut self) {
        if let Some(duty) = &mut self.duty
            && let DutyStands::Due { from, .. } = duty.stands
        {
            duty.attempts -= 1;
            duty.stands = DutyStands::Due { from, lease: None };
        }
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

    /// An inquiry looked a cancelled payment up. A success that is news goes back.
    pub(super) fn is_found_after_cancel(&mut self, policy: &Policy, found: &CorePayment, at: DateTime<Utc>) -> CommandReply {
        let has_succeeded = matches!(found.payment.status, PaymentStatus::Succeeded { .. });
        if !self.is_cancelled() || !has_succeeded || self.is_strange(&found.payment.acquirer_id) {
            return CommandReply::Done(Disposition::Stands);
        }
        if self.taken_at().is_some() {
            return CONFLICT;
        }
        if self.is_contradicted_by(found, at) {
            self.stops(policy);
            return CommandReply::Done(Disposition::Stands);
        }
        self.takes_over(found);
        self.takes_over_refunds(found);
        self.gives_back(policy, at);
        CommandReply::Done(Disposition::Reopened)
    }

    /// A worker may look: when it is due is not looked at here.
    pub(super) fn leases_lookup(&mut self) -> LeaseReply {
        if !self.is_deferred() || self.wait.is_some_and(|wait| wait.parked) {
            return LeaseReply::NotDue;
        }
        LeaseReply::Leased(self.wait.get_or_insert_default().tries + 1)
    }

    /// What an operator does about a cancel that waits; `None` where none does.
    fn parked_wait(&mut self) -> Option<Result<WaitPage, CommandReply>> {
        self.is_deferred().then(|| self.wait.filter(|wait| wait.parked).ok_or(CONFLICT))
    }

    fn retries_wait(&mut self, policy: &Policy, wait: WaitPage, at: DateTime<Utc>) {
        let of_refund = self.cancel.as_ref().is_some_and(|c| c.stands == CancelStands::Waits(DeferReason::RefundRunning));
        if !of_refund || wait.tries > 0 {
            self.wait = Some(WaitPage { parked: false, ..wait });
            return;
        }
        self.wait = None;
        if !self.refund_runs() {
            self.decides_now(policy, at);
        }
    }

    fn resolves_wait(&mut self) -> CommandReply {
        if self.refund_runs() || self.accounted.is_some_and(|(_, settles)| settles) {
            return CONFLICT;
        }
        if let (Some((acquirer, received)), Some(cancel)) = (self.entitled(), &mut self.cancel) {
            (cancel.acquirer, cancel.received) = (acquirer, received);
        }
        self.others.clear();
        let refunded = self.refunded(false);
        let left = self.paid.as_ref().filter(|_| self.taken_at().is_some()).is_none_or(|paid| paid.amount.minor() > refunded);
        self.ends_wait(CancelStands::Answered { answer: FinalAnswer::Cancelled, cancelled: left });
        if left {
            self.duty = Some(DutyPage { attempts: 0, denied: false, stands: DutyStands::Back { by_hand: true } });
        }
        CommandReply::Done(Disposition::Resolved)
    }

    pub(super) fn retries(&mut self, policy: &Policy, at: DateTime<Utc>) -> CommandReply {
        match self.parked_wait() {
            None => {}
            Some(Err(conflict)) => return conflict,
            Some(Ok(wait)) => {
                self.retries_wait(policy, wait, at);
                return CommandReply::Done(Disposition::Reopened);
            }
        }
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
        if self.is_deferred() {
            let wait = self.wait.get_or_insert_default();
            let was_parked = std::mem::replace(&mut wait.parked, true);
            return if was_parked { CONFLICT } else { CommandReply::Done(Disposition::Parked) };
        }
        let Some(duty) = &mut self.duty else { return CommandReply::NotFound { fenced: false } };
        match duty.stands {
            DutyStands::Due { lease, .. } if lease.is_none_or(|(_, until)| until <= at) => {
                duty.stands = DutyStands::Parked;
                CommandReply::Done(Disposition::Parked)
            }
            DutyStands::Due { .. } | DutyStands::Parked | DutyStands::Back { .. } => CONFLICT,
        }
    }

    pub(super) fn resolves(&mut self) -> CommandReply {
        match self.parked_wait() {
            None => {}
            Some(Err(conflict)) => return conflict,
            Some(Ok(_)) => return self.resolves_wait(),
        }
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
