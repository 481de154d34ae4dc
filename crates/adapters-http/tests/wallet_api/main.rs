//! The wallet-side API from outside, over a real socket.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test cannot read ends it")]

mod operators;
mod readiness;
mod settlement;
mod wallet_side;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{AccountId, Case, Lookup, PaymentRequestId, ReversalOutcome};
use ports::testing::Wallet;
use ports::{AccountStatement, CancellationStore, CaseFile, Page, ReceivedCommand, ReversalFilter, UnavailableError};
use serde_json::{Value, json};
use wallet_side::{Api, PAY, changed, disposition, failure, payment, refund_of, success};

fn names(events: &Value) -> Vec<&str> {
    events.as_array().unwrap().iter().map(|event| event["what"].as_str().unwrap()).collect()
}

#[test]
fn a_payment_is_followed_from_its_announcement_to_its_refunds() {
    let api = Api::with_ledger();
    assert_eq!(disposition(&api.put("p1", &payment())), "proceed");
    let known = api.case("p1");
    assert_eq!((&known["status"], &known["inquiry"]["resultCode"]), (&json!("U"), &json!("PAYMENT_IN_PROCESS")));
    assert_eq!(disposition(&api.post("p1/result", &success())), "stands");
    assert_eq!(api.reserve_refund("p1", "r1", "300"), "proceed");
    assert_eq!(api.reserve_refund("p1", "r2", "701"), "refused");
    assert_eq!(api.reserve_refund("p1", "r3", "700"), "proceed");
    assert_eq!(disposition(&api.post("p1/refunds/r1/result", &success())), "stands");
    assert_eq!(disposition(&api.post("p1/refunds/r3/result", &failure())), "stands");
    let amount = |value: &str| json!({"value": value, "currency": "JPY"});
    let at = "2026-03-01T04:00:00Z";
    let expected = json!({
        "paymentRequestId": "p1", "status": "S", "amount": amount("1000"), "cancellation": null, "reversal": null,
        "refunds": [
            {"refundRequestId": "r1", "amount": amount("300"), "state": "succeeded"},
            {"refundRequestId": "r3", "amount": amount("700"), "state": "failed"},
        ],
        "inquiry": {"resultStatus": "S", "resultCode": "SUCCESS"},
        "events": [
            {"at": at, "what": "payment-recorded", "amount": "1000 JPY"},
            {"at": at, "what": "succeeded"},
            {"at": at, "what": "refund-reserved", "refundRequestId": "r1", "amount": "300 JPY"},
            {"at": at, "what": "refund-reserved", "refundRequestId": "r3", "amount": "700 JPY"},
            {"at": at, "what": "refund-succeeded", "refundRequestId": "r1"},
            {"at": at, "what": "refund-failed", "refundRequestId": "r3"},
        ],
    });
    assert_eq!(api.case("p1"), expected);
}

#[test]
fn a_repeated_call_gets_the_same_answer_and_changes_nothing() {
    let api = Api::with_ledger();
    api.pay("p1");
    assert_eq!(api.reserve_refund("p1", "r1", "300"), "proceed");
    assert_eq!(disposition(&api.post("p1/refunds/r1/result", &success())), "stands");
    let before = api.case("p1");
    let finer = changed(&payment(), "initiatedAt", Some(json!("2026-03-01T04:00:00.000000999Z")));
    for again in [payment(), finer, changed(&payment(), "added", Some(json!({"later": [1, null]})))] {
        assert_eq!(disposition(&api.put("p1", &again)), "proceed");
    }
    assert_eq!(disposition(&api.post("p1/result", &success())), "stands");
    assert_eq!(api.reserve_refund("p1", "r1", "300"), "proceed");
    assert_eq!(disposition(&api.post("p1/refunds/r1/result", &success())), "stands");
    assert_eq!(api.case("p1"), before);
}

