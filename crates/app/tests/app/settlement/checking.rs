//! `rescind settlement check`: what is found, how it is printed, and with which code it ends.

use std::io::Write;
use std::process::Output;

use flate2::Compression;
use flate2::write::GzEncoder;
use ports::testing::{Wallet, core_policy, ledger_policy};
use serde_json::{Value, json};
use testkit::{Deployment, TestEngine, for_each_engine};

use crate::settlement::fixtures::{DAY, SUCCEEDED, a_day_of_three, decided, stores};

for_each_engine! {
    files_that_agree_with_a_closed_day_end_with_code_zero
    a_cancelled_payment_in_a_file_fails_the_gate
    every_difference_is_told_to_people_and_to_machines
    refunds_of_two_payments_may_have_the_same_id
}

pub(crate) const DETAILS: &str = "transactionId,originalTransactionId,transactionRequestId,transactionType,transactionTime,\
                                  transactionAmountValue,transactionCurrency,settlementAmountValue,settlementCurrency";

/// A line of a detail file.
pub(crate) fn line(id: &str, kind: &str, minor: &str) -> String {
    format!("T-{id},,{id},{kind},2026-03-01T09:15:00+08:00,{minor},JPY,{minor},JPY")
}

/// What lines settle in all, where each of them is as [`line`] makes it.
fn net_of(lines: &[String]) -> i64 {
    let settles = |line: &String| {
        let fields: Vec<_> = line.split(',').collect();
        let minor: i64 = fields.get(7).and_then(|minor| minor.parse().ok()).unwrap_or_default();
        if fields.get(3) == Some(&"REFUND") { -minor } else { minor }
    };
    lines.iter().map(settles).sum()
}

/// A detail file of these lines, with its summary.
pub(crate) fn details(lines: &[String]) -> String {
    let summary = format!("totalCount,netAmountValue,netCurrency,direction\n{},{},JPY,D\n", lines.len(), net_of(lines));
    let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
    format!("{summary}{DETAILS}\n{lines}")
}

pub(crate) fn write(deployment: &Deployment, name: &str, content: impl AsRef<[u8]>) {
    std::fs::write(deployment.dir().join(name), content).unwrap();
}

pub(crate) fn check(deployment: &Deployment, args: &[&str]) -> Output {
    deployment.run(&[&["settlement", "check"], args].concat())
}

/// What the check printed, where it ended with that code.
fn text_of(output: &Output, code: i32) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

async fn with_three(engine: TestEngine) -> Deployment {
    let deployment = Deployment::on(engine);
    a_day_of_three(&stores(&deployment, &ledger_policy()).0).await;
    deployment
}

fn all_that_settles() -> Vec<String> {
    vec![line("kept", "PAYMENT", "1000"), line("refunded", "PAYMENT", "700"), line("r1", "REFUND", "200")]
}

async fn files_that_agree_with_a_closed_day_end_with_code_zero(engine: TestEngine) {
    let deployment = with_three(engine).await;
    write(&deployment, "items.csv", details(&all_that_settles()));
    let open = text_of(&check(&deployment, &["items.csv"]), 0);
    assert!(open.contains("2026-03-01 is not closed here"), "{open}");
    deployment.succeed(&["settlement", "export", "--day", DAY, "--out", "statement.csv"]);
    let expected = "3 lines of 1 files are read, and nothing is found\n\
                    3 lines are compared, 0 only looked at, 0 unknown, 0 unreadable\n\
                    the statement of 2026-03-01 was looked for in the files\n\
                    the gate is passed: no line is known to be a cancelled payment\n";
    assert_eq!(text_of(&check(&deployment, &["items.csv", "--strict"]), 0), expected, "{engine:?}");
}

