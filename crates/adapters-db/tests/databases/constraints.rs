//! What the tables refuse by themselves, from any program that writes to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Reply;
use ports::testing::{Wallet, core_policy, ledger_policy};

use crate::fixtures::{Postgres, Sqlite, TestDatabase, decided, for_each_engine, paid};

type Row = &'static [(&'static str, &'static str)];

const UNKNOWN: Row = &[("bucket", "1"), ("payment_request_id", "'new'")];
const IN_PROGRESS: Row = &[
    ("bucket", "1"),
    ("payment_request_id", "'new'"),
    ("status", "'in-progress'"),
    ("acquirer_id", "'a'"),
    ("account", "'u'"),
    ("amount_value", "1000"),
    ("amount_currency", "'JPY'"),
    ("kind", "'payment'"),
    ("initiated_at", "0"),
];
const FENCE: Row = &[
    ("bucket", "1"),
    ("payment_request_id", "'new'"),
    ("cancellation", "'cancelled'"),
    ("cancel_acquirer_id", "'a'"),
    ("first_received_at", "1"),
    ("cancelled_at", "2"),
    ("result_code", "'SUCCESS'"),
];
const REFUND: Row = &[
    ("bucket", "1"),
    ("payment_request_id", "'known'"),
    ("refund_request_id", "'new'"),
    ("place", "1"),
    ("amount_value", "5"),
    ("amount_currency", "'JPY'"),
    ("state", "'reserved'"),
];
const REVERSAL: Row = &[
    ("bucket", "1"),
    ("payment_request_id", "'other'"),
    ("kind", "'refund'"),
    ("amount_value", "5"),
    ("amount_currency", "'JPY'"),
    ("opened_at", "1"),
    ("attempts", "0"),
    ("state", "'open'"),
    ("next_attempt_at", "1"),
];
const EVENT: Row = &[
    ("bucket", "1"),
    ("payment_request_id", "'known'"),
    ("number", "2"),
    ("at", "1"),
    ("what", "'succeeded'"),
    ("details", "'{}'"),
];
const DEFERRAL: Row =
    &[("bucket", "1"), ("payment_request_id", "'other'"), ("since", "1"), ("state", "'waiting'"), ("next_attempt_at", "1")];
const RECEIPT: Row = &[("bucket", "1"), ("payment_request_id", "'known'"), ("acquirer_id", "'b'"), ("received_at", "1")];
const RESOLUTION: Row = &[
    ("bucket", "1"),
    ("payment_request_id", "'other'"),
    ("number", "1"),
    ("note", "'paid'"),
    ("asked_by", "'ann'"),
    ("asked_at", "1"),
];
const ENTRY: Row = &[
    ("bucket", "1"),
    ("payment_request_id", "'known'"),
    ("kind", "'credit'"),
    ("account", "'u'"),
    ("contra_account", "'merchant payable'"),
    ("value", "5"),
    ("currency", "'JPY'"),
    ("at", "1"),
];
/// Succeeded, and settled on a day.
const SETTLED: Row = &[
    ("bucket", "1"),
    ("payment_request_id", "'new'"),
    ("status", "'succeeded'"),
    ("acquirer_id", "'a'"),
    ("account", "'u'"),
    ("amount_value", "1000"),
    ("amount_currency", "'JPY'"),
    ("kind", "'payment'"),
    ("initiated_at", "0"),
    ("completed_at", "1"),
    ("settlement_day", "'1970-01-01'"),
    ("settled_at", "9"),
];
const DAY: Row = &[("day", "'1970-01-01'"), ("revision", "0")];
const TERMS: Row = &[("psp_id", "'p'"), ("funds", "'ledger'"), ("payments", "'recorded'"), ("period", "'until 00:30'")];

