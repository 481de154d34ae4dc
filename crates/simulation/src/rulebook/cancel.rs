//! The table of a cancel.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AcquirerId, Answer, Cancel, CancelReply, CorePayment, DeferReason, FinalAnswer, FundsKind, Lookup, LookupEnd, NeverReceived,
    OtherAcquirer, PaymentStatus, PeriodOver, Policy, Refusal, RefusalCode,
};

use super::page::{CancelPage, CancelStands, CasePage, DutyStands, Elsewhere, Ended, PaidPage, WaitPage};

const STRANGE: CancelReply = CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest));
const WAITS: CancelReply = CancelReply::Answered(Answer::Pending);

/// What a cancel comes to.
enum Row {
    /// An answer for good, which does not cancel.
    Ends(FinalAnswer),
    Waits(DeferReason),
    Cancels,
}

/// A look at the core, with its number and when it ended.
struct Look<'a> {
    lookup: &'a Lookup,
    number: u32,
    now: DateTime<Utc>,
}

impl Look<'_> {
    fn found(&self) -> Option<&CorePayment> {
        if let Lookup::Found(found) = self.lookup { Some(found) } else { None }
    }
}

impl CasePage {
    pub(super) fn cancels(&mut self, policy: &Policy, cancel: &Cancel, at: DateTime<Utc>) -> CancelReply {
        debug_assert_eq!(policy.results.other_acquirer, OtherAcquirer::ParamIllegal);
        let Cancel { acquirer_id, lookup, waited, attempt, witness: _ } = cancel;
        let look = Look { lookup, number: attempt.number, now: at + *waited };
        let named = look.found().is_some_and(|found| found.payment.acquirer_id == *acquirer_id);
        let is_decided = self.answer().is_some() || self.is_cancelled();
        let is_parked = self.wait.as_ref().is_some_and(|wait| wait.parked);
        if self.is_strange(acquirer_id) && (is_decided || is_parked || !named) {
            return STRANGE;
        }
        if is_decided {
            if look.found().is_some_and(|found| self.is_contradicted_by(found, look.now)) && self.is_cancelled() {
                self.stops(policy);
            }
            return match self.answer() {
                Some(answer) => CancelReply::Answered(answer.into()),
                None => CancelReply::ReversalPending { attempt: self.begins_attempt(policy, look.now) },
            };
        }
        self.is_asked_by(acquirer_id, at);
        if is_parked {
            return WAITS;
        }
        if *lookup == Lookup::NotYet {
            let wait = self.wait.get_or_insert_default();
            return CancelReply::LookUp { attempt: wait.tries + 1 };
        }
        let reply = self.settles(policy, &look, at);
        let strange = self.is_strange(acquirer_id) && !self.is_doubted();
        if !strange {
            return reply;
        }
        if matches!(reply, CancelReply::ReversalPending { attempt: Some(_) }) {
            // Nobody is there to make it: it is a worker's.
            self.gives_attempt_back();
        }
        STRANGE
    }

    /// A worker looked the payment up.
    pub(super) fn is_looked_up(&mut self, policy: &Policy, end: &LookupEnd, at: DateTime<Utc>) -> CancelReply {
        if let Some(answer) = self.answer() {
            return CancelReply::Answered(answer.into());
        }
        if self.is_cancelled() {
            return CancelReply::ReversalPending { attempt: None };
        }
        let waits = self.is_anybodys() || self.wait.is_some();
        if !self.is_deferred() || !waits || self.wait.as_ref().is_some_and(|wait| wait.parked) {
            return WAITS;
        }
        self.settles(policy, &Look { lookup: &end.lookup, number: end.attempt.number, now: at }, at)
    }

    /// A refund's result decides a cancel that waited for it. Nobody waits for its answer. One that is looked up too is looked up again.
    pub(super) fn decides_deferred(&mut self, policy: &Policy, at: DateTime<Utc>) {
        let waits = self.cancel.as_ref().is_some_and(|c| c.stands == CancelStands::Waits(DeferReason::RefundRunning));
        if !waits || self.wait.as_ref().is_some_and(|wait| wait.parked) {
            return;
        }
        if self.wait.is_none() {
            self.decides_now(policy, at);
        } else if !self.refund_runs()
            && let Some(cancel) = &mut self.cancel
        {
            cancel.stands = CancelStands::Waits(DeferReason::LookupFailed);
        }
    }

