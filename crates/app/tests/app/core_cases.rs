//! What becomes of a cancel where the wallet core has the money, and where it has the payments as well.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::core::{FakeCore, Gate};
use testkit::partner::now;
use testkit::process::Process;
use testkit::{ACQUIRER, Deployment, TestEngine, for_each_engine};

/// One process, and a core that has the money.
pub(crate) struct Wallet {
    pub(crate) core: FakeCore,
    pub(crate) process: Process,
    /// Dropped last.
    pub(crate) deployment: Deployment,
}

impl Wallet {
    /// `payments` is `recorded` or `core`.
    pub(crate) async fn on(engine: TestEngine, payments: &str) -> Self {
        let core = FakeCore::start();
        let mut deployment = Deployment::on(engine);
        deployment.set("funds.kind", "http");
        deployment.set("funds.url", &core.url());
        deployment.set("payments.kind", payments);
        deployment.set("payments.url", &core.url());
        // As long as may be: no answer here depends on how busy the machine is.
        deployment.set("funds.timeout", "3s");
        deployment.set("payments.timeout", "3s");
        deployment.set("callback.answer_budget", "7500ms");
        let process = deployment.start().await;
        Self { core, process, deployment }
    }

    /// A payment of 1000 yen that the core has debited, as it is looked up.
    pub(crate) fn took(&self, id: &str) -> Value {
        self.core.debit(id, "user", 1000);
        json!({
            "status": "S", "acquirerId": ACQUIRER, "paymentId": format!("own-{id}"), "account": "user",
            "amount": { "value": "1000", "currency": "JPY" }, "kind": "payment", "initiatedAt": now(),
        })
    }

    /// The core has debited the payment; some of what it says of it is this.
    pub(crate) fn knows(&self, id: &str, member: &str, value: impl Into<Value>) {
        let mut payment = self.took(id);
        payment[member] = value.into();
        self.core.add_payment(id, payment);
    }

    pub(crate) async fn cancel(&self, id: &str) -> String {
        self.process.alipayplus.cancel(id).await.unwrap().brief()
    }

    pub(crate) async fn case(&self, id: &str) -> Value {
        self.process.wallet.payment(id).await.unwrap()
    }

