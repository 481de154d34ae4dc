//! A wallet core that contradicts itself, or what somebody was told, over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::wallet::payment_of;
use testkit::{ACQUIRER, TestEngine, for_each_engine};

use crate::core_cases::Wallet;

const U: &str = "U UNKNOWN_EXCEPTION";
const S: &str = "S SUCCESS";

for_each_engine! {
    f48_a_core_that_takes_its_word_back_after_s_is_an_operators
    f53_what_the_wallet_heard_is_never_taken_back
    f57_nothing_to_do_of_a_success_is_parked_after_a_second_word
    f49_what_the_core_said_of_refunds_is_counted
    f58_a_changed_amount_is_u_until_the_core_agrees_again
    f62_a_moment_that_cannot_be_is_u
    f54_an_operator_alone_ends_what_never_ends
    f61_what_a_wallet_may_say_twice
}

fn partly_refunded() -> Option<(u16, Value)> {
    Some((200, json!({ "outcome": "partly-refunded" })))
}

impl Wallet {
    async fn pays(&self, id: &str) -> Value {
        let payment = payment_of("user", 1000);
        assert_eq!(self.process.wallet.announce_as(id, &payment).await.unwrap(), "proceed");
        self.core.debit(id, "user", 1000);
        assert_eq!(self.process.wallet.report(id, "S").await.unwrap(), "stands");
        payment
    }

    async fn inquiry(&self, id: &str) -> String {
        let inquiry = self.case(id).await["inquiry"].clone();
        let shown = format!("{} {}", inquiry["resultStatus"].as_str().unwrap(), inquiry["resultCode"].as_str().unwrap());
        assert_eq!(self.process.alipayplus.inquire(id).await.unwrap(), shown, "the view says what an inquiry is answered");
        shown
    }

    async fn operate(&self, path: &str) -> Result<String, String> {
        self.process.wallet.operate(path, &json!({ "note": "looked at" })).await
    }
}

async fn f48_a_core_that_takes_its_word_back_after_s_is_an_operators(engine: TestEngine) {
    let wallet = Wallet::on(engine, "recorded").await;
    assert_eq!((wallet.cancel("late").await, wallet.inquiry("late").await), (S.into(), "F ORDER_IS_CLOSED".into()));
    let payment = payment_of("user", 1000);
    assert_eq!(wallet.process.wallet.announce_as("late", &payment).await.unwrap(), "closed");
    wallet.core.set_answer("late", partly_refunded());
    assert_eq!(wallet.process.wallet.report("late", "S").await.unwrap(), "reversed");
    wallet.comes_to("late", "reversal", "parked").await;
    assert_eq!((wallet.cancel("late").await, wallet.inquiry("late").await), (S.into(), "F ORDER_IS_CLOSED".into()));
    assert_eq!(wallet.process.wallet.announce_as("late", &payment).await.unwrap(), "closed");
    assert_eq!(wallet.process.wallet.report("late", "S").await.unwrap(), "reversed");
    assert_eq!(wallet.waiting().await, [0, 0, 1]);
    let explained = wallet.deployment.succeed(&["explain", "late"]);
    assert!(explained.contains("parked: the wallet core says that refunds gave a part of the payment back"), "{explained}");
    assert!(explained.contains("the wallet heard closed"), "{explained}");
}

async fn f53_what_the_wallet_heard_is_never_taken_back(engine: TestEngine) {
    let wallet = Wallet::on(engine, "recorded").await;
    let payment = payment_of("user", 1000);
    wallet.core.set_answer("told", Some((500, Value::Null)));
    assert_eq!((wallet.cancel("told").await, wallet.inquiry("told").await), (U.into(), "U PAYMENT_IN_PROCESS".into()));
    assert_eq!(wallet.process.wallet.announce_as("told", &payment).await.unwrap(), "closed");
    wallet.core.set_answer("told", partly_refunded());
    wallet.comes_to("told", "reversal", "parked").await;
    assert_eq!((wallet.cancel("told").await, wallet.inquiry("told").await), (U.into(), "U PAYMENT_IN_PROCESS".into()));
    assert_eq!(wallet.process.wallet.announce_as("told", &payment).await.unwrap(), "closed");
    assert_eq!(wallet.process.wallet.report("told", "S").await.unwrap(), "reversed");
    assert_eq!(wallet.operate("/reversals/told/resolve").await.unwrap(), "resolved");
    assert_eq!((wallet.cancel("told").await, wallet.inquiry("told").await), (S.into(), "F ORDER_IS_CLOSED".into()));
}