    /// By what is known here; the attempt is the worker's.
    pub(super) fn decides_now(&mut self, policy: &Policy, at: DateTime<Utc>) {
        let duty = self.duty.clone();
        let reply = self.settles(policy, &Look { lookup: &Lookup::Recorded, number: 1, now: at }, at);
        if matches!(reply, CancelReply::ReversalPending { .. }) {
            self.duty = duty;
            self.gives_back(policy, at);
        }
    }

    /// Each acquirer that asks has the moment at which it asked first.
    fn is_asked_by(&mut self, acquirer: &AcquirerId, at: DateTime<Utc>) {
        let stands = CancelStands::Waits(DeferReason::LookupFailed);
        let cancel = self.cancel.get_or_insert_with(|| CancelPage { acquirer: acquirer.clone(), received: at, stands });
        let asked =
            if cancel.acquirer == *acquirer { &mut cancel.received } else { self.others.entry(acquirer.clone()).or_insert(at) };
        *asked = at.min(*asked);
    }

    /// Whose cancel it is: the payment's acquirer's own, or the first one's where there is no payment.
    pub(super) fn entitled(&self) -> Option<(AcquirerId, DateTime<Utc>)> {
        let cancel = self.cancel.as_ref()?;
        let all = || std::iter::once((&cancel.acquirer, &cancel.received)).chain(&self.others);
        let chosen = match &self.paid {
            None => all().min_by_key(|(_, received)| **received),
            Some(paid) => all().find(|(acquirer, _)| **acquirer == paid.acquirer),
        };
        let let_in = Some((&cancel.acquirer, &cancel.received))
            .filter(|_| cancel.stands == CancelStands::Waits(DeferReason::RefundRunning));
        chosen.or(let_in).map(|(acquirer, received)| (acquirer.clone(), *received))
    }

    fn settles(&mut self, policy: &Policy, look: &Look<'_>, at: DateTime<Utc>) -> CancelReply {
        let contradicted = look.found().is_some_and(|found| self.is_contradicted_by(found, look.now));
        if contradicted || (self.is_doubted() && look.found().is_none()) {
            self.stands(CancelStands::Waits(DeferReason::Contradiction));
            self.waits_again(look, true);
            return WAITS;
        }
        if let Some(found) = look.found() {
            self.takes_over(found);
            self.takes_over_refunds(found);
        }
        let Some((acquirer, received)) = self.entitled() else {
            (self.cancel, self.wait) = (None, None);
            self.others.clear();
            return STRANGE;
        };
        let row = self.row(policy, look, received);
        if self.paid.is_some() || !matches!(row, Row::Waits(_)) {
            self.others.clear();
            if let Some(cancel) = &mut self.cancel {
                (cancel.acquirer, cancel.received) = (acquirer, received);
            }
        }
        self.apply(policy, (row, look), at)
    }

