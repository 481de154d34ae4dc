//! What the tables refuse by themselves, from any program that writes to them.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Reply;
use ports::testing::{Wallet, ledger_policy};

use crate::fixtures::{Postgres, Sqlite, TestDatabase, decided, for_each_engine, paid};

type Row = &'static [(&'static str, &'static str)];

const UNKNOWN: Row = &[("payment_request_id", "'new'")];
const IN_PROGRESS: Row = &[
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
    ("payment_request_id", "'new'"),
    ("cancellation", "'cancelled'"),
    ("cancel_acquirer_id", "'a'"),
    ("first_received_at", "1"),
    ("cancelled_at", "2"),
    ("result_code", "'SUCCESS'"),
];
const REFUND: Row = &[
    ("payment_request_id", "'known'"),
    ("refund_request_id", "'new'"),
    ("place", "1"),
    ("amount_value", "5"),
    ("amount_currency", "'JPY'"),
    ("state", "'reserved'"),
];
const REVERSAL: Row = &[
    ("payment_request_id", "'other'"),
    ("kind", "'refund'"),
    ("amount_value", "5"),
    ("amount_currency", "'JPY'"),
    ("opened_at", "1"),
    ("attempts", "0"),
    ("state", "'open'"),
    ("next_attempt_at", "1"),
];
const EVENT: Row =
    &[("payment_request_id", "'known'"), ("number", "2"), ("at", "1"), ("what", "'succeeded'"), ("details", "'{}'")];
const ENTRY: Row = &[
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
    insert into cases (payment_request_id) values ('known'), ('other');
    insert into refunds (payment_request_id, refund_request_id, place, amount_value, amount_currency, state)
        values ('known', 'old', 0, 5, 'JPY', 'reserved');
    insert into reversals (payment_request_id, kind, opened_at, attempts, state, next_attempt_at)
        values ('known', 'void', 1, 0, 'open', 1);
    insert into events values ('known', 1, 1, 'payment-recorded', '{}');
    insert into ledger_entries (payment_request_id, kind, account, contra_account, value, currency, at)
        values ('known', 'debit', 'u', 'merchant payable', 5, 'JPY', 1);
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
    ("cases", IN_PROGRESS, &[("amount_value", "0")], "cases_amount_positive"),
    ("cases", IN_PROGRESS, &[("settlement_value", "-1"), ("settlement_currency", "'JPY'")], "cases_amount_positive"),
    ("cases", IN_PROGRESS, &[("fee_value", "0"), ("fee_currency", "'JPY'")], "cases_amount_positive"),
    ("cases", IN_PROGRESS, &[("settlement_value", "5")], "cases_amounts_whole"),
    ("cases", IN_PROGRESS, &[("fee_currency", "'JPY'")], "cases_amounts_whole"),
    ("cases", IN_PROGRESS, &[("kind", "'gift'")], "cases_kind_known"),
    ("cases", IN_PROGRESS, &[("completed_at", "1")], "cases_result_dated"),
    ("cases", IN_PROGRESS, &[("status", "'succeeded'")], "cases_result_dated"),
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
        "cases_deferral_explained",
    ),
    ("cases", FENCE, &[("cancellation", "'refused'"), ("cancelled_at", "null")], "cases_refusal_explained"),
    ("cases", FENCE, &[("cancelled_at", "null")], "cases_cancelled_dated"),
    ("cases", FENCE, &[("cancellation", "'already-refunded'")], "cases_cancelled_dated"),
    ("cases", FENCE, &[("result_code", "null")], "cases_answer_kept"),
    ("cases", FENCE, &[("fee_value", "3"), ("fee_currency", "'JPY'")], "cases_cancelled_free"),
    ("refunds", REFUND, &[("amount_value", "0")], "refunds_amount_positive"),
    ("refunds", REFUND, &[("state", "'lost'"), ("completed_at", "1")], "refunds_state_known"),
    ("refunds", REFUND, &[("completed_at", "1")], "refunds_result_dated"),
    ("refunds", REFUND, &[("state", "'failed'")], "refunds_result_dated"),
    ("reversals", REVERSAL, &[("kind", "'gift'")], "reversals_kind_known"),
    ("reversals", REVERSAL, &[("amount_value", "0")], "reversals_amount_positive"),
    ("reversals", REVERSAL, &[("amount_currency", "null")], "reversals_amount_whole"),
    ("reversals", REVERSAL, &[("state", "'lost'"), ("next_attempt_at", "null")], "reversals_state_known"),
    ("reversals", REVERSAL, &[("state", "'parked'"), ("next_attempt_at", "null")], "reversals_parked_explained"),
    ("reversals", REVERSAL, &[("next_attempt_at", "null")], "reversals_open_due"),
    ("reversals", REVERSAL, &[("lease_attempt", "1")], "reversals_lease_whole"),
    (
        "reversals",
        REVERSAL,
        &[("state", "'done'"), ("done_at", "1"), ("next_attempt_at", "null"), ("lease_attempt", "1"), ("lease_until", "1")],
        "reversals_lease_whole",
    ),
    ("reversals", REVERSAL, &[("done_at", "1")], "reversals_done_dated"),
    ("ledger_entries", ENTRY, &[("kind", "'debit'")], "ledger_entries_once"),
    ("ledger_entries", ENTRY, &[("value", "0")], "ledger_entries_positive"),
    ("ledger_entries", ENTRY, &[("kind", "'gift'")], "ledger_entries_sides"),
    ("ledger_entries", ENTRY, &[("contra_account", "'authorization holds'")], "ledger_entries_sides"),
    ("served_terms", TERMS, &[("only_one", "ANOTHER")], "served_terms_one_row"),
    ("cases", SETTLED, &[("status", "'failed'")], "cases_settlement_completed"),
    ("cases", SETTLED, &[("settlement_day", "null")], "cases_settled_on_a_day"),
    (
        "cases",
        SETTLED,
        &[("cancellation", "'open'"), ("cancel_acquirer_id", "'a'"), ("first_received_at", "1"), ("cancelled_at", "2")],
        "cases_settled_or_cancelled",
    ),
    (
        "refunds",
        REFUND,
        &[("state", "'failed'"), ("completed_at", "1"), ("settlement_day", "'1970-01-01'")],
        "refunds_settlement_completed",
    ),
    ("settlement_days", DAY, &[("closed_at", "1"), ("digest", "'0'")], "settlement_days_closed_whole"),
    // Keys, which have the names that the engine gives them.
    ("cases", UNKNOWN, &[("payment_request_id", "'known'")], "cases_pkey"),
    ("refunds", REFUND, &[("refund_request_id", "'old'")], "refunds_pkey"),
    ("reversals", REVERSAL, &[("payment_request_id", "'known'")], "reversals_pkey"),
    ("events", EVENT, &[("number", "1")], "events_pkey"),
    ("refunds", REFUND, &[("payment_request_id", "'nobody'")], "refunds_payment_request_id_fkey"),
    ("reversals", REVERSAL, &[("payment_request_id", "'nobody'")], "reversals_payment_request_id_fkey"),
    ("ledger_entries", ENTRY, &[("payment_request_id", "'nobody'")], "ledger_entries_payment_request_id_fkey"),
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
    ("ledger_entries", ENTRY, &[]),
    ("ledger_entries", ENTRY, &[("kind", "'debit'"), ("refund_request_id", "'r'")]),
    ("ledger_entries", ENTRY, &[("kind", "'hold'"), ("contra_account", "'authorization holds'")]),
    ("ledger_entries", ENTRY, &[("kind", "'release'"), ("contra_account", "'authorization holds'")]),
    ("served_terms", TERMS, &[]),
];