async fn f57_nothing_to_do_of_a_success_is_parked_after_a_second_word(engine: TestEngine) {
    let wallet = Wallet::on(engine, "recorded").await;
    wallet.pays("denied").await;
    wallet.core.set_answer("denied", Some((200, json!({ "outcome": "nothing-to-do" }))));
    assert_eq!(wallet.cancel("denied").await, U);
    wallet.comes_to("denied", "reversal", "parked").await;
    assert_eq!((wallet.core.reversal_requests(), wallet.cancel("denied").await), (2, U.into()));
    let tried = wallet.case("denied").await["events"].clone();
    let at = |event: &Value| chrono::DateTime::parse_from_rfc3339(event["at"].as_str().unwrap()).unwrap();
    let ends: Vec<_> = tried.as_array().unwrap().iter().filter(|event| event["what"] == "reversal-tried").map(at).collect();
    assert!(ends[1] - ends[0] >= chrono::TimeDelta::seconds(2), "{tried}");
    wallet.core.set_answer("denied", None);
    assert_eq!(wallet.operate("/reversals/denied/retry").await.unwrap(), "reopened");
    wallet.comes_to("denied", "reversal", "done").await;
    assert_eq!((wallet.cancel("denied").await, wallet.given_back()), (S.into(), vec!["denied".to_owned()]));
}

async fn f49_what_the_core_said_of_refunds_is_counted(engine: TestEngine) {
    let wallet = Wallet::on(engine, "recorded").await;
    for (id, answer) in [
        ("all", json!({ "outcome": "fully-refunded" })),
        ("part", json!({ "outcome": "partly-refunded" })),
        ("amount", json!({ "outcome": "partly-refunded", "refunded": { "value": "400", "currency": "JPY" } })),
    ] {
        wallet.pays(id).await;
        wallet.core.set_answer(id, Some((200, answer)));
        let expected = if id == "all" { S } else { "F PROCESS_FAIL" };
        assert_eq!((wallet.cancel(id).await, wallet.inquiry(id).await), (expected.into(), "S SUCCESS".into()), "{id}");
    }
    let refund = async |id: &str, amount| wallet.process.wallet.refund(id, &format!("r-{amount}"), amount).await.unwrap();
    assert_eq!([refund("all", 1000).await, refund("all", 1).await, refund("part", 1).await], ["refused"; 3]);
    assert_eq!([refund("amount", 601).await, refund("amount", 600).await], ["refused", "proceed"]);
    let elsewhere = wallet.case("amount").await["refundedElsewhere"].clone();
    assert_eq!(elsewhere, json!({ "extent": "amount", "amount": { "value": "400", "currency": "JPY" } }));
}