    /// Waits for somebody else to bring the cancellation, or its reversal, there; what never comes makes the test hang and fail.
    pub(crate) async fn comes_to(&self, id: &str, part: &str, state: &str) {
        while self.case(id).await[part]["state"] != state {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The ids whose money went back, in order.
    pub(crate) fn given_back(&self) -> Vec<String> {
        self.core.assert_told_the_truth();
        self.core.journal().into_iter().map(|effect| effect.id).collect()
    }

    /// Deferred cancels, open and parked reversals, as `/readyz` counts them.
    pub(crate) async fn waiting(&self) -> [Value; 3] {
        let readyz = self.process.wallet.readiness().await.unwrap();
        ["deferred", "openReversals", "parkedReversals"].map(|count| readyz[count].clone())
    }

    /// The ids of a list of the wallet API.
    pub(crate) async fn listed(&self, path: &str, list: &str, id: &str) -> Vec<Value> {
        let page = self.process.wallet.get(path).await.unwrap();
        page[list].as_array().unwrap().iter().map(|one| one[id].clone()).collect()
    }
}

for_each_engine! {
    the_core_is_asked_for_payments_nobody_announced
    a_core_that_has_moved_a_refund_is_believed
    f33_a_lookup_that_fails_is_decided_without_a_retry
    a_running_refund_is_waited_for_without_a_retry
    f01_a_success_after_the_cancel_is_given_back
    f01_a_success_that_crosses_nothing_to_do_is_given_back
    f23_an_impossible_reversal_is_an_operators
    every_line_of_a_cancel_names_its_payment
    f59_payments_of_the_core_are_announced_by_nobody
    f59_a_success_of_a_cancelled_payment_of_the_core_goes_back
}

async fn f59_payments_of_the_core_are_announced_by_nobody(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    let (paid, api) = (wallet.took("paid"), &wallet.process.wallet);
    wallet.core.add_payment("paid", paid);
    let refused = [
        api.announce("paid", "somebody-else", 7).await,
        api.report("paid", "S").await,
        api.report("paid", "F").await,
        api.refund("paid", "r-1", 7).await,
        api.report_refund("paid", "r-1", "S").await,
    ];
    for answer in refused {
        let problem = answer.unwrap_err();
        assert!(problem.starts_with("409") && problem.contains("urn:rescind:problem:payments-are-the-cores"), "{problem}");
    }
    assert_eq!(wallet.cancel("paid").await, "S SUCCESS", "the core's own record decides");
    assert_eq!(wallet.given_back(), ["paid"]);
}

async fn f59_a_success_of_a_cancelled_payment_of_the_core_goes_back(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    assert_eq!(wallet.cancel("late").await, "S SUCCESS", "nobody has heard of it");
    wallet.core.debit("late", "user", 1000);
    assert_eq!(wallet.process.wallet.report("late", "S").await.unwrap(), "reversed");
    wallet.comes_to("late", "reversal", "done").await;
    assert_eq!(wallet.cancel("late").await, "S SUCCESS");
}

async fn the_core_is_asked_for_payments_nobody_announced(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    wallet.core.add_payment("paid", wallet.took("paid"));
    wallet.knows("held", "kind", "authorization");
    wallet.knows("running", "status", "U");
    wallet.knows("partly", "refunded", "400");
    wallet.knows("fully", "refunded", "1000");
    wallet.knows("foreign", "acquirerId", "1022188000000000002");
    let expected = [
        ("paid", "S SUCCESS", &["debit"][..]),
        ("held", "S SUCCESS", &["hold"]),
        ("running", "S SUCCESS", &["nothing-known"]),
        ("never-seen", "S SUCCESS", &["nothing-known"]),
        ("partly", "F PROCESS_FAIL", &[]),
        ("fully", "S SUCCESS", &[]),
        ("foreign", "F PARAM_ILLEGAL", &[]),
    ];
    for round in 0..2 {
        for (id, answer, taken) in expected {
            assert_eq!(wallet.cancel(id).await, answer, "{id}, round {round}");
            assert_eq!(wallet.core.taken_of(id), taken, "{id}, round {round}");
        }
    }
    assert_eq!(wallet.given_back(), ["paid", "held", "running"]);
    assert_eq!(
        wallet.core.lookups(),
        7,
        "a recorded answer needs no lookup, and neither does a payment that is known to be another's"
    );
    assert_eq!(wallet.waiting().await, [0, 0, 0]);
}

async fn a_core_that_has_moved_a_refund_is_believed(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    for (id, outcome, answer) in [("part", "partly-refunded", "F PROCESS_FAIL"), ("all", "fully-refunded", "S SUCCESS")] {
        wallet.core.add_payment(id, wallet.took(id));
        wallet.core.set_answer(id, Some((200, json!({ "outcome": outcome }))));
        assert_eq!(wallet.cancel(id).await, answer);
        assert_eq!(wallet.cancel(id).await, answer);
        assert_eq!(wallet.core.taken_of(id), ["debit"]);
    }
    assert_eq!(wallet.given_back(), [""; 0]);
    assert_eq!(wallet.waiting().await, [0, 0, 0]);
}

async fn f33_a_lookup_that_fails_is_decided_without_a_retry(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    wallet.core.add_payment("paid", wallet.took("paid"));
    wallet.knows("partly", "refunded", "400");
    wallet.core.fail_lookups(true);
    let ids = ["never-seen", "paid", "partly"];
    for id in ids {
        assert_eq!(wallet.cancel(id).await, "U UNKNOWN_EXCEPTION", "{id}");
    }
    assert_eq!(wallet.listed("/deferred", "deferred", "paymentRequestId").await, ids);
    assert_eq!(wallet.listed("/deferred", "deferred", "reason").await, ["lookup-failed"; 3]);
    assert_eq!(wallet.waiting().await, [3, 0, 0]);
    // The worker asks too, and decides nothing as long as it does not know.
    let lookups = wallet.core.lookups();
    while wallet.core.lookups() < lookups + 6 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(wallet.cancel("paid").await, "U UNKNOWN_EXCEPTION");
    assert_eq!((wallet.core.reversal_requests(), wallet.waiting().await), (0, [3, 0, 0].map(Value::from)));

    wallet.core.fail_lookups(false);
    for (id, state) in ids.into_iter().zip(["cancelled", "cancelled", "refused"]) {
        wallet.comes_to(id, "cancellation", state).await;
    }
    assert_eq!(wallet.given_back(), ["paid"]);
    assert_eq!(
        (wallet.core.taken_of("paid"), wallet.core.taken_of("never-seen")),
        (vec!["debit".to_owned()], vec!["nothing-known".to_owned()])
    );
    assert_eq!(wallet.waiting().await, [0, 0, 0]);
    let lookups = wallet.core.lookups();
    for (id, answer) in ids.into_iter().zip(["S SUCCESS", "S SUCCESS", "F PROCESS_FAIL"]) {
        assert_eq!(wallet.cancel(id).await, answer, "{id}");
    }
    assert_eq!((wallet.core.lookups(), wallet.core.reversal_requests()), (lookups, 2));
}

async fn a_running_refund_is_waited_for_without_a_retry(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    let ids = ["all-back", "part-back", "refund-failed"];
    for id in ids {
        wallet.knows(id, "refundRunning", true);
        assert_eq!(wallet.cancel(id).await, "U UNKNOWN_EXCEPTION", "{id}");
    }
    assert_eq!(wallet.listed("/deferred", "deferred", "reason").await, ["refund-running"; 3]);
    assert_eq!((wallet.core.reversal_requests(), wallet.waiting().await), (0, [3, 0, 0].map(Value::from)));
    wallet.knows("all-back", "refunded", "1000");
    wallet.knows("part-back", "refunded", "1");
    wallet.core.add_payment("refund-failed", wallet.took("refund-failed"));
    for (id, state) in ids.into_iter().zip(["already-refunded", "refused", "cancelled"]) {
        wallet.comes_to(id, "cancellation", state).await;
    }
    assert_eq!((wallet.given_back(), wallet.core.reversal_requests()), (vec!["refund-failed".to_owned()], 1));
    for (id, answer) in ids.into_iter().zip(["S SUCCESS", "F PROCESS_FAIL", "S SUCCESS"]) {
        assert_eq!(wallet.cancel(id).await, answer, "{id}");
    }
}

async fn f01_a_success_after_the_cancel_is_given_back(engine: TestEngine) {
    let wallet = Wallet::on(engine, "recorded").await;
    assert_eq!(wallet.process.wallet.announce("late", "user", 1000).await.unwrap(), "proceed");
    assert_eq!(wallet.cancel("late").await, "S SUCCESS");
    assert_eq!(wallet.core.taken_of("late"), ["nothing-known"]);
    assert_eq!(wallet.case("late").await["reversal"]["state"], "done");
    wallet.core.debit("late", "user", 1000);
    assert_eq!(wallet.process.wallet.report("late", "S").await.unwrap(), "reversed");
    wallet.comes_to("late", "reversal", "done").await;
    assert_eq!(wallet.core.taken_of("late"), ["nothing-known", "debit"]);
    assert_eq!(wallet.process.wallet.report("late", "S").await.unwrap(), "reversed");
    assert_eq!(wallet.cancel("late").await, "S SUCCESS");
    assert_eq!(wallet.core.taken_of("late"), ["nothing-known", "debit"], "a repeat asks the core nothing");
    assert_eq!(wallet.given_back(), ["late"]);
}

async fn f01_a_success_that_crosses_nothing_to_do_is_given_back(engine: TestEngine) {
    let wallet = Wallet::on(engine, "recorded").await;
    assert_eq!(wallet.process.wallet.announce("crossing", "user", 1000).await.unwrap(), "proceed");
    wallet.core.hold(Gate::Answer, "crossing");
    let success = async {
        while wallet.core.taken_of("crossing") != ["nothing-known"] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        wallet.core.debit("crossing", "user", 1000);
        let disposition = wallet.process.wallet.report("crossing", "S").await;
        wallet.core.release();
        disposition
    };
    let (cancelled, reported) = tokio::join!(wallet.cancel("crossing"), success);
    assert_eq!(reported.unwrap(), "reversed");
    // "Nothing to do" was not true any more when it arrived: the answer is S only if the money was back by then.
    let in_time = cancelled == "S SUCCESS" && wallet.given_back() == ["crossing"];
    assert!(in_time || cancelled == "U UNKNOWN_EXCEPTION", "{cancelled}");
    wallet.comes_to("crossing", "reversal", "done").await;
    assert_eq!(wallet.given_back(), ["crossing"]);
    assert_eq!(wallet.cancel("crossing").await, "S SUCCESS");
    assert_eq!(wallet.waiting().await, [0, 0, 0]);
}

async fn f23_an_impossible_reversal_is_an_operators(engine: TestEngine) {
    let wallet = Wallet::on(engine, "recorded").await;
    let ids = ["by-hand", "tried-again"];
    for id in ids {
        assert_eq!(wallet.process.wallet.announce(id, "user", 1000).await.unwrap(), "proceed");
        wallet.core.debit(id, "user", 1000);
        assert_eq!(wallet.process.wallet.report(id, "S").await.unwrap(), "stands");
        wallet.core.set_answer(id, Some((422, json!({ "outcome": "impossible", "reason": "the account is closed" }))));
        assert_eq!(wallet.cancel(id).await, "U UNKNOWN_EXCEPTION", "{id}");
    }
    let parked = "/reversals?state=parked";
    assert_eq!(wallet.listed(parked, "reversals", "reversalId").await, ids);
    assert_eq!(wallet.listed(parked, "reversals", "lastError").await, ["the account is closed"; 2]);
    for id in ids {
        wallet.core.set_answer(id, None);
        assert_eq!(wallet.cancel(id).await, "U UNKNOWN_EXCEPTION", "{id}");
    }
    assert_eq!(wallet.waiting().await, [0, 0, 2]);
    assert_eq!(wallet.core.reversal_requests(), 2, "a repeated cancel revives nothing");

    let operate = async |path: &str| wallet.process.wallet.operate(path, &json!({ "note": "paid in cash" })).await.unwrap();
    assert_eq!(operate("/reversals/tried-again/retry").await, "reopened");
    wallet.comes_to("tried-again", "reversal", "done").await;
    assert_eq!(operate("/reversals/by-hand/resolve").await, "resolved");
    for id in ids {
        assert_eq!(wallet.cancel(id).await, "S SUCCESS", "{id}");
    }
    assert_eq!((wallet.given_back(), wallet.core.taken_of("by-hand").len()), (vec!["tried-again".to_owned()], 1));
    assert_eq!(wallet.waiting().await, [0, 0, 0]);
}

/// An operator who is called at night has an id, and looks for it in the log.
async fn every_line_of_a_cancel_names_its_payment(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    wallet.core.add_payment("looked-for", wallet.took("looked-for"));
    wallet.core.set_answer("looked-for", Some((500, Value::Null)));
    assert_eq!(wallet.cancel("looked-for").await, "U UNKNOWN_EXCEPTION");
    wallet.core.set_answer("looked-for", None);
    wallet.comes_to("looked-for", "reversal", "done").await;
    assert_eq!(wallet.cancel("looked-for").await, "S SUCCESS");
    let expected = [
        ("a cancel is answered", "UNKNOWN_EXCEPTION"),
        ("it is not known whether the money is back (the core is asked again)", "status 500"),
        ("the wallet core has confirmed the reversal", "done"),
        ("a cancel is answered", "SUCCESS"),
    ];
    // What is logged is written by a thread of its own, and read by another.
    for (message, detail) in expected {
        let is_it = |line: &Value| {
            let details = ["result_code", "met", "outcome"].map(|field| &line[field]);
            line["message"] == message && details.contains(&&Value::from(detail))
        };
        loop {
            let lines = wallet.process.log().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
            if let Some(line) = lines.into_iter().find(is_it) {
                assert_eq!(line["payment_request_id"], "looked-for", "{line}");
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
