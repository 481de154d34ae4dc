//! Writes the statement of a day that is closed.

use std::fmt;
use std::io;
use std::path::Path;

use ::ports::{ClosedDay, Page, SettlementStore, StatementFile, UnavailableError};
use domain::{ClearingDay, DayStatement};

use super::{PAGE, SettlementPorts};

/// Why a statement was not written.
#[derive(Debug)]
pub enum WriteStatementError {
    /// The store did not answer, or a case cannot be read.
    Unavailable(UnavailableError),
    /// The file cannot be written.
    Disk(io::Error),
    /// The cases do not make the statement any more that the day was closed with.
    Changed {
        /// The digest the day was closed with.
        closed_with: String,
        /// The digest of what was written.
        written: String,
    },
}

impl From<UnavailableError> for WriteStatementError {
    fn from(unavailable: UnavailableError) -> Self {
        Self::Unavailable(unavailable)
    }
}

impl fmt::Display for WriteStatementError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(unavailable) => unavailable.fmt(f),
            Self::Disk(error) => error.fmt(f),
            Self::Changed { closed_with, written } => write!(
                f,
                "its cases were changed behind Rescind's back: it was closed with the digest {closed_with} and now has {written}"
            ),
        }
    }
}

impl std::error::Error for WriteStatementError {}

/// Writes the statement of a closed day to the file at `path`, the same bytes every time.
///
/// # Errors
/// [`WriteStatementError`]: the file that was at `path` is as it was.
pub async fn write_statement(settlement: &SettlementPorts, closed: &ClosedDay, path: &Path) -> Result<(), WriteStatementError> {
    let mut file = settlement.statements.create(path).map_err(WriteStatementError::Disk)?;
    let (_, written) = add_rows(settlement.days.as_ref(), closed.statement.day, file.as_mut()).await?;
    if written != closed.digest {
        return Err(WriteStatementError::Changed { closed_with: closed.digest.clone(), written });
    }
    file.keep().map_err(WriteStatementError::Disk)
}

/// Adds the rows of all that the day accounts for, in the order of the cases' ids. Returns their sum and their digest.
pub(super) async fn add_rows(
    days: &dyn SettlementStore,
    day: ClearingDay,
    file: &mut dyn StatementFile,
) -> Result<(DayStatement, String), WriteStatementError> {
    let mut statement = DayStatement::empty(day);
    let mut page = Page { limit: PAGE, after: None };
    loop {
        let cases = days.accounted(day, &page).await?;
        for row in cases.iter().flat_map(|case| statement.add(case)) {
            file.add(&row).map_err(WriteStatementError::Disk)?;
        }
        match cases.last() {
            Some(last) => page.after = Some(last.id.to_string()),
            None => break,
        }
    }
    let digest = file.digest().map_err(WriteStatementError::Disk)?;
    Ok((statement, digest))
}