async fn a_cancelled_payment_in_a_file_fails_the_gate(engine: TestEngine) {
    let deployment = with_three(engine).await;
    let mut lines = all_that_settles();
    lines.push(line("cancelled", "PAYMENT", "50"));
    write(&deployment, "items.csv", details(&lines));
    let found = text_of(&check(&deployment, &["items.csv"]), 3);
    assert!(found.contains("4 lines of 1 files are read, and this is found"), "{found}");
    assert!(found.contains("cancelled-but-present          1"), "{found}");
    assert!(
        found.lines().any(|row| row.starts_with("cancelled-but-present  cancelled") && row.ends_with("items.csv  7")),
        "{found}"
    );
    assert!(found.ends_with("the gate failed: a cancelled payment is settled, or costs a fee\n"), "{found}");
}

#[tokio::test]
async fn a_fee_on_a_cancelled_payment_fails_the_gate() {
    let deployment = with_three(TestEngine::Sqlite).await;
    deployment.succeed(&["settlement", "export", "--day", DAY, "--out", "statement.csv"]);
    let fees = "transactionRequestId,transactionType,feeAmountValue,feeCurrency\nkept,PAYMENT,2,JPY\nkept,PAYMENT,1,JPY\n\
                cancelled,PAYMENT,0,JPY\ncancelled,PAYMENT,0,JPY\n";
    write(&deployment, "fees.csv", fees);
    let none = "4 lines of 1 files are read, and nothing is found\n\
                4 lines are compared, 0 only looked at, 0 unknown, 0 unreadable\n\
                no file tells what settles, so what settled and is missing was not looked for\n\
                the gate is passed: no line is known to be a cancelled payment\n";
    for args in [&["fees.csv"][..], &["fees.csv", "--day", DAY]] {
        assert_eq!(text_of(&check(&deployment, args), 0), none, "a payment has fees of several kinds");
    }
    // The second kind of fee counts too.
    write(&deployment, "fees.csv", fees.replace("0,JPY\ncancelled,PAYMENT,0", "0,JPY\ncancelled,PAYMENT,1"));
    let found = text_of(&check(&deployment, &["fees.csv"]), 3);
    assert!(found.contains("fee-on-cancelled               1"), "{found}");
    assert!(!found.contains("settled-but-missing"), "a file of fees need not have everything: {found}");
}

/// A file in which everything is wrong that can be.
fn everything_wrong() -> String {
    let mut lines = vec![
        line("cancelled", "PAYMENT", "50"),
        line("nobody", "PAYMENT", "5"),
        line("nothing", "REFUND", "5"),
        line("running", "PAYMENT", "5"),
        line("kept", "payment", "999"),
        line("r1", "REFUND", "201"),
        line("r1", "REFUND", "201"),
    ];
    lines.push(line("other", "PAYMENT", "8").replace("8,JPY,8,JPY", "8,JPY,8,KRW"));
    details(&lines)
}

/// The same for fees.
const FEES: &str = "transactionRequestId,feeAmountValue,feeCurrency\nkept,4,JPY\n'kept,3,JPY\n";

