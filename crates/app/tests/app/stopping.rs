//! SIGTERM under load, and a log that cannot be written.

use std::fs::{File, OpenOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use testkit::process::Process;
use testkit::{Deployment, TestEngine};
use tokio::task::JoinSet;

/// Callers that go on until they are refused.
const CALLERS: usize = 16;

async fn accepted_work_is_finished(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let process = Arc::new(deployment.start().await);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (process, answered) = (Arc::clone(&process), Arc::clone(&answered));
        callers.spawn(async move {
            let mut cancelled = Vec::new();
            loop {
                let id = format!("stop-{caller}-{}", cancelled.len());
                let Ok(answer) = process.alipayplus.cancel(&id).await else { return (cancelled, id) };
                assert_eq!(answer.brief(), "S SUCCESS");
                cancelled.push(id);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    while answered.load(Ordering::Relaxed) < 20 * CALLERS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.ask_to_stop();
    let callers = callers.join_all().await;
    let status = Arc::into_inner(process).unwrap().end();
    assert!(status.success(), "{status}");

    let process = deployment.start().await;
    for (cancelled, refused) in callers {
        for id in cancelled {
            assert_eq!(process.wallet.payment(&id).await.unwrap()["cancellation"]["state"], "cancelled", "{id}");
        }
        // A request that met a closed door may have been decided or not; asked again, it has the one answer.
        assert_eq!(process.alipayplus.cancel(&refused).await.unwrap().brief(), "S SUCCESS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f44_accepted_work_is_finished_on_sigterm_on_sqlite() {
    accepted_work_is_finished(TestEngine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f44_accepted_work_is_finished_on_sigterm_on_postgresql() {
    accepted_work_is_finished(TestEngine::Postgres).await;
}

async fn answers_without_a_log(log: Option<File>) {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = Process::start_logging_to(&deployment, log).await;
    for number in 0..50 {
        assert_eq!(process.alipayplus.cancel(&format!("unlogged-{number}")).await.unwrap().brief(), "S SUCCESS");
    }
    assert!(process.stop().success());
}

#[tokio::test]
async fn a_log_that_nobody_reads_costs_no_answer() {
    answers_without_a_log(None).await;
}

#[tokio::test]
async fn a_log_on_a_full_disk_costs_no_answer() {
    answers_without_a_log(Some(OpenOptions::new().write(true).open("/dev/full").unwrap())).await;
}
