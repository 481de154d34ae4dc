//! Reversals as rows.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use diesel::{Queryable, Selectable};
use domain::{Case, Lease, Payment, PaymentStatus, Reversal, ReversalState, ReversalStateName, Taken};

use super::{CaseKey, InconsistentRowError, RowRef, code, text};
use crate::schema::reversals;
use crate::sql::columns;

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = reversals)]
pub(crate) struct ReversalRow<'a> {
    bucket: i16,
    pub(crate) payment_request_id: Cow<'a, str>,
    kind: Cow<'a, str>,
    amount_value: Option<i64>,
    amount_currency: Option<Cow<'a, str>>,
    opened_at: i64,
    attempts: i32,
    state: Cow<'a, str>,
    next_attempt_at: Option<i64>,
    lease_attempt: Option<i32>,
    lease_until: Option<i64>,
    last_error: Option<Cow<'a, str>>,
    done_at: Option<i64>,
}

columns! {
    ReversalRow in reversals
    key bucket, payment_request_id;
    changing
        kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until, last_error,
        done_at;
}

/// Attempts are counted in 31 bits: at one a minute they last four thousand years.
pub(crate) fn counted(attempts: u32) -> i32 {
    i32::try_from(attempts).unwrap_or(i32::MAX)
}

/// When the ledger gave the money back, where the case's reversal is what the ledger makes of it: opened and done at once. A case says
/// all else of such a reversal, so that this moment is all there is to keep.
pub(crate) fn booked_at(case: &Case) -> Option<DateTime<Utc>> {
    let (payment, reversal) = (case.payment.as_ref()?, case.reversal.as_ref()?);
    let is_cancelled_success = case.is_cancelled() && matches!(payment.status, PaymentStatus::Succeeded { .. });
    (is_cancelled_success && *reversal == booked(payment, reversal.opened_at)).then_some(reversal.opened_at)
}

/// The reversal that the ledger makes of this payment.
pub(crate) fn booked(payment: &Payment, at: DateTime<Utc>) -> Reversal {
    Reversal::booked(Taken::by(payment.kind), payment.amount, at)
}

impl<'a> ReversalRow<'a> {
    /// The case's reversal as a row. One that the ledger booked has none, unless it has one from before.
    pub(crate) fn of(key: CaseKey<'a>, case: &'a Case, has_row: bool) -> Option<Self> {
        let reversal = case.reversal.as_ref()?;
        (has_row || booked_at(case).is_none()).then(|| Self::of_reversal(key, reversal))
    }

    fn of_reversal(key: CaseKey<'a>, reversal: &'a Reversal) -> Self {
        let kind = match reversal.taken {
            Taken::Debit => "refund",
            Taken::Hold => "release",
            Taken::NothingKnown => "void",
        };
        let row = Self {
            bucket: key.bucket,
            payment_request_id: key.id.into(),
            kind: kind.into(),
            amount_value: reversal.amount.map(|amount| amount.minor()),
            amount_currency: code(reversal.amount.as_ref()),
            opened_at: reversal.opened_at.timestamp_micros(),
            attempts: counted(reversal.attempts),
            state: reversal.state.name().as_str().into(),
            next_attempt_at: None,
            lease_attempt: None,
            lease_until: None,
            last_error: None,
            done_at: None,
        };
        match &reversal.state {
            ReversalState::Open { next_attempt_at, lease, last_error } => Self {
                next_attempt_at: Some(next_attempt_at.timestamp_micros()),
                lease_attempt: lease.map(|lease| counted(lease.attempt)),
                lease_until: lease.map(|lease| lease.until.timestamp_micros()),
                last_error: last_error.as_deref().map(text),
                ..row
            },
            ReversalState::Parked { reason } => Self { last_error: Some(text(reason)), ..row },
            ReversalState::Done { at, by_hand: _ } => Self { done_at: Some(at.timestamp_micros()), ..row },
        }
    }

    /// The case's key, where an operator decides.
    pub(crate) fn parked_key(&self) -> Option<CaseKey<'_>> {
        let is_parked = self.state == ReversalStateName::Parked.as_str();
        is_parked.then(|| CaseKey { id: &self.payment_request_id, bucket: self.bucket })
    }

    pub(crate) fn into_reversal(self) -> Result<Reversal, InconsistentRowError> {
        let row = RowRef { table: "reversals", id: &self.payment_request_id };
        let taken = match &*self.kind {
            "refund" => Taken::Debit,
            "release" => Taken::Hold,
            "void" => Taken::NothingKnown,
            _ => return Err(row.wrong("kind")),
        };
        let number = |column, value: i32| row.parsed(column, u32::try_from(value));
        let name = row.required("state", ReversalStateName::parse(&self.state))?;
        let state = match name {
            ReversalStateName::Open => {
                let lease = match (self.lease_attempt, self.lease_until) {
                    (None, None) => None,
                    (Some(attempt), until) => {
                        Some(Lease { attempt: number("lease_attempt", attempt)?, until: row.dated("lease_until", until)? })
                    }
                    (None, Some(_)) => return Err(row.wrong("lease_attempt")),
                };
                let next_attempt_at = row.dated("next_attempt_at", self.next_attempt_at)?;
                ReversalState::Open { next_attempt_at, lease, last_error: self.last_error.as_deref().map(str::to_owned) }
            }
            ReversalStateName::Parked => {
                let reason = row.required("last_error", self.last_error.as_deref())?;
                ReversalState::Parked { reason: reason.to_owned() }
            }
            ReversalStateName::Done | ReversalStateName::Resolved => {
                let by_hand = name == ReversalStateName::Resolved;
                ReversalState::Done { at: row.dated("done_at", self.done_at)?, by_hand }
            }
        };
        Ok(Reversal {
            taken,
            amount: row.money("amount_value", self.amount_value, self.amount_currency.as_deref())?,
            opened_at: row.moment("opened_at", self.opened_at)?,
            attempts: number("attempts", self.attempts)?,
            state,
        })
    }
}