async fn every_difference_is_told_to_people_and_to_machines(engine: TestEngine) {
    let deployment = with_three(engine).await;
    let (cases, _) = stores(&deployment, &ledger_policy());
    let other = Wallet { amount: 8, ..Wallet::of("other") };
    decided(&cases, vec![other.pays(), other.reports(SUCCEEDED), Wallet::of("running").pays()]).await;
    deployment.succeed(&["settlement", "export", "--day", DAY, "--out", "statement.csv"]);
    write(&deployment, "items.csv", everything_wrong());
    write(&deployment, "fees.csv", FEES);
    let found = text_of(&check(&deployment, &["items.csv", "fees.csv", "--csv", "found.csv", "--json", "found.json"]), 3);
    let counts = json!({
        "cancelled-but-present": 1, "settled-but-missing": 1, "unknown": 2, "not-completed": 1, "amount-differs": 1,
        "currency-differs": 1, "fee-differs": 1, "refund-mismatch": 2, "listed-twice": 1, "summary-differs": 1, "unreadable": 1,
    });
    let read = |name: &str| std::fs::read_to_string(deployment.dir().join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("found.json")).unwrap();
    assert_eq!((&report["counts"], &report["lines"], &report["gate"]), (&counts, &json!(10), &json!("failed")));
    let classes = ["compared", "onlyLookedAt", "unknown", "unreadable"].map(|class| report[class].as_u64().unwrap());
    assert_eq!(classes, [7, 0, 2, 1]);
    let of = |kind: &str| report["findings"].as_array().unwrap().iter().find(|one| one["finding"] == kind).unwrap();
    let missing = json!({"finding": "settled-but-missing", "paymentRequestId": "refunded", "recorded": "700 JPY"});
    assert_eq!(*of("settled-but-missing"), missing);
    let differs = json!({
        "finding": "amount-differs", "paymentRequestId": "kept", "listed": "999 JPY", "recorded": "1000 JPY",
        "file": "items.csv", "line": "8",
    });
    assert_eq!(*of("amount-differs"), differs);
    let csv = read("found.csv");
    assert_eq!(csv.lines().count(), 14, "{csv}");
    assert!(csv.starts_with("finding,paymentRequestId,refundRequestId,listed,recorded,file,line,why\n"));
    assert!(csv.contains("refund-mismatch,refunded,r1,201 JPY,200 JPY,items.csv,"), "{csv}");
    for (kind, count) in counts.as_object().unwrap() {
        let lines = found.lines().filter(|line| line.starts_with(kind)).count();
        assert_eq!(lines as u64, 1 + count.as_u64().unwrap(), "{kind}: one line counts, the others list\n{found}");
    }
}

#[tokio::test]
async fn f83_a_line_of_which_nothing_is_known_ends_with_code_two_unless_that_is_allowed() {
    let deployment = with_three(TestEngine::Sqlite).await;
    write(&deployment, "items.csv", details(&[line("nobody", "PAYMENT", "5")]));
    let found = text_of(&check(&deployment, &["items.csv"]), 2);
    assert!(found.contains("unknown                        1"), "{found}");
    assert!(found.contains("\n0 lines are compared, 0 only looked at, 1 unknown, 0 unreadable\n"), "{found}");
    assert!(found.contains("\nthe gate is in doubt: "), "{found}");
    for (args, code) in [(&["items.csv"][..], 0), (&["items.csv", "--strict"], 4)] {
        let mut command = deployment.command(&[&["settlement", "check"], args].concat());
        let output = command.env("RESCIND__SETTLEMENT__UNKNOWN_LINES", "allowed").output().unwrap();
        assert!(text_of(&output, code).contains("1 unknown, 0 unreadable\n"));
    }
}

#[tokio::test]
async fn f85_any_finding_ends_a_strict_check_with_code_four() {
    let deployment = with_three(TestEngine::Sqlite).await;
    write(&deployment, "items.csv", details(&[line("kept", "PAYMENT", "999")]));
    assert!(text_of(&check(&deployment, &["items.csv"]), 0).contains("amount-differs                 1"));
    text_of(&check(&deployment, &["items.csv", "--strict"]), 4);
    write(&deployment, "items.csv", details(&[line("kept", "PAYMENT", "999"), line("cancelled", "PAYMENT", "50")]));
    text_of(&check(&deployment, &["items.csv", "--strict"]), 3);
}

