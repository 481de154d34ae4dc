//! `rescind settlement export`, and what the day answers afterwards.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use ports::testing::{Wallet, ledger_policy};
use serde_json::json;
use testkit::wallet::payment_of;
use testkit::{Deployment, TestEngine, for_each_engine};

use crate::settlement::fixtures::{DAY, HEADER, a_day_of_three, decided, later, paid, stores};

for_each_engine! {
    a_closed_day_is_a_file_and_an_answer_and_the_end_of_cancelling
    a_day_that_was_left_out_is_told_of_with_every_later_one
    a_day_that_cannot_be_closed_says_why_and_leaves_no_file
}

const EXPORT: [&str; 6] = ["settlement", "export", "--day", DAY, "--out", "statement.csv"];

fn sentence(deployment: &Deployment, args: &[&str]) -> String {
    let output = deployment.run(args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    assert_eq!(output.stdout, b"");
    String::from_utf8(output.stderr).unwrap()
}

async fn a_closed_day_is_a_file_and_an_answer_and_the_end_of_cancelling(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let (cases, _) = stores(&deployment, &ledger_policy());
    a_day_of_three(&cases).await;
    let process = deployment.start().await;
    let path = format!("/settlement/{DAY}");
    assert!(process.wallet.get(&path).await.unwrap_err().contains("409"));
    let text = deployment.succeed(&EXPORT);
    let file = std::fs::read_to_string(deployment.dir().join("statement.csv")).unwrap();
    let noon = "acquirer-1,2026-03-01T12:00:00+08:00";
    let rows = [
        HEADER.to_owned(),
        format!("PAYMENT,kept,,,{noon},1000,JPY,3,JPY"),
        format!("PAYMENT,refunded,,,{noon},700,JPY,3,JPY"),
        format!("REFUND,refunded,,r1,{noon},200,JPY,,"),
    ];
    assert_eq!(file.lines().collect::<Vec<_>>(), rows);
    assert!(file.ends_with('\n') && !file.contains('\r'));
    let sum = Command::new("sha256sum").arg("statement.csv").current_dir(deployment.dir()).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let digest = sum.split(' ').next().unwrap();
    assert!(text.contains("2 payments and 1 refunds settle") && text.contains("left out: 1 cancelled"), "{text}");
    assert!(text.ends_with(&sum), "{text}");

    let statement = process.wallet.get(&path).await.unwrap();
    assert_eq!((&statement["digest"], &statement["payments"]["count"]), (&json!(digest), &json!(2)));
    assert_eq!(statement["leftOut"][0]["paymentRequestIds"], json!(["cancelled"]));
    assert_eq!(process.alipayplus.cancel_for("acquirer-1", "kept").await.unwrap().brief(), "F PROCESS_FAIL");
    assert_eq!(process.alipayplus.cancel_for("acquirer-1", "cancelled").await.unwrap().brief(), "S SUCCESS");
    assert!(deployment.succeed(&["explain", "kept"]).contains("settlement   settles in the statement of 2026-03-01"));
    assert!(deployment.succeed(&["explain", "cancelled"]).contains("left out of the statement of 2026-03-01"));
    let events = process.wallet.payment("kept").await.unwrap()["events"].clone();
    assert!(events.as_array().unwrap().iter().any(|event| event["what"] == "settled" && event["day"] == DAY), "{events}");

    std::fs::write(deployment.dir().join("statement.csv"), "something else").unwrap();
    assert_eq!(deployment.succeed(&EXPORT), text);
    assert_eq!(std::fs::read_to_string(deployment.dir().join("statement.csv")).unwrap(), file, "{engine:?}");
}

#[tokio::test]
async fn a_late_success_is_in_the_next_open_day() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let (cases, _) = stores(&deployment, &ledger_policy());
    assert!(deployment.succeed(&EXPORT).contains("0 payments and 0 refunds settle\n"));
    assert_eq!(std::fs::read_to_string(deployment.dir().join("statement.csv")).unwrap(), format!("{HEADER}\n"));
    paid(&cases, &Wallet::of("late")).await;
    deployment.succeed(&EXPORT);
    assert_eq!(std::fs::read_to_string(deployment.dir().join("statement.csv")).unwrap().lines().count(), 1);
    let text = deployment.succeed(&["settlement", "export", "--day", "2026-03-02", "--out", "next.csv"]);
    assert!(text.contains("1 payments and 0 refunds settle, 1 of them late"), "{text}");
    let next = std::fs::read_to_string(deployment.dir().join("next.csv")).unwrap();
    assert!(next.contains("PAYMENT,late,,,acquirer-1,2026-03-01T12:00:00+08:00,1000"), "{next}");
}

/// A timer that failed once must not leave a day behind that nobody hears of again.
async fn a_day_that_was_left_out_is_told_of_with_every_later_one(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let (cases, _) = stores(&deployment, &ledger_policy());
    for days in 0..9 {
        paid(&cases, &Wallet { at: later(days), ..Wallet::of(&format!("of-day-{days}")) }).await;
    }
    let export = |day: &str| deployment.succeed(&["settlement", "export", "--day", day, "--out", "statement.csv"]);
    assert!(!export("2026-03-01").contains("still open"));
    assert!(export("2026-03-03").contains("\nstill open, with something to settle: 2026-03-02\n"));
    let text = export("2026-03-09");
    let named = "2026-03-02, 2026-03-04, 2026-03-05, 2026-03-06, 2026-03-07 and 1 more";
    assert!(text.contains(&format!("\nstill open, with something to settle: {named}\n")), "{text}");
    export("2026-03-02");
    assert!(!export("2026-03-03").contains("still open"));
}

