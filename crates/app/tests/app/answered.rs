//! What was answered stays so: over HTTP, on both databases, for each caller, at each endpoint.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;
use testkit::process::Process;
use testkit::wallet::payment_of;
use testkit::{Deployment, TestEngine, for_each_engine};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::broken::request::{Keys, Request};

for_each_engine! {
    f03_repeats_are_the_same_to_the_byte_and_move_nothing
    f11_no_door_leads_out_of_a_cancellation
    f15_a_connection_that_breaks_at_any_byte_costs_nobody_anything
    f37_a_cancel_of_an_unknown_id_is_durable_before_it_is_answered
    f45_a_partly_refunded_payment_is_refused_and_nothing_moves
}

/// A payment of 1000 yen that succeeded.
async fn pays(process: &Process, id: &str, account: &str) {
    assert_eq!(process.wallet.announce(id, account, 1000).await.unwrap(), "proceed");
    assert_eq!(process.wallet.report(id, "S").await.unwrap(), "stands");
}

/// The kinds of an account's entries, in order.
async fn booked(process: &Process, account: &str) -> Vec<String> {
    let account = process.wallet.account(account).await.unwrap();
    account["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
}

async fn f03_repeats_are_the_same_to_the_byte_and_move_nothing(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let process = deployment.start().await;
    pays(&process, "again", "user").await;
    let first = process.alipayplus.cancel("again").await.unwrap();
    assert_eq!(first.brief(), "S SUCCESS");
    let (recorded, account) = (process.wallet.payment("again").await.unwrap(), process.wallet.account("user").await.unwrap());
    for time in 0..25 {
        assert_eq!(process.alipayplus.cancel("again").await.unwrap(), first, "{time}");
        // A wallet that pays the same again receives what is true, and takes nothing.
        assert_eq!(process.wallet.report("again", "S").await.unwrap(), "reversed", "{time}");
        assert_eq!(process.wallet.account("user").await.unwrap(), account, "{time}");
    }
    assert_eq!(process.wallet.payment("again").await.unwrap(), recorded);
    assert_eq!(process.wallet.balance("user").await.unwrap(), 0);
}

async fn f11_no_door_leads_out_of_a_cancellation(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let process = deployment.start().await;
    for (id, kind, account) in [("debited", "payment", "ann"), ("held", "authorization", "bob")] {
        let mut content = payment_of(account, 1000);
        content["kind"] = kind.into();
        assert_eq!(process.wallet.announce_as(id, &content).await.unwrap(), "proceed");
        assert_eq!(process.wallet.report(id, "S").await.unwrap(), "stands");
        assert_eq!(process.alipayplus.cancel(id).await.unwrap().brief(), "S SUCCESS");
        let cancelled = (process.wallet.payment(id).await.unwrap(), booked(&process, account).await);

        assert_eq!(process.wallet.announce_as(id, &content).await.unwrap(), "closed");
        content["amount"]["value"] = "1".into();
        assert!(process.wallet.announce_as(id, &content).await.unwrap_err().starts_with("409"));
        assert_eq!(process.wallet.report(id, "S").await.unwrap(), "reversed");
        assert!(process.wallet.report(id, "F").await.unwrap_err().starts_with("409"));
        assert_eq!(process.wallet.refund(id, "refund", 1).await.unwrap(), "refused");
        assert!(process.wallet.report_refund(id, "refund", "S").await.unwrap_err().starts_with("404"));
        for operate in ["retry", "resolve"] {
            let refused = process.wallet.operate(&format!("/reversals/{id}/{operate}"), &json!({ "note": "by hand" })).await;
            assert!(refused.unwrap_err().starts_with("409"), "{operate}");
        }
        assert_eq!(process.alipayplus.cancel_for("1022188000000000002", id).await.unwrap().brief(), "F PARAM_ILLEGAL");
        assert_eq!(process.alipayplus.cancel(id).await.unwrap().brief(), "S SUCCESS");

        assert_eq!((process.wallet.payment(id).await.unwrap(), booked(&process, account).await), cancelled);
        assert_eq!(process.wallet.balance(account).await.unwrap(), 0);
    }
}

/// Sends the beginning of a request and hangs up.
async fn breaks_off(callback: SocketAddr, beginning: &[u8]) {
    let mut stream = TcpStream::connect(callback).await.unwrap();
    stream.write_all(beginning).await.unwrap();
}

/// A payment for each byte after which its cancel can break off; Alipay+ asks again.
async fn f15_a_connection_that_breaks_at_any_byte_costs_nobody_anything(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let (process, keys) = (Arc::new(deployment.start().await), Arc::new(Keys::of(&deployment)));
    let mut whole = Request::cancel("break-000");
    keys.sign(&mut whole).await;
    // Signatures differ in length by what has to be escaped.
    let (bytes, at_once) = (whole.bytes().len() + 10, 8);
    let mut callers = JoinSet::new();
    for caller in 0..at_once {
        let (process, keys) = (Arc::clone(&process), Arc::clone(&keys));
        callers.spawn(async move {
            for broken_at in (caller..bytes).step_by(at_once) {
                let (id, account) = (format!("break-{broken_at:03}"), format!("user-{broken_at}"));
                pays(&process, &id, &account).await;
                let mut request = Request::cancel(&id);
                keys.sign(&mut request).await;
                let request = request.bytes();
                breaks_off(process.callback, &request[..broken_at.min(request.len())]).await;
                assert_eq!(process.alipayplus.cancel(&id).await.unwrap().brief(), "S SUCCESS", "{broken_at}");
                assert_eq!(booked(&process, &account).await, ["debit", "credit"], "{broken_at}");
            }
        });
    }
    callers.join_all().await;
    crate::broken::assert_unharmed(&process).await;
}

async fn f37_a_cancel_of_an_unknown_id_is_durable_before_it_is_answered(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    for round in 0..5 {
        let process = deployment.start().await;
        let id = format!("unknown-{round}");
        assert_eq!(process.alipayplus.cancel(&id).await.unwrap().brief(), "S SUCCESS");
        process.kill();
        let process = deployment.start().await;
        assert_eq!(process.wallet.announce(&id, "user", 1000).await.unwrap(), "closed", "{id}");
        assert_eq!(process.wallet.payment(&id).await.unwrap()["inquiry"]["resultCode"], "ORDER_IS_CLOSED", "{id}");
        assert_eq!(process.alipayplus.cancel(&id).await.unwrap().brief(), "S SUCCESS");
    }
}

async fn f45_a_partly_refunded_payment_is_refused_and_nothing_moves(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let process = deployment.start().await;
    pays(&process, "partly", "user").await;
    assert_eq!(process.wallet.refund("partly", "first", 400).await.unwrap(), "proceed");
    assert_eq!(process.wallet.report_refund("partly", "first", "S").await.unwrap(), "stands");
    for _ in 0..3 {
        assert_eq!(process.alipayplus.cancel("partly").await.unwrap().brief(), "F PROCESS_FAIL");
        assert_eq!(booked(&process, "user").await, ["debit", "credit"]);
        assert_eq!(process.wallet.balance("user").await.unwrap(), -600);
    }
    assert_eq!(process.wallet.payment("partly").await.unwrap()["inquiry"]["resultStatus"], "S", "it stays paid");
    assert_eq!(process.wallet.refund("partly", "rest", 600).await.unwrap(), "proceed", "the wallet can still refund the rest");
}