#[tokio::test]
async fn what_every_shape_of_the_same_file_says_is_the_same() {
    let deployment = with_three(TestEngine::Sqlite).await;
    let mut lines = all_that_settles();
    lines.push(line("cancelled", "PAYMENT", "50"));
    let plain = details(&lines);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(plain.as_bytes()).unwrap();
    let mixed: String = plain.lines().enumerate().map(|(n, line)| format!("{line}{}", ["\n", "\r\n"][n % 2])).collect();
    let quoted = plain.replace("T-kept,,", "\"T, \"\"kept\"\"\",\"\",");
    let backwards =
        plain.lines().skip(2).map(|line| line.split(',').rev().collect::<Vec<_>>().join(",") + "\n").collect::<String>();
    for (name, content) in [
        ("plain.csv", plain.clone().into_bytes()),
        ("packed.csv.gz", packed.finish().unwrap()),
        ("packed-under-a-plain-name.csv", {
            let mut again = GzEncoder::new(Vec::new(), Compression::best());
            again.write_all(plain.as_bytes()).unwrap();
            again.finish().unwrap()
        }),
        ("mark.csv", [b"\xef\xbb\xbf", plain.as_bytes()].concat()),
        ("mixed.csv", mixed.into_bytes()),
        ("quoted.csv", quoted.into_bytes()),
        ("backwards.csv", backwards.into_bytes()),
        ("ended.csv", format!("{plain}<END>\n").into_bytes()),
        ("unended.csv", plain.trim_end().as_bytes().to_vec()),
        ("uncounted.csv", plain.lines().skip(2).map(|line| format!("{line}\n")).collect::<String>().into_bytes()),
        ("uncounted-but-ended.csv", plain.lines().skip(2).chain(["<END>"]).collect::<Vec<_>>().join("\n").into_bytes()),
        ("returns.csv", plain.lines().skip(2).map(|line| format!("{line}\r")).collect::<String>().into_bytes()),
        ("blank.csv", format!("{plain}\n\n").into_bytes()),
    ] {
        write(&deployment, name, content);
        let found = text_of(&check(&deployment, &[name]), 3);
        assert!(found.contains("4 lines of 1 files"), "{name}: {found}");
        assert_eq!(found.lines().filter(|line| line.starts_with("cancelled-but-present")).count(), 2, "{name}: {found}");
        assert!(found.contains("0 unknown, 0 unreadable") && !found.contains("differs"), "{name}: {found}");
    }
}

#[tokio::test]
async fn an_empty_cycle_is_a_file_like_others() {
    let deployment = with_three(TestEngine::Sqlite).await;
    write(&deployment, "items.csv", details(&[]));
    let none = text_of(&check(&deployment, &["items.csv"]), 0);
    assert!(none.contains("0 lines of 1 files") && none.contains("--day names one"), "{none}");
    deployment.succeed(&["settlement", "export", "--day", DAY, "--out", "statement.csv"]);
    let missing = text_of(&check(&deployment, &["items.csv", "--day", DAY]), 0);
    assert!(missing.contains("settled-but-missing            3"), "{missing}");
}

#[tokio::test]
async fn several_files_are_one_check() {
    let deployment = with_three(TestEngine::Sqlite).await;
    deployment.succeed(&["settlement", "export", "--day", DAY, "--out", "statement.csv"]);
    let lines = all_that_settles();
    for (name, of_file) in [("one.csv", &lines[..1]), ("two.csv", &lines[1..]), ("again.csv", &lines[..1])] {
        write(&deployment, name, details(of_file));
    }
    let fees = "transactionRequestId,feeAmountValue,feeCurrency\nkept,3,JPY\nrefunded,3,JPY\n";
    write(&deployment, "fees.csv", fees);
    assert!(text_of(&check(&deployment, &["one.csv", "two.csv", "fees.csv"]), 0).contains("nothing is found"));
    assert!(text_of(&check(&deployment, &["one.csv", "fees.csv"]), 0).contains("settled-but-missing            2"));
    let twice = text_of(&check(&deployment, &["one.csv", "again.csv", "two.csv"]), 2);
    assert!(twice.contains("listed-twice                   1") && !twice.contains("missing  "), "{twice}");
}