async fn a_day_that_cannot_be_closed_says_why_and_leaves_no_file(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let (cases, _) = stores(&deployment, &ledger_policy());
    a_day_of_three(&cases).await;
    let kept = Wallet::of("kept");
    decided(&cases, vec![kept.refunds("running", 1), kept.is_cancelled()]).await;
    let why = sentence(&deployment, &EXPORT);
    let expected = "the day 2026-03-01 is not closed: the cancels of 1 of its payments are not decided yet (kept)";
    assert_eq!(why, format!("rescind: {expected}\n"));
    let why = sentence(&deployment, &["settlement", "export", "--day", "9999-12-30", "--out", "statement.csv"]);
    let until = "its payments can be cancelled until 9999-12-31T00:30:00+08:00 (exclusive)";
    assert!(why.ends_with(&format!("{until}\n")), "{why}");
    assert!(!deployment.dir().join("statement.csv").exists());

    decided(&cases, vec![kept.reports_refund("running", domain::ReportedResult::Failed)]).await;
    assert!(deployment.succeed(&EXPORT).contains("1 payments and 1 refunds settle"), "{engine:?}");
}

/// A closing with another grace than the answers have would settle what can still be cancelled.
#[tokio::test]
async fn a_day_is_closed_by_the_period_that_is_served_and_no_other() {
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    deployment.set("cancellable_period.grace", "15m");
    drop(deployment.start().await);
    deployment.succeed(&EXPORT);
    deployment.set("cancellable_period.grace", "0s");
    let why = sentence(&deployment, &EXPORT);
    assert!(why.contains("until 00:30 Asia/Shanghai with a grace of 900000 ms") && why.contains("config adopt"), "{why}");
    deployment.succeed(&["config", "adopt"]);
    deployment.succeed(&EXPORT);
}

#[test]
fn a_day_is_named_in_one_form() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    for day in ["2026-3-1", "yesterday", "2026-02-30"] {
        let output = deployment.run(&["settlement", "export", "--day", day, "--out", "x"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("must be a day in the form YYYY-MM-DD"));
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_the_day_is_written_later() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let why = sentence(&deployment, &["settlement", "export", "--day", DAY, "--out", "nowhere/statement.csv"]);
    assert!(why.starts_with("rescind: the day 2026-03-01 is closed, but nowhere/statement.csv is not written: "), "{why}");
    let locked = deployment.dir().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::create_dir(locked.join("statement.csv")).unwrap();
    sentence(&deployment, &["settlement", "export", "--day", DAY, "--out", "locked/statement.csv"]);
    assert_eq!(std::fs::read_dir(&locked).unwrap().count(), 1, "nothing is left over");
    deployment.succeed(&EXPORT);
    let mode = std::fs::metadata(deployment.dir().join("statement.csv")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "what users paid is nobody else's");
}

#[tokio::test]
async fn a_case_changed_behind_our_back_is_found_out() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let (cases, _) = stores(&deployment, &ledger_policy());
    a_day_of_three(&cases).await;
    deployment.succeed(&EXPORT);
    let file = deployment.dir().join("statement.csv");
    let before = std::fs::read(&file).unwrap();
    let change = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
                  c.execute(\"update cases set amount_value = 999 where payment_request_id = 'kept'\"); c.commit()";
    let changed = Command::new("python3").args(["-c", change]).arg(deployment.dir().join("rescind.db")).status().unwrap();
    assert!(changed.success());
    let why = sentence(&deployment, &EXPORT);
    assert!(why.contains("its cases were changed behind Rescind's back"), "{why}");
    assert_eq!(std::fs::read(&file).unwrap(), before, "the good file stays");
}

#[test]
fn a_wallet_whose_core_keeps_the_payments_has_no_statement() {
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    for (key, value) in [("funds.kind", "http"), ("payments.kind", "core")] {
        deployment.set(key, value);
    }
    let why = sentence(&deployment, &EXPORT);
    assert!(why.contains("payments.kind is \"core\": the wallet core keeps the payments"), "{why}");
}

#[tokio::test]
async fn what_is_paid_today_can_still_be_cancelled() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    let payment = payment_of("user-1", 5);
    let today = payment["initiatedAt"].as_str().unwrap().to_owned();
    process.wallet.announce_as("P1", &payment).await.unwrap();
    process.wallet.report("P1", "S").await.unwrap();
    let today = chrono::DateTime::parse_from_rfc3339(&today).unwrap().to_utc();
    let day = domain::ClearingDay::of(today).to_string();
    let why = sentence(&deployment, &["settlement", "export", "--day", &day, "--out", "statement.csv"]);
    assert!(why.contains("its payments can be cancelled until"), "{why}");
    assert!(later(0) < today);
}
