//! A file of many lines takes the memory of one with few.

use std::fmt::Write as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use ports::testing::{Wallet, ledger_policy};
use testkit::{Deployment, TestEngine};

use crate::settlement::checking::{DETAILS, line, write};
use crate::settlement::fixtures::{DAY, SUCCEEDED, decided, stores};

/// The most memory that a child used until it ended, in kB, and its exit code. It is read until it is gone, and only ever grows.
fn peak_of(mut child: Child) -> (u64, Option<i32>) {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let of_line = |line: &str| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok();
        peak = text.lines().find_map(of_line).unwrap_or(peak);
        if let Some(ended) = child.try_wait().unwrap() {
            return (peak, ended.code());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Checks a file with `count` transactions, all of which are found, and returns the peak in kB.
fn peak_with(deployment: &Deployment, count: usize, (kind, ends_with): (&str, i32)) -> u64 {
    let mut file = format!("{DETAILS}\n");
    for n in 0..count {
        // Far from sorted.
        let scattered = n.wrapping_mul(7_919) % count;
        let _ = writeln!(file, "{}", line(&format!("many-{scattered:08}"), kind, "1000"));
    }
    write(deployment, "items.csv", file);
    let mut command = deployment.command(&["settlement", "check", "items.csv", "--csv", "found.csv"]);
    let child = command.stdout(Stdio::null()).spawn().unwrap();
    let (peak, code) = peak_of(child);
    assert_eq!(code, Some(ends_with));
    let found = std::fs::read_to_string(deployment.dir().join("found.csv")).unwrap();
    assert_eq!(found.lines().count(), count + 1, "each is found once, in any order");
    peak
}

/// The larger file is five runs of the sorting: what is beyond a run is on the disk.
fn is_flat(deployment: &Deployment, kind: (&str, i32)) {
    let one_run = peak_with(deployment, 50_000, kind);
    let five_runs = peak_with(deployment, 250_000, kind);
    assert!(five_runs < 2 * one_run, "{one_run} kB for 50,000 lines and {five_runs} kB for 250,000");
}

/// None of the payments is known but the first, which is cancelled.
#[tokio::test]
async fn a_check_of_more_payments_than_are_held_takes_no_more_memory() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let (cases, _) = stores(&deployment, &ledger_policy());
    decided(&cases, vec![Wallet::of("many-00000000").is_cancelled()]).await;
    is_flat(&deployment, ("PAYMENT", 3));
}

/// Their files do not name the payments, and no refund of these ids is known.
#[test]
fn a_check_of_more_refunds_of_nothing_than_are_held_takes_no_more_memory() {
    is_flat(&Deployment::on(TestEngine::Sqlite), ("REFUND", 2));
}

/// The day of fifty thousand payments, on the database that large wallets use.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_payments_are_closed_written_and_compared() {
    let deployment = Deployment::on(TestEngine::Postgres);
    let (cases, _) = stores(&deployment, &ledger_policy());
    let names: Vec<_> = (0..50_000).map(|n| format!("many-{n:08}")).collect();
    for some in names.chunks(500) {
        let wallets: Vec<_> = some.iter().map(|name| Wallet::of(name)).collect();
        decided(&cases, wallets.iter().map(Wallet::pays).collect()).await;
        decided(&cases, wallets.iter().map(|wallet| wallet.reports(SUCCEEDED)).collect()).await;
    }
    let text = deployment.succeed(&["settlement", "export", "--day", DAY, "--out", "statement.csv"]);
    assert!(text.contains("50000 payments and 0 refunds settle\n  payments   50000000 JPY"), "{text}");
    let mut file = format!("{DETAILS}\n");
    for name in names.iter().rev() {
        let _ = writeln!(file, "{}", line(name, "PAYMENT", "1000"));
    }
    write(&deployment, "items.csv", &file);
    let text = deployment.succeed(&["settlement", "check", "items.csv"]);
    assert!(text.starts_with("50000 lines of 1 files are read, and nothing is found"), "{text}");
}