#[test]
fn what_contradicts_the_record_is_a_conflict() {
    let api = Api::with_ledger();
    api.pay("p1");
    assert_eq!(api.reserve_refund("p1", "r1", "300"), "proceed");
    assert_eq!(disposition(&api.post("p1/refunds/r1/result", &failure())), "stands");
    let before = api.case("p1");
    let other = |member, value| changed(&payment(), member, Some(value));
    let calls = [
        api.put("p1", &other("acquirerId", json!("acquirer-2"))),
        api.put("p1", &other("account", json!("user-2"))),
        api.put("p1", &other("kind", json!("authorization"))),
        api.put("p1", &other("amount", json!({"value": "1001", "currency": "JPY"}))),
        api.put("p1", &other("settlementAmount", json!({"value": "1000", "currency": "JPY"}))),
        api.put("p1", &other("initiatedAt", json!("2026-03-01T12:00:00.000001+08:00"))),
        api.post("p1/result", &failure()),
        api.post("p1/result", &changed(&success(), "paymentId", Some(json!("p-2")))),
        api.post("p1/refunds", &refund_of("r1", "301")),
        api.post("p1/refunds/r1/result", &success()),
    ];
    for reply in calls {
        assert_eq!(reply.status, 409, "{reply:?}");
        assert!(!reply.problem().is_empty());
    }
    assert_eq!(api.case("p1"), before);
}

#[test]
fn a_result_of_something_never_announced_is_not_found() {
    let api = Api::with_ledger();
    api.pay("p1");
    let calls = [
        api.post("p2/result", &success()),
        api.post("p2/refunds", &refund_of("r1", "1")),
        api.post("p1/refunds/r1/result", &success()),
        api.get("/wallet/v1/payments/p2"),
        api.get("/wallet/v1/reversals/p1/retry"),
    ];
    for reply in calls {
        assert_eq!(reply.status, 404, "{reply:?}");
        reply.problem();
    }
}

#[test]
fn f12_a_late_payment_of_a_fenced_request_is_closed_and_its_success_reversed() {
    let api = Api::with_ledger();
    api.decide(Wallet::of("p1").is_cancelled());
    let fence = api.case("p1");
    assert_eq!((&fence["status"], &fence["amount"]), (&Value::Null, &Value::Null));
    assert_eq!(fence["inquiry"], json!({"resultStatus": "F", "resultCode": "ORDER_IS_CLOSED"}));
    let cancellation = json!({
        "state": "cancelled", "resultStatus": "S", "resultCode": "SUCCESS", "firstReceivedAt": "2026-03-01T04:00:00Z",
    });
    assert_eq!(fence["cancellation"], cancellation);
    assert_eq!(api.put("p1", &changed(&payment(), "acquirerId", Some(json!("acquirer-2")))).status, 409);
    for _ in 0..2 {
        assert_eq!(disposition(&api.put("p1", &payment())), "closed");
    }
    for _ in 0..2 {
        assert_eq!(disposition(&api.post("p1/result", &success())), "reversed");
    }
    let known = api.case("p1");
    let amount = json!({"value": "1000", "currency": "JPY"});
    let reversal = json!({"reversalId": "p1", "taken": "debit", "amount": amount, "state": "done", "attempts": 1});
    assert_eq!((&known["status"], &known["reversal"]), (&json!("S"), &reversal));
    let told = ["cancel-received", "cancelled", "payment-recorded", "succeeded", "reversal-opened", "reversal-done"];
    assert_eq!(names(&known["events"]), told);
    assert_eq!(api.get("/wallet/v1/accounts/user-1").json()["balances"], json!([{"currency": "JPY", "value": "0"}]));
}

#[test]
fn a_cancellation_shows_in_every_state_what_a_repeat_is_answered() {
    let api = Api::with_ledger();
    let cancellation = |id: &str| {
        let known = api.case(id)["cancellation"].clone();
        ["state", "resultStatus", "resultCode"].map(|member| known[member].as_str().unwrap().to_owned())
    };
    for (id, refunded) in [("deferred", None), ("partly", Some("400")), ("fully", Some("1000"))] {
        api.pay(id);
        assert_eq!(api.reserve_refund(id, "r1", refunded.unwrap_or("400")), "proceed");
        if refunded.is_some() {
            assert_eq!(disposition(&api.post(&format!("{id}/refunds/r1/result"), &success())), "stands");
        }
        api.decide(Wallet::of(id).is_cancelled());
    }
    assert_eq!(cancellation("deferred"), ["deferred", "U", "UNKNOWN_EXCEPTION"]);
    assert_eq!(cancellation("partly"), ["refused", "F", "PROCESS_FAIL"]);
    assert_eq!(cancellation("fully"), ["already-refunded", "S", "SUCCESS"]);
    assert_eq!(api.case("fully")["inquiry"]["resultCode"], "SUCCESS");
    assert_eq!(api.reserve_refund("deferred", "r2", "1"), "refused");
    assert_eq!(disposition(&api.put("failed", &payment())), "proceed");
    assert_eq!(disposition(&api.post("failed/result", &failure())), "stands");
    let failed = api.case("failed");
    assert_eq!(
        (&failed["status"], &failed["inquiry"]),
        (&json!("F"), &json!({"resultStatus": "F", "resultCode": "PROCESS_FAIL"}))
    );
}

