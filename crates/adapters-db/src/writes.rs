//! What a batch has to write.

use diesel::result::Error as DieselError;

use crate::rows::{CaseRow, DeferralRow, EntryRow, EventRow, ReceiptRow, RefundRow, ResolutionRow, ReversalRow};
use crate::sql::Groups;

/// Rows of one table.
#[derive(Debug)]
pub(crate) struct RowWrites<R> {
    pub(crate) new: Vec<R>,
    /// They are there already.
    pub(crate) changed: Vec<R>,
}

impl<R> Default for RowWrites<R> {
    fn default() -> Self {
        Self { new: Vec::new(), changed: Vec::new() }
    }
}

/// Rows of a table whose rows go again. Those that are written may be there already.
#[derive(Debug)]
pub(crate) struct PassingRows<R> {
    pub(crate) written: Vec<R>,
    pub(crate) gone: Vec<R>,
}

impl<R> Default for PassingRows<R> {
    fn default() -> Self {
        Self { written: Vec::new(), gone: Vec::new() }
    }
}

/// What has to be written. A case's row is there before, and is written whenever anything else of the case is.
#[derive(Debug, Default)]
pub(crate) struct Writes<'a> {
    pub(crate) cases: Vec<CaseRow<'a>>,
    /// The groups of columns in which any of `cases` differs from its row.
    pub(crate) groups: Groups,
    pub(crate) refunds: RowWrites<RefundRow<'a>>,
    pub(crate) reversals: RowWrites<ReversalRow<'a>>,
    pub(crate) deferrals: PassingRows<DeferralRow<'a>>,
    pub(crate) receipts: PassingRows<ReceiptRow<'a>>,
    /// Those that are asked for; each takes the place of the one before.
    pub(crate) resolutions: Vec<ResolutionRow<'a>>,
    pub(crate) events: Vec<EventRow<'a>>,
    pub(crate) entries: Vec<EntryRow<'a>>,
}

/// A write has to change as many rows as it names; anything else means that a lock did not hold, or that a case has no row.
pub(crate) fn ensure_written(table: &str, expected: usize, written: impl TryInto<usize>) -> Result<(), DieselError> {
    let written = written.try_into().unwrap_or(usize::MAX);
    if expected == written {
        return Ok(());
    }
    Err(DieselError::SerializationError(format!("{written} of {expected} rows were written to {table}").into()))
}