async fn f58_a_changed_amount_is_u_until_the_core_agrees_again(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    let mut payment = wallet.took("changed");
    payment["refundRunning"] = json!(true);
    wallet.core.add_payment("changed", payment.clone());
    assert_eq!(wallet.cancel("changed").await, U);
    payment["amount"]["value"] = json!("999");
    payment["refundRunning"] = json!(false);
    wallet.core.add_payment("changed", payment.clone());
    assert_eq!((wallet.cancel("changed").await, wallet.inquiry("changed").await), (U.into(), "U PAYMENT_IN_PROCESS".into()));
    while wallet.listed("/deferred", "deferred", "reason").await != ["contradiction"] {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((wallet.cancel("changed").await, wallet.given_back()), (U.into(), vec![]));
    payment["amount"]["value"] = json!("1000");
    wallet.core.add_payment("changed", payment);
    wallet.comes_to("changed", "reversal", "done").await;
    assert_eq!((wallet.cancel("changed").await, wallet.given_back()), (S.into(), vec!["changed".to_owned()]));
}

async fn f62_a_moment_that_cannot_be_is_u(engine: TestEngine) {
    let wallet = Wallet::on(engine, "core").await;
    wallet.knows("zero", "initiatedAt", "0001-01-01T00:00:00Z");
    assert_eq!((wallet.cancel("zero").await, wallet.inquiry("zero").await), (U.into(), "U PAYMENT_IN_PROCESS".into()));
    assert_eq!(wallet.listed("/deferred", "deferred", "reason").await, ["contradiction"]);
}

async fn f54_an_operator_alone_ends_what_never_ends(engine: TestEngine) {
    let wallet = Wallet::on(engine, "recorded").await;
    for id in ["by-api", "by-cli"] {
        wallet.pays(id).await;
        wallet.core.set_answer(id, Some((500, Value::Null)));
        assert_eq!(wallet.cancel(id).await, U);
        assert!(wallet.operate(&format!("/reversals/{id}/resolve")).await.is_err(), "it is not parked");
    }
    // An attempt may be running at this moment.
    while wallet.operate("/reversals/by-api/park").await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let by = ["--note", "the core answers 500", "--by", "ann"];
    let cli = |act: &str, id: &str| wallet.deployment.run(&[&["reversals", act, id], &by[..]].concat());
    while !cli("park", "by-cli").status.success() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(wallet.waiting().await, [0, 0, 2]);
    let listed = wallet.deployment.succeed(&["reversals", "list", "--parked"]);
    assert!(listed.contains("by-cli  parked  1000 JPY") && listed.contains("the core answers 500"), "{listed}");
    let listed = wallet.deployment.succeed(&["reversals", "list", "--parked", "--json"]);
    let listed: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(listed.iter().map(|one| one["reversalId"].as_str().unwrap()).collect::<Vec<_>>(), ["by-api", "by-cli"]);
    assert_eq!(wallet.deployment.succeed(&["reversals", "list"]), "");
    assert_eq!(wallet.operate("/reversals/by-api/resolve").await.unwrap(), "resolved");
    assert!(cli("resolve", "by-cli").status.success());
    assert!(!cli("resolve", "by-cli").status.success(), "somebody was faster");
    for id in ["by-api", "by-cli"] {
        assert_eq!((wallet.cancel(id).await, wallet.inquiry(id).await), (S.into(), "F ORDER_IS_CLOSED".into()));
    }
    let explained = wallet.deployment.succeed(&["explain", "by-cli"]);
    for line in ["reversal-parked", "by=ann", "reversal-resolved", "resolved by hand"] {
        assert!(explained.contains(line), "{line}: {explained}");
    }
}

async fn f61_what_a_wallet_may_say_twice(engine: TestEngine) {
    let wallet = Wallet::on(engine, "recorded").await;
    let announce = async |content: Value| wallet.process.wallet.announce_as("twice", &content).await;
    let payment = |initiated_at: &str| {
        json!({
            "acquirerId": ACQUIRER, "pspId": testkit::PSP_ID, "account": "user", "kind": "payment",
            "amount": { "value": "1000", "currency": "JPY" }, "initiatedAt": initiated_at,
        })
    };
    let zero = announce(payment("0001-01-01T00:00:00Z")).await.unwrap_err();
    assert!(zero.contains("initiatedAt: must not be more than 366 days back"), "{zero}");
    let now = chrono::DateTime::parse_from_rfc3339(&testkit::partner::now()).unwrap();
    let noon = format!("{}T12:00:00", (now.to_utc() - chrono::TimeDelta::days(1)).format("%Y-%m-%d"));
    assert_eq!(announce(payment(&format!("{noon}.123456Z"))).await.unwrap(), "proceed");
    assert_eq!(announce(payment(&format!("{noon}.123Z"))).await.unwrap(), "proceed");
    assert!(announce(payment(&format!("{noon}.000Z").replace("12:00:00", "12:00:02"))).await.unwrap_err().contains("409"));
    assert_eq!(wallet.process.wallet.report("twice", "F").await.unwrap(), "stands");
    assert_eq!(wallet.process.wallet.report("twice", "S").await.unwrap(), "stands");
}
