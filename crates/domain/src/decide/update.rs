//! A case that is being changed, with the lines of its timeline and the entries that go with the change.

use chrono::{DateTime, Utc};

use super::{Change, Decision};
use crate::{
    Cancellation, CancellationState, Case, CorePayment, Entry, EntryKind, Event, EventKind, FinalAnswer, FundsKind, Money,
    Payment, PaymentStatus, Policy, Refund, RefundedElsewhere, Reply, Reversal, ReversalState, Taken, Told,
};

pub(super) struct CaseUpdate {
    pub(super) case: Case,
    pub(super) at: DateTime<Utc>,
    events: Vec<Event>,
    entries: Vec<Entry>,
}

impl CaseUpdate {
    pub(super) fn of(case: &Case, at: DateTime<Utc>) -> Self {
        Self { case: case.clone(), at, events: Vec::new(), entries: Vec::new() }
    }

    /// Adds a line to the timeline. A resolution that waits for an approval does not know of it, and is void.
    pub(super) fn record_event(&mut self, kind: EventKind) {
        self.case.resolution = None;
        self.events.push(Event { at: self.at, kind });
    }

    pub(super) fn finish(self, reply: impl Into<Reply>) -> Decision {
        let Self { case, at: _, events, entries } = self;
        Decision { reply: reply.into(), rule: None, change: Some(Change { case, events, entries }) }
    }

    /// The same, where a repeat may have nothing to record.
    pub(super) fn finish_if_changed(self, before: &Case, reply: impl Into<Reply>) -> Decision {
        if self.case == *before { Decision::unchanged(reply) } else { self.finish(reply) }
    }

    /// Takes over what the wallet core says of the payment. What is recorded stays; only its status goes on, as the wallet's own
    /// reports would move it, and what refunds gave back.
    pub(super) fn merge_lookup(&mut self, found: &CorePayment) {
        self.merge_payment(&found.payment);
        self.merge_refunds(found);
    }

    /// Takes over what the wallet core says that refunds gave back.
    pub(super) fn merge_refunds(&mut self, found: &CorePayment) {
        let elsewhere = found.refunded.saturating_sub(self.case.refunded());
        if elsewhere > 0 {
            let amount = self.case.payment.as_ref().unwrap_or(&found.payment).amount.minor();
            let all = self.case.refunded().saturating_add(elsewhere) >= amount;
            self.record_refunded_elsewhere(if all { RefundedElsewhere::All } else { RefundedElsewhere::Amount(elsewhere) });
        }
    }

    fn merge_payment(&mut self, found: &Payment) {
        let known = self.case.payment.take();
        if known.is_none() {
            self.record_event(EventKind::PaymentRecorded(found.amount));
        }
        let known = known.unwrap_or_else(|| Payment { status: PaymentStatus::InProgress, ..found.clone() });
        // The id of an attempt that failed is not that of one that succeeded.
        let superseded =
            matches!((&known.status, &found.status), (PaymentStatus::Failed { .. }, PaymentStatus::Succeeded { .. }));
        let [first, second] = if superseded { [found, &known] } else { [&known, found] };
        let payment_id = first.payment_id.clone().or_else(|| second.payment_id.clone());
        let status = match (&known.status, &found.status) {
            (PaymentStatus::InProgress | PaymentStatus::Failed { .. }, PaymentStatus::Succeeded { .. }) => {
                self.record_event(EventKind::Succeeded);
                found.status.clone()
            }
            (PaymentStatus::InProgress, PaymentStatus::Failed { .. }) => {
                self.record_event(EventKind::Failed);
                found.status.clone()
            }
            (PaymentStatus::InProgress | PaymentStatus::Failed { .. }, PaymentStatus::InProgress)
            | (PaymentStatus::Failed { .. }, PaymentStatus::Failed { .. })
            | (PaymentStatus::Succeeded { .. }, _) => known.status.clone(),
        };
        self.case.payment = Some(Payment { payment_id, status, ..known });
    }

    /// Records what the core says of refunds that are not recorded here.
    pub(super) fn record_refunded_elsewhere(&mut self, said: RefundedElsewhere) {
        let known = self.case.refunded_elsewhere;
        let now = known.map_or(said, |known| known.and(said));
        if known != Some(now) {
            self.case.refunded_elsewhere = Some(now);
            self.record_event(EventKind::RefundedElsewhere(now));
        }
    }

    /// Records what the wallet hears about a closed payment, the first time it hears anything.
    pub(super) fn tell(&mut self, told: Told) {
        self.case.told.get_or_insert(told);
    }

    /// Leaves the reversal to an operator.
    pub(super) fn park(&mut self, reason: String, by: Option<String>) {
        let state = ReversalState::Parked { reason: reason.clone() };
        self.case.reversal = self.case.reversal.take().map(|reversal| Reversal { state, ..reversal });
        self.record_event(EventKind::ReversalParked { reason, by });
    }

