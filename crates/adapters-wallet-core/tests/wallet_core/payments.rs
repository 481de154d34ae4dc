use chrono::{DateTime, Utc};
use domain::{CorePayment, PaymentKind, PaymentStatus};
use ports::{Payments, UnavailableError};

use crate::server::{Act, Server, answer};
use crate::{core_at, id};

const FULL: &str = r#"{
    "status": "S", "acquirerId": "1020", "paymentId": "P-1", "account": "alice",
    "amount": {"value": "1000", "currency": "JPY"}, "kind": "payment",
    "initiatedAt": "2026-03-01T09:15:00+08:00", "completedAt": "2026-03-01T01:15:02.0000019Z",
    "refunded": {"value": "400", "currency": "JPY"}, "refundRunning": true
}"#;

const LEAST: &str = r#"{
    "status": "U", "acquirerId": "1020", "account": "alice",
    "amount": {"value": "1000", "currency": "JPY"}, "kind": "authorization", "initiatedAt": "2026-03-01T09:15:00+08:00"
}"#;

type LookedUp = Result<Option<CorePayment>, UnavailableError>;

async fn looked_up(act: Act) -> LookedUp {
    let server = Server::start([act]);
    core_at(&server.url()).look_up(&id("20260301-7")).await
}

pub(crate) async fn looked_up_by_status(status: u16, body: &str) -> LookedUp {
    looked_up(Act::Say(answer(status, body))).await
}

async fn found(body: &str) -> CorePayment {
    looked_up_by_status(200, body).await.unwrap().unwrap()
}

