//! PostgreSQL: read committed, row locks in the order of ids.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::connection::SimpleConnection;
use diesel::data_types::PgTimestamp;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Text};
use ports::{Page, ReversalFilter};

use crate::batch::{LoadedRows, Writes, ensure_written};
use crate::columns::{Cell, Columns};
use crate::days::{Due, DueRow, days};
use crate::deployment::{DeploymentPolicy, deployment};
use crate::dialect::Dialect;
use crate::reads::{HalfBalance, HalfBalanceRow, Reads, reads};
use crate::rows::{CaseRow, DayRow, EntryRow, EventRow, RefundRow, ReversalRow};
use crate::statement::SqlStatement;

/// The timeouts leave room for an answer within Alipay+'s patience; a lock is waited for only so long that the rest of its batch
/// can still be decided without it. Durability and isolation are asked for by name, because the server's configuration may say
/// otherwise: an S that a crash takes back is a lie, and an older snapshot would not see the case that was waited for.
/// A standby is refused at every connect, because a failover can make one of the server that we knew: it answers from the past.
/// Rows are looked for by their keys only. A plan is made once for each connection, perhaps while the tables are empty, and must not
/// be to read them whole when they are full. Nor is any compiled (`jit`): one that has no way but to read a table looks so dear that
/// compiling it took a hundred times as long as the rest of it.
pub(crate) const PREPARE: &str = "
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

/// What libpq would wait for without end. A server that vanishes in a failover says no goodbye: the kernel would try for a quarter of
/// an hour, and everything that waits for the connection with it.
const PATIENCE: &str = "connect_timeout=2&keepalives_idle=2&keepalives_interval=2&tcp_user_timeout=5000\
                        &fallback_application_name=rescind";

/// The URL with our patience and the password as parameters. Of two values libpq takes the last: the URL's own patience counts,
/// and not its password.
pub(crate) fn address(url: &str, password: Option<&str>) -> String {
    let (place, own) = url.split_once('?').map_or((url, String::new()), |(place, own)| (place, format!("&{own}")));
    let encode = |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let password = password.map(|password| format!("&password={}", password.bytes().map(encode).collect::<String>()));
    format!("{place}?{PATIENCE}{own}{}", password.unwrap_or_default())
}

/// A batch that names an unknown case in the same moment as another batch waits here for it.
const INSERT_MISSING: &str = "
    insert into cases (payment_request_id)
    select id from unnest($?) as id order by id collate \"C\"
    on conflict (payment_request_id) do nothing
";

/// What comes back may be out of date where another transaction ended just before the lock: it is loaded again under the lock.
const LOCK_DUE: &str = "
    select cases.payment_request_id
    from reversals join cases using (payment_request_id)
    where state = 'open' and next_attempt_at <= $1 and (lease_until is null or lease_until <= $1)
    order by next_attempt_at
    limit $2
    for update of cases skip locked
";

/// All that a batch decided in one statement, because each of them costs a journey there and back. Tells how many rows it wrote to each
/// table.
static WRITE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "
    with written_cases as (
        update cases set
            (status, acquirer_id, account, amount_value, amount_currency, settlement_value, settlement_currency, kind, initiated_at,
             payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id, first_received_at, defer_reason,
             cancelled_at, refusal, result_code, settled_at, last_event, settlement_day)
          = (w.status, w.acquirer_id, w.account, w.amount_value, w.amount_currency, w.settlement_value, w.settlement_currency, w.kind,
             w.initiated_at, w.payment_id, w.completed_at, w.fee_value, w.fee_currency, w.cancellation, w.cancel_acquirer_id,
             w.first_received_at, w.defer_reason, w.cancelled_at, w.refusal, w.result_code, w.settled_at, w.last_event,
             w.settlement_day)
        from ({cases}) as w
        where cases.payment_request_id = w.payment_request_id
        returning 1
    ),
    written_refunds as (
        insert into refunds (payment_request_id, refund_request_id, place, amount_value, amount_currency, state, completed_at,
            settlement_day)
        select payment_request_id, refund_request_id, place, amount_value, amount_currency, state, completed_at, settlement_day
        from ({refunds}) as w
        on conflict (payment_request_id, refund_request_id) do update
        set (state, completed_at, settlement_day) = (excluded.state, excluded.completed_at, excluded.settlement_day)
        returning 1
    ),
    written_reversals as (
        insert into reversals (payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at,
            lease_attempt, lease_until, last_error, done_at)
        select payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at,
            lease_attempt, lease_until, last_error, done_at
        from ({reversals}) as w
        on conflict (payment_request_id) do update
        set (kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until,
             last_error, done_at)
          = (excluded.kind, excluded.amount_value, excluded.amount_currency, excluded.opened_at, excluded.attempts, excluded.state,
             excluded.next_attempt_at, excluded.lease_attempt, excluded.lease_until, excluded.last_error, excluded.done_at)
        returning 1
    ),
    written_events as (
        insert into events (payment_request_id, number, at, what, details)
        select payment_request_id, number, at, what, details
        from ({events}) as w
        returning 1
    ),
    written_entries as (
        insert into ledger_entries (payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at)
        select payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at
        from ({entries}) as w
        returning 1
    )
    select (select count(*) from written_cases), (select count(*) from written_refunds), (select count(*) from written_reversals),
        (select count(*) from written_events), (select count(*) from written_entries)
