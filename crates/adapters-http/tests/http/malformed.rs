//! Bodies, paths and queries that the wallet API does not accept, and the problems that it answers.

use serde_json::{Value, json};

use crate::wallet_side::{Api, PAY, changed, disposition, failure, payment, refund_of, success};

#[test]
fn what_is_not_acceptable_is_named_and_changes_nothing() {
    let api = Api::with_ledger();
    let members = [
        ("pspId", Some(json!("psp-2")), "pspId: must be psp-1"),
        ("pspId", None, "the body: missing field `pspId`"),
        ("acquirerId", None, "the body: missing field `acquirerId`"),
        ("acquirerId", Some(json!("")), "acquirerId: must be 1 to 64 visible ASCII"),
        ("acquirerId", Some(json!(5)), "acquirerId: invalid type: integer `5`, expected a string"),
        ("account", Some(json!("a".repeat(65))), "account: must be 1 to 64 visible ASCII"),
        ("account", Some(json!("a\u{0}")), "account: must be"),
        ("account", Some(Value::Null), "account: invalid type: null"),
        ("kind", Some(json!("gift")), "kind: unknown variant `gift`, expected `payment` or `authorization`"),
        ("amount", None, "the body: missing field `amount`"),
        ("amount", Some(json!("1000")), "amount: invalid type: string \"1000\", expected an object"),
        ("amount", Some(json!(["1000", "JPY"])), "amount: invalid type: sequence, expected an object"),
        ("amount", Some(json!({"value": "1000"})), "amount: missing field `currency`"),
        ("amount", Some(json!({"value": 1000, "currency": "JPY"})), "amount.value: invalid type: integer"),
        ("amount", Some(json!({"value": "0", "currency": "JPY"})), "amount: value must be an integer of 1 to"),
        ("amount", Some(json!({"value": "10.0", "currency": "JPY"})), "amount: value must be"),
        ("amount", Some(json!({"value": "9223372036854775808", "currency": "JPY"})), "amount: value must be"),
        ("amount", Some(json!({"value": "1", "currency": "yen"})), "amount: currency must be an ISO 4217 code"),
        ("settlementAmount", Some(json!({"value": "-1", "currency": "JPY"})), "settlementAmount: value must be"),
        ("initiatedAt", Some(json!("2026-03-01T12:00:00")), "initiatedAt: must be an RFC 3339 time with an offset"),
        ("initiatedAt", Some(json!("1772337600000")), "initiatedAt: must be an RFC 3339 time"),
        ("initiatedAt", Some(json!("0000-01-01T00:00:00+10:00")), "initiatedAt: must be an RFC 3339 time"),
        ("initiatedAt", Some(json!("2026-03-01T12:05:00.000001+08:00")), "initiatedAt: must not be more than 5 minutes ahead"),
    ];
    for (member, value, detail) in members {
        let reply = api.put("p1", &changed(&payment(), member, value));
        assert_eq!(reply.status, 422, "{reply:?}");
        assert!(reply.problem().starts_with(detail), "{detail:?}: {reply:?}");
    }
    assert_eq!(api.get("/wallet/v1/payments/p1").status, 404);
    let ahead = changed(&payment(), "initiatedAt", Some(json!("2026-03-01T12:05:00+08:00")));
    assert_eq!(disposition(&api.put("p1", &ahead)), "proceed");
}