#[test]
fn open_and_parked_reversals_are_listed_with_what_they_met() {
    let api = Api::with_core();
    for (id, outcome) in [
        ("p1", ReversalOutcome::Impossible("the account is closed".to_owned())),
        ("p2", ReversalOutcome::Unknown("connection refused".to_owned())),
    ] {
        api.owes(&Wallet::of(id), outcome);
    }
    let amount = json!({"value": "1000", "currency": "JPY"});
    let open = json!([{
        "reversalId": "p2", "taken": "debit", "amount": amount, "state": "open", "attempts": 1,
        "openedAt": "2026-03-01T04:00:00Z", "nextAttemptAt": "2026-03-01T04:00:00.100000Z", "lastError": "connection refused",
    }]);
    let parked = json!([{
        "reversalId": "p1", "taken": "debit", "amount": amount, "state": "parked", "attempts": 1,
        "openedAt": "2026-03-01T04:00:00Z", "nextAttemptAt": null, "lastError": "the account is closed",
    }]);
    assert_eq!(api.get("/wallet/v1/reversals").json(), json!({"reversals": open}));
    assert_eq!(api.get("/wallet/v1/reversals?state=open").json(), json!({"reversals": open}));
    assert_eq!(api.get("/wallet/v1/reversals?state=parked").json(), json!({"reversals": parked}));
    let known = api.case("p2");
    assert_eq!((&known["cancellation"]["state"], &known["cancellation"]["resultStatus"]), (&json!("open"), &json!("U")));
    assert_eq!(known["reversal"]["state"], "open");
}

#[test]
fn deferred_cancels_are_listed_page_by_page_and_counted() {
    let api = Api::with_ledger();
    for id in ["p1", "p2", "p3"] {
        api.pay(id);
        assert_eq!(api.reserve_refund(id, "r1", "400"), "proceed");
        api.decide(Wallet::of(id).is_cancelled());
    }
    api.decide(Wallet::of("p4").is_cancelled_by("acquirer-1", Lookup::Failed));
    let item = |id, reason| {
        let received = "2026-03-01T04:00:00Z";
        json!({"paymentRequestId": id, "acquirerId": "acquirer-1", "reason": reason, "firstReceivedAt": received})
    };
    let first = json!({"deferred": [item("p1", "refund-running"), item("p2", "refund-running")], "next": "p2"});
    let second = json!({"deferred": [item("p3", "refund-running"), item("p4", "lookup-failed")], "next": "p4"});
    assert_eq!(api.get("/wallet/v1/deferred?limit=2").json(), first);
    assert_eq!(api.get("/wallet/v1/deferred?limit=2&after=p2").json(), second);
    assert_eq!(api.get("/wallet/v1/deferred?limit=2&after=p4").json(), json!({"deferred": []}));
    let counted = json!({"ready": true, "deferred": 4, "openReversals": 0, "parkedReversals": 0});
    assert_eq!(api.readiness(), (200, counted));
}

#[test]
fn a_page_has_a_hundred_items_or_as_many_as_are_asked_for() {
    let api = Api::with_ledger();
    for number in 0..1000 {
        api.decide(Wallet::of(&format!("p{number:04}")).is_cancelled_by("acquirer-1", Lookup::Failed));
    }
    let length = |page: &Value| page["deferred"].as_array().map(Vec::len);
    let (most, default) = (api.get("/wallet/v1/deferred?limit=1000").json(), api.get("/wallet/v1/deferred").json());
    assert_eq!((length(&most), &most["next"]), (Some(1000), &json!("p0999")));
    assert_eq!((length(&default), &default["next"]), (Some(100), &json!("p0099")));
}

