//! What `scripts/bench` measures us against writes exactly the rows that we write, and no more.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use diesel::connection::SimpleConnection;
use domain::{
    AccountId, AcquirerId, Action, Cancel, Currency, Lookup, Money, PayResult, Payment, PaymentId, PaymentKind, PaymentRequestId,
    PaymentStatus, ReportedResult,
};
use ports::testing::{ledger_policy, moment};
use serde_json::{Map, Value};

use crate::fixtures::{Postgres, Sqlite, TestDatabase, decided};

const ID: &str = "bench-0000000001";
/// Its SHA-256 begins with 0xcc.
const BUCKET: u8 = 0xcc & 31;
const TABLES: [&str; 5] = ["cases", "refunds", "reversals", "events", "ledger_entries"];

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../benches").join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_a_moment(column: &str) -> bool {
    column == "at" || column.ends_with("_at")
}

/// Everything that stands in the tables, but for when it happened and which number a row got.
fn rows(database: &impl TestDatabase, as_json: impl Fn(&str) -> String) -> BTreeSet<String> {
    let timeless = |table: &str, row: String| {
        let row: Map<String, Value> = serde_json::from_str(&row).unwrap();
        let kept = row
            .into_iter()
            .filter(|(column, value)| !(is_a_moment(column) || matches!(column.as_str(), "position" | "xid")) || value.is_null());
        format!("{table} {}", Value::Object(kept.collect()))
    };
    let of_table = |table: &&str| {
        let rows = database.texts(&format!("select {} as value from {table}", as_json(table)));
        rows.into_iter().map(|row| timeless(table, row)).collect::<Vec<_>>()
    };
    TABLES.iter().flat_map(of_table).collect()
}

fn rows_of_postgres(database: &Postgres) -> BTreeSet<String> {
    rows(database, |table| format!("to_jsonb({table})::text"))
}

fn rows_of_sqlite(database: &Sqlite) -> BTreeSet<String> {
    rows(database, |table| {
        let columns = database.texts(&format!("select name as value from pragma_table_info('{table}')"));
        let members: Vec<_> = columns.iter().map(|column| format!("'{column}', {column}")).collect();
        format!("json_object({})", members.join(", "))
    })
}

async fn do_to_the_case(database: &impl TestDatabase, action: Action) {
    let id = PaymentRequestId::parse(ID).unwrap();
    let command = domain::Command { id, at: moment(1), action };
    let store = database.open_database(1).store(ledger_policy());
    decided(&store, vec![ports::ReceivedCommand { command, arrived: Instant::now() }]).await;
}

/// As the wallet's two calls record it.
async fn pay(database: &impl TestDatabase) {
    let amount = Money::new(2, Currency::parse("JPY").unwrap()).unwrap();
    let payment = Payment {
        acquirer_id: AcquirerId::parse("1022188000000000001").unwrap(),
        account: AccountId::parse("account-1").unwrap(),
        amount,
        settlement_amount: None,
        kind: PaymentKind::Payment,
        initiated_at: moment(0),
        payment_id: None,
        status: PaymentStatus::InProgress,
    };
    do_to_the_case(database, Action::Pay(payment)).await;
    let payment_id = Some(PaymentId::parse("P-1").unwrap());
    let result = PayResult { result: ReportedResult::Succeeded, completed_at: moment(1), payment_id, fee: None, reason: None };
    do_to_the_case(database, Action::Result(result)).await;
}

async fn cancel(database: &impl TestDatabase) {
    let acquirer_id = AcquirerId::parse("1022188000000000001").unwrap();
    do_to_the_case(database, Action::Cancel(Cancel::now(acquirer_id, Lookup::Recorded))).await;
}

fn seeded_postgres() -> Postgres {
    let database = Postgres::migrated();
    succeed(
        Command::new("psql")
            .args(["-q", "-v", "ON_ERROR_STOP=1", "-v", "payments=1", &database.url(), "-f"])
            .arg(file("seed.sql")),
    );
    database
}

fn seeded_sqlite() -> Sqlite {
    let database = Sqlite::migrated();
    let buckets = format!("create temporary table buckets (n, bucket); insert into buckets values (1, {BUCKET});");
    database.execute(&(buckets + &text("seed-sqlite.sql").replace(":payments", "1"))).unwrap();
    database
}

/// pgbench, which stands with the server where it is not on the path.
fn pgbench() -> Command {
    let servers = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let beside = servers.map(|version| version.path().join("bin/pgbench")).find(|program| program.exists());
    Command::new(beside.unwrap_or_else(|| "pgbench".into()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seeded_payment_is_one_that_the_wallets_calls_recorded() {
    let (ours, seeded) = (Postgres::migrated(), seeded_postgres());
    pay(&ours).await;
    assert_eq!(rows_of_postgres(&seeded), rows_of_postgres(&ours));
    let (ours, seeded) = (Sqlite::migrated(), seeded_sqlite());
    pay(&ours).await;
    assert_eq!(rows_of_sqlite(&seeded), rows_of_sqlite(&ours));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_script_for_pgbench_cancels_with_the_rows_that_we_write() {
    let ours = seeded_postgres();
    cancel(&ours).await;
    let ours = rows_of_postgres(&ours);
    assert_eq!(ours.len(), 6, "a case, three commits of its timeline and two entries: {ours:?}");
    for script in ["cancel-one-statement.sql", "cancel-separate-statements.sql"] {
        let database = seeded_postgres();
        let given = ["-n", "-M", "prepared", "-c", "1", "-t", "1", "-D", "first=1", "-D", "clients=1", "-D", "i=0", "-f"];
        succeed(pgbench().args(given).arg(file(script)).arg(database.url()));
        assert_eq!(rows_of_postgres(&database), ours, "{script}");
    }
}

fn of_the_case(script: &str) -> String {
    script.replace(":id", &format!("'{ID}'")).replace(":bucket", &BUCKET.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_for_sqlite_cancels_with_the_rows_that_we_write() {
    let ours = seeded_sqlite();
    cancel(&ours).await;
    let alone = seeded_sqlite();
    alone.connection().batch_execute(&of_the_case(&text("cancel-sqlite.sql"))).unwrap();
    assert_eq!(rows_of_sqlite(&alone), rows_of_sqlite(&ours));
}