/// What is there before.
const PRESENT: &str = "
    insert into cases (bucket, payment_request_id) values (1, 'known'), (1, 'other');
    insert into refunds (bucket, payment_request_id, refund_request_id, place, amount_value, amount_currency, state)
        values (1, 'known', 'old', 0, 5, 'JPY', 'reserved');
    insert into reversals (bucket, payment_request_id, kind, opened_at, attempts, state, next_attempt_at)
        values (1, 'known', 'void', 1, 0, 'open', 1);
    insert into deferrals (bucket, payment_request_id, since, state, next_attempt_at) values (1, 'known', 1, 'waiting', 1);
    insert into resolutions (bucket, payment_request_id, number, note, asked_by, asked_at) values (1, 'known', 1, 'paid', 'ann', 1);
    insert into receipts (bucket, payment_request_id, acquirer_id, received_at) values (1, 'known', 'a', 1);
    insert into events (bucket, payment_request_id, number, at, what, details)
        values (1, 'known', 1, 1, 'payment-recorded', '{}');
    insert into ledger_entries (bucket, payment_request_id, kind, account, contra_account, value, currency, at)
        values (1, 'known', 'debit', 'u', 'merchant payable', 5, 'JPY', 1);
";

fn insert(table: &str, row: Row, changes: Row) -> String {
    let kept = row.iter().filter(|(column, _)| changes.iter().all(|(changed, _)| changed != column));
    let (columns, values): (Vec<_>, Vec<_>) = kept.chain(changes).copied().unzip();
    format!("insert into {table} ({}) values ({})", columns.join(", "), values.join(", "))
}

