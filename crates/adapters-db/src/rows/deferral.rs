//! Deferred cancels as rows: how they wait, and who else asked.

use std::borrow::Cow;

use diesel::{Queryable, Selectable};
use domain::{AcquirerId, Deferral, DeferralState, DeferralStateName, Receipt};

use super::reversal::counted;
use super::{CaseKey, InconsistentRowError, RowRef, text};
use crate::schema::{deferrals, receipts};
use crate::sql::columns;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = deferrals)]
pub(crate) struct DeferralRow<'a> {
    bucket: i16,
    pub(crate) payment_request_id: Cow<'a, str>,
    since: i64,
    state: Cow<'a, str>,
    attempts: i32,
    next_attempt_at: Option<i64>,
    last_error: Option<Cow<'a, str>>,
}

columns! {
    DeferralRow in deferrals
    key bucket, payment_request_id;
    changing since, state, attempts, next_attempt_at, last_error;
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = receipts)]
pub(crate) struct ReceiptRow<'a> {
    bucket: i16,
    pub(crate) payment_request_id: Cow<'a, str>,
    acquirer_id: Cow<'a, str>,
    received_at: i64,
}

columns! {
    ReceiptRow in receipts
    key bucket, payment_request_id, acquirer_id;
    changing received_at;
}

impl<'a> DeferralRow<'a> {
    pub(crate) fn of(key: CaseKey<'a>, deferral: &'a Deferral) -> Self {
        let (next_attempt_at, last_error) = match &deferral.state {
            DeferralState::Waiting { next_attempt_at, last_error } => (Some(next_attempt_at), last_error.as_deref()),
            DeferralState::Parked { reason } => (None, Some(reason.as_str())),
        };
        Self {
            bucket: key.bucket,
            payment_request_id: key.id.into(),
            since: deferral.since.timestamp_micros(),
            state: deferral.state.name().as_str().into(),
            attempts: counted(deferral.attempts),
            next_attempt_at: next_attempt_at.map(|at| at.timestamp_micros()),
            last_error: last_error.map(text),
        }
    }

    /// The case's key, where an operator decides.
    pub(crate) fn parked_key(&self) -> Option<CaseKey<'_>> {
        let is_parked = self.state == DeferralStateName::Parked.as_str();
        is_parked.then(|| CaseKey { id: &self.payment_request_id, bucket: self.bucket })
    }

    pub(crate) fn deferral(&self) -> Result<Deferral, InconsistentRowError> {
        let row = RowRef { table: "deferrals", id: &self.payment_request_id };
        let last_error = self.last_error.as_deref().map(str::to_owned);
        let state = match row.required("state", DeferralStateName::parse(&self.state))? {
            DeferralStateName::Waiting => {
                DeferralState::Waiting { next_attempt_at: row.dated("next_attempt_at", self.next_attempt_at)?, last_error }
            }
            DeferralStateName::Parked => DeferralState::Parked { reason: row.required("last_error", last_error)? },
        };
        let attempts = row.parsed("attempts", u32::try_from(self.attempts))?;
        Ok(Deferral { since: row.moment("since", self.since)?, attempts, state })
    }
}

impl<'a> ReceiptRow<'a> {
    pub(crate) fn of(key: CaseKey<'a>, receipt: &'a Receipt) -> Self {
        Self {
            bucket: key.bucket,
            payment_request_id: key.id.into(),
            acquirer_id: receipt.acquirer_id.as_str().into(),
            received_at: receipt.received_at.timestamp_micros(),
        }
    }

    pub(crate) fn receipt(&self) -> Result<Receipt, InconsistentRowError> {
        let row = RowRef { table: "receipts", id: &self.payment_request_id };
        let acquirer_id = row.parsed("acquirer_id", AcquirerId::parse(&*self.acquirer_id))?;
        Ok(Receipt { acquirer_id, received_at: row.moment("received_at", self.received_at)? })
    }
}
