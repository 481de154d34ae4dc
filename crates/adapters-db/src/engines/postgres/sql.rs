//! The statements of PostgreSQL.

use std::sync::{LazyLock, OnceLock};

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{SmallInt, Text, Timestamptz};
use diesel::{QueryResult, RunQueryDsl};

use crate::rows::{CaseRow, DeferralRow, EntryRow, EventRow, ReceiptRow, RefundRow, ReversalRow};
use crate::sql::{
    Groups, KEYS_ONLY, KeyArrays, PARAMETER, SqlText, TableRow, WriteMode, delete, each_name, insert, update, upsert,
};

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
        if current_setting('transaction_read_only') = 'on' then
            raise 'the database takes no writes: default_transaction_read_only is on for it, its role or its server';
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
    set rescind.session = 'ours';
";

/// What the server says of the session, in words: its process, whether it has what [`PREPARE`] gave it, whether a commit waits for a
/// standby, and how far the log goes. It is one value for each statement, and costs no journey of its own.
pub(super) const SESSION: &str = "(select concat_ws(' ', pg_backend_pid(), nullif(current_setting('rescind.session', true), ''), \
    current_setting('synchronous_commit'), current_setting('synchronous_standby_names') <> '', \
    pg_current_wal_insert_lsn() - '0/0'))";

/// Which process works for the session, and whether it is marked as one of ours.
pub(super) const SEEN: &str = "select pg_backend_pid() as pid, coalesce(current_setting('rescind.session', true), '') as marker,
    coalesce(inet_client_port(), 0) as client_port";

/// Marks a session that is not prepared yet.
pub(super) const MARK: &str = "set rescind.session = 'new'";

/// Who works for a new session, and where its server stands in its history. The timeline is the beginning of the name of the file that
/// the log is written to.
pub(super) const GREET: &str = "
    select me.pid, coalesce(backend_start::text, '') as started, system_identifier::text as system,
        left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as timeline,
        (pg_current_wal_insert_lsn() - '0/0')::bigint as position,
        current_setting('synchronous_standby_names') <> '' as waits_for_standby
    from (select pg_backend_pid() as pid) as me left join pg_stat_activity using (pid) cross join pg_control_system()
";

/// Ends the processes that work for connections which were given up: nobody hears of what they do. One that waits for a standby would
/// not notice by itself that its client has gone.
pub(super) const END_BACKENDS: &str = "
    select pg_terminate_backend(pid) from pg_stat_activity
    where pid <> pg_backend_pid() and state <> 'idle'
        and (pid, backend_start::text) in (select * from unnest($1, $2))
";

/// A record in the log that says nothing, for which a commit waits as for any other.
pub(super) const FENCE: &str = "select pg_logical_emit_message(true, 'rescind', '')";

/// Needs room as cases do, and leaves nothing.
pub(super) const NEEDS_ROOM: &str = "
    savepoint room;
    insert into events (bucket, payment_request_id, number, at, what, details)
        select 0, md5(random()::text), 0, 0, '', string_agg(md5(random()::text), '') from generate_series(1, 200);
    rollback to savepoint room;
";

/// Inserts cases of which nothing is known, unless they are there. A row that comes back was inserted, and is locked by that; beside it
/// comes the time. No key is named in the conflict, because a second one is there until the last process of the version before has gone.
pub(super) struct InsertMissing<'a>(pub(super) KeyArrays<'a>);

impl QueryFragment<Pg> for InsertMissing<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("insert into cases (bucket, payment_request_id) select bucket, payment_request_id from ");
        self.0.push(&mut out)?;
        out.push_sql(" order by payment_request_id collate \"C\" on conflict do nothing");
        out.push_sql(" returning clock_timestamp(), ");
        out.push_sql(SESSION);
        out.push_sql(", bucket, payment_request_id");
        Ok(())
    }
}

impl QueryId for InsertMissing<'_> {
    type QueryId = InsertMissing<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for InsertMissing<'_> {
    type SqlType = (Timestamptz, Text, SmallInt, Text);
}

impl<C> RunQueryDsl<C> for InsertMissing<'_> {}

/// What comes back may be out of date where another transaction ended just before the lock: it is loaded again under the lock.
pub(super) const LOCK_DUE: &str = "
    select cases.payment_request_id
    from reversals join cases using (bucket, payment_request_id)
    where state = 'open' and next_attempt_at > $1 and next_attempt_at <= $2
        and (lease_until is null or lease_until <= $3 or lease_until > $4)
    order by next_attempt_at, cases.payment_request_id
    limit $5
    for update of cases skip locked