/// A change of a legal row, and the constraint that it breaks.
const ILLEGAL: &[(&str, Row, Row, &str)] = &[
    ("cases", IN_PROGRESS, &[("status", "'S'"), ("completed_at", "1")], "cases_status_known"),
    ("cases", IN_PROGRESS, &[("account", "null")], "cases_payment_whole"),
    ("cases", IN_PROGRESS, &[("amount_currency", "null")], "cases_payment_whole"),
    ("cases", UNKNOWN, &[("initiated_at", "1")], "cases_payment_whole"),
    ("cases", IN_PROGRESS, &[("amount_value", "0")], "cases_amounts_whole"),
    ("cases", IN_PROGRESS, &[("settlement_value", "-1"), ("settlement_currency", "'JPY'")], "cases_amounts_whole"),
    ("cases", IN_PROGRESS, &[("fee_value", "0"), ("fee_currency", "'JPY'")], "cases_amounts_whole"),
    ("cases", IN_PROGRESS, &[("settlement_value", "5")], "cases_amounts_whole"),
    ("cases", IN_PROGRESS, &[("fee_currency", "'JPY'")], "cases_amounts_whole"),
    ("cases", IN_PROGRESS, &[("kind", "'gift'")], "cases_kind_known"),
    ("cases", IN_PROGRESS, &[("completed_at", "1")], "cases_status_known"),
    ("cases", IN_PROGRESS, &[("status", "'succeeded'")], "cases_status_known"),
    (
        "cases",
        FENCE,
        &[("cancellation", "'maybe'"), ("cancelled_at", "null"), ("result_code", "null")],
        "cases_cancellation_known",
    ),
    ("cases", FENCE, &[("first_received_at", "null")], "cases_cancellation_received"),
    ("cases", FENCE, &[("cancel_acquirer_id", "null")], "cases_cancellation_received"),
    (
        "cases",
        FENCE,
        &[("cancellation", "'deferred'"), ("cancelled_at", "null"), ("result_code", "null")],
        "cases_cancellation_known",
    ),
    ("cases", FENCE, &[("cancellation", "'refused'"), ("cancelled_at", "null")], "cases_cancellation_known"),
    ("cases", FENCE, &[("cancelled_at", "null")], "cases_cancellation_known"),
    ("cases", FENCE, &[("cancellation", "'already-refunded'")], "cases_cancellation_known"),
    ("cases", FENCE, &[("result_code", "null")], "cases_cancellation_known"),
    ("cases", FENCE, &[("fee_value", "3"), ("fee_currency", "'JPY'")], "cases_cancelled_free"),
    ("refunds", REFUND, &[("amount_value", "0")], "refunds_amount_positive"),
    ("refunds", REFUND, &[("state", "'lost'"), ("completed_at", "1")], "refunds_state_known"),
    ("refunds", REFUND, &[("completed_at", "1")], "refunds_state_known"),
    ("refunds", REFUND, &[("state", "'failed'")], "refunds_state_known"),
    ("reversals", REVERSAL, &[("kind", "'gift'")], "reversals_kind_known"),
    ("reversals", REVERSAL, &[("amount_value", "0")], "reversals_amount_whole"),
    ("reversals", REVERSAL, &[("amount_currency", "null")], "reversals_amount_whole"),
    ("reversals", REVERSAL, &[("state", "'lost'"), ("next_attempt_at", "null")], "reversals_state_known"),
    ("reversals", REVERSAL, &[("state", "'parked'"), ("next_attempt_at", "null")], "reversals_state_known"),
    ("reversals", REVERSAL, &[("next_attempt_at", "null")], "reversals_state_known"),
    ("reversals", REVERSAL, &[("lease_attempt", "1")], "reversals_lease_whole"),
    (
        "reversals",
        REVERSAL,
        &[("state", "'done'"), ("done_at", "1"), ("next_attempt_at", "null"), ("lease_attempt", "1"), ("lease_until", "1")],
        "reversals_lease_whole",
    ),
    ("reversals", REVERSAL, &[("done_at", "1")], "reversals_state_known"),
    ("ledger_entries", ENTRY, &[("kind", "'debit'")], "ledger_entries_key"),
    ("ledger_entries", ENTRY, &[("value", "0")], "ledger_entries_positive"),
    ("ledger_entries", ENTRY, &[("kind", "'gift'")], "ledger_entries_sides"),
    ("ledger_entries", ENTRY, &[("contra_account", "'authorization holds'")], "ledger_entries_sides"),
    ("served_terms", TERMS, &[("only_one", "ANOTHER")], "served_terms_one_row"),
    ("cases", SETTLED, &[("status", "'failed'")], "cases_settlement_completed"),
    ("cases", SETTLED, &[("settlement_day", "null")], "cases_settlement_completed"),
    (
        "cases",
        SETTLED,
        &[("cancellation", "'open'"), ("cancel_acquirer_id", "'a'"), ("first_received_at", "1"), ("cancelled_at", "2")],
        "cases_settlement_completed",
    ),
    (
        "refunds",
        REFUND,
        &[("state", "'failed'"), ("completed_at", "1"), ("settlement_day", "'1970-01-01'")],
        "refunds_state_known",
    ),
    ("settlement_days", DAY, &[("closed_at", "1"), ("digest", "'0'")], "settlement_days_closed_whole"),
    // Keys.
    ("cases", UNKNOWN, &[("payment_request_id", "'known'")], "cases_key"),
    ("refunds", REFUND, &[("refund_request_id", "'old'")], "refunds_key"),
    ("reversals", REVERSAL, &[("payment_request_id", "'known'")], "reversals_key"),
    ("events", EVENT, &[("number", "1")], "events_key"),
    ("deferrals", DEFERRAL, &[("payment_request_id", "'known'")], "deferrals_key"),
    ("receipts", RECEIPT, &[("acquirer_id", "'a'")], "receipts_key"),
    ("resolutions", RESOLUTION, &[("payment_request_id", "'known'")], "resolutions_key"),
    // What is there for later.
    ("deferrals", DEFERRAL, &[("next_attempt_at", "null")], "deferrals_state_known"),
    ("deferrals", DEFERRAL, &[("state", "'parked'"), ("last_error", "'why'")], "deferrals_state_known"),
    ("deferrals", DEFERRAL, &[("state", "'parked'"), ("next_attempt_at", "null")], "deferrals_state_known"),
    ("deferrals", DEFERRAL, &[("state", "'lost'")], "deferrals_state_known"),
    ("cases", FENCE, &[("returned_at", "2")], "cases_returned_cancelled"),
    ("cases", SETTLED, &[("returned_at", "2")], "cases_returned_cancelled"),
    ("cases", FENCE, &[("told", "'nothing'")], "cases_told_known"),
    ("cases", FENCE, &[("refunded_elsewhere", "'some'")], "cases_refunded_elsewhere_known"),
    ("cases", FENCE, &[("refunded_elsewhere", "'all'"), ("refunded_elsewhere_value", "1")], "cases_refunded_elsewhere_known"),
    ("cases", FENCE, &[("refunded_elsewhere", "'amount'")], "cases_refunded_elsewhere_known"),
    ("cases", FENCE, &[("refunded_elsewhere", "'amount'"), ("refunded_elsewhere_value", "0")], "cases_refunded_elsewhere_known"),
];

