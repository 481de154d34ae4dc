//! Reconciliation: what Alipay+'s files list, compared with what is known, transaction by transaction.

use super::finding::{Finding, Mismatch};
use super::listed::{Listed, ListedAmount, ListedKind};
use crate::{Case, ClearingDay, Money, Payment, PaymentStatus, Refund, RefundRequestId, RefundedElsewhere};

/// How much of the record there is to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every payment is recorded here.
    Everything,
    /// The wallet core keeps the payments; of the cancelled ones it is known here that they are.
    CancelledOnly,
}

/// How far a line of a file could be used. Each line is of exactly one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineClass {
    /// All that it says of money stands beside what is recorded.
    Compared,
    /// Its payment is known and not cancelled, and there is nothing to compare the rest with.
    OnlyLookedAt,
    /// Nothing is known of its payment or refund.
    Unknown,
    /// What it says cannot be read for certain.
    Unreadable,
}

/// What comes of looking at one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examination {
    /// How far the line could be used.
    pub class: LineClass,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

impl Examination {
    fn compared(findings: impl IntoIterator<Item = Finding>) -> Self {
        Self { class: LineClass::Compared, findings: findings.into_iter().collect() }
    }

    fn only_looked_at() -> Self {
        Self { class: LineClass::OnlyLookedAt, findings: Vec::new() }
    }
}

/// What is wrong with a transaction that a file lists, where `case` is what is known of its payment. Where the wallet core keeps the
/// payments, an unknown one is no finding by itself: see [`Mismatch::Unknown`].
#[must_use]
pub fn examine(case: Option<&Case>, listed: &Listed, scope: Scope) -> Examination {
    let Some(case) = case.filter(|case| !case.is_unknown()) else { return unknown(listed, scope) };
    if case.is_cancelled() {
        return Examination::compared(against_cancelled(case, listed));
    }
    if scope == Scope::CancelledOnly {
        return Examination::only_looked_at();
    }
    let Some(payment) = case.payment.as_ref().filter(|_| case.completed_at().is_some()) else {
        // The wallet core refunded it, so it succeeded, whatever is recorded here.
        return match case.refunded_elsewhere {
            Some(_) => Examination::only_looked_at(),
            None => Examination::compared([finding(Mismatch::NotCompleted, listed, None)]),
        };
    };
    match &listed.kind {
        ListedKind::Payment => against_payment(payment, listed),
        ListedKind::Refund(id) => match (case.refunds.iter().find(|refund| refund.id == *id), case.refunded_elsewhere) {
            (None, Some(elsewhere)) => against_refund_elsewhere(payment, elsewhere, listed),
            (refund, _) => against_refund(payment, refund, listed),
        },
        ListedKind::Other => Examination::only_looked_at(),
    }
}

fn unknown(listed: &Listed, scope: Scope) -> Examination {
    let findings = match scope {
        Scope::Everything => vec![not_known(listed)],
        Scope::CancelledOnly => Vec::new(),
    };
    Examination { class: LineClass::Unknown, findings }
}

/// A transaction of which nothing is known.
#[must_use]
pub fn not_known(listed: &Listed) -> Finding {
    finding(Mismatch::Unknown, listed, None)
}

/// What files list of a payment's fees, in parts, where the wallet reported another fee of it.
#[must_use]
pub fn fee_differs(case: &Case, listed: &[ListedAmount]) -> Option<Finding> {
    let recorded = case.payment.as_ref().filter(|_| !case.is_cancelled()).and_then(fee_of)?;
    let currency = recorded.currency();
    let minor = listed.iter().fold(0_i64, |sum, fee| sum.saturating_add(fee.minor));
    let other = listed.iter().copied().find(|fee| fee.currency != currency);
    let differs = other.or((minor != recorded.minor()).then_some(ListedAmount { minor, currency }))?;
    Some(Finding { mismatch: Mismatch::FeeDiffers, refund: None, recorded: Some(recorded), listed: Some(differs) })
}

fn fee_of(payment: &Payment) -> Option<Money> {
    match &payment.status {
        PaymentStatus::Succeeded { completed_at: _, fee } => *fee,
        PaymentStatus::InProgress | PaymentStatus::Failed { .. } => None,
    }
}