";

/// The groups of a case's columns are the first bits of a statement's shape.
const SETS_OF_GROUPS: usize = Groups::sets_of(CaseRow::CHANGING.len());

// The further bits: what is written beside the cases.
pub(super) const NEW_REFUNDS: usize = SETS_OF_GROUPS;
pub(super) const CHANGED_REFUNDS: usize = NEW_REFUNDS << 1;
pub(super) const NEW_REVERSALS: usize = NEW_REFUNDS << 2;
pub(super) const CHANGED_REVERSALS: usize = NEW_REFUNDS << 3;
pub(super) const EVENTS: usize = NEW_REFUNDS << 4;
pub(super) const ENTRIES: usize = NEW_REFUNDS << 5;

/// The shape of most batches in a storm: first cancels, whose money the ledger gives back.
pub(super) const FIRST_CANCELS: usize = CaseRow::ALWAYS.and(CaseRow::CANCELLATION).number() | EVENTS | ENTRIES;

static WRITES: [OnceLock<SqlText>; NEW_REFUNDS << 6] = [const { OnceLock::new() }; NEW_REFUNDS << 6];

/// All that a batch decided in one statement, because each statement costs a journey there and back. It has only the tables and the
/// columns of its shape, and returns how many rows it wrote to each of these tables.
pub(super) fn write(shape: usize) -> &'static SqlText {
    static EVERYTHING: OnceLock<SqlText> = OnceLock::new();
    WRITES.get(shape).unwrap_or(&EVERYTHING).get_or_init(|| SqlText::of(&text_of_write(shape)))
}

fn text_of_write(shape: usize) -> String {
    let others = [
        (NEW_REFUNDS, inserted::<RefundRow<'_>> as fn() -> String),
        (CHANGED_REFUNDS, || updated::<RefundRow<'_>>(Groups::ALL)),
        (NEW_REVERSALS, inserted::<ReversalRow<'_>>),
        (CHANGED_REVERSALS, || updated::<ReversalRow<'_>>(Groups::ALL)),
        (EVENTS, inserted::<EventRow<'_>>),
        (ENTRIES, inserted::<EntryRow<'_>>),
    ];
    let mut parts = vec![updated::<CaseRow<'_>>(Groups::numbered(shape % SETS_OF_GROUPS))];
    parts.extend(others.iter().filter(|(part, _)| shape & part != 0).map(|(_, text)| text()));
    let writing: Vec<_> = (0..).zip(&parts).map(|(n, part): (usize, _)| format!("w{n} as ({part} returning 1)")).collect();
    let counting: Vec<_> = (0..parts.len()).map(|n| format!("(select count(*) from w{n})")).collect();
    format!("with {} select array[{}]", writing.join(", "), counting.join(", "))
}

pub(super) static UPSERT_DEFERRALS: LazyLock<SqlText> =
    LazyLock::new(|| SqlText::of(&upsert::<DeferralRow<'_>>(&whole_rows::<DeferralRow<'_>>())));
pub(super) static DELETE_DEFERRALS: LazyLock<SqlText> = LazyLock::new(deleted::<DeferralRow<'_>>);
pub(super) static UPSERT_RECEIPTS: LazyLock<SqlText> =
    LazyLock::new(|| SqlText::of(&upsert::<ReceiptRow<'_>>(&whole_rows::<ReceiptRow<'_>>())));
pub(super) static DELETE_RECEIPTS: LazyLock<SqlText> = LazyLock::new(deleted::<ReceiptRow<'_>>);

fn inserted<R: TableRow>() -> String {
    insert::<R>(&whole_rows::<R>())
}

/// A query for whole rows.
fn whole_rows<R: TableRow>() -> String {
    let names = R::names(WriteMode::Insert);
    format!("select {} from ({}) as w", each_name(names.iter().copied(), str::to_owned), unnested(names))
}

fn deleted<R: TableRow>() -> SqlText {
    SqlText::of(&delete::<R>(&unnested(R::names(KEYS_ONLY))))
}

fn updated<R: TableRow>(groups: Groups) -> String {
    update::<R>(groups, &unnested(R::names(WriteMode::Update(groups))))
}

/// A query for the rows whose columns are the statement's next parameters. Arrays in a select list are taken apart side by side, row
/// by row; as a table in `from`, each would be written down as a whole first.
fn unnested(names: Vec<&'static str>) -> String {
    format!("select {}", each_name(names, |name| format!("unnest({PARAMETER}) as {name}")))
}