#[test]
fn results_and_refunds_that_are_not_acceptable_are_named() {
    let api = Api::with_ledger();
    assert_eq!(disposition(&api.put("p1", &payment())), "proceed");
    let result = |member, value| api.post("p1/result", &changed(&success(), member, value));
    let calls = [
        (result("status", Some(json!("U"))), "status: unknown variant `U`, expected `S` or `F`"),
        (result("status", None), "the body: missing field `status`"),
        (result("completedAt", Some(json!("yesterday"))), "completedAt: must be an RFC 3339 time"),
        (result("completedAt", Some(json!("2027-03-01T12:00:00+08:00"))), "completedAt: must not be more than 5 minutes ahead"),
        (result("paymentId", Some(json!(""))), "paymentId: must be 1 to 64"),
        (result("fee", Some(json!({"value": "0", "currency": "?"}))), "fee: "),
        (result("fee", Some(json!({"value": "-3", "currency": "JPY"}))), "fee: value must be"),
        (api.post("p1/refunds", &refund_of("..", "1")), "refundRequestId: must be"),
        (api.post("p1/refunds", &refund_of("r1", "")), "amount: value must be"),
        (api.post("p1/refunds/%20/result", &failure()), "refundRequestId: must be"),
        (api.post("%00/refunds", &refund_of("r1", "1")), "paymentRequestId: must be"),
        (api.put("%2E%2E", &payment()), "paymentRequestId: must be"),
        (api.get(&format!("/wallet/v1/payments/{}", "9".repeat(65))), "paymentRequestId: must be"),
        (api.get("/wallet/v1/payments/%FF"), "paymentRequestId: must be"),
        (api.get("/wallet/v1/accounts/%C3%A9"), "account: must be"),
        (api.get("/wallet/v1/accounts/a?limit=0"), "limit: must be a number of 1 to 1000"),
        (api.get("/wallet/v1/deferred?limit=1001"), "limit: must be"),
        (api.get("/wallet/v1/deferred?limit=ten"), "limit: must be"),
        (api.get("/wallet/v1/deferred?after=%00"), "after: must be the next of the page before"),
        (api.get("/wallet/v1/accounts/a?after=p1"), "after: must be"),
        (api.get("/wallet/v1/reversals?state=done"), "the query: "),
        (api.get("/wallet/v1/reversals?limit=1&limit=2"), "the query: "),
    ];
    for (reply, detail) in calls {
        assert_eq!(reply.status, 422, "{detail}: {reply:?}");
        assert!(reply.problem().starts_with(detail), "{detail:?}: {reply:?}");
    }
    let free = changed(&success(), "fee", Some(json!({"value": "0", "currency": "JPY"})));
    assert_eq!(disposition(&api.post("p1/result", &free)), "stands");
}

#[test]
fn a_body_that_is_not_json_is_malformed_and_never_a_failure_of_rescind() {
    let api = Api::with_ledger();
    let doubled = payment().to_string().replacen('{', "{\"account\": \"user-2\", ", 1);
    let deep = format!("{{\"more\": {}", "[".repeat(60_000));
    let bodies: [&[u8]; 12] = [
        b"",
        b"{",
        b"{} {}",
        b"{\"a\": 1, \"a\": 1}",
        b"{\"amount\": {\"x\": 1, \"x\": 2}}",
        b"{'account': 1}",
        b"\xff\xfe",
        b"{\"account\": \"\xff\"}",
        b"{\"account\": \"\\ud800\"}",
        b"{\"n\": 1e999}",
        doubled.as_bytes(),
        deep.as_bytes(),
    ];
    let token = format!("Bearer {PAY}");
    for body in bodies {
        let reply = api.ask("PUT /wallet/v1/payments/p1", Some(&token), body);
        assert_eq!(reply.status, 400, "{reply:?}");
        assert!(reply.problem().starts_with("the body: "), "{reply:?}");
    }
    for body in ["null", "[]", "\"text\"", "5", "{}"] {
        let reply = api.ask("PUT /wallet/v1/payments/p1", Some(&token), body.as_bytes());
        assert_eq!(reply.status, 422, "{reply:?}");
        assert!(reply.problem().starts_with("the body: "), "{reply:?}");
    }
    assert_eq!(api.get("/wallet/v1/payments/p1").status, 404);
}

#[test]
fn a_body_may_have_64_kib_and_no_more() {
    let api = Api::with_ledger();
    let token = format!("Bearer {PAY}");
    let mut padded = payment().to_string().into_bytes();
    padded.resize(65_536, b' ');
    let longest = api.ask("PUT /wallet/v1/payments/p1", Some(&token), &padded);
    assert_eq!(disposition(&longest), "proceed");
    // Only announced: an answer that overtakes a body may be lost with the connection.
    let head = format!("PUT /wallet/v1/payments/p1 HTTP/1.1\r\nhost: wallet\r\nauthorization: {token}\r\nconnection: close\r\n");
    let longer = api.send(format!("{head}content-length: 65537\r\n\r\n").as_bytes());
    assert_eq!((longer.status, longer.problem().as_str()), (413, "the body must not be longer than 65536 bytes"));
}