#[test]
fn an_account_is_stated_page_by_page_with_the_balance_of_all() {
    let api = Api::with_ledger();
    api.pay("p1");
    let hold = changed(&payment(), "kind", Some(json!("authorization")));
    let hold = changed(&hold, "amount", Some(json!({"value": "9223372036854775807", "currency": "KWD"})));
    for id in ["p2", "p3"] {
        assert_eq!(disposition(&api.put(id, &hold)), "proceed");
        assert_eq!(disposition(&api.post(&format!("{id}/result"), &success())), "stands");
    }
    api.decide(Wallet::of("p1").is_cancelled());
    let balances = json!([{"currency": "JPY", "value": "0"}, {"currency": "KWD", "value": "-18446744073709551614"}]);
    let (mut listed, mut path) = (Vec::new(), "/wallet/v1/accounts/user-1?limit=3".to_owned());
    loop {
        let page = api.get(&path).json();
        assert_eq!((&page["account"], &page["balances"]), (&json!("user-1"), &balances));
        listed.extend(page["entries"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/wallet/v1/accounts/user-1?limit=3&after={next}");
    }
    let entry = |id, kind, value, currency| {
        let amount = json!({"value": value, "currency": currency});
        json!({"paymentRequestId": id, "kind": kind, "amount": amount, "at": "2026-03-01T04:00:00Z"})
    };
    let most = "9223372036854775807";
    let expected = [
        entry("p1", "debit", "1000", "JPY"),
        entry("p2", "hold", most, "KWD"),
        entry("p3", "hold", most, "KWD"),
        entry("p1", "credit", "1000", "JPY"),
    ];
    assert_eq!(listed, expected);
    assert_eq!(api.get("/wallet/v1/accounts/nobody").json(), json!({"account": "nobody", "balances": [], "entries": []}));
}

#[test]
fn nobody_gets_in_without_a_known_token() {
    let api = Api::with_ledger();
    let document: Value = serde_json::from_str(&adapters_http::openapi()).unwrap();
    let mut closed = 0;
    for (method, path, operation) in operations(&document) {
        if operation["security"] == json!([{}]) {
            continue;
        }
        closed += 1;
        for given in [None, Some("Bearer"), Some("Bearer "), Some("Bearer pay-token-012345678"), Some(PAY), Some("Basic YTpi")] {
            let reply = api.ask(&format!("{method} {path}"), given, b"{");
            assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")), "{method} {path} {given:?}");
            reply.problem();
        }
    }
    assert_eq!(closed, 11);
    let known = api.ask("GET /wallet/v1/deferred", Some(&format!("bearer {PAY}")), b"");
    assert_eq!(known.status, 200);
}

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
fn a_body_that_is_no_json_is_malformed_and_never_our_failure() {
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

#[test]
fn an_id_may_have_every_visible_character_in_a_path() {
    let api = Api::with_ledger();
    let visible: String = (0x21..=0x7e_u8).map(char::from).collect();
    for id in [&visible[..47], &visible[47..], "...", "%2F", "%25", "a+b", "a/../b"] {
        let path: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(disposition(&api.put(&path, &payment())), "proceed");
        assert_eq!(api.case(&path)["paymentRequestId"], id);
        let asked = api.post(&format!("{path}/refunds/{path}/result"), &failure());
        assert_eq!((asked.status, asked.problem().as_str()), (404, "no such payment, refund or reversal is recorded"));
    }
    assert_eq!(disposition(&api.put("a+c", &payment())), "proceed");
    assert_eq!(api.case("a+c")["paymentRequestId"], "a+c");
}

#[test]
fn a_case_that_cannot_be_decided_is_not_answered() {
    let store = ports::testing::MemoryStore::new(ports::testing::ledger_policy());
    store.damage(&ports::testing::id("p1"));
    let api = Api::over(Arc::new(store), Duration::from_secs(60));
    assert_not_answered(&api.put("p1", &payment()));
    assert_eq!(disposition(&api.put("p2", &payment())), "proceed");
}

#[test]
fn a_process_that_stops_sends_the_wallet_away() {
    let api = Api::with_ledger();
    api.readiness.stopping();
    api.stop_lanes();
    assert_not_answered(&api.put("p1", &payment()));
    assert_eq!(api.readiness(), (503, json!({"ready": false, "reason": "stopping"})));
    let live = api.ask("GET /livez", None, b"");
    assert_eq!((live.status, live.body.as_str()), (200, "ok"));
}

fn assert_not_answered(reply: &wallet_side::Reply) {
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply:?}");
    assert!(reply.problem().ends_with("repeat the call"), "{reply:?}");
}

/// A store that is lost: it answers nothing, or only that it cannot.
struct Lost {
    silent: bool,
}

impl Lost {
    async fn answer<T>(&self) -> Result<T, UnavailableError> {
        if self.silent { pending().await } else { Err(UnavailableError::because("connection refused")) }
    }
}

#[async_trait]
impl CancellationStore for Lost {
    async fn decide(&self, _: Vec<ReceivedCommand>) -> Vec<Result<ports::Decided, UnavailableError>> {
        vec![self.answer().await]
    }

    async fn lease_due(&self, _: chrono::DateTime<chrono::Utc>, _: u32) -> Result<Vec<ports::LeasedReversal>, UnavailableError> {
        self.answer().await
    }
    async fn find(&self, _: &PaymentRequestId) -> Result<Option<CaseFile>, UnavailableError> {
        self.answer().await
    }

    async fn account(&self, _: &AccountId, _: &Page) -> Result<AccountStatement, UnavailableError> {
        self.answer().await
    }

    async fn reversals(&self, _: ReversalFilter, _: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.answer().await
    }

    async fn deferred(&self, _: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.answer().await
    }

    async fn backlog(&self) -> Result<ports::Backlog, UnavailableError> {
        self.answer().await
    }

    async fn check(&self) -> Result<Option<chrono::DateTime<chrono::Utc>>, UnavailableError> {
        self.answer().await
    }
}

#[test]
fn while_the_database_is_lost_every_call_is_to_be_repeated() {
    for (silent, reason) in [(false, "database: connection refused"), (true, "database: no answer in time")] {
        let api = Api::over(Arc::new(Lost { silent }), Duration::from_millis(20));
        assert_not_answered(&api.put("p1", &payment()));
        for path in ["payments/p1", "accounts/user-1", "reversals", "deferred"] {
            assert_not_answered(&api.get(&format!("/wallet/v1/{path}")));
        }
        assert_eq!(api.readiness(), (503, json!({"ready": false, "reason": reason})));
    }
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    found
}

#[test]
fn the_document_lists_the_routes_that_are_served_and_no_other() {
    let api = Api::with_ledger();
    let served = api.ask("GET /openapi.json", None, b"");
    assert_eq!((served.status, served.header("content-type")), (200, Some("application/json")));
    assert_eq!(served.body, adapters_http::openapi());
    let document = served.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let mut listed = Vec::new();
    for (method, path, operation) in operations(&document) {
        let reply = api.ask(&format!("{method} {}", path.replace(['{', '}'], "")), Some(&format!("Bearer {PAY}")), b"{}");
        assert!(!reply.body.contains("there is no such route"), "{method} {path}");
        let documented = &operation["responses"][reply.status.to_string()];
        assert!(documented.is_object(), "{method} {path} {}", reply.status);
        listed.push(format!("{method} {path}"));
    }
    let contract = [
        "GET /livez",
        "GET /metrics",
        "GET /openapi.json",
        "GET /readyz",
        "GET /wallet/v1/accounts/{account}",
        "GET /wallet/v1/deferred",
        "GET /wallet/v1/payments/{paymentRequestId}",
        "PUT /wallet/v1/payments/{paymentRequestId}",
        "POST /wallet/v1/payments/{paymentRequestId}/refunds",
        "POST /wallet/v1/payments/{paymentRequestId}/refunds/{refundRequestId}/result",
        "POST /wallet/v1/payments/{paymentRequestId}/result",
        "GET /wallet/v1/reversals",
        "POST /wallet/v1/reversals/{paymentRequestId}/resolve",
        "POST /wallet/v1/reversals/{paymentRequestId}/retry",
        "GET /wallet/v1/settlement/{date}",
    ];
    listed.sort_by_key(|line| line.split(' ').nth(1).map(str::to_owned));
    assert_eq!(listed, contract);
    assert!(api.get("/wallet/v1/nothing").problem().contains("there is no such route"));
}

#[test]
fn the_document_describes_every_name_that_it_refers_to() {
    let document: Value = serde_json::from_str(&adapters_http::openapi()).unwrap();
    let text = document.to_string();
    let referred: Vec<_> =
        text.split("\"$ref\":\"#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(referred.contains(&"ProblemDetails") && referred.contains(&"Announcement"), "{referred:?}");
    for name in referred {
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}
