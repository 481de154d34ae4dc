//! Clearing with Alipay+: the day that a payment belongs to, the day's statement, and the comparison with Alipay+'s files.

mod day;
mod finding;
mod listed;
mod listed_id;
mod reconciliation;
mod statement;
mod summary;

pub use day::{ClearingDay, ClearingDayError, DayClosing, cutoff};
pub use finding::{Finding, GateState, Mismatch, UnknownLines};
pub use listed::{Listed, ListedAmount, ListedKind};
pub use listed_id::doubt_about_id;
pub use reconciliation::{Examination, LineClass, Scope, examine, fee_differs, listed_twice, missing, not_known};
pub use statement::{DayStatement, Excluded, ExclusionReason, StatementRow, Totals};
pub use summary::{NetAmount, SummaryAmount};
