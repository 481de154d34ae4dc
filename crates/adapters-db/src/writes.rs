//! What a batch has to write.

use diesel::result::Error as DieselError;

use crate::rows::{CaseRow, EntryRow, EventRow, RefundRow, ReversalRow};

/// What has to be written, at most one row a case in `cases` and `reversals`.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub(crate) cases: Vec<CaseRow>,
    pub(crate) refunds: Vec<RefundRow>,
    pub(crate) reversals: Vec<ReversalRow>,
    pub(crate) events: Vec<EventRow>,
    pub(crate) entries: Vec<EntryRow>,
}

impl Writes {
    pub(crate) fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.events.is_empty() && self.entries.is_empty()
    }
}

/// A write has to change as many rows as it names; anything else means that a lock did not hold.
pub(crate) fn ensure_written(table: &str, expected: usize, written: impl TryInto<usize>) -> Result<(), DieselError> {
    let written = written.try_into().unwrap_or(usize::MAX);
    if expected == written {
        return Ok(());
    }
    Err(DieselError::SerializationError(format!("{written} of {expected} rows were written to {table}").into()))
}
