//! The table of a cancel.

use chrono::{DateTime, Utc};
use domain::{
    Answer, Cancel, CancelReply, CorePayment, DeferReason, FinalAnswer, FundsKind, Lookup, NeverReceived, OtherAcquirer,
    PaymentStatus, PeriodOver, Policy, Refusal, RefusalCode,
};

use super::page::{CancelPage, CancelStands, CasePage, Ended, PaidPage};

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
        if let (Lookup::Found(found), false) = (&cancel.lookup, decided) {
            page.takes_over(found);
        }
        let row = page.row(policy, cancel, received);
        if matches!(row, Row::Says(Answer::Refused(Refusal::DifferentRequest))) {
            return CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest));
        }
        *self = page;
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
        match self.row(policy, &cancel, known.received) {
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
    fn row(&self, policy: &Policy, cancel: &Cancel, received: DateTime<Utc>) -> Row {
        if policy.results.other_acquirer == OtherAcquirer::ParamIllegal && self.is_strange(&cancel.acquirer_id) {
            return Row::Says(Answer::Refused(Refusal::DifferentRequest));
        }
        if let Some(answer) = self.answer() {
            return Row::Says(answer.into());
        }
        if self.is_cancelled() {
            return Row::Pending;
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
        let (elsewhere, runs_elsewhere) = match &cancel.lookup {
            Lookup::Found(found) => (found.refunded, found.refund_running),
            Lookup::Recorded | Lookup::Failed => (0, false),
        };
        if self.refund_runs() || runs_elsewhere {
            return Row::Waits(DeferReason::RefundRunning);
        }
        if lookup_failed {
            return Row::Waits(DeferReason::LookupFailed);
        }
        let refunded = self.refunded(false).max(elsewhere);
        match paid.ended {
            Ended::Well(_) if refunded >= paid.amount.minor() => Row::Ends(FinalAnswer::Cancelled),
            Ended::Well(_) if refunded > 0 => Row::Ends(FinalAnswer::Refused(Refusal::PartlyRefunded)),
            Ended::Well(_) | Ended::NotYet | Ended::Badly => Row::Cancels,
        }
    }

    /// The case belongs to the acquirer that asked first; before a lookup nobody knows whose it is.
    fn stands(&mut self, cancel: &Cancel, received: DateTime<Utc>, stands: CancelStands) {
        let first = self.cancel.take().filter(|known| known.stands != CancelStands::Waits(DeferReason::LookupFailed));
        let acquirer = first.map_or_else(|| cancel.acquirer_id.clone(), |known| known.acquirer);
        self.cancel = Some(CancelPage { acquirer, received, stands });
    }

    /// What the core says of its payment. What is recorded stays, only its status goes on.
    fn takes_over(&mut self, found: &CorePayment) {
        let paid = self.paid.get_or_insert_with(|| PaidPage::of(&found.payment));
        if paid.own_id.is_none() {
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
