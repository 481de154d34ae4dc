//! The table of a cancel.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Answer, Cancel, CancelReply, CorePayment, DeferReason, FinalAnswer, FundsKind, Lookup, NeverReceived, OtherAcquirer,
    PaymentStatus, PeriodOver, Policy, Refusal, RefusalCode,
};

use super::page::{CancelPage, CancelStands, CasePage, DutyStands, Elsewhere, Ended, PaidPage};

/// What a cancel comes to.
enum Row {
    /// An answer that leaves nothing.
    Says(Answer),
    /// An answer for good, which does not cancel.
    Ends(FinalAnswer),
    Waits(DeferReason),
    /// The money is on its way already.
    Pending,
    Cancels,
}

impl CasePage {
    pub(super) fn cancels(&mut self, policy: &Policy, cancel: &Cancel, at: DateTime<Utc>) -> CancelReply {
        let received = self.cancel.as_ref().map_or(at, |known| known.received.min(at));
        let mut page = self.clone();
        let decided = page.answer().is_some() || page.is_cancelled();
        let contradicted = matches!(&cancel.lookup, Lookup::Found(found) if page.is_contradicted_by(found, at + cancel.waited));
        if let (Lookup::Found(found), false) = (&cancel.lookup, decided) {
            if !contradicted {
                page.takes_over(found);
            }
            if page.paid.is_some() {
                page.takes_over_refunds(found);
            }
        }
        let row = page.row(policy, cancel, (received, contradicted));
        *self = page;
        if matches!(row, Row::Says(Answer::Refused(Refusal::DifferentRequest))) {
            return CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest));
        }
        if contradicted && self.is_cancelled() {
            self.stops(policy);
        }
        self.apply(policy, (row, cancel), (at, received))
    }

    fn apply(
        &mut self,
        policy: &Policy,
        (row, cancel): (Row, &Cancel),
        (at, received): (DateTime<Utc>, DateTime<Utc>),
    ) -> CancelReply {
        match row {
            Row::Says(answer) => CancelReply::Answered(answer),
            Row::Ends(answer) => {
                self.stands(cancel, received, CancelStands::Answered { answer, cancelled: false });
                CancelReply::Answered(answer.into())
            }
            Row::Waits(reason) => {
                self.stands(cancel, received, CancelStands::Waits(reason));
                CancelReply::Answered(Answer::Pending)
            }
            Row::Pending => CancelReply::ReversalPending { attempt: self.begins_attempt(policy, at + cancel.waited) },
            Row::Cancels if policy.funds == FundsKind::Ledger => {
                let fence = self.paid.is_none() && policy.results.never_received == NeverReceived::OrderNotExist;
                let answer = if fence { FinalAnswer::Refused(Refusal::NeverReceived) } else { FinalAnswer::Cancelled };
                self.stands(cancel, received, CancelStands::Answered { answer, cancelled: true });
                self.gives_back(policy, at);
                CancelReply::Answered(answer.into())
            }
            Row::Cancels => {
                self.stands(cancel, received, CancelStands::Open);
                self.gives_back(policy, at);
                CancelReply::ReversalPending { attempt: self.begins_attempt(policy, at + cancel.waited) }
            }
        }
    }

    /// A refund's result decides a cancel that waited for it. Nobody waits for its answer.
    pub(super) fn decides_deferred(&mut self, policy: &Policy, at: DateTime<Utc>) {
        let Some(known) = self.cancel.clone().filter(|c| c.stands == CancelStands::Waits(DeferReason::RefundRunning)) else {
            return;
        };
        let cancel = Cancel::now(known.acquirer.clone(), Lookup::Recorded);
        match self.row(policy, &cancel, (known.received, false)) {
            Row::Says(_) | Row::Pending => {}
            Row::Cancels if policy.funds == FundsKind::Http => {
                self.stands(&cancel, known.received, CancelStands::Open);
                self.gives_back(policy, at);
            }
            row @ (Row::Ends(_) | Row::Waits(_) | Row::Cancels) => {
                let _ = self.apply(policy, (row, &cancel), (at, known.received));
            }
        }
    }

    /// The first row that applies.
    fn row(&self, policy: &Policy, cancel: &Cancel, (received, contradicted): (DateTime<Utc>, bool)) -> Row {
        let found = match &cancel.lookup {
            Lookup::Found(found) => Some(found),
            Lookup::Recorded | Lookup::Failed => None,
        };
        let named_now = contradicted && found.is_some_and(|found| found.payment.acquirer_id == cancel.acquirer_id);
        let strange = policy.results.other_acquirer == OtherAcquirer::ParamIllegal && self.is_strange(&cancel.acquirer_id);
        if strange && !named_now {
            return Row::Says(Answer::Refused(Refusal::DifferentRequest));
        }
        if let Some(answer) = self.answer() {
            return Row::Says(answer.into());
        }
        if self.is_cancelled() {
            return Row::Pending;
        }
        let in_doubt = self.cancel.as_ref().is_some_and(|known| known.stands == CancelStands::Waits(DeferReason::Contradiction));
        if contradicted || (in_doubt && found.is_none()) {
            return Row::Waits(DeferReason::Contradiction);
        }
        let lookup_failed = cancel.lookup == Lookup::Failed;
        let Some(paid) = &self.paid else {
            return if lookup_failed { Row::Waits(DeferReason::LookupFailed) } else { Row::Cancels };
        };
        if self.accounted.is_some_and(|(_, settles)| settles) || received >= paid.too_late(policy.period.grace) {
            let code = match policy.results.period_over {
                PeriodOver::ProcessFail => RefusalCode::ProcessFail,
                PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
            };
            return Row::Ends(FinalAnswer::Refused(Refusal::PeriodOver(code)));
        }
        if self.refund_runs() || found.is_some_and(|found| found.refund_running) {
            return Row::Waits(DeferReason::RefundRunning);
        }
        if lookup_failed {
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

    /// The case belongs to the acquirer that asked first; before a lookup nobody knows whose it is.
    fn stands(&mut self, cancel: &Cancel, received: DateTime<Utc>, stands: CancelStands) {
        let first = self.cancel.take().filter(|known| !known.is_anybodys());
        let acquirer = first.map_or_else(|| cancel.acquirer_id.clone(), |known| known.acquirer);
        self.cancel = Some(CancelPage { acquirer, received, stands });
    }

    /// Whether a lookup cannot be true, or is not what the one before was.
    fn is_contradicted_by(&self, found: &CorePayment, now: DateTime<Utc>) -> bool {
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

    fn takes_over_refunds(&mut self, found: &CorePayment) {
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
    fn stops(&mut self, policy: &Policy) {
        let duty = self
            .duty
            .as_mut()
            .filter(|duty| policy.funds == FundsKind::Http && duty.stands != DutyStands::Back { by_hand: true });
        if let Some(duty) = duty {
            duty.stands = DutyStands::Parked;
        }
    }

    /// What the core says of its payment. What is recorded stays, only its status goes on.
    fn takes_over(&mut self, found: &CorePayment) {
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
