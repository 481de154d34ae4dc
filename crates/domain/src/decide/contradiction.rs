//! Where the wallet core contradicts itself, or what was told. A contradiction is doubt: Alipay+ hears U, and doubt about money is parked.

use std::fmt;

use chrono::{DateTime, Utc};

use super::update::CaseUpdate;
use crate::{
    Case, CorePayment, FundsKind, Money, NOTHING_OF_A_SUCCESS, Payment, Policy, RefundedElsewhere, Reversal, ReversalState,
};

/// In what a lookup contradicts the record, or itself; `None` where it does not.
pub(super) fn of_lookup(case: &Case, found: &CorePayment, now: DateTime<Utc>) -> Option<String> {
    let contradiction = of_payment(case.payment.as_ref(), &found.payment, now);
    // Of refunds the core may have spoken before the payment was recorded.
    let known = case.payment.as_ref().unwrap_or(&found.payment);
    contradiction.or_else(|| refunds_became_less(case, known, found))
}

/// In what a payment of the core contradicts the recorded one, or cannot be; `None` where it does not.
pub(super) fn of_payment(recorded: Option<&Payment>, found: &Payment, now: DateTime<Utc>) -> Option<String> {
    let initiated_at = found.initiated_at;
    if !Payment::can_be_initiated(initiated_at, now) {
        return Some(format!("the wallet core says that the payment was initiated at {initiated_at}, which cannot be"));
    }
    let known = recorded?;
    differs("amount", &known.amount, &found.amount)
        .or_else(|| differs("account", &known.account, &found.account))
        .or_else(|| differs("acquirer", &known.acquirer_id, &found.acquirer_id))
}

fn differs<T: PartialEq + fmt::Display>(what: &str, recorded: &T, said: &T) -> Option<String> {
    let text = || format!("the wallet core says that the payment's {what} is {said}, and {recorded} is recorded");
    (recorded != said).then(text)
}

fn refunds_became_less(case: &Case, known: &Payment, found: &CorePayment) -> Option<String> {
    let recorded = match case.refunded_elsewhere {
        Some(RefundedElsewhere::All) => known.amount.minor().saturating_sub(case.refunded()),
        Some(RefundedElsewhere::Amount(minor)) => minor,
        Some(RefundedElsewhere::Part) => 1,
        None => 0,
    };
    let said = found.refunded.saturating_sub(case.refunded());
    (said < recorded).then(|| format!("the wallet core says that {said} of the payment is refunded, and said {recorded} before"))
}

/// Why a part that was refunded parks the reversal of a payment that somebody was told is closed.
pub(super) fn of_part(refunded: Option<Money>) -> String {
    let how_much = refunded.map_or_else(|| "a part".to_owned(), |refunded| refunded.to_string());
    format!("the wallet core says that refunds gave {how_much} of the payment back, after somebody was told that it is closed")
}

impl Reversal {
    /// The core said that nothing was ever taken, of a payment that is known to have succeeded: asked once more, or parked where it says
    /// the same again. `Err` is why it is parked.
    pub(super) fn after_nothing_of_a_success(self, at: DateTime<Utc>) -> Result<Self, String> {
        if self.waits_for_second_word() {
            return Err(NOTHING_OF_A_SUCCESS.to_owned());
        }
        let state = ReversalState::Open {
            next_attempt_at: at + Self::SECOND_WORD_AFTER,
            lease: None,
            last_error: Some(NOTHING_OF_A_SUCCESS.to_owned()),
        };
        Ok(Self { state, ..self })
    }

    /// What is recorded of an attempt that met `met`. That the core contradicted a success is not forgotten for it.
    pub(super) fn error_after(&self, met: &str) -> String {
        if self.waits_for_second_word() { format!("{NOTHING_OF_A_SUCCESS}; then: {met}") } else { met.to_owned() }
    }
}

impl CaseUpdate {
    /// Parks the reversal of a cancelled payment that a lookup contradicts, unless an operator has it already, or has ended it by hand.
    /// The ledger gives back what is recorded here, so no core can contradict it.
    pub(super) fn park_contradicted(&mut self, policy: &Policy, reason: &str) {
        let can_be_parked = self.case.reversal.as_ref().is_some_and(|reversal| match reversal.state {
            ReversalState::Open { .. } | ReversalState::Done { by_hand: false, .. } => true,
            ReversalState::Parked { .. } | ReversalState::Done { by_hand: true, .. } => false,
        });
        if policy.funds == FundsKind::Http && self.case.is_cancelled() && can_be_parked {
            self.park(reason.to_owned(), None);
        }
    }
}
