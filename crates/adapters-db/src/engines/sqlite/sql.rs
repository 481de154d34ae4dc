//! The statements of SQLite. The rows of a table are one JSON parameter.

use std::sync::{LazyLock, OnceLock};

use crate::rows::{CaseRow, DeferralRow, EntryRow, EventRow, ReceiptRow, RefundRow, ResolutionRow, ReversalRow};
use crate::sql::{Groups, KEYS_ONLY, PARAMETER, SqlText, TableRow, WriteMode, delete, each_name, insert, update, upsert};

/// `synchronous = full`, because a commit that a power failure takes back is a lie. The busy timeout is first: switching to WAL
/// needs a lock already.
pub(super) const PREPARE: &str = "
    pragma busy_timeout = 5000;
    pragma journal_mode = wal;
    pragma synchronous = full;
";

/// Needs room as cases do: a page that nothing else is on. It is given back in the same commit.
pub(super) const NEEDS_ROOM: &str = "
    insert into events (bucket, payment_request_id, number, at, what, details) values (0, '', 0, 0, '', hex(zeroblob(4096)));
    delete from events where bucket = 0 and payment_request_id = '' and number = 0;
";

/// Inserts cases of which nothing is known.
pub(super) static INSERT_MISSING: LazyLock<SqlText> = LazyLock::new(|| {
    SqlText::of(&format!(
        "insert into cases (bucket, payment_request_id) select value ->> 0, value ->> 1 from json_each({PARAMETER})"
    ))
});

pub(super) static INSERT_REFUNDS: LazyLock<SqlText> = LazyLock::new(inserted::<RefundRow<'_>>);
pub(super) static UPDATE_REFUNDS: LazyLock<SqlText> = LazyLock::new(|| updated::<RefundRow<'_>>(Groups::ALL));
pub(super) static INSERT_REVERSALS: LazyLock<SqlText> = LazyLock::new(inserted::<ReversalRow<'_>>);
pub(super) static UPDATE_REVERSALS: LazyLock<SqlText> = LazyLock::new(|| updated::<ReversalRow<'_>>(Groups::ALL));
pub(super) static UPSERT_DEFERRALS: LazyLock<SqlText> = LazyLock::new(upserted::<DeferralRow<'_>>);
pub(super) static DELETE_DEFERRALS: LazyLock<SqlText> = LazyLock::new(deleted::<DeferralRow<'_>>);
pub(super) static UPSERT_RECEIPTS: LazyLock<SqlText> = LazyLock::new(upserted::<ReceiptRow<'_>>);
pub(super) static UPSERT_RESOLUTIONS: LazyLock<SqlText> = LazyLock::new(upserted::<ResolutionRow<'_>>);
pub(super) static DELETE_RECEIPTS: LazyLock<SqlText> = LazyLock::new(deleted::<ReceiptRow<'_>>);
pub(super) static INSERT_EVENTS: LazyLock<SqlText> = LazyLock::new(inserted::<EventRow<'_>>);
pub(super) static INSERT_ENTRIES: LazyLock<SqlText> = LazyLock::new(inserted::<EntryRow<'_>>);

const SETS_OF_GROUPS: usize = Groups::sets_of(CaseRow::CHANGING.len());

/// Writes the columns of these groups.
pub(super) fn update_cases(groups: Groups) -> &'static SqlText {
    static UPDATES: [OnceLock<SqlText>; SETS_OF_GROUPS] = [const { OnceLock::new() }; SETS_OF_GROUPS];
    static ALL: OnceLock<SqlText> = OnceLock::new();
    UPDATES.get(groups.number()).unwrap_or(&ALL).get_or_init(|| updated::<CaseRow<'_>>(groups))
}

/// A query for the rows in the statement's parameter.
fn given(names: Vec<&'static str>) -> String {
    format!("select {} from json_each({PARAMETER})", each_name(names, |name| format!("value ->> '{name}' as {name}")))
}

fn inserted<R: TableRow>() -> SqlText {
    SqlText::of(&insert::<R>(&given(R::names(WriteMode::Insert))))
}

fn upserted<R: TableRow>() -> SqlText {
    SqlText::of(&upsert::<R>(&given(R::names(WriteMode::Insert))))
}

fn deleted<R: TableRow>() -> SqlText {
    SqlText::of(&delete::<R>(&given(R::names(KEYS_ONLY))))
}

fn updated<R: TableRow>(groups: Groups) -> SqlText {
    SqlText::of(&update::<R>(groups, &given(R::names(WriteMode::Update(groups)))))
}
