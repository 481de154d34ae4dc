//! One payment, cancelled by everybody at once, over real processes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use testkit::process::Process;
use testkit::{Deployment, TestEngine};
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

async fn a_thousand_times_twice(engine: TestEngine, processes: usize) {
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
    a_thousand_times_twice(TestEngine::Postgres, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f04_one_process_on_sqlite_credits_once() {
    a_thousand_times_twice(TestEngine::Sqlite, 1).await;
}

/// How many payments are cancelled at once where nobody waits for anybody.
const AT_ONCE: usize = 100;

/// An open loop: every request is sent without waiting for those before, and each is answered with a result. A caller that sends one after
/// another never sees what happens between requests.
async fn waiting_for_nobody(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let process = Arc::new(deployment.start().await);
    let mut callers = JoinSet::new();
    for n in 0..AT_ONCE {
        let process = Arc::clone(&process);
        callers.spawn(async move {
            let (id, account) = (format!("open-{n}"), format!("user-{n}"));
            assert_eq!(process.wallet.announce(&id, &account, 1000).await.expect("an answer"), "proceed");
            assert_eq!(process.wallet.report(&id, "S").await.expect("an answer"), "stands");
            while process.alipayplus.cancel(&id).await.expect("200 and a result").brief() != "S SUCCESS" {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            assert_eq!(process.wallet.balance(&account).await.expect("an answer"), 0);
        });
    }
    callers.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_payments_and_cancels_that_wait_for_nobody_meet_no_error_on_postgresql() {
    waiting_for_nobody(TestEngine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f32_payments_and_cancels_that_wait_for_nobody_meet_no_error_on_sqlite() {
    waiting_for_nobody(TestEngine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f47_the_same_request_at_two_processes_at_once_has_one_effect_and_one_answer() {
    let deployment = Deployment::on(TestEngine::Postgres);
    let [one, other] = [deployment.start().await, deployment.start().await];
    for n in 0..50 {
        let (id, account) = (format!("twice-{n}"), format!("user-{n}"));
        assert_eq!(one.wallet.announce(&id, &account, 1000).await.unwrap(), "proceed");
        assert_eq!(other.wallet.report(&id, "S").await.unwrap(), "stands");
        let (first, second) = tokio::join!(one.alipayplus.cancel(&id), other.alipayplus.cancel(&id));
        assert_eq!((&first, first.as_ref().unwrap().brief()), (&second, "S SUCCESS".to_owned()), "{id}");
        let account = one.wallet.account(&account).await.unwrap();
        assert_eq!((account["entries"].as_array().unwrap().len(), &account["balances"][0]["value"]), (2, &"0".into()), "{id}");
    }
}