/// A dispute and its end have the id of their payment, and what they are nobody knows here.
#[tokio::test]
async fn f85_what_is_neither_payment_nor_refund_is_counted_with_its_word_and_never_listed_twice() {
    let deployment = with_three(TestEngine::Sqlite).await;
    deployment.succeed(&["settlement", "export", "--day", DAY, "--out", "statement.csv"]);
    let long_ago = line("kept", "DISPUTE", "1000").replace("2026-03-01T", "2026-01-01T");
    let others = vec![long_ago.clone(), long_ago, line("refunded", "CAPTURE", "700")];
    write(&deployment, "items.csv", details(&[all_that_settles(), others].concat()));
    let expected = "6 lines of 1 files are read, and nothing is found\n\
                    3 lines are compared, 3 only looked at, 0 unknown, 0 unreadable\n\
                    neither payment nor refund by their type: CAPTURE 1, DISPUTE 2\n\
                    the statement of 2026-03-01 was looked for in the files\n\
                    the gate is passed: no line is known to be a cancelled payment\n";
    assert_eq!(text_of(&check(&deployment, &["items.csv"]), 0), expected);
    write(&deployment, "items.csv", details(&[line("cancelled", "VOID", "50")]));
    assert!(text_of(&check(&deployment, &["items.csv"]), 3).contains("cancelled-but-present          1"));
}

#[tokio::test]
async fn a_line_that_strayed_into_another_day_does_not_make_all_of_that_day_missing() {
    let deployment = with_three(TestEngine::Sqlite).await;
    for day in [DAY, "2026-02-28"] {
        deployment.succeed(&["settlement", "export", "--day", day, "--out", "statement.csv"]);
    }
    let mut lines = all_that_settles();
    lines[0] = lines[0].replace("2026-03-01T09:15:00", "2026-02-28T23:59:59");
    write(&deployment, "items.csv", details(&lines));
    let expected = "\nthe statement of 2026-03-01 was looked for in the files\n\
                    something is of 2026-02-28, which was not looked for; --day names one day\nthe gate is passed: ";
    let found = text_of(&check(&deployment, &["items.csv"]), 0);
    assert!(found.contains("and nothing is found\n") && found.contains(expected), "{found}");
    let other = text_of(&check(&deployment, &["items.csv", "--day", "2026-02-28"]), 0);
    let expected = "the statement of 2026-02-28 was looked for in the files\n\
                    something is of 2026-03-01, which was not looked for; --day names one day\n";
    assert!(other.contains(expected), "{other}");
    // A file of its own, as another currency has one.
    write(&deployment, "stray.csv", details(&lines[..1]));
    write(&deployment, "items.csv", details(&lines[1..]));
    let both = text_of(&check(&deployment, &["stray.csv", "items.csv"]), 0);
    assert!(both.contains("and nothing is found\n") && both.contains("\nthe statement of 2026-03-01 was looked for"), "{both}");
}

async fn refunds_of_two_payments_may_have_the_same_id(engine: TestEngine) {
    let deployment = with_three(engine).await;
    let (cases, _) = stores(&deployment, &ledger_policy());
    // Before and after it by its id, with other ends.
    let (before, after) = (Wallet::of("a-payment"), Wallet::of("z-payment"));
    for wallet in [&before, &after] {
        decided(&cases, vec![wallet.pays(), wallet.reports(SUCCEEDED), wallet.refunds("r1", 70)]).await;
    }
    decided(&cases, vec![before.reports_refund("r1", SUCCEEDED)]).await;
    decided(&cases, vec![after.reports_refund("r1", domain::ReportedResult::Failed), after.is_cancelled()]).await;
    deployment.succeed(&["settlement", "export", "--day", DAY, "--out", "statement.csv"]);
    let mut lines = all_that_settles();
    lines.extend([line("a-payment", "PAYMENT", "1000"), line("r1", "REFUND", "70")]);
    write(&deployment, "items.csv", details(&lines));
    let found = text_of(&check(&deployment, &["items.csv"]), 0);
    assert!(found.starts_with("5 lines of 1 files are read, and nothing is found"), "{engine:?}: {found}");
    // What agrees with none is no reason to take it for the cancelled one.
    write(
        &deployment,
        "items.csv",
        details(&lines).replace("REFUND,2026-03-01T09:15:00+08:00,70,JPY,70", "REFUND,2026-03-01T09:15:00+08:00,70,JPY,71"),
    );
    let found = text_of(&check(&deployment, &["items.csv"]), 0);
    assert!(found.contains("refund-mismatch                1"), "{engine:?}: {found}");
}

