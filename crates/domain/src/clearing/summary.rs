//! What the lines of a file add up to, beside what its summary says.

use std::collections::BTreeMap;

use super::finding::{Finding, Mismatch};
use super::listed::{Listed, ListedAmount, ListedKind};
use crate::{Currency, Money};

/// What a file's summary says that its lines settle in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SummaryAmount {
    /// In the currency's smallest unit. Files tell the direction beside it or by its sign, so the sign says nothing.
    pub minor: i64,
    /// Of which currency, where the summary says so.
    pub currency: Option<Currency>,
}

/// The sum of a file's payments without its refunds.
#[derive(Debug, Clone, Default)]
pub struct NetAmount {
    sums: BTreeMap<Currency, i128>,
    is_incomplete: bool,
}

impl NetAmount {
    /// Adds a line. Whether something other than a payment or a refund counts for or against is not known, so with such a line there
    /// is no sum.
    pub fn add(&mut self, listed: &Listed) {
        let Some(ListedAmount { minor, currency }) = listed.amount else { return };
        let minor = i128::from(minor);
        let sum = self.sums.entry(currency).or_default();
        match &listed.kind {
            ListedKind::Payment => *sum += minor,
            ListedKind::Refund(_) => *sum -= minor.abs(),
            ListedKind::Other => self.is_incomplete = true,
        }
    }

    /// Notes a line of which the amount cannot be read: there is no sum.
    pub fn add_unreadable(&mut self) {
        self.is_incomplete = true;
    }

    /// What differs between the lines and the summary.
    #[must_use]
    pub fn differs(&self, summary: SummaryAmount) -> Option<Finding> {
        if self.is_incomplete {
            return None;
        }
        let only = self.sums.keys().next().copied();
        let currency = summary.currency.or(only)?;
        let sum = self.sums.get(&currency).copied().unwrap_or_default().abs();
        let same = sum == i128::from(summary.minor).abs() && self.sums.keys().all(|other| *other == currency);
        let recorded = i64::try_from(sum).ok().and_then(|sum| Money::new(sum, currency).ok());
        let listed = Some(ListedAmount { minor: summary.minor, currency });
        (!same).then_some(Finding { mismatch: Mismatch::SummaryDiffers, refund: None, recorded, listed })
    }
}
