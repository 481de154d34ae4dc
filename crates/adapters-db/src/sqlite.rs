//! SQLite: one writer, whose transaction begins by taking the only write lock there is.

use chrono::{DateTime, Utc};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;
use ports::{Page, ReversalFilter};

use crate::batch::{LoadedRows, Writes, ensure_written, json};
use crate::days::{Due, DueRow, days};
use crate::deployment::{DeploymentPolicy, deployment};
use crate::dialect::Dialect;
use crate::reads::{HalfBalance, HalfBalanceRow, Reads, reads};
use crate::rows::{CaseRow, DayRow, EntryRow, EventRow, RefundRow, ReversalRow};
use crate::statement::SqlStatement;

/// `synchronous = full`, because a commit that a power failure takes back is a lie. The busy timeout is first: switching to WAL
/// needs a lock already.
const PREPARE: &str = "
    pragma busy_timeout = 5000;
    pragma journal_mode = wal;
    pragma synchronous = full;
    pragma foreign_keys = on;
";

const WRITE_CASES: &str = "
    insert into cases (payment_request_id, status, acquirer_id, account, amount_value, amount_currency, settlement_value,
        settlement_currency, kind, initiated_at, payment_id, completed_at, fee_value, fee_currency, cancellation,
        cancel_acquirer_id, first_received_at, defer_reason, cancelled_at, refusal, result_code, settled_at, last_event, settlement_day)
    select value ->> 'payment_request_id', value ->> 'status', value ->> 'acquirer_id', value ->> 'account',
        value ->> 'amount_value', value ->> 'amount_currency', value ->> 'settlement_value', value ->> 'settlement_currency',
        value ->> 'kind', value ->> 'initiated_at', value ->> 'payment_id', value ->> 'completed_at', value ->> 'fee_value',
        value ->> 'fee_currency', value ->> 'cancellation', value ->> 'cancel_acquirer_id', value ->> 'first_received_at',
        value ->> 'defer_reason', value ->> 'cancelled_at', value ->> 'refusal', value ->> 'result_code',
        value ->> 'settled_at', value ->> 'last_event', value ->> 'settlement_day'
    from json_each($?)
    where true
    on conflict (payment_request_id) do update set
        (status, acquirer_id, account, amount_value, amount_currency, settlement_value, settlement_currency, kind, initiated_at,
         payment_id, completed_at, fee_value, fee_currency, cancellation, cancel_acquirer_id, first_received_at, defer_reason,
         cancelled_at, refusal, result_code, settled_at, last_event, settlement_day)
      = (excluded.status, excluded.acquirer_id, excluded.account, excluded.amount_value, excluded.amount_currency,
         excluded.settlement_value, excluded.settlement_currency, excluded.kind, excluded.initiated_at, excluded.payment_id,
         excluded.completed_at, excluded.fee_value, excluded.fee_currency, excluded.cancellation, excluded.cancel_acquirer_id,
         excluded.first_received_at, excluded.defer_reason, excluded.cancelled_at, excluded.refusal, excluded.result_code,
         excluded.settled_at, excluded.last_event, excluded.settlement_day)
";

const WRITE_REFUNDS: &str = "
    insert into refunds (payment_request_id, refund_request_id, place, amount_value, amount_currency, state, completed_at,
        settlement_day)
    select value ->> 'payment_request_id', value ->> 'refund_request_id', value ->> 'place', value ->> 'amount_value',
        value ->> 'amount_currency', value ->> 'state', value ->> 'completed_at', value ->> 'settlement_day'
    from json_each($?)
    where true
    on conflict (payment_request_id, refund_request_id) do update
    set (state, completed_at, settlement_day) = (excluded.state, excluded.completed_at, excluded.settlement_day)
";