/// Rows as decisions make them.
const LEGAL: &[(&str, Row, Row)] = &[
    ("cases", UNKNOWN, &[]),
    ("cases", IN_PROGRESS, &[]),
    ("cases", IN_PROGRESS, &[("kind", "'authorization'"), ("settlement_value", "7"), ("settlement_currency", "'CNY'")]),
    ("cases", IN_PROGRESS, &[("status", "'failed'"), ("completed_at", "1")]),
    ("cases", IN_PROGRESS, &[("status", "'succeeded'"), ("completed_at", "1"), ("fee_value", "3"), ("fee_currency", "'JPY'")]),
    ("cases", FENCE, &[]),
    ("cases", FENCE, &[("refusal", "'never-received'"), ("result_code", "'ORDER_NOT_EXIST'")]),
    ("cases", FENCE, &[("cancellation", "'open'"), ("result_code", "null")]),
    (
        "cases",
        FENCE,
        &[("cancellation", "'deferred'"), ("defer_reason", "'lookup-failed'"), ("cancelled_at", "null"), ("result_code", "null")],
    ),
    (
        "cases",
        FENCE,
        &[
            ("cancellation", "'refused'"),
            ("refusal", "'period-over'"),
            ("cancelled_at", "null"),
            ("result_code", "'PROCESS_FAIL'"),
        ],
    ),
    ("cases", FENCE, &[("cancellation", "'already-refunded'"), ("cancelled_at", "null")]),
    ("refunds", REFUND, &[]),
    ("refunds", REFUND, &[("state", "'succeeded'"), ("completed_at", "1")]),
    ("refunds", REFUND, &[("state", "'failed'"), ("completed_at", "1")]),
    ("reversals", REVERSAL, &[]),
    ("reversals", REVERSAL, &[("lease_attempt", "1"), ("lease_until", "9"), ("last_error", "'timeout'")]),
    ("reversals", REVERSAL, &[("kind", "'void'"), ("amount_value", "null"), ("amount_currency", "null")]),
    ("reversals", REVERSAL, &[("state", "'parked'"), ("next_attempt_at", "null"), ("last_error", "'closed'")]),
    ("reversals", REVERSAL, &[("state", "'done'"), ("next_attempt_at", "null"), ("done_at", "1")]),
    ("cases", SETTLED, &[]),
    (
        "cases",
        SETTLED,
        &[
            ("settled_at", "null"),
            ("cancellation", "'cancelled'"),
            ("cancel_acquirer_id", "'a'"),
            ("first_received_at", "1"),
            ("cancelled_at", "2"),
            ("result_code", "'SUCCESS'"),
            ("returned_at", "2"),
        ],
    ),
    ("cases", FENCE, &[("told", "'closed'"), ("refunded_elsewhere", "'part'")]),
    ("cases", FENCE, &[("told", "'reversed'"), ("refunded_elsewhere", "'amount'"), ("refunded_elsewhere_value", "1")]),
    ("deferrals", DEFERRAL, &[]),
    ("deferrals", DEFERRAL, &[("state", "'parked'"), ("next_attempt_at", "null"), ("last_error", "'why'")]),
    ("receipts", RECEIPT, &[]),
    ("resolutions", RESOLUTION, &[]),
    (
        "cases",
        SETTLED,
        &[
            ("settled_at", "null"),
            ("cancellation", "'open'"),
            ("cancel_acquirer_id", "'a'"),
            ("first_received_at", "1"),
            ("cancelled_at", "2"),
        ],
    ),
    ("refunds", REFUND, &[("state", "'succeeded'"), ("completed_at", "1"), ("settlement_day", "'1970-01-01'")]),
    ("settlement_days", DAY, &[]),
    ("settlement_days", DAY, &[("closed_at", "1"), ("digest", "'0'"), ("statement", "'{}'")]),
    ("events", EVENT, &[]),
    ("events", EVENT, &[("more", "'[[\"cancelled\"]]'"), ("actor", "'token-1'")]),
    ("ledger_entries", ENTRY, &[]),
    ("ledger_entries", ENTRY, &[("kind", "'debit'"), ("refund_request_id", "'r'")]),
    ("ledger_entries", ENTRY, &[("kind", "'hold'"), ("contra_account", "'authorization holds'")]),
    ("ledger_entries", ENTRY, &[("kind", "'release'"), ("contra_account", "'authorization holds'")]),
    ("served_terms", TERMS, &[]),
];