#[tokio::test]
async fn each_line_of_an_id_that_several_refunds_have_means_another_of_them() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let (cases, _) = stores(&deployment, &ledger_policy());
    let mut lines = Vec::new();
    for name in ["one", "two", "three"] {
        let wallet = Wallet::of(name);
        decided(&cases, vec![wallet.pays(), wallet.reports(SUCCEEDED)]).await;
        decided(&cases, vec![wallet.refunds("r1", 70), wallet.reports_refund("r1", SUCCEEDED)]).await;
        lines.extend([line(name, "PAYMENT", "1000"), line("r1", "REFUND", "70")]);
    }
    deployment.succeed(&["settlement", "export", "--day", DAY, "--out", "statement.csv"]);
    write(&deployment, "items.csv", details(&lines));
    let found = text_of(&check(&deployment, &["items.csv"]), 0);
    assert!(found.starts_with("6 lines of 1 files are read, and nothing is found"), "{found}");
}

#[tokio::test]
async fn columns_are_named_by_the_settings() {
    let mut deployment = with_three(TestEngine::Sqlite).await;
    let lines = details(&[line("cancelled", "PAYMENT", "50")]).replace("transactionRequestId", "Händler-Nr.");
    write(&deployment, "items.csv", lines);
    assert_eq!(check(&deployment, &["items.csv"]).status.code(), Some(2));
    deployment.set("settlement.columns.transaction_request_id", "Händler-Nr.");
    text_of(&check(&deployment, &["items.csv"]), 3);
}

#[tokio::test]
async fn where_the_core_keeps_the_payments_only_cancelled_ones_are_looked_for() {
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    let (cases, _) = stores(&deployment, &core_policy());
    decided(&cases, vec![Wallet::of("cancelled").is_cancelled()]).await;
    for (key, value) in [("funds.kind", "http"), ("payments.kind", "core")] {
        deployment.set(key, value);
    }
    write(&deployment, "items.csv", details(&[line("nobody", "PAYMENT", "5"), line("r9", "REFUND", "5")]));
    let none = text_of(&check(&deployment, &["items.csv"]), 0);
    assert!(none.contains("nothing is found") && none.contains("only cancelled ones were looked for"), "{none}");
    assert!(none.contains("nothing is known of 2 lines\n") && none.contains(" 2 unknown, 0 unreadable\n"), "{none}");
    write(&deployment, "items.csv", details(&["p-01", "p-02", "p-3"].map(|id| line(id, "PAYMENT", "5"))));
    assert!(text_of(&check(&deployment, &["items.csv"]), 2).contains("unknown                        1"));
    write(&deployment, "items.csv", details(&[line("cancelled", "PAYMENT", "50")]));
    text_of(&check(&deployment, &["items.csv"]), 3);
}

#[tokio::test]
async fn a_check_changes_nothing_and_needs_a_migrated_database() {
    let deployment = with_three(TestEngine::Sqlite).await;
    write(&deployment, "items.csv", everything_wrong());
    let before = ["kept", "refunded", "cancelled"].map(|id| deployment.succeed(&["explain", id]));
    check(&deployment, &["items.csv"]);
    assert_eq!(before, ["kept", "refunded", "cancelled"].map(|id| deployment.succeed(&["explain", id])));
    assert_eq!(check(&deployment, &["nowhere.csv"]).status.code(), Some(2));
    std::fs::remove_file(deployment.dir().join("rescind.db")).unwrap();
    assert_eq!(check(&deployment, &["items.csv"]).status.code(), Some(1));
}
