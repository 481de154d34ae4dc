//! Clearing with Alipay+: the day that a payment belongs to, the day's statement, and the comparison with Alipay+'s files.

mod day;
mod reconciliation;
mod statement;

pub use day::{ClearingDay, ClearingDayError, DayClosing, cutoff};
pub use reconciliation::{Finding, Listed, ListedAmount, ListedKind, Mismatch, Scope, examine, listed_twice, missing};
pub use statement::{DayStatement, Excluded, ExclusionReason, StatementRow, Totals};