fn is_broken_here(constraint: &str) -> bool {
    ILLEGAL.iter().any(|(.., broken)| *broken == constraint)
}

#[test]
fn every_named_constraint_is_broken_here() {
    // Keys that PostgreSQL named itself are those of the small tables.
    let of_postgres = "
        select conname::text as value from pg_constraint join pg_class on conrelid = pg_class.oid
        where relnamespace = 'public'::regnamespace and relname not like '%diesel%' and conname not like '%\\_pkey'";
    let of_postgres = Postgres::migrated().texts(of_postgres);
    let of_sqlite = Sqlite::migrated().texts("select sql as value from sqlite_master where type = 'table'");
    let named = of_sqlite.iter().flat_map(|table| table.lines());
    let named = named.filter_map(|line| line.trim_start().strip_prefix("constraint ")?.split(' ').next());
    for named in [of_postgres.iter().map(String::as_str).collect::<BTreeSet<_>>(), named.collect()] {
        assert!(named.len() > 25, "{named:?}");
        for constraint in named {
            assert!(is_broken_here(constraint), "nothing breaks {constraint}");
        }
    }
}

#[test]
fn postgres_refuses_each_illegal_row_by_that_constraint_alone() {
    let database = Postgres::migrated();
    database.execute(PRESENT).unwrap();
    for (table, row, changes, constraint) in ILLEGAL {
        let insert = insert(table, row, changes).replace("ANOTHER", "false");
        let refused = database.execute(&insert).expect_err(&insert).to_string();
        assert!(refused.contains(&format!("\"{constraint}\"")), "{insert}: {refused}");
        // Without the constraint the row is taken, so it is the only one in the way.
        let without = format!("begin; alter table {table} drop constraint {constraint} cascade; {insert}; rollback");
        database.execute(&without).unwrap_or_else(|error| panic!("{insert}: {error}"));
    }
}

/// SQLite names checks as the schema does, and keys by their columns.
fn named_by_sqlite(constraint: &str) -> String {
    let beside = match constraint {
        "cases_key" | "reversals_key" | "deferrals_key" | "resolutions_key" => vec![],
        "refunds_key" => vec!["refund_request_id"],
        "receipts_key" => vec!["acquirer_id"],
        "events_key" => vec!["number"],
        "ledger_entries_key" => vec!["kind", "refund_request_id"],
        check => return check.to_owned(),
    };
    let table = constraint.trim_end_matches("_key");
    let columns = ["bucket", "payment_request_id"].into_iter().chain(beside).map(|column| format!("{table}.{column}"));
    format!("UNIQUE constraint failed: {}", columns.collect::<Vec<_>>().join(", "))
}

#[test]
fn sqlite_refuses_each_illegal_row_by_its_constraint() {
    let database = Sqlite::migrated();
    database.execute(PRESENT).unwrap();
    for (table, row, changes, constraint) in ILLEGAL {
        let insert = insert(table, row, changes).replace("ANOTHER", "0");
        let refused = database.execute(&insert).expect_err(&insert).to_string();
        assert!(refused.ends_with(&named_by_sqlite(constraint)), "{insert}: {refused}");
    }
}

for_each_engine!(
    rows_as_decisions_make_them_are_taken,
    nothing_is_written_beside_a_case_that_has_no_row,
    f10_a_second_credit_or_reversal_is_refused_by_the_database,
    f10_without_its_key_the_ledger_is_credited_once_all_the_same,
);

async fn rows_as_decisions_make_them_are_taken(database: &impl TestDatabase) {
    database.execute(PRESENT).unwrap();
    for (table, row, changes) in LEGAL {
        let insert = insert(table, row, changes);
        database.execute(&format!("begin; {insert}; rollback")).unwrap_or_else(|error| panic!("{insert}: {error}"));
    }
}

