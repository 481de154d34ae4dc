//! Refunds as rows.

use std::borrow::Cow;

use diesel::{Queryable, Selectable};
use domain::{Refund, RefundRequestId, RefundState, RefundStateName};

use super::{CaseKey, InconsistentRowError, RowRef};
use crate::schema::refunds;
use crate::sql::columns;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = refunds)]
pub(crate) struct RefundRow<'a> {
    bucket: i16,
    pub(crate) payment_request_id: Cow<'a, str>,
    refund_request_id: Cow<'a, str>,
    pub(crate) place: i32,
    amount_value: i64,
    amount_currency: Cow<'a, str>,
    state: Cow<'a, str>,
    completed_at: Option<i64>,
    settlement_day: Option<Cow<'a, str>>,
}

columns! {
    RefundRow in refunds
    key bucket, payment_request_id, refund_request_id;
    fixed place, amount_value, amount_currency;
    changing state, completed_at, settlement_day;
}

impl<'a> RefundRow<'a> {
    pub(crate) fn of(key: CaseKey<'a>, place: i32, refund: &'a Refund) -> Self {
        let completed_at = match refund.state {
            RefundState::Reserved => None,
            RefundState::Succeeded { completed_at } | RefundState::Failed { completed_at } => Some(completed_at),
        };
        Self {
            bucket: key.bucket,
            payment_request_id: key.id.into(),
            refund_request_id: refund.id.as_str().into(),
            place,
            amount_value: refund.amount.minor(),
            amount_currency: refund.amount.currency().code().into(),
            state: refund.state.name().as_str().into(),
            completed_at: completed_at.map(|at| at.timestamp_micros()),
            settlement_day: refund.settled_on.map(|day| day.to_string().into()),
        }
    }

    pub(crate) fn refund(&self) -> Result<Refund, InconsistentRowError> {
        let row = RowRef { table: "refunds", id: &self.payment_request_id };
        let amount = row.money("amount_value", Some(self.amount_value), Some(&self.amount_currency))?;
        let completed_at = || row.dated("completed_at", self.completed_at);
        let state = match row.required("state", RefundStateName::parse(&self.state))? {
            RefundStateName::Reserved => RefundState::Reserved,
            RefundStateName::Succeeded => RefundState::Succeeded { completed_at: completed_at()? },
            RefundStateName::Failed => RefundState::Failed { completed_at: completed_at()? },
        };
        let id = row.parsed("refund_request_id", RefundRequestId::parse(&*self.refund_request_id))?;
        let settled_on = row.day("settlement_day", self.settlement_day.as_deref())?;
        Ok(Refund { id, amount: row.required("amount_value", amount)?, state, settled_on })
    }
}
