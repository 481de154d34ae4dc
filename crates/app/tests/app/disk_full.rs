//! What the system gives comes to its end. The disk is full: nothing is answered that is not durable, nothing that was answered is lost, and it
//! goes on once there is room again. Open files: the process takes as many as the system allows, also where its shell allows fewer.

use std::process::Command;

use testkit::process::Process;
use testkit::{Deployment, TestEngine, loopback};

/// Limits how large a file the process may write, in bytes; past it a write fails as it does on a full disk.
fn limit_files(process: &Process, largest: &str) {
    // The soft limit only: a hard one cannot be taken back.
    let (pid, limit) = (process.id().to_string(), format!("--fsize={largest}:"));
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}

async fn counted(process: &Process, metric: &str) -> u64 {
    let text = loopback().get(format!("http://{}/metrics", process.wallet_api)).send().await.unwrap().text().await.unwrap();
    let lines = text.lines().filter(|line| line.starts_with(metric));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

async fn is_paid(process: &Process, id: &str) {
    assert_eq!(process.wallet.announce(id, &format!("user-of-{id}"), 1000).await.unwrap(), "proceed");
    assert_eq!(process.wallet.report(id, "S").await.unwrap(), "stands");
}

async fn is_back(process: &Process, id: &str) {
    let known = process.wallet.payment(id).await.unwrap();
    assert_eq!(known["cancellation"]["resultStatus"], "S", "{known:#}");
    assert_eq!(process.wallet.balance(&format!("user-of-{id}")).await.unwrap(), 0, "{id}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_answered_u_and_loses_nothing() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start_ignoring_file_limits().await;
    for id in ["before", "during"] {
        is_paid(&process, id).await;
    }
    assert_eq!(process.alipayplus.cancel("before").await.unwrap().brief(), "S SUCCESS");

    limit_files(&process, "1");
    for _ in 0..3 {
        assert_eq!(process.alipayplus.cancel("during").await.unwrap().brief(), "U UNKNOWN_EXCEPTION");
        assert_eq!(process.alipayplus.cancel("never-seen").await.unwrap().brief(), "U UNKNOWN_EXCEPTION");
        let refused = process.wallet.announce("late", "user-of-late", 1000).await.unwrap_err();
        assert!(refused.starts_with("503"), "{refused}");
    }
    assert_eq!(process.alipayplus.cancel("before").await.unwrap().brief(), "S SUCCESS", "a repeat writes nothing");
    is_back(&process, "before").await;
    assert_eq!(process.wallet.balance("user-of-during").await.unwrap(), -1000, "what was not answered S moved nothing");
    assert_eq!(counted(&process, "rescind_batch_replays_total").await, 9);
    assert_eq!(counted(&process, r#"rescind_commands_not_decided_total{reason="unavailable"}"#).await, 9);
    let is_logged = process.log().into_iter().any(|line| line.contains("the cancel is answered U") && line.contains("during"));
    assert!(is_logged, "{:?}", process.log());

    limit_files(&process, "unlimited");
    assert_eq!(process.alipayplus.cancel("during").await.unwrap().brief(), "S SUCCESS");
    assert_eq!(process.alipayplus.cancel("never-seen").await.unwrap().brief(), "S SUCCESS");
    assert_eq!(process.wallet.announce("never-seen", "user", 1000).await.unwrap(), "closed");
    is_paid(&process, "late").await;
    for id in ["before", "during"] {
        is_back(&process, id).await;
    }
    // The next process that reads the file finds the same.
    process.kill();
    drop(process);
    let process = deployment.start().await;
    for id in ["before", "during"] {
        is_back(&process, id).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_files_may_be_open_as_the_system_allows() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start_after("ulimit -S -n 64").await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|word| line.split_whitespace().nth(word).unwrap());
    assert_eq!(soft, hard, "{line}");
}
