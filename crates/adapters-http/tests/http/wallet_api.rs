//! The calls of the wallet's pay flow and of operators, and their answers.

use domain::{Lookup, ReversalOutcome};
use ports::testing::Wallet;
use serde_json::{Value, json};

use crate::wallet_side::{Api, changed, disposition, failure, payment, refund_of, success};

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
        "paymentRequestId": "p1", "state": "succeeded", "status": "S", "amount": amount("1000"), "account": "user-1",
        "acquirerId": "acquirer-1", "kind": "payment", "initiatedAt": at, "cancellableUntil": "2026-03-01T16:30:00Z",
        "paymentId": "p-1", "completedAt": "2026-03-01T04:00:00.500000Z", "fee": {"value": "3", "currency": "USD"},
        "settlementAmount": null, "settlement": null, "cancellation": null, "refundedElsewhere": null, "reversal": null,
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
        api.put("p1", &other("initiatedAt", json!("2026-03-01T12:00:01+08:00"))),
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
    let at = "2026-03-01T04:00:00Z";
    let reversal = json!({
        "reversalId": "p1", "taken": "debit", "amount": amount, "state": "done", "attempts": 1, "openedAt": at,
        "nextAttemptAt": null, "lastError": null, "resolution": null,
    });
    assert_eq!((&known["status"], &known["reversal"]), (&json!("S"), &reversal));
    let expected = ["cancel-received", "cancelled", "payment-recorded", "succeeded", "reversal-opened", "reversal-done"];
    assert_eq!(names(&known["events"]), expected);
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
        api.cancel_with_attempt(&Wallet::of(id), outcome);
    }
    let amount = json!({"value": "1000", "currency": "JPY"});
    let open = json!([{
        "reversalId": "p2", "taken": "debit", "amount": amount, "state": "open", "attempts": 1,
        "openedAt": "2026-03-01T04:00:00Z", "nextAttemptAt": "2026-03-01T04:00:00.100000Z", "lastError": "connection refused",
        "resolution": null,
    }]);
    let parked = json!([{
        "reversalId": "p1", "taken": "debit", "amount": amount, "state": "parked", "attempts": 1,
        "openedAt": "2026-03-01T04:00:00Z", "nextAttemptAt": null, "lastError": "the account is closed", "resolution": null,
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
    api.decide(Wallet::of("p4").is_cancelled_by("acquirer-1", Lookup::Failed("no answer".to_owned())));
    let received = "2026-03-01T04:00:00Z";
    let item = |id| {
        json!({"paymentRequestId": id, "acquirerId": "acquirer-1", "reason": "refund-running", "firstReceivedAt": received,
            "since": received, "attempts": 0, "nextAttemptAt": null, "lastError": null})
    };
    let mut looked_up = item("p4");
    looked_up["reason"] = json!("lookup-failed");
    (looked_up["attempts"], looked_up["lastError"]) = (json!(1), json!("no answer"));
    looked_up["nextAttemptAt"] = json!("2026-03-01T04:00:00.100000Z");
    let first = json!({"deferred": [item("p1"), item("p2")], "next": "p2"});
    let second = json!({"deferred": [item("p3"), looked_up], "next": "p4"});
    assert_eq!(api.get("/wallet/v1/deferred?limit=2").json(), first);
    assert_eq!(api.get("/wallet/v1/deferred?limit=2&after=p2").json(), second);
    assert_eq!(api.get("/wallet/v1/deferred?limit=2&after=p4").json(), json!({"deferred": []}));
    let oldest = json!({"paymentRequestId": "p4", "since": received});
    let counted = json!({"ready": true, "reasons": [], "details": [], "deferred": 4, "openReversals": 0, "parkedReversals": 0,
        "oldestDeferred": oldest});
    assert_eq!(api.readiness(), (200, counted));
}

#[test]
fn a_page_has_a_hundred_items_or_as_many_as_are_asked_for() {
    let api = Api::with_ledger();
    for number in 0..1000 {
        api.decide(Wallet::of(&format!("p{number:04}")).is_cancelled_by("acquirer-1", Lookup::Failed("no answer".to_owned())));
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
fn an_id_may_have_every_visible_character_in_a_path() {
    let api = Api::with_ledger();
    let visible: String = (0x21..=0x7e_u8).map(char::from).collect();
    for id in [&visible[..47], &visible[47..], "...", "%2F", "%25", "a+b", "a/../b"] {
        let path: String = id.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(disposition(&api.put(&path, &payment())), "proceed");
        assert_eq!(api.case(&path)["paymentRequestId"], id);
        let reply = api.post(&format!("{path}/refunds/{path}/result"), &failure());
        assert_eq!((reply.status, reply.problem().as_str()), (404, "no such payment, refund or reversal is recorded"));
    }
    assert_eq!(disposition(&api.put("a+c", &payment())), "proceed");
    assert_eq!(api.case("a+c")["paymentRequestId"], "a+c");
}
