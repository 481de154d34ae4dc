//! Rows and what they mean: the only translation between the tables and the domain.

mod case;
mod day;
mod deferral;
mod event;
mod key;
mod ledger;
mod loaded;
mod refund;
mod resolution;
mod reversal;

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use domain::{ClearingDay, Currency, Money};
use ports::UnavailableError;

pub(crate) use case::CaseRow;
pub(crate) use day::DayRow;
pub(crate) use deferral::{DeferralRow, ReceiptRow};
pub(crate) use event::EventRow;
pub(crate) use key::CaseKey;
pub(crate) use ledger::EntryRow;
pub(crate) use loaded::{LoadedCase, LoadedRows};
pub(crate) use refund::RefundRow;
pub(crate) use resolution::ResolutionRow;
pub(crate) use reversal::ReversalRow;

/// A row says what can never be: somebody changed it behind our back. Only its own case suffers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InconsistentRowError {
    table: &'static str,
    column: &'static str,
    id: String,
}

impl fmt::Display for InconsistentRowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, id } = self;
        write!(f, "the row of {id} in {table} cannot be read: its {column} is missing or is a value that Rescind does not write")
    }
}

impl std::error::Error for InconsistentRowError {}

/// What was read says the impossible: nothing is known until somebody has looked at it.
pub(crate) fn inconsistent(error: impl fmt::Display) -> UnavailableError {
    UnavailableError::because(error.to_string())
}

/// Names a row in errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowRef<'a> {
    pub(crate) table: &'static str,
    pub(crate) id: &'a str,
}

impl RowRef<'_> {
    pub(crate) fn wrong(&self, column: &'static str) -> InconsistentRowError {
        InconsistentRowError { table: self.table, column, id: self.id.to_owned() }
    }

    /// The value of a column that cannot be empty here.
    pub(crate) fn required<T>(&self, column: &'static str, value: Option<T>) -> Result<T, InconsistentRowError> {
        value.ok_or_else(|| self.wrong(column))
    }

    /// What a column's text stands for.
    pub(crate) fn parsed<T, E>(&self, column: &'static str, parsed: Result<T, E>) -> Result<T, InconsistentRowError> {
        parsed.map_err(|_| self.wrong(column))
    }

    pub(crate) fn moment(&self, column: &'static str, micros: i64) -> Result<DateTime<Utc>, InconsistentRowError> {
        self.required(column, DateTime::from_timestamp_micros(micros))
    }

    pub(crate) fn dated(&self, column: &'static str, micros: Option<i64>) -> Result<DateTime<Utc>, InconsistentRowError> {
        self.moment(column, self.required(column, micros)?)
    }

    pub(crate) fn day(&self, column: &'static str, day: Option<&str>) -> Result<Option<ClearingDay>, InconsistentRowError> {
        self.parsed(column, day.map(ClearingDay::parse).transpose())
    }

    /// Value and currency are there together or not at all.
    pub(crate) fn money(
        &self,
        column: &'static str,
        value: Option<i64>,
        currency: Option<&str>,
    ) -> Result<Option<Money>, InconsistentRowError> {
        match (value, currency) {
            (None, None) => Ok(None),
            (Some(value), Some(currency)) => {
                let currency = self.parsed(column, Currency::parse(currency))?;
                self.parsed(column, Money::new(value, currency)).map(Some)
            }
            (None, Some(_)) | (Some(_), None) => Err(self.wrong(column)),
        }
    }
}

pub(crate) fn code(money: Option<&Money>) -> Option<Cow<'static, str>> {
    money.map(|money| money.currency().code().into())
}

/// A text that others wrote. PostgreSQL keeps every character but NUL, and refuses the whole statement for one.
pub(crate) fn text(written: &str) -> Cow<'_, str> {
    if written.contains('\0') { written.replace('\0', "\u{FFFD}").into() } else { written.into() }
}