#[track_caller]
fn assert_unavailable(result: &LookedUp, met: &str) {
    let text = result.as_ref().unwrap_err().to_string();
    assert!(text.contains(met), "{text} instead of {met}");
    assert!(text.chars().count() <= 200 && !text.chars().any(char::is_control), "{text:?}");
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_payment_is_found_with_all_that_the_core_says() {
    let CorePayment { payment, refunded, refund_running } = found(FULL).await;
    assert_eq!((refunded, refund_running), (400, true));
    assert_eq!(payment.acquirer_id.as_str(), "1020");
    assert_eq!(payment.account.as_str(), "alice");
    assert_eq!(payment.amount.to_string(), "1000 JPY");
    assert_eq!(payment.settlement_amount, None);
    assert_eq!(payment.kind, PaymentKind::Payment);
    assert_eq!(payment.initiated_at, at("2026-03-01T01:15:00Z"));
    assert_eq!(payment.payment_id.unwrap().as_str(), "P-1");
    assert_eq!(payment.status, PaymentStatus::Succeeded { completed_at: at("2026-03-01T01:15:02.000001Z"), fee: None });
}

#[tokio::test]
async fn a_payment_is_found_with_the_least_that_the_core_may_say() {
    let CorePayment { payment, refunded, refund_running } = found(LEAST).await;
    assert_eq!((refunded, refund_running, payment.payment_id), (0, false, None));
    assert_eq!(payment.kind, PaymentKind::Authorization);
    assert_eq!(payment.status, PaymentStatus::InProgress);
    let nulls = LEAST.replacen('{', r#"{"paymentId":null,"completedAt":null,"refunded":null,"refundRunning":null,"more":{},"#, 1);
    assert_eq!(found(&nulls).await, found(LEAST).await);
}

#[tokio::test]
async fn a_result_without_its_time_came_when_the_payment_began() {
    let completed_at = at("2026-03-01T01:15:00Z");
    let failed = found(&LEAST.replace(r#""U""#, r#""F""#)).await;
    assert_eq!(failed.payment.status, PaymentStatus::Failed { completed_at, reason: None });
    let succeeded = found(&LEAST.replace(r#""U""#, r#""S""#)).await;
    assert_eq!(succeeded.payment.status, PaymentStatus::Succeeded { completed_at, fee: None });
}

#[tokio::test]
async fn refunds_are_an_amount_or_its_value_alone() {
    let refunds = [
        (r#""0""#, 0),
        (r#""1000""#, 1000),
        (r#""9223372036854775807""#, i64::MAX),
        (r#"{"value":"0","currency":"JPY"}"#, 0),
        (r#"{"currency":"JPY","value":"1"}"#, 1),
    ];
    for (said, refunded) in refunds {
        let body = FULL.replace(r#"{"value": "400", "currency": "JPY"}"#, said);
        assert_eq!(found(&body).await.refunded, refunded, "{said}");
    }
    let wrong = [
        "0",
        "400",
        "true",
        "[]",
        r#"["0","JPY"]"#,
        r#""""#,
        r#""-1""#,
        r#""00""#,
        r#""1.5""#,
        r#""9223372036854775808""#,
        "{}",
        r#"{"value":"1"}"#,
        r#"{"currency":"JPY"}"#,
        r#"{"value":"1","currency":"USD"}"#,
        r#"{"value":"0","currency":"USD"}"#,
        r#"{"value":"1","currency":"jpy"}"#,
        r#"{"value":"1","value":"2","currency":"JPY"}"#,
        r#"{"value":1,"currency":"JPY"}"#,
    ];
    for said in wrong {
        let body = FULL.replace(r#"{"value": "400", "currency": "JPY"}"#, said);
        assert_unavailable(&looked_up_by_status(200, &body).await, "status 200");
    }
}

#[tokio::test]
async fn the_core_is_asked_under_the_encoded_id() {
    let server = Server::start([Act::Say(answer(404, "{}"))]);
    assert_eq!(core_at(&server.url()).look_up(&id("a/b?c")).await, Ok(None));
    let received = server.received();
    assert_eq!((received[0].line(), received[0].body.as_str()), ("GET /core/payments/a%2Fb%3Fc HTTP/1.1", ""));
}

#[tokio::test]
async fn f33_a_404_of_the_core_is_certain_absence() {
    for body in ["", "\n", "{}", r#"{"type":"about:blank","title":"Not Found","status":404}"#, r#"{"outcome":"not-found"}"#] {
        assert_eq!(looked_up_by_status(404, body).await, Ok(None), "{body}");
    }
}

#[tokio::test]
async fn f33_a_404_of_something_else_says_nothing_of_the_payment() {
    let pages =
        ["<html><h1>404 Not Found</h1></html>", "default backend - 404", "404 page not found\n", "[]", "\"no\"", "{", "{}{}"];
    for body in pages {
        assert_unavailable(&looked_up_by_status(404, body).await, "status 404 with a page in its body");
    }
    let half = "HTTP/1.1 404 Said\r\ncontent-length: 9\r\n\r\n{}";
    assert_unavailable(&looked_up(Act::SayAndClose(half.to_owned())).await, "the answer broke off");
}

#[tokio::test]
async fn f33_any_other_status_says_nothing_of_the_payment() {
    for status in [201, 202, 204, 301, 307, 400, 401, 403, 405, 409, 410, 422, 429, 500, 502, 503, 504] {
        let body = if status == 204 { "" } else { LEAST };
        assert_eq!(looked_up_by_status(status, body).await, Err(UnavailableError::because(format!("status {status}"))));
    }
}

#[tokio::test]
async fn f33_a_core_that_does_not_answer_says_nothing() {
    assert_unavailable(&looked_up(Act::CloseUnread).await, "no answer: ");
    assert_unavailable(&looked_up(Act::SayAndClose(String::new())).await, "no answer: ");
    assert_unavailable(
        &looked_up(Act::SayAndClose(answer(200, LEAST).replace("authorization", ""))).await,
        "the answer broke off: ",
    );
    assert_unavailable(&looked_up(Act::SayForEver("HTTP/1.1 404 Said\r\n\r\n".to_owned())).await, "more than 65536 bytes");
}

#[tokio::test]
async fn a_payment_outside_of_the_contract_is_unavailable() {
    let changes = [
        (r#""S""#, r#""s""#, "status: must be"),
        (r#""S""#, r#"{"S":null}"#, "without the contract's body"),
        (r#""S""#, r#""SUCCESS""#, "status: must be"),
        (r#""1020""#, r#""""#, "acquirerId: "),
        (r#""1020""#, "1020", "without the contract's body"),
        (r#""P-1""#, r#""P 1""#, "paymentId: "),
        (r#""alice""#, r#""älice""#, "account: "),
        (r#""1000""#, r#""0""#, "amount: "),
        (r#""1000""#, "1000", "without the contract's body"),
        (r#"{"value": "1000", "currency": "JPY"}"#, r#"["1000","JPY"]"#, "without the contract's body"),
        (r#""1000", "currency": "JPY""#, r#""1000", "currency": "yen""#, "amount: "),
        (r#""payment""#, r#""Payment""#, "kind: must be"),
        ("2026-03-01T09:15:00+08:00", "2026-03-01T09:15:00", "initiatedAt: must be"),
        ("2026-03-01T09:15:00+08:00", "2026-02-29T09:15:00Z", "initiatedAt: must be"),
        ("2026-03-01T09:15:00+08:00", "1772327700", "initiatedAt: must be"),
        ("2026-03-01T01:15:02.0000019Z", "yesterday", "completedAt: must be"),
        ("true", "\"true\"", "without the contract's body"),
        (r#""status": "S","#, r#""status": "S", "status": "S","#, "without the contract's body"),
        (r#""value": "1000","#, r#""value": "1000", "value": "1000","#, "without the contract's body"),
    ];
    for (good, bad, met) in changes {
        let body = FULL.replacen(good, bad, 1);
        assert_ne!(body, FULL, "{good}");
        assert_unavailable(&looked_up_by_status(200, &body).await, met);
    }
    for body in ["", "null", "[]", "{}", &format!("[{FULL}]"), &FULL[..FULL.len() - 1], &format!("{FULL}{FULL}")] {
        assert_unavailable(&looked_up_by_status(200, body).await, "status 200 without the contract's body");
    }
}

#[tokio::test]
async fn what_was_met_never_quotes_a_payment() {
    for body in [FULL.replace("\"1020\"", "\"SECRET \""), FULL.replace("\"payment\"", "\"SECRET\""), "SECRET".to_owned()] {
        let met = looked_up_by_status(200, &body).await.unwrap_err().to_string();
        assert!(!met.contains("SECRET"), "{met}");
    }
}

/// What stands in the list of deferred cancels has to say what is wrong.
#[tokio::test]
async fn f73_what_is_not_json_is_said_in_words() {
    let marked = looked_up_by_status(200, &format!("\u{FEFF}{FULL}")).await;
    assert_unavailable(&marked, "status 200 with a byte order mark before the JSON, which the core has to leave out");
    let page = "<!doctype html><title>Service</title>";
    for status in [200, 404] {
        let said = looked_up_by_status(status, page).await;
        assert_unavailable(&said, &format!("status {status} with a page in its body, which is not the core's own"));
    }
}