const WRITE_REVERSALS: &str = "
    insert into reversals (payment_request_id, kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at,
        lease_attempt, lease_until, last_error, done_at)
    select value ->> 'payment_request_id', value ->> 'kind', value ->> 'amount_value', value ->> 'amount_currency',
        value ->> 'opened_at', value ->> 'attempts', value ->> 'state', value ->> 'next_attempt_at', value ->> 'lease_attempt',
        value ->> 'lease_until', value ->> 'last_error', value ->> 'done_at'
    from json_each($?)
    where true
    on conflict (payment_request_id) do update
    set (kind, amount_value, amount_currency, opened_at, attempts, state, next_attempt_at, lease_attempt, lease_until,
         last_error, done_at)
      = (excluded.kind, excluded.amount_value, excluded.amount_currency, excluded.opened_at, excluded.attempts, excluded.state,
         excluded.next_attempt_at, excluded.lease_attempt, excluded.lease_until, excluded.last_error, excluded.done_at)
";

const INSERT_EVENTS: &str = "
    insert into events (payment_request_id, number, at, what, details)
    select value ->> 'payment_request_id', value ->> 'number', value ->> 'at', value ->> 'what', value ->> 'details'
    from json_each($?)
";

const INSERT_ENTRIES: &str = "
    insert into ledger_entries (payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at)
    select value ->> 'payment_request_id', value ->> 'refund_request_id', value ->> 'kind', value ->> 'account',
        value ->> 'contra_account', value ->> 'value', value ->> 'currency', value ->> 'at'
    from json_each($?)
";

reads!(SqliteConnection);
days!(SqliteConnection);
deployment!(SqliteConnection);

fn write_rows<T: serde::Serialize>(
    connection: &mut SqliteConnection,
    (table, statement): (&'static str, &'static str),
    rows: &[T],
) -> Result<(), DieselError> {
    if rows.is_empty() {
        return Ok(());
    }
    let written = SqlStatement::<_>::new(statement, vec![json(rows)?.as_str()]).execute(connection)?;
    ensure_written(table, rows.len(), written)
}

impl Dialect for SqliteConnection {
    const PREPARE: &'static str = PREPARE;

    fn writing<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError> {
        // A deferred transaction that reads first cannot wait for the lock when it comes to write: it fails as busy at once.
        self.immediate_transaction(work)
    }

    fn take_time(&mut self) -> Result<(), DieselError> {
        // Nothing limits it: there is one writer, and it waits for nobody.
        Ok(())
    }

    fn reading<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, DieselError>) -> Result<T, DieselError> {
        self.transaction(work)
    }

    fn check_writable(&mut self) -> Result<(), DieselError> {
        self.writing(|connection| connection.batch_execute("select 1 from cases limit 0"))
    }

    fn lock_and_load(&mut self, ids: &[String], _opening: &[String]) -> Result<LoadedRows, DieselError> {
        self.load(ids)
    }

    fn lock_due(&mut self, now: DateTime<Utc>, limit: u32) -> Result<Vec<String>, DieselError> {
        use crate::schema::reversals;
        let now = now.timestamp_micros();
        let free = reversals::lease_until.is_null().or(reversals::lease_until.le(now));
        let due = reversals::table.filter(reversals::state.eq("open").and(reversals::next_attempt_at.le(now)).and(free));
        let due = due.order(reversals::next_attempt_at).limit(i64::from(limit));
        due.select(reversals::payment_request_id).load(self)
    }

    fn write(&mut self, writes: &Writes) -> Result<(), DieselError> {
        write_rows(self, ("cases", WRITE_CASES), &writes.cases)?;
        write_rows(self, ("refunds", WRITE_REFUNDS), &writes.refunds)?;
        write_rows(self, ("reversals", WRITE_REVERSALS), &writes.reversals)?;
        write_rows(self, ("events", INSERT_EVENTS), &writes.events)?;
        write_rows(self, ("ledger_entries", INSERT_ENTRIES), &writes.entries)
    }

    fn clock(&mut self) -> Result<Option<DateTime<Utc>>, DieselError> {
        Ok(None)
    }
}
