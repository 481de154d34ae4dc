//! The statements of PostgreSQL.

use std::sync::LazyLock;

use diesel::sql_types::BigInt;

use crate::rows::{CaseRow, EntryRow, EventRow, RefundRow, ReversalRow};
use crate::sql::{PARAMETER, TableRow, each_name, insert, update, upsert};

/// The timeouts leave room for an answer within Alipay+'s patience; a lock is waited for only so long that the rest of its batch
/// can still be decided without it. Durability and isolation are set by name, because the server's configuration may say
/// otherwise: an S that a crash takes back is a lie, and an older snapshot would not see the case that was waited for.
/// A standby is refused at every connect, because a failover can make one of the server that we knew: it answers from the past.
/// Rows are looked for by their keys only. A plan is made once for each connection, perhaps while the tables are empty, and must not
/// be to read them whole when they are full. No plan is compiled either (`jit`): one that has no way but to read a table looks so
/// expensive that compiling it took a hundred times as long as the rest of it.
pub(super) const PREPARE: &str = "
    do $$ begin
        if pg_is_in_recovery() then
            raise 'the database is in recovery, and database.url would have to name the primary';
        end if;
    end $$;
    set default_transaction_isolation = 'read committed';
    set statement_timeout = '4s';
    set lock_timeout = '1s';
    set idle_in_transaction_session_timeout = '10s';
    set synchronous_commit = on;
    set client_min_messages = warning;
    set plan_cache_mode = force_generic_plan;
    set enable_seqscan = off;
    set enable_hashjoin = off;
    set enable_mergejoin = off;
    set jit = off;
";

/// A batch that names an unknown case in the same moment as another batch waits here for it.
pub(super) const INSERT_MISSING: &str = "
    insert into cases (payment_request_id)
    select id from unnest($?) as id order by id collate \"C\"
    on conflict (payment_request_id) do nothing
";

/// What comes back may be out of date where another transaction ended just before the lock: it is loaded again under the lock.
pub(super) const LOCK_DUE: &str = "
    select cases.payment_request_id
    from reversals join cases using (payment_request_id)
    where state = 'open' and next_attempt_at <= $1 and (lease_until is null or lease_until <= $1)
    order by next_attempt_at
    limit $2
    for update of cases skip locked
";

/// How many rows [`WRITE`] wrote, by table.
pub(super) type WrittenTypes = (BigInt, BigInt, BigInt, BigInt, BigInt);

/// All that a batch decided in one statement, because each statement costs a journey there and back. It returns how many rows it
/// wrote to each table.
pub(super) static WRITE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "with written_cases as ({cases} returning 1),
            written_refunds as ({refunds} returning 1),
            written_reversals as ({reversals} returning 1),
            written_events as ({events} returning 1),
            written_entries as ({entries} returning 1)
        select (select count(*) from written_cases), (select count(*) from written_refunds), (select count(*) from written_reversals),
            (select count(*) from written_events), (select count(*) from written_entries)",
        cases = update::<CaseRow>(&unnested::<CaseRow>()),
        refunds = upsert::<RefundRow>(&given::<RefundRow>()),
        reversals = upsert::<ReversalRow>(&given::<ReversalRow>()),
        events = insert::<EventRow>(&given::<EventRow>()),
        entries = insert::<EntryRow>(&given::<EntryRow>()),
    )
});

/// A query for the rows whose columns are the statement's next parameters. Arrays in a select list are taken apart side by side, row
/// by row; as a table in `from`, each would be written down as a whole first.
fn unnested<R: TableRow>() -> String {
    format!("select {}", each_name(R::names(), |name| format!("unnest({PARAMETER}) as {name}")))
}

/// The same rows as a query for an insert.
fn given<R: TableRow>() -> String {
    format!("select {} from ({}) as w", each_name(R::names(), str::to_owned), unnested::<R>())
}
