//! The statements of SQLite. The rows of a table are one JSON parameter.

use std::sync::LazyLock;

use crate::rows::{CaseRow, EntryRow, EventRow, RefundRow, ReversalRow};
use crate::sql::{PARAMETER, TableRow, each_name, insert, upsert};

/// `synchronous = full`, because a commit that a power failure takes back is a lie. The busy timeout is first: switching to WAL
/// needs a lock already.
pub(super) const PREPARE: &str = "
    pragma busy_timeout = 5000;
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma foreign_keys = on;
";

pub(super) static WRITE_CASES: LazyLock<String> = LazyLock::new(upsert_given::<CaseRow>);
pub(super) static WRITE_REFUNDS: LazyLock<String> = LazyLock::new(upsert_given::<RefundRow>);
pub(super) static WRITE_REVERSALS: LazyLock<String> = LazyLock::new(upsert_given::<ReversalRow>);
pub(super) static INSERT_EVENTS: LazyLock<String> = LazyLock::new(|| insert::<EventRow>(&given::<EventRow>()));
pub(super) static INSERT_ENTRIES: LazyLock<String> = LazyLock::new(|| insert::<EntryRow>(&given::<EntryRow>()));

/// A query for the rows in the statement's parameter.
fn given<R: TableRow>() -> String {
    format!("select {} from json_each({PARAMETER})", each_name(R::names(), |name| format!("value ->> '{name}'")))
}

/// SQLite would read the `on` of `on conflict` as a join's: `where true` ends the query before it.
fn upsert_given<R: TableRow>() -> String {
    upsert::<R>(&format!("{} where true", given::<R>()))
}
