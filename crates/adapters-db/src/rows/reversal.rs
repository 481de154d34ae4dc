//! Reversals as rows.

use diesel::{Queryable, Selectable};
use domain::{Lease, PaymentRequestId, Reversal, ReversalState, ReversalStateName, Taken};
use serde::Serialize;

use super::{InconsistentRowError, RowRef, code, text};
use crate::schema::reversals;
use crate::sql::columns;

#[derive(Debug, Clone, Queryable, Selectable, Serialize)]
#[diesel(table_name = reversals)]
pub(crate) struct ReversalRow {
    pub(crate) payment_request_id: String,
    kind: String,
    amount_value: Option<i64>,
    amount_currency: Option<String>,
    opened_at: i64,
    attempts: i32,
    state: String,
    next_attempt_at: Option<i64>,
    lease_attempt: Option<i32>,
    lease_until: Option<i64>,
    last_error: Option<String>,
    done_at: Option<i64>,
}

columns! {
    ReversalRow in reversals
    key payment_request_id;
    changing
        kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until, last_error,
        done_at;
}

/// Attempts are counted in 31 bits: at one a minute they last four thousand years.
fn counted(attempts: u32) -> i32 {
    i32::try_from(attempts).unwrap_or(i32::MAX)
}

impl ReversalRow {
    pub(crate) fn of(id: &PaymentRequestId, reversal: &Reversal) -> Self {
        let kind = match reversal.taken {
            Taken::Debit => "refund",
            Taken::Hold => "release",
            Taken::NothingKnown => "void",
        };
        let row = Self {
            payment_request_id: id.to_string(),
            kind: kind.to_owned(),
            amount_value: reversal.amount.map(|amount| amount.minor()),
            amount_currency: code(reversal.amount.as_ref()),
            opened_at: reversal.opened_at.timestamp_micros(),
            attempts: counted(reversal.attempts),
            state: reversal.state.name().to_string(),
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

    pub(crate) fn into_reversal(self) -> Result<Reversal, InconsistentRowError> {
        let row = RowRef { table: "reversals", id: &self.payment_request_id };
        let taken = match self.kind.as_str() {
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
                ReversalState::Open { next_attempt_at, lease, last_error: self.last_error.clone() }
            }
            ReversalStateName::Parked => ReversalState::Parked { reason: row.required("last_error", self.last_error.clone())? },
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
