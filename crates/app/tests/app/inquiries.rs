//! Inquiries against cancels, over real processes: what one of them was answered, no other contradicts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;
use testkit::process::Process;
use testkit::{Deployment, TestEngine, for_each_engine};
use tokio::task::JoinSet;

use crate::core_cases::Wallet;

const CLOSED: &str = "F ORDER_IS_CLOSED";
const PAID: &str = "S SUCCESS";
const RUNNING: &str = "U PAYMENT_IN_PROCESS";
const UNKNOWN: &str = "no payment: F ORDER_NOT_EXIST";

for_each_engine! {
    a_payment_is_inquired_from_its_first_step_to_its_last
    a_late_success_at_the_core_is_found_by_an_inquiry_and_given_back
}

async fn a_payment_is_inquired_from_its_first_step_to_its_last(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let process = deployment.start().await;
    let inquired = |id: &'static str| async { process.alipayplus.inquire(id).await.unwrap() };
    assert_eq!(inquired("p").await, UNKNOWN);
    assert_eq!(process.wallet.announce("p", "user", 1000).await.unwrap(), "proceed");
    assert_eq!(inquired("p").await, RUNNING);
    assert_eq!(process.wallet.report("p", "S").await.unwrap(), "stands");
    let paid = process.alipayplus.inquire_for(testkit::ACQUIRER, "p").await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&paid.body).unwrap();
    assert_eq!((paid.payment(), &body["paymentAmount"]), (PAID.to_owned(), &json!({ "value": "1000", "currency": "JPY" })));
    assert_eq!(process.alipayplus.inquire_for("1022188000000000009", "p").await.unwrap().payment(), UNKNOWN);
    assert_eq!(process.alipayplus.cancel("p").await.unwrap().brief(), "S SUCCESS");
    assert_eq!(inquired("p").await, CLOSED);
    assert_eq!(process.wallet.announce("failed", "user", 1000).await.unwrap(), "proceed");
    let fails = json!({ "status": "F", "completedAt": testkit::partner::now(), "reason": "USER_STATUS_ABNORMAL" });
    assert_eq!(process.wallet.operate("/payments/failed/result", &fails).await.unwrap(), "stands");
    assert_eq!(inquired("failed").await, "F USER_STATUS_ABNORMAL");
    assert_eq!(process.alipayplus.cancel("fence").await.unwrap().brief(), "S SUCCESS");
    assert_eq!(inquired("fence").await, CLOSED);
}

async fn a_late_success_at_the_core_is_found_by_an_inquiry_and_given_back(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    let (alipayplus, core) = (&wallet.process.alipayplus, &wallet.core);
    assert_eq!(wallet.cancel("late").await, "S SUCCESS");
    let asked = core.reversal_requests();
    core.add_payment("late", wallet.took("late"));
    assert_eq!(alipayplus.inquire("late").await.unwrap(), CLOSED);
    while core.reversal_requests() == asked {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(alipayplus.inquire("late").await.unwrap(), CLOSED);
    assert_eq!(wallet.cancel("late").await, "S SUCCESS");
}

/// What was heard of one payment, each with when it was asked.
type Heard = Vec<(Instant, String)>;

/// Inquires without a pause until it is over, and once more.
async fn inquires(process: Arc<Process>, id: String, is_over: Arc<AtomicBool>) -> Heard {
    let mut heard = Heard::new();
    loop {
        let (ends, sent) = (is_over.load(Ordering::SeqCst), now());
        let said = process.alipayplus.inquire(&id).await.unwrap();
        let is_first_closed = said == CLOSED && heard.iter().all(|(_, before)| before != CLOSED);
        heard.push((sent, said));
        if is_first_closed {
            let repeated = process.alipayplus.cancel(&id).await.unwrap();
            assert_eq!(repeated.brief(), "S SUCCESS", "{id}: closed was said, and the cancel has no S");
        }
        if ends {
            return heard;
        }
    }
}

fn now() -> Instant {
    Instant::now()
}

/// One payment, cancelled at one process and inquired about at both.
async fn round(processes: Arc<[Arc<Process>; 2]>, number: usize) -> usize {
    let [one, other] = &*processes;
    let id = format!("round-{number}");
    // Of four payments two have succeeded, one is in progress, and one is never announced.
    if number % 4 != 3 {
        assert_eq!(one.wallet.announce(&id, &format!("user-{}", number % 16), 1000).await.unwrap(), "proceed");
    }
    if number % 4 < 2 {
        assert_eq!(other.wallet.report(&id, "S").await.unwrap(), "stands");
    }
    let before = [PAID, PAID, RUNNING, UNKNOWN][number % 4];
    assert_eq!(other.alipayplus.inquire(&id).await.unwrap(), before, "{id}: no cancel was sent");
    let is_over = Arc::new(AtomicBool::new(false));
    let asking = [one, other].map(|process| tokio::spawn(inquires(Arc::clone(process), id.clone(), Arc::clone(&is_over))));
    assert_eq!(one.alipayplus.cancel(&id).await.unwrap().brief(), "S SUCCESS");
    let answered = now();
    is_over.store(true, Ordering::SeqCst);
    let mut inquiries = 0;
    for asked in asking {
        let heard = asked.await.unwrap();
        inquiries += heard.len();
        let mut was_closed = false;
        for (sent, said) in heard {
            let must_be_closed = was_closed || sent >= answered;
            assert!(said == CLOSED || (!must_be_closed && said == before), "{id}: {said}, closed before: {was_closed}");
            was_closed |= said == CLOSED;
        }
        assert!(was_closed, "{id}: the last one was sent after the S");
    }
    inquiries
}

/// After an S no inquiry ever says paid, and before an S none says closed: some hundred rounds, ten thousand at full size.
#[tokio::test(flavor = "multi_thread")]
async fn f39_after_an_s_no_inquiry_says_paid_by_two_processes() {
    let is_full = std::env::var_os("RESCIND_SCALE").is_some_and(|scale| scale == "full");
    let rounds = if is_full { 10_000 } else { 300 };
    let deployment = Deployment::on(TestEngine::Postgres);
    let processes = Arc::new([Arc::new(deployment.start().await), Arc::new(deployment.start().await)]);
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (processes, next) = (Arc::clone(&processes), Arc::clone(&next));
        callers.spawn(async move {
            let mut inquiries = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= rounds {
                    return inquiries;
                }
                inquiries += round(Arc::clone(&processes), number).await;
            }
        });
    }
    let mut inquiries = 0;
    while let Some(done) = callers.join_next().await {
        inquiries += done.unwrap();
    }
    println!("{rounds} rounds, {inquiries} inquiries beside the cancels");
}