    /// Moves the recorded cancellation to `state`; without one there is nothing to move.
    pub(super) fn move_to(&mut self, state: CancellationState) {
        self.case.cancellation = self.case.cancellation.take().map(|cancellation| Cancellation { state, ..cancellation });
    }

    /// A payment that is cancelled for good costs no fee. While the wallet core may still say that it stands, its fee is kept; no
    /// statement has it meanwhile.
    pub(super) fn waive_fee_of_cancelled(&mut self) {
        if !matches!(self.case.cancellation, Some(Cancellation { state: CancellationState::Cancelled { .. }, .. })) {
            return;
        }
        if let Some(Payment { status: PaymentStatus::Succeeded { fee, .. }, .. }) = &mut self.case.payment {
            *fee = None;
        }
    }

    /// Books what the payment takes.
    pub(super) fn book_taking(&mut self, payment: &Payment) {
        self.entries.push(entry(payment, EntryKind::taking(payment.kind), self.at));
    }

    /// Books what a refund of the wallet's own gives back.
    pub(super) fn book_refund(&mut self, payment: &Payment, refund: &Refund) {
        let kind = EntryKind::returning(payment.kind);
        self.entries.push(Entry { refund: Some(refund.id.clone()), amount: refund.amount, ..entry(payment, kind, self.at) });
    }

    /// Books what refunds left of the payment.
    pub(super) fn book_rest(&mut self, payment: &Payment, left: i64) {
        if let Ok(amount) = Money::new(left, payment.amount.currency()) {
            self.entries.push(Entry { amount, ..entry(payment, EntryKind::returning(payment.kind), self.at) });
        }
    }

    /// Returns what the payment took: booked at once by the ledger; for a wallet core the case's one reversal is
    /// opened, or opened again, and due at once. A parked reversal stays parked. One that was resolved by hand is parked again,
    /// because the core does not know of the payment by hand.
    pub(super) fn return_money(&mut self, policy: &Policy) {
        let payment = self.case.payment.clone().filter(|payment| matches!(payment.status, PaymentStatus::Succeeded { .. }));
        let taken = payment.as_ref().map_or(Taken::NothingKnown, |payment| Taken::by(payment.kind));
        match (policy.funds, payment) {
            (FundsKind::Ledger, None) => {}
            (FundsKind::Ledger, Some(payment)) => {
                self.entries.push(entry(&payment, EntryKind::returning(payment.kind), self.at));
                self.case.reversal = Some(Reversal::booked(taken, payment.amount, self.at));
                self.record_event(EventKind::ReversalOpened { amount: Some(payment.amount), by: None });
                self.record_event(EventKind::ReversalDone);
            }
            (FundsKind::Http, _) => self.open_reversal(taken),
        }
    }

    fn open_reversal(&mut self, taken: Taken) {
        let amount = self.case.payment.as_ref().map(|payment| payment.amount);
        self.case.reversal = Some(match self.case.reversal.take() {
            Some(parked @ Reversal { state: ReversalState::Parked { .. }, .. }) => Reversal { taken, amount, ..parked },
            Some(resolved @ Reversal { state: ReversalState::Done { by_hand: true, .. }, .. }) => {
                let reason = "it was resolved by hand before the payment was known to have succeeded".to_owned();
                self.record_event(EventKind::ReversalParked { reason: reason.clone(), by: None });
                Reversal { taken, amount, opened_at: self.at, state: ReversalState::Parked { reason }, ..resolved }
            }
            known => {
                self.record_event(EventKind::ReversalOpened { amount, by: None });
                let reversal = known.unwrap_or_else(|| Reversal::open(taken, amount, self.at));
                Reversal { taken, amount, ..reversal }.reopened(self.at)
            }
        });
    }

    /// The money is back: the reversal is done, and a cancel that waited for it has its answer.
    pub(super) fn settle_reversal(&mut self, ended: CancellationState) {
        let at = self.at;
        self.case.reversal =
            self.case.reversal.take().map(|reversal| Reversal { state: ReversalState::Done { at, by_hand: false }, ..reversal });
        if self.case.cancellation.as_ref().is_some_and(|cancellation| cancellation.final_answer().is_none()) {
            self.move_to(ended);
        }
        self.waive_fee_of_cancelled();
        // What turns out not to be cancelled was left out of its day for nothing: the next open day accounts for it.
        if !self.case.is_cancelled() && !self.case.is_settled() {
            self.case.settlement = None;
        }
    }

    /// The end of a cancellation whose money is back, where it was cancelled at all.
    pub(super) fn cancelled_with(&self, answer: FinalAnswer) -> CancellationState {
        let cancelled_at = self.case.cancellation.as_ref().and_then(Cancellation::cancelled_at).unwrap_or(self.at);
        CancellationState::Cancelled { cancelled_at, answer }
    }
}

fn entry(payment: &Payment, kind: EntryKind, at: DateTime<Utc>) -> Entry {
    Entry { refund: None, kind, account: payment.account.clone(), amount: payment.amount, at }
}
