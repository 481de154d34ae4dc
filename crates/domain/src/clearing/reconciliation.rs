//! Reconciliation: what Alipay+'s files list, compared with what is known, transaction by transaction.

use crate::spelling::spelled;
use crate::{Case, ClearingDay, Currency, Money, Payment, Refund, RefundRequestId};

/// One transaction as a file lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// What it is.
    pub kind: ListedKind,
    /// What it settles, where the file tells amounts.
    pub amount: Option<ListedAmount>,
    /// What it costs, where the file tells fees.
    pub fee: Option<ListedAmount>,
}

/// What a listed transaction is. The order is that of a case's lines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListedKind {
    /// What the user paid at the merchant.
    Payment,
    /// A refund of it.
    Refund(RefundRequestId),
    /// Something that we do not settle by, such as a dispute.
    Other,
}

/// An amount as a file tells it: it may be nothing, or negative where the file tells directions so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedAmount {
    /// In the currency's smallest unit.
    pub minor: i64,
    /// Of which currency.
    pub currency: Currency,
}

spelled! {
    /// In what a file and the record differ, the gravest first.
    Mismatch {
        /// The payment is cancelled, and the file settles it.
        CancelledButPresent = "cancelled-but-present",
        /// The payment is cancelled, and the file takes a fee for it.
        FeeOnCancelled = "fee-on-cancelled",
        /// A closed day settles it, and the files do not have it.
        SettledButMissing = "settled-but-missing",
        /// Nothing is known of it.
        Unknown = "unknown",
        /// The payment is known, but not that it succeeded.
        NotCompleted = "not-completed",
        /// The amount is another one.
        AmountDiffers = "amount-differs",
        /// The currency is another one.
        CurrencyDiffers = "currency-differs",
        /// No such refund succeeded, or not of this amount.
        RefundMismatch = "refund-mismatch",
        /// It is listed twice.
        ListedTwice = "listed-twice",
    }
}

impl Mismatch {
    /// Whether it must never be: a cancelled payment neither settles nor costs a fee.
    #[must_use]
    pub fn fails_the_gate(self) -> bool {
        match self {
            Self::CancelledButPresent | Self::FeeOnCancelled => true,
            Self::SettledButMissing
            | Self::Unknown
            | Self::NotCompleted
            | Self::AmountDiffers
            | Self::CurrencyDiffers
            | Self::RefundMismatch
            | Self::ListedTwice => false,
        }
    }
}

/// How much of the record there is to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every payment is recorded here.
    Everything,
    /// The wallet core keeps the payments; of the cancelled ones it is known here that they are.
    CancelledOnly,
}

/// One thing in which a file and the record differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In what.
    pub mismatch: Mismatch,
    /// The refund, where it is about one.
    pub refund: Option<RefundRequestId>,
    /// What the record says.
    pub recorded: Option<Money>,
    /// What the file says.
    pub listed: Option<ListedAmount>,
}

/// What is wrong with a transaction that a file lists, where `case` is what is known of its payment.
#[must_use]
pub fn examine(case: Option<&Case>, listed: &Listed, scope: Scope) -> Vec<Finding> {
    let cancelled = case.filter(|case| case.is_cancelled());
    if let Some(case) = cancelled {
        return against_cancelled(case, listed);
    }
    if scope == Scope::CancelledOnly {
        return Vec::new();
    }
    let found = |mismatch| vec![finding(mismatch, listed, None)];
    let Some(case) = case.filter(|case| !case.is_unknown()) else { return found(Mismatch::Unknown) };
    let Some(payment) = case.payment.as_ref().filter(|_| case.completed_at().is_some()) else {
        return found(Mismatch::NotCompleted);
    };
    match &listed.kind {
        ListedKind::Payment => against_payment(payment, listed).into_iter().collect(),
        ListedKind::Refund(id) => {
            let refund = case.refunds.iter().find(|refund| refund.id == *id);
            against_refund(payment, refund, listed).into_iter().collect()
        }
        ListedKind::Other => Vec::new(),
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

fn against_payment(payment: &Payment, listed: &Listed) -> Option<Finding> {
    let recorded = payment.settles();
    let amount = listed.amount?;
    if amount.currency != recorded.currency() {
        return Some(finding(Mismatch::CurrencyDiffers, listed, Some(recorded)));
    }
    (amount.minor != recorded.minor()).then(|| finding(Mismatch::AmountDiffers, listed, Some(recorded)))
}

/// The sign of a refund's amount is a direction. Where the payment settles by another amount than the user paid, what its refunds
/// settle by is not recorded and not compared.
fn against_refund(payment: &Payment, refund: Option<&Refund>, listed: &Listed) -> Option<Finding> {
    let Some(refund) = refund.filter(|refund| refund.completed_at().is_some()) else {
        return Some(finding(Mismatch::RefundMismatch, listed, refund.map(|refund| refund.amount)));
    };
    let amount = listed.amount.filter(|_| payment.settles() == payment.amount)?;
    let same = amount.currency == refund.amount.currency() && amount.minor.unsigned_abs() == refund.amount.minor().unsigned_abs();
    (!same).then(|| finding(Mismatch::RefundMismatch, listed, Some(refund.amount)))
}
