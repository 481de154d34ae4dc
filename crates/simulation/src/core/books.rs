//! The wallet core's books, apart from everything that Rescind keeps.

use std::collections::BTreeMap;

use domain::{Money, Payment, PaymentRequestId, PaymentStatus, ReversalOutcome};

/// What the core has of one payment.
#[derive(Debug, Clone, Default)]
pub(crate) struct CoreAccount {
    /// The payment as the wallet began it; `None` where only a reversal was asked for.
    pub(crate) payment: Option<Payment>,
    /// What was debited or held, in the smallest unit.
    pub(crate) taken: i64,
    /// What reversals gave back.
    pub(crate) reversed: i64,
    /// What refunds gave back.
    pub(crate) refunded: i64,
    /// What an operator paid by hand.
    pub(crate) by_hand: i64,
    /// Whether a refund is going on.
    pub(crate) refund_running: bool,
    /// How the reversal ended: nothing is taken from then on.
    pub(crate) closed: Option<ReversalOutcome>,
    /// Whether the core once lied about it.
    pub(crate) lied: bool,
    /// Whether the core once contradicted itself after it had given back.
    pub(crate) contradicted: bool,
    /// Whether the core once said that it does not know it.
    pub(crate) forgotten: bool,
    /// Whether reversals, and lookups, fail for ever.
    pub(crate) fails_for_ever: bool,
    /// Whether lookups fail for ever.
    pub(crate) lookup_fails_for_ever: bool,
    /// The amount that the last lookup named.
    pub(crate) named_last: Option<i64>,
}

impl CoreAccount {
    /// What is left with the merchant's side.
    pub(crate) fn kept(&self) -> i64 {
        self.taken - self.reversed - self.refunded - self.by_hand
    }

    /// Gives back what is left, and says how it ended: once for ever.
    pub(crate) fn reverse(&mut self) -> ReversalOutcome {
        if let Some(ended) = &self.closed {
            return ended.clone();
        }
        let ended = match (self.taken, self.refunded) {
            (taken, refunded) if refunded > 0 && refunded >= taken => ReversalOutcome::FullyRefunded,
            (_, refunded) if refunded > 0 => ReversalOutcome::PartlyRefunded(self.part()),
            (0, _) => ReversalOutcome::NothingToDo,
            _ => {
                self.reversed += self.kept();
                ReversalOutcome::Done
            }
        };
        self.closed = Some(ended.clone());
        ended
    }

    /// What refunds gave back, as money.
    fn part(&self) -> Option<Money> {
        let currency = self.payment.as_ref()?.amount.currency();
        Money::new(self.refunded, currency).ok()
    }

    /// Debits or holds. What is closed takes nothing: the core undoes it in the same moment.
    pub(crate) fn take(&mut self, amount: i64) {
        self.taken += amount;
        let keeps = matches!(self.closed, None | Some(ReversalOutcome::PartlyRefunded(_) | ReversalOutcome::FullyRefunded));
        if !keeps {
            self.reversed += amount;
        }
    }
}

/// The core's books.
#[derive(Debug, Default)]
pub(crate) struct Books(BTreeMap<PaymentRequestId, CoreAccount>);

impl Books {
    /// What the core has of this payment; empty where it never heard of it.
    pub(crate) fn of(&mut self, id: &PaymentRequestId) -> &mut CoreAccount {
        self.0.entry(id.clone()).or_default()
    }

    /// The same without making anything.
    pub(crate) fn find(&self, id: &PaymentRequestId) -> Option<&CoreAccount> {
        self.0.get(id)
    }

    /// Sets how the payment stands.
    pub(crate) fn set_status(&mut self, id: &PaymentRequestId, status: PaymentStatus) {
        if let Some(payment) = &mut self.of(id).payment {
            payment.status = status;
        }
    }
}
