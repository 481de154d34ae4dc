//! One payment, cancelled by everybody at once, over real processes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use common::process::Process;
use common::{Deployment, Engine};
use tokio::task::JoinSet;

/// Cancels the same payment so often in parallel, and so often one after another.
const TIMES: usize = 1000;
/// The different answers to all of them. As Alipay+ does it, no answer or U is asked again.
async fn cancels_in_parallel(processes: &Arc<Vec<Process>>, id: &'static str) -> BTreeSet<String> {
    let mut callers = JoinSet::new();
    for caller in 0..TIMES {
        let processes = Arc::clone(processes);
        callers.spawn(async move {
            let alipayplus = &processes[caller % processes.len()].alipayplus;
            loop {
                match alipayplus.cancel(id).await {
                    Ok(answer) if answer.status != "U" => return answer.brief(),
                    Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        });
    }
    callers.join_all().await.into_iter().collect()
}

async fn a_thousand_times_twice(engine: Engine, processes: usize) {
    let deployment = Deployment::on(engine);
    let mut running = Vec::new();
    for _ in 0..processes {
        running.push(deployment.start().await);
    }
    let running = Arc::new(running);
    let wallet = &running[0].wallet;
    assert_eq!(wallet.announce("hot", "user", 1000).await.unwrap(), "proceed");
    assert_eq!(wallet.report("hot", "S").await.unwrap(), "stands");
    assert_eq!(wallet.balance("user").await.unwrap(), -1000);

    assert_eq!(cancels_in_parallel(&running, "hot").await, BTreeSet::from(["S SUCCESS".to_owned()]));
    let recorded = wallet.payment("hot").await.unwrap();
    for time in 0..TIMES {
        let answer = running[time % processes].alipayplus.cancel("hot").await.unwrap();
        assert_eq!(answer.brief(), "S SUCCESS", "{time}");
    }
    let account = wallet.account("user").await.unwrap();
    let kinds: Vec<_> = account["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].clone()).collect();
    assert_eq!(kinds, ["debit", "credit"]);
    assert_eq!(wallet.balance("user").await.unwrap(), 0);
    assert_eq!(wallet.payment("hot").await.unwrap(), recorded, "a repeat writes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_two_processes_on_postgresql_credit_once() {
    a_thousand_times_twice(Engine::Postgres, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_one_process_on_sqlite_credits_once() {
    a_thousand_times_twice(Engine::Sqlite, 1).await;
}
