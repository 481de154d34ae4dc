//! The statement of a day: a fold over the cases that the day accounts for.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::spelling::spelled;
use crate::{
    AcquirerId, CancellationState, Case, ClearingDay, Currency, Money, Payment, PaymentId, PaymentRequestId, PaymentStatus,
    RefundRequestId, Settlement,
};

/// How many of the cases that a day leaves out for one reason are named; the rest are counted.
const NAMED: usize = 100;

/// What a day settles and what it leaves out. It does not grow with the number of cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayStatement {
    /// Which day.
    pub day: ClearingDay,
    /// Payments and authorizations that settle.
    pub payments: Totals,
    /// Refunds that settle.
    pub refunds: Totals,
    /// What the payments that settle cost the wallet, by currency.
    pub fees: BTreeMap<Currency, i128>,
    /// Completed payments that do not settle, by reason.
    pub excluded: BTreeMap<ExclusionReason, Excluded>,
}

/// How many, and how much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many.
    pub count: u64,
    /// How many of them completed on an earlier day, which was closed by the time it became known.
    pub late: u64,
    /// The sum of the amounts that settle, by currency, in its smallest unit.
    pub amounts: BTreeMap<Currency, i128>,
}

spelled! {
    /// Why a completed payment does not settle.
    ExclusionReason {
        /// It was cancelled, and its money is back.
        Cancelled = "cancelled",
        /// It was cancelled, and its money is not known to be back.
        MoneyNotBack = "money-not-back",
    }
}

/// What is left out for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excluded {
    /// How many, and how much.
    pub totals: Totals,
    /// The first of them in the order in which they were counted, at most 100.
    pub named: Vec<PaymentRequestId>,
}

/// One line of what settles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    /// The case.
    pub payment_request_id: PaymentRequestId,
    /// The wallet's own id of the payment, if a result named it.
    pub payment_id: Option<PaymentId>,
    /// The refund; `None` where the line is the payment itself.
    pub refund_request_id: Option<RefundRequestId>,
    /// The acquirer that the payment was made for.
    pub acquirer_id: AcquirerId,
    /// When it completed.
    pub completed_at: DateTime<Utc>,
    /// What settles: of a payment its settlement amount, where it has one.
    pub amount: Money,
    /// What it costs the wallet. A refund has none.
    pub fee: Option<Money>,
}

impl StatementRow {
    /// Whether it completed before that day, and is accounted for there because its own day was closed.
    #[must_use]
    pub fn is_late(&self, day: ClearingDay) -> bool {
        ClearingDay::of(self.completed_at) < day
    }
}

impl Totals {
    fn add(&mut self, amount: Money, is_late: bool) {
        self.count += 1;
        self.late += u64::from(is_late);
        *self.amounts.entry(amount.currency()).or_default() += i128::from(amount.minor());
    }
}

impl DayStatement {
    /// The statement of a day that accounts for nothing yet.
    #[must_use]
    pub fn empty(day: ClearingDay) -> Self {
        let (payments, refunds) = (Totals::default(), Totals::default());
        Self { day, payments, refunds, fees: BTreeMap::new(), excluded: BTreeMap::new() }
    }

    /// Takes in a case and returns the lines it has in this day's statement: the payment first, then its refunds in the order in
    /// which they were announced.
    pub fn add(&mut self, case: &Case) -> Vec<StatementRow> {
        let Some(payment) = &case.payment else { return Vec::new() };
        let today = self.day;
        let mut rows = Vec::new();
        match (case.settlement, &payment.status) {
            (Some(Settlement::Settled { day, .. }), PaymentStatus::Succeeded { completed_at, fee }) if day == today => {
                rows.push(self.settle(row_of(case, payment, *completed_at, *fee)));
            }
            (Some(Settlement::Excluded { day }), PaymentStatus::Succeeded { completed_at, .. }) if day == today => {
                let is_late = ClearingDay::of(*completed_at) < day;
                self.leave_out(case, payment.settles(), is_late);
            }
            (Some(Settlement::Settled { .. } | Settlement::Excluded { .. }) | None, _) => {}
        }
        let settled = case.refunds.iter().filter(|refund| refund.settled_on == Some(today));
        for (refund, completed_at) in settled.filter_map(|refund| refund.completed_at().map(|at| (refund, at))) {
            let row = row_of(case, payment, completed_at, None);
            let refund_request_id = Some(refund.id.clone());
            rows.push(self.settle(StatementRow { refund_request_id, amount: refund.amount, ..row }));
        }
        rows
    }

    fn settle(&mut self, row: StatementRow) -> StatementRow {
        let is_late = row.is_late(self.day);
        let totals = if row.refund_request_id.is_none() { &mut self.payments } else { &mut self.refunds };
        totals.add(row.amount, is_late);
        if let Some(fee) = row.fee {
            *self.fees.entry(fee.currency()).or_default() += i128::from(fee.minor());
        }
        row
    }

    fn leave_out(&mut self, case: &Case, amount: Money, is_late: bool) {
        let open = matches!(case.cancellation.as_ref().map(|known| known.state), Some(CancellationState::Open { .. }));
        let is_unfinished = open || case.reversal.as_ref().is_some_and(crate::Reversal::is_unfinished);
        let reason = if is_unfinished { ExclusionReason::MoneyNotBack } else { ExclusionReason::Cancelled };
        let excluded = self.excluded.entry(reason).or_default();
        excluded.totals.add(amount, is_late);
        if excluded.named.len() < NAMED {
            excluded.named.push(case.id.clone());
        }
    }
}

fn row_of(case: &Case, payment: &Payment, completed_at: DateTime<Utc>, fee: Option<Money>) -> StatementRow {
    StatementRow {
        payment_request_id: case.id.clone(),
        payment_id: payment.payment_id.clone(),
        refund_request_id: None,
        acquirer_id: payment.acquirer_id.clone(),
        completed_at,
        amount: payment.settles(),
        fee,
    }
}