/// No key of another table looks for the case's row: every commit writes that row as well, and fails where it is not there.
async fn nothing_is_written_beside_a_case_that_has_no_row(database: &impl TestDatabase) {
    let counts = || {
        let tables = ["refunds", "reversals", "events", "ledger_entries"];
        tables.map(|table| database.number(&format!("select cast(count(*) as text) as value from {table}")))
    };
    let (by_ledger, by_core) = (database.open(ledger_policy()), database.open(core_policy()));
    let wallets = [paid(&by_ledger, "lost-1").await, paid(&by_core, "lost-2").await];
    // For every writer the rows are as good as gone.
    let lose = database.in_its_sql(
        "create function lose() returns trigger language plpgsql as $$ begin return null; end $$;
         create trigger lose before update on cases for each row execute function lose()",
        "create trigger lose before update on cases begin select raise(ignore); end",
    );
    database.execute(lose).unwrap();
    let before = counts();
    for (store, wallet) in [(&by_ledger, &wallets[0]), (&by_core, &wallets[1])] {
        for command in [wallet.refunds("r", 1), wallet.is_cancelled()] {
            let outcome = store.decide(vec![command]).await.remove(0);
            let refused = outcome.expect_err("its case has no row").to_string();
            assert!(refused.contains("0 of 1 rows were written to cases"), "{refused}");
            assert_eq!(counts(), before);
        }
    }
}

/// The locking is not the only thing between a user and money given twice.
async fn f10_a_second_credit_or_reversal_is_refused_by_the_database(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "given-back").await;
    assert_eq!(
        decided(&store, vec![wallet.is_cancelled()]).await,
        [Reply::Cancel(domain::CancelReply::Answered(domain::Answer::Cancelled))]
    );
    let again = "insert into ledger_entries (bucket, payment_request_id, kind, account, contra_account, value, currency, at)
                 select bucket, payment_request_id, kind, account, contra_account, value, currency, at
                 from ledger_entries where kind = 'credit'";
    assert!(database.execute(again).unwrap_err().to_string().to_lowercase().contains("unique constraint"));
    let opened = "insert into reversals (bucket, payment_request_id, kind, opened_at, attempts, state, done_at)
                  select bucket, payment_request_id, 'refund', returned_at, 1, 'done', returned_at from cases";
    database.execute(opened).expect("the first row of a reversal");
    let again = "insert into reversals (bucket, payment_request_id, kind, opened_at, attempts, state, done_at)
                 select bucket, payment_request_id, kind, opened_at, attempts, state, done_at from reversals";
    assert!(database.execute(again).unwrap_err().to_string().to_lowercase().contains("unique constraint"));
    let credits = "select cast(count(*) as text) as value from ledger_entries where kind = 'credit'";
    assert_eq!(database.number(credits), 1);
    assert_eq!(decided(&store, vec![Wallet::of("given-back").is_cancelled()]).await.len(), 1);
}

/// Nor is the key the only thing: without it the locking is enough.
async fn f10_without_its_key_the_ledger_is_credited_once_all_the_same(database: &impl TestDatabase) {
    let stores = [database.open(ledger_policy()), database.open(ledger_policy())];
    let wallets = [paid(&stores[0], "hot-1").await, paid(&stores[0], "hot-2").await];
    let without_key = database.in_its_sql(
        "alter table ledger_entries drop constraint ledger_entries_key",
        "create table plain as select * from ledger_entries; drop table ledger_entries;
         alter table plain rename to ledger_entries",
    );
    database.execute(without_key).unwrap();
    let twice = "insert into ledger_entries
                     (bucket, payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at)
                 select bucket, payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at from ledger_entries";
    database.execute(&format!("begin; {twice}; rollback")).expect("nothing refuses a second entry any more");
    let callers = (0..100).map(|n| {
        let (store, cancels) = (Arc::clone(&stores[n % 2]), wallets.each_ref().map(Wallet::is_cancelled).to_vec());
        tokio::spawn(async move { decided(&store, cancels).await })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap(), [Reply::Cancel(domain::CancelReply::Answered(domain::Answer::Cancelled)); 2]);
    }
    let credits = "select cast(count(*) as text) as value from ledger_entries where kind = 'credit'";
    assert_eq!(database.number(credits), 2);
}