    fn apply(&mut self, policy: &Policy, (row, look): (Row, &Look<'_>), at: DateTime<Utc>) -> CancelReply {
        match row {
            Row::Ends(answer) => {
                self.ends_wait(CancelStands::Answered { answer, cancelled: false });
                CancelReply::Answered(answer.into())
            }
            Row::Waits(reason) => {
                self.stands(CancelStands::Waits(reason));
                let runs_there = look.found().is_some_and(|found| found.refund_running);
                self.waits_again(look, runs_there || matches!(look.lookup, Lookup::Failed(_)));
                WAITS
            }
            Row::Cancels if policy.funds == FundsKind::Ledger => {
                let fence = self.paid.is_none() && policy.results.never_received == NeverReceived::OrderNotExist;
                let answer = if fence { FinalAnswer::Refused(Refusal::NeverReceived) } else { FinalAnswer::Cancelled };
                self.ends_wait(CancelStands::Answered { answer, cancelled: true });
                self.gives_back(policy, at);
                CancelReply::Answered(answer.into())
            }
            Row::Cancels => {
                self.ends_wait(CancelStands::Open);
                self.gives_back(policy, at);
                CancelReply::ReversalPending { attempt: self.begins_attempt(policy, look.now) }
            }
        }
    }

    fn stands(&mut self, stands: CancelStands) {
        if let Some(cancel) = &mut self.cancel {
            cancel.stands = stands;
        }
    }

    pub(super) fn ends_wait(&mut self, stands: CancelStands) {
        self.stands(stands);
        self.wait = None;
    }

    /// One that can only wait for a refund here is not looked up again.
    fn waits_again(&mut self, look: &Look<'_>, looks_again: bool) {
        if !looks_again {
            self.wait = None;
            return;
        }
        let WaitPage { tries, parked } = self.wait.get_or_insert_default();
        if !*parked && look.number == *tries + 1 {
            *tries += 1;
        }
    }

    fn is_doubted(&self) -> bool {
        self.cancel.as_ref().is_some_and(|known| known.stands == CancelStands::Waits(DeferReason::Contradiction))
    }

    fn is_anybodys(&self) -> bool {
        self.cancel.as_ref().is_some_and(CancelPage::is_anybodys)
    }

    /// The first row that applies.
    fn row(&self, policy: &Policy, look: &Look<'_>, received: DateTime<Utc>) -> Row {
        let not_known = matches!(look.lookup, Lookup::Failed(_) | Lookup::NotYet);
        let Some(paid) = &self.paid else {
            return if not_known { Row::Waits(DeferReason::LookupFailed) } else { Row::Cancels };
        };
        if self.accounted.is_some_and(|(_, settles)| settles) || received >= paid.too_late(policy.period.grace) {
            let code = match policy.results.period_over {
                PeriodOver::ProcessFail => RefusalCode::ProcessFail,
                PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
            };
            return Row::Ends(FinalAnswer::Refused(Refusal::PeriodOver(code)));
        }
        if self.refund_runs() || look.found().is_some_and(|found| found.refund_running) {
            return Row::Waits(DeferReason::RefundRunning);
        }
        if not_known {
            return Row::Waits(DeferReason::LookupFailed);
        }
        let refunded = match self.elsewhere {
            None => self.refunded(false),
            Some(Elsewhere::Everything) => paid.amount.minor(),
            Some(Elsewhere::Something) => 1,
            Some(Elsewhere::Much(elsewhere)) => self.refunded(false) + elsewhere,
        };
        match paid.ended {
            Ended::Well(_) if refunded >= paid.amount.minor() => Row::Ends(FinalAnswer::Cancelled),
            Ended::Well(_) if refunded > 0 => Row::Ends(FinalAnswer::Refused(Refusal::PartlyRefunded)),
            Ended::Well(_) | Ended::NotYet | Ended::Badly => Row::Cancels,
        }
    }

    /// Whether a lookup cannot be true, or is not what the one before was.
    pub(super) fn is_contradicted_by(&self, found: &CorePayment, now: DateTime<Utc>) -> bool {
        let CorePayment { payment, refunded, .. } = found;
        let age = now - payment.initiated_at;
        if age > TimeDelta::days(366) || age < TimeDelta::minutes(-5) {
            return true;
        }
        let Some(paid) = &self.paid else { return false };
        let before = match self.elsewhere {
            None => 0,
            Some(Elsewhere::Something) => 1,
            Some(Elsewhere::Everything) => paid.amount.minor() - self.refunded(false),
            Some(Elsewhere::Much(much)) => much,
        };
        (&paid.amount, &paid.account, &paid.acquirer) != (&payment.amount, &payment.account, &payment.acquirer_id)
            || refunded - self.refunded(false) < before
    }

    pub(super) fn takes_over_refunds(&mut self, found: &CorePayment) {
        let (own, whole) = (self.refunded(false), self.paid.as_ref().map_or(0, |paid| paid.amount.minor()));
        if found.refunded > own {
            self.hears_of_refunds(if found.refunded >= whole {
                Elsewhere::Everything
            } else {
                Elsewhere::Much(found.refunded - own)
            });
        }
    }

    /// Leaves to an operator what no operator has looked at.
    pub(super) fn stops(&mut self, policy: &Policy) {
        let duty = self
            .duty
            .as_mut()
            .filter(|duty| policy.funds == FundsKind::Http && duty.stands != DutyStands::Back { by_hand: true });
        if let Some(duty) = duty {
            duty.stands = DutyStands::Parked;
        }
    }

    /// What the core says of its payment. What is recorded stays, only its status goes on.
    pub(super) fn takes_over(&mut self, found: &CorePayment) {
        let paid = self.paid.get_or_insert_with(|| PaidPage::of(&found.payment));
        let after_a_failure = paid.ended == Ended::Badly && matches!(found.payment.status, PaymentStatus::Succeeded { .. });
        if paid.own_id.is_none() || (after_a_failure && found.payment.payment_id.is_some()) {
            paid.own_id = found.payment.payment_id.clone();
        }
        paid.ended = match (&found.payment.status, paid.ended) {
            (_, known @ Ended::Well(_)) => known,
            (PaymentStatus::Succeeded { completed_at, .. }, Ended::NotYet | Ended::Badly) => Ended::Well(*completed_at),
            (PaymentStatus::Failed { .. }, Ended::NotYet | Ended::Badly) => Ended::Badly,
            (PaymentStatus::InProgress, known @ (Ended::NotYet | Ended::Badly)) => known,
        };
    }
}