#[test]
fn every_named_constraint_is_broken_here() {
    let broken: BTreeSet<_> = ILLEGAL.iter().map(|(.., constraint)| *constraint).collect();
    for schema in [
        concat!(
            include_str!("../../../../migrations/postgres/0001_cases/up.sql"),
            include_str!("../../../../migrations/postgres/0002_settlement/up.sql"),
        ),
        concat!(
            include_str!("../../../../migrations/sqlite/0001_cases/up.sql"),
            include_str!("../../../../migrations/sqlite/0002_settlement/up.sql"),
        ),
    ] {
        let adding = |line: &'static str| line.trim_start().trim_start_matches("add ").strip_prefix("constraint ");
        let named: Vec<_> = schema.lines().filter_map(adding).filter_map(|rest| rest.split(' ').next()).collect();
        assert!(named.len() > 25, "{named:?}");
        for constraint in named {
            assert!(broken.contains(constraint), "nothing breaks {constraint}");
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
fn named_by_sqlite(constraint: &str) -> &str {
    match constraint {
        "cases_pkey" => "UNIQUE constraint failed: cases.payment_request_id",
        "refunds_pkey" => "UNIQUE constraint failed: refunds.payment_request_id, refunds.refund_request_id",
        "reversals_pkey" => "UNIQUE constraint failed: reversals.payment_request_id",
        "events_pkey" => "UNIQUE constraint failed: events.payment_request_id, events.number",
        "settlement_days_pkey" => "UNIQUE constraint failed: settlement_days.day",
        "ledger_entries_once" => {
            "UNIQUE constraint failed: ledger_entries.payment_request_id, ledger_entries.kind, ledger_entries.refund_request_id"
        }
        key if key.ends_with("_fkey") => "FOREIGN KEY constraint failed",
        check => check,
    }
}

#[test]
fn sqlite_refuses_each_illegal_row_by_its_constraint() {
    let database = Sqlite::migrated();
    database.execute(PRESENT).unwrap();
    for (table, row, changes, constraint) in ILLEGAL {
        let insert = insert(table, row, changes).replace("ANOTHER", "0");
        let refused = database.execute(&insert).expect_err(&insert).to_string();
        assert!(refused.ends_with(named_by_sqlite(constraint)), "{insert}: {refused}");
    }
}

for_each_engine!(
    rows_as_decisions_make_them_are_taken,
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

/// The locking is not the only thing between a user and money given twice.
async fn f10_a_second_credit_or_reversal_is_refused_by_the_database(database: &impl TestDatabase) {
    let store = database.open(ledger_policy());
    let wallet = paid(&store, "given-back").await;
    assert_eq!(
        decided(&store, vec![wallet.is_cancelled()]).await,
        [Reply::Cancel(domain::CancelReply::Answered(domain::Answer::Cancelled))]
    );
    let again = "insert into ledger_entries (payment_request_id, kind, account, contra_account, value, currency, at)
                 select payment_request_id, kind, account, contra_account, value, currency, at
                 from ledger_entries where kind = 'credit'";
    assert!(database.execute(again).unwrap_err().to_string().to_lowercase().contains("unique constraint"));
    let again = "insert into reversals (payment_request_id, kind, opened_at, attempts, state, done_at)
                 select payment_request_id, kind, opened_at, attempts, state, done_at from reversals";
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
        "alter table ledger_entries drop constraint ledger_entries_once",
        "create table plain as select * from ledger_entries; drop table ledger_entries;
         alter table plain rename to ledger_entries",
    );
    database.execute(without_key).unwrap();
    let twice = "insert into ledger_entries (payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at)
                 select payment_request_id, refund_request_id, kind, account, contra_account, value, currency, at from ledger_entries";
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
