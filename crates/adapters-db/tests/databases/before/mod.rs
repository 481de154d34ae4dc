//! A database as the version before leaves it, and what that version writes.

use adapters_db::{Migrated, MigrationRun};
use diesel::backend::Backend;
use diesel::connection::SimpleConnection;
use diesel::migration::MigrationSource;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};
use serde_json::{Map, Value, json};

use crate::fixtures::{Postgres, Sqlite, TestDatabase};
use crate::migrations::{POSTGRES, SQLITE};

/// How many states `cases.sql` knows.
const STATES: i64 = 36;

/// How many cases [`OldForm::before`] makes.
pub(crate) const CASES: i64 = 4 * STATES;

/// A database whose schema can be that of the version before.
pub(crate) trait OldForm: TestDatabase {
    /// Takes so many more migrations, or as many as there are.
    fn take(&self, count: usize);

    fn try_next(&self) -> bool;

    /// Undoes the last migrations.
    fn undo(&self, count: usize);

    /// Writes rows by the statements of the version before: a list of rows for each table, by its name.
    fn written_before(&self, rows: &Value);

    /// The database with cases in every state, served by the version before.
    fn filled(self) -> Self
    where
        Self: Sized,
    {
        self.take(2);
        let numbers = (0..CASES).map(|n| format!("({n})")).collect::<Vec<_>>().join(", ");
        let script = format!(
            "create table numbers (n bigint); insert into numbers values {numbers}; {} drop table numbers;
             insert into served_terms (psp_id, funds, payments, period)
             values ('psp-1', 'ledger', 'recorded', 'until 00:30 Asia/Shanghai');",
            include_str!("cases.sql")
        );
        self.execute(&script).unwrap();
        self
    }

    fn run(&self, finish: bool) -> Result<Migrated, String> {
        let run = MigrationRun { finish, ..MigrationRun::quiet() };
        self.open_database(1).migrate_with(&run).map_err(|error| error.to_string())
    }

    /// All that is known of all cases, from the tables of the version before.
    fn seen_before(&self) -> Vec<String> {
        let rows = |table: &str, columns: &[&str]| (table.to_owned(), columns.join(", "), table.to_owned());
        self.seen(COLUMNS.map(|(table, columns)| rows(table, columns)).to_vec())
    }

    /// The same from the tables by bucket.
    fn seen_now(&self) -> Vec<String> {
        let lines = self.in_its_sql(
            "select payment_request_id, (number + place)::integer, coalesce((line ->> 2)::bigint, at), line ->> 0,
                 coalesce((line -> 1)::text, '{}')
             from events cross join lateral json_array_elements(more::json) with ordinality as lines (line, place)
             where more is not null",
            "select payment_request_id, number + 1 + lines.key, coalesce(lines.value ->> 2, at), lines.value ->> 0,
                 coalesce(lines.value -> 1, '{}')
             from events join json_each(more) as lines where more is not null",
        );
        let booked = "select payment_request_id, case kind when 'payment' then 'refund' else 'release' end, amount_value,
            amount_currency, returned_at, 1, 'done', null, null, null, null, returned_at
            from cases where returned_at is not null
                and not exists (select 1 from reversals as r where r.payment_request_id = cases.payment_request_id)";
        let rows = |(table, columns): (&str, &[&str])| {
            let (columns, more) = (
                columns.join(", "),
                match table {
                    "reversals" => format!("union all {booked}"),
                    "events" => format!("union all {lines}"),
                    _ => String::new(),
                },
            );
            (table.to_owned(), columns.clone(), format!("(select {columns} from {table} {more}) as rows_of"))
        };
        self.seen(COLUMNS.map(rows).to_vec())
    }

    fn seen(&self, tables: Vec<(String, String, String)>) -> Vec<String> {
        let array = self.in_its_sql("json_build_array", "json_array");
        let query = |(table, columns, rows): &(String, String, String)| {
            format!("select '{table} ' || cast({array}({columns}) as text) as value from {rows}")
        };
        let mut seen = self.texts(&tables.iter().map(query).collect::<Vec<_>>().join(" union all "));
        seen.sort_unstable();
        seen
    }
}

/// Everything that the version before knows of a case.
pub(crate) const COLUMNS: [(&str, &[&str]); 5] = [
    (
        "cases",
        &[
            "payment_request_id",
            "status",
            "acquirer_id",
            "account",
            "amount_value",
            "amount_currency",
            "settlement_value",
            "settlement_currency",
            "kind",
            "initiated_at",
            "payment_id",
            "completed_at",
            "fee_value",
            "fee_currency",
            "cancellation",
            "cancel_acquirer_id",
            "first_received_at",
            "defer_reason",
            "cancelled_at",
            "refusal",
            "result_code",
            "settled_at",
            "last_event",
            "settlement_day",
        ],
    ),
    (
        "refunds",
        &[
            "payment_request_id",
            "refund_request_id",
            "place",
            "amount_value",
            "amount_currency",
            "state",
            "completed_at",
            "settlement_day",
        ],
    ),
    (
        "reversals",
        &[
            "payment_request_id",
            "kind",
            "amount_value",
            "amount_currency",
            "opened_at",
            "attempts",
            "state",
            "next_attempt_at",
            "lease_attempt",
            "lease_until",
            "last_error",
            "done_at",
        ],
    ),
    ("events", &["payment_request_id", "number", "at", "what", "details"]),
    (
        "ledger_entries",
        &["payment_request_id", "refund_request_id", "kind", "account", "contra_account", "value", "currency", "at", "position"],
    ),
];