/// What a closed day settles of a case and the files, which list these transactions of it, do not have. What the day has for another
/// one that was closed already is not looked for: it stands in that one's files, or will in later ones.
#[must_use]
pub fn missing(case: &Case, day: ClearingDay, listed: &[ListedKind]) -> Vec<Finding> {
    let own = |at: Option<_>| at.map(ClearingDay::of) == Some(day);
    let mut found = Vec::new();
    let of_payment = case.payment.as_ref().filter(|_| case.is_settled() && own(case.completed_at()));
    if let Some(payment) = of_payment.filter(|_| !listed.contains(&ListedKind::Payment)) {
        found.push(missed(None, payment.settles()));
    }
    for refund in case.refunds.iter().filter(|refund| refund.settled_on == Some(day) && own(refund.completed_at())) {
        if !listed.contains(&ListedKind::Refund(refund.id.clone())) {
            found.push(missed(Some(refund.id.clone()), refund.amount));
        }
    }
    found
}

fn missed(refund: Option<RefundRequestId>, amount: Money) -> Finding {
    Finding { mismatch: Mismatch::SettledButMissing, refund, recorded: Some(amount), listed: None }
}

/// The same transaction once more.
#[must_use]
pub fn listed_twice(listed: &Listed) -> Finding {
    finding(Mismatch::ListedTwice, listed, None)
}

fn finding(mismatch: Mismatch, listed: &Listed, recorded: Option<Money>) -> Finding {
    let refund = match &listed.kind {
        ListedKind::Refund(id) => Some(id.clone()),
        ListedKind::Payment | ListedKind::Other => None,
    };
    Finding { mismatch, refund, recorded, listed: listed.amount.or(listed.fee) }
}

/// A cancelled payment is in no file. A line of fees alone is found for its fee, and harmless where that is nothing.
fn against_cancelled(case: &Case, listed: &Listed) -> Vec<Finding> {
    let recorded = case.payment.as_ref().map(Payment::settles);
    let present = listed.amount.map(|_| finding(Mismatch::CancelledButPresent, listed, recorded));
    let fee = listed.fee.filter(|fee| fee.minor != 0);
    let costs = fee.map(|fee| Finding { listed: Some(fee), ..finding(Mismatch::FeeOnCancelled, listed, None) });
    present.into_iter().chain(costs).collect()
}

/// The fee is compared as a whole: see [`fee_differs`].
fn against_payment(payment: &Payment, listed: &Listed) -> Examination {
    let recorded = payment.settles();
    let Some(amount) = listed.amount else {
        let compares = listed.fee.is_some() && fee_of(payment).is_some();
        return if compares { Examination::compared([]) } else { Examination::only_looked_at() };
    };
    let mismatch = if amount.currency != recorded.currency() {
        Some(Mismatch::CurrencyDiffers)
    } else {
        (amount.minor != recorded.minor()).then_some(Mismatch::AmountDiffers)
    };
    Examination::compared(mismatch.map(|mismatch| finding(mismatch, listed, Some(recorded))))
}

/// Of a refund that is not recorded here there is nothing to compare but that it is no more than the wallet core said, or than the payment
/// where it did not say how much.
fn against_refund_elsewhere(payment: &Payment, elsewhere: RefundedElsewhere, listed: &Listed) -> Examination {
    let at_most = elsewhere.amount().unwrap_or(payment.amount.minor());
    let is_within = |amount: &ListedAmount| {
        amount.currency == payment.amount.currency() && amount.minor.unsigned_abs() <= at_most.unsigned_abs()
    };
    let compared = listed.amount.filter(|_| payment.settles() == payment.amount);
    match compared {
        Some(amount) if !is_within(&amount) => {
            let said = Money::new(at_most, payment.amount.currency()).ok();
            Examination::compared([finding(Mismatch::RefundMismatch, listed, said)])
        }
        Some(_) | None => Examination::only_looked_at(),
    }
}

/// The sign of a refund's amount is a direction. Where the payment settles by another amount than the user paid, what its refunds
/// settle by is not recorded and not compared.
fn against_refund(payment: &Payment, refund: Option<&Refund>, listed: &Listed) -> Examination {
    let Some(refund) = refund.filter(|refund| refund.completed_at().is_some()) else {
        let recorded = refund.map(|refund| refund.amount);
        return Examination::compared([finding(Mismatch::RefundMismatch, listed, recorded)]);
    };
    let Some(amount) = listed.amount.filter(|_| payment.settles() == payment.amount) else {
        return Examination::only_looked_at();
    };
    let same = amount.currency == refund.amount.currency() && amount.minor.unsigned_abs() == refund.amount.minor().unsigned_abs();
    Examination::compared((!same).then(|| finding(Mismatch::RefundMismatch, listed, Some(refund.amount))))
}