",
        cases = CaseRow::given(),
        refunds = RefundRow::given(),
        reversals = ReversalRow::given(),
        events = EventRow::given(),
        entries = EntryRow::given(),
    )
});

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = Text)]
    payment_request_id: String,
}

/// Where PostgreSQL counts from.
const YEAR_2000: DateTime<Utc> = DateTime::from_timestamp_nanos(946_684_800_000_000_000);

diesel::define_sql_function! {
    /// The server's clock, also within a transaction.
    fn clock_timestamp() -> Timestamptz;
}

/// How many rows [`WRITE`] wrote, by table.
type WrittenTypes = (BigInt, BigInt, BigInt, BigInt, BigInt);

reads!(PgConnection);
days!(PgConnection);
deployment!(PgConnection);

impl Dialect for PgConnection {
    const PREPARE: &'static str = PREPARE;

    fn writing<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError> {
        self.transaction(work)
    }

    fn take_time(&mut self) -> Result<(), DieselError> {
        self.batch_execute("set local statement_timeout = '60s'; set local lock_timeout = '10s'")
    }

    fn reading<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError> {
        self.build_transaction().repeatable_read().read_only().run(work)
    }

    fn check_writable(&mut self) -> Result<(), DieselError> {
        // Locking is refused where writing is.
        self.batch_execute("select 1 from cases limit 0 for update")
    }

    fn lock_and_load(&mut self, ids: &[String], opening: &[String]) -> Result<LoadedRows, DieselError> {
        use crate::schema::cases;
        if !opening.is_empty() {
            SqlStatement::<_>::new(INSERT_MISSING, vec![Cell::column(opening, |id| id)]).execute(self)?;
        }
        // A statement of its own: together with the insert it would not see the rows that another transaction committed meanwhile.
        let wanted = cases::table.filter(cases::payment_request_id.eq_any(ids)).order(cases::payment_request_id);
        let locked = wanted.for_update().select(CaseRow::as_select()).load(self)?;
        let mut found = LoadedRows { cases: locked, ..LoadedRows::default() };
        self.load_belongings(&mut found)?;
        Ok(found)
    }

    fn lock_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<String>, DieselError> {
        let due = diesel::sql_query(LOCK_DUE).bind::<BigInt, _>(now.timestamp_micros()).bind::<BigInt, _>(i64::from(limit));
        Ok(due.load::<Id>(self)?.into_iter().map(|row| row.payment_request_id).collect())
    }

    fn write(&mut self, writes: &Writes) -> Result<(), DieselError> {
        let columns = [
            CaseRow::columns(&writes.cases),
            RefundRow::columns(&writes.refunds),
            ReversalRow::columns(&writes.reversals),
            EventRow::columns(&writes.events),
            EntryRow::columns(&writes.entries),
        ];
        let write = SqlStatement::<_, WrittenTypes>::new(&WRITE, columns.into_iter().flatten().collect());
        let (cases, refunds, reversals, events, entries): (i64, i64, i64, i64, i64) = write.get_result(self)?;
        ensure_written("cases", writes.cases.len(), cases)?;
        ensure_written("refunds", writes.refunds.len(), refunds)?;
        ensure_written("reversals", writes.reversals.len(), reversals)?;
        ensure_written("events", writes.events.len(), events)?;
        ensure_written("ledger_entries", writes.entries.len(), entries)
    }

    fn clock(&mut self) -> Result<Option<DateTime<Utc>>, DieselError> {
        let PgTimestamp(since_2000) = diesel::select(clock_timestamp()).get_result(self)?;
        Ok(YEAR_2000.checked_add_signed(TimeDelta::microseconds(since_2000)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_and_a_patience_of_its_own_come_last() {
        let (plain, own) = ("postgres://a@b/c", "postgres://a@b/c?tcp_user_timeout=9");
        assert_eq!(address(plain, None), format!("{plain}?{PATIENCE}"));
        assert_eq!(address(plain, Some("p w/%&")), format!("{plain}?{PATIENCE}&password=p%20w%2F%25%26"));
        assert_eq!(address(own, Some("p")), format!("{plain}?{PATIENCE}&tcp_user_timeout=9&password=p"));
    }
}