fn take<B, C>(connection: &mut C, migrations: EmbeddedMigrations, count: usize)
where
    B: Backend,
    C: MigrationHarness<B>,
    EmbeddedMigrations: MigrationSource<B>,
{
    let pending = connection.pending_migrations(migrations).unwrap();
    for migration in pending.iter().take(count) {
        connection.run_migration(migration).unwrap();
    }
}

impl OldForm for Postgres {
    fn take(&self, count: usize) {
        take(&mut self.connection(), POSTGRES, count);
    }

    fn try_next(&self) -> bool {
        self.connection().run_next_migration(POSTGRES).is_ok()
    }

    fn undo(&self, count: usize) {
        for _ in 0..count {
            self.connection().revert_last_migration(POSTGRES).unwrap();
        }
    }

    fn written_before(&self, rows: &Value) {
        let literal =
            |value: &Value| value.as_str().map_or_else(|| value.to_string(), |text| format!("'{}'", text.replace('\'', "''")));
        let column = |table: &str, column: &&str| {
            let cells = rows[table].as_array().into_iter().flatten().map(|row| literal(&row[*column]));
            let type_of = if is_number(column) { "bigint" } else { "text" };
            format!("array[{}]::{type_of}[]", cells.collect::<Vec<_>>().join(", "))
        };
        let is_position = |column: &&&str| **column != "position";
        let columns = COLUMNS.iter().flat_map(|(table, columns)| {
            columns.iter().filter(is_position).map(move |name| column(table, name)).collect::<Vec<_>>()
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let mut connection = self.connection();
        connection.batch_execute(include_str!("postgres.sql")).unwrap();
        let ids = column("cases", &"payment_request_id");
        connection.batch_execute(&format!("begin; execute insert_missing ({ids}); execute write ({columns}); commit")).unwrap();
    }
}

fn is_number(column: &str) -> bool {
    let counts = ["place", "attempts", "lease_attempt", "lease_until", "number", "last_event"];
    counts.contains(&column) || ["at", "value"].iter().any(|end| column == *end || column.ends_with(&format!("_{end}")))
}

impl OldForm for Sqlite {
    fn take(&self, count: usize) {
        take(&mut self.connection(), SQLITE, count);
    }

    fn try_next(&self) -> bool {
        self.connection().run_next_migration(SQLITE).is_ok()
    }

    fn undo(&self, count: usize) {
        let mut connection = self.connection();
        connection.batch_execute("pragma foreign_keys = off").unwrap();
        for _ in 0..count {
            connection.revert_last_migration(SQLITE).unwrap();
        }
    }

    fn written_before(&self, rows: &Value) {
        let write = |connection: &mut SqliteConnection| {
            for statement in include_str!("sqlite.sql").split("-- ").skip(2) {
                let (table, statement) = statement.split_once('\n').unwrap();
                let rows = rows[table].clone();
                if !rows.is_null() {
                    let statement = diesel::sql_query(statement.trim_end().trim_end_matches(';'));
                    statement.bind::<Text, _>(rows.to_string()).execute(connection)?;
                }
            }
            Ok::<_, diesel::result::Error>(())
        };
        self.connection().immediate_transaction(write).unwrap();
    }
}

/// A payment that succeeded, as the version before writes it in one batch.
pub(crate) fn paid_before(id: &str) -> Value {
    json!({
        "cases": [paid_case(id)],
        "events": [line(id, 1, "payment-recorded", "{\"amount\":\"7 JPY\"}"), line(id, 2, "succeeded", "{}")],
        "ledger_entries": [entry(id, "debit")],
    })
}

/// The cancel of such a payment.
pub(crate) fn cancelled_before(id: &str) -> Value {
    let mut case = paid_case(id);
    let cancel = json!({
        "cancellation": "cancelled", "cancel_acquirer_id": "acquirer-1", "first_received_at": 30, "cancelled_at": 31,
        "result_code": "SUCCESS", "last_event": 6,
    });
    case.extend(cancel.as_object().unwrap().clone());
    json!({
        "cases": [case],
        "reversals": [{
            "payment_request_id": id, "kind": "refund", "amount_value": 7, "amount_currency": "JPY", "opened_at": 31, "attempts": 1,
            "state": "done", "done_at": 31,
        }],
        "events": [
            line(id, 3, "cancel-received", "{}"), line(id, 4, "cancelled", "{\"rule\":\"money-taken\"}"),
            line(id, 5, "reversal-opened", "{\"amount\":\"7 JPY\"}"), line(id, 6, "reversal-done", "{}"),
        ],
        "ledger_entries": [entry(id, "credit")],
    })
}

fn paid_case(id: &str) -> Map<String, Value> {
    let case = json!({
        "payment_request_id": id, "status": "succeeded", "acquirer_id": "acquirer-1", "account": "user-1", "amount_value": 7,
        "amount_currency": "JPY", "kind": "payment", "initiated_at": 10, "completed_at": 11, "last_event": 2,
    });
    case.as_object().unwrap().clone()
}

fn line(id: &str, number: i32, what: &str, details: &str) -> Value {
    json!({ "payment_request_id": id, "number": number, "at": 10 + number, "what": what, "details": details })
}

fn entry(id: &str, kind: &str) -> Value {
    json!({
        "payment_request_id": id, "refund_request_id": "", "kind": kind, "account": "user-1", "contra_account": "merchant payable",
        "value": 7, "currency": "JPY", "at": 12,
    })
}
