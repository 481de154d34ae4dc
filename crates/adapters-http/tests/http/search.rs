//! Searching payments, and the whole view of one.

use domain::{Policy, ReversalOutcome};
use ports::testing::{Wallet, core_policy};
use serde_json::{Value, json};

use crate::wallet_side::{Api, READ, Reply, changed, failure, payment, success};

/// Announces and reports a payment of that account, initiated so many seconds after noon.
fn pays(api: &Api, id: &str, account: &str, seconds: u32) {
    let announced = changed(&payment(), "account", Some(json!(account)));
    let announced = changed(&announced, "initiatedAt", Some(json!(format!("2026-03-01T12:00:{seconds:02}+08:00"))));
    assert_eq!(api.put(id, &announced).status, 200);
    let result = changed(&success(), "paymentId", Some(json!(format!("P-{id}"))));
    assert_eq!(api.post(&format!("{id}/result"), &result).status, 200);
}

fn search(api: &Api, query: &str) -> Reply {
    api.ask(&format!("GET /wallet/v1/payments?{query}"), Some(&format!("Bearer {READ}")), b"")
}

fn ids(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let found = reply.json()["payments"].as_array().unwrap().clone();
    found.iter().map(|payment| payment["paymentRequestId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn f94_support_finds_a_payment_by_account_own_id_state_and_time() {
    let api = Api::with_ledger();
    pays(&api, "first", "user-1", 1);
    pays(&api, "second", "user/1&x", 2);
    pays(&api, "third", "user-1", 3);
    api.decide(Wallet::of("first").is_cancelled());
    for (query, found) in [
        ("account=user-1", vec!["third", "first"]),
        ("account=user%2F1%26x", vec!["second"]),
        ("paymentId=P-third", vec!["third"]),
        ("state=cancelled", vec!["first"]),
        ("state=succeeded&acquirerId=acquirer-1", vec!["third", "second"]),
        ("initiatedFrom=2026-03-01T12:00:02%2B08:00", vec!["third", "second"]),
        ("initiatedTo=2026-03-01T04:00:02Z", vec!["first"]),
        (
            "account=user-1&state=cancelled&paymentId=P-first&initiatedTo=2026-03-01T04:00:02Z&acquirerId=acquirer-1",
            vec!["first"],
        ),
        ("account=nobody", vec![]),
    ] {
        assert_eq!(ids(&search(&api, query)), found, "{query}");
    }
    let summary = &search(&api, "state=cancelled").json()["payments"][0];
    let expected = json!({
        "paymentRequestId": "first", "state": "cancelled", "status": "S", "amount": {"value": "1000", "currency": "JPY"},
        "account": "user-1", "acquirerId": "acquirer-1", "paymentId": "P-first", "initiatedAt": "2026-03-01T04:00:01Z",
        "firstReceivedAt": "2026-03-01T04:00:00Z",
    });
    assert_eq!(*summary, expected);
}

#[test]
fn a_search_is_read_page_by_page() {
    let api = Api::with_ledger();
    for n in 0..5 {
        pays(&api, &format!("p{n}"), "user-1", n);
    }
    let (mut after, mut found) = (String::new(), Vec::new());
    loop {
        let reply = search(&api, &format!("account=user-1&limit=2{after}"));
        found.extend(ids(&reply));
        match reply.json()["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, ["p4", "p3", "p2", "p1", "p0"]);
}

#[test]
fn a_search_that_cannot_be_read_says_what_would_be_right() {
    let api = Api::with_ledger();
    for (query, detail) in [
        ("", "the query: at least one of account, paymentId, state, initiatedFrom and initiatedTo is needed"),
        ("acquirerId=acquirer-1&limit=5", "the query: at least one of"),
        ("account=a%20b", "account: must be 1 to 64 visible"),
        ("paymentId=", "paymentId: must be 1 to 64 visible"),
        ("acquirerId=.&state=open", "acquirerId: must be"),
        ("state=Open", "state: must be one of in-progress, succeeded"),
        (
            "initiatedFrom=2026-03-01T12:00:02+08:00",
            "initiatedFrom: must be an RFC 3339 time with an offset, such as 2026-03-01T09:15:00%2B08:00",
        ),
        ("initiatedTo=yesterday", "initiatedTo: must be an RFC 3339 time"),
        ("state=open&limit=1001", "limit: must be a number of 1 to 1000"),
        ("state=open&after=P1", "after: must be the next of the page before"),
        ("state=open&state=parked", "the query: "),
    ] {
        let reply = search(&api, query);
        assert_eq!(reply.status, 422, "{query}: {reply:?}");
        assert!(reply.problem().starts_with(detail), "{query}: {reply:?}");
    }
}

/// An empty account would say that the user paid nothing.
#[test]
fn f94_an_account_that_the_core_keeps_is_not_said_to_be_empty() {
    let api = Api::with_core();
    pays(&api, "p1", "user-1", 1);
    let reply = api.get("/wallet/v1/accounts/user-1");
    assert_eq!((reply.status, reply.json()["type"].as_str()), (409, Some("urn:rescind:problem:accounts-are-the-cores")));
    assert_eq!(ids(&search(&api, "account=user-1")), ["p1"]);
    let ledger = Api::with_ledger();
    assert_eq!(ledger.get("/wallet/v1/accounts/user-1").status, 200);
}

#[test]
fn the_view_of_a_payment_says_all_that_is_known_of_it() {
    let api = Api::with_ledger();
    let announced = changed(&payment(), "settlementAmount", Some(json!({"value": "48", "currency": "CNY"})));
    assert_eq!(api.put("p1", &announced).status, 200);
    let members = |view: &Value, names: &[&str]| names.iter().map(|name| view[name].clone()).collect::<Vec<_>>();
    let view = api.case("p1");
    let names = ["state", "account", "acquirerId", "kind", "initiatedAt", "cancellableUntil", "settlementAmount"];
    let expected = [
        json!("in-progress"),
        json!("user-1"),
        json!("acquirer-1"),
        json!("payment"),
        json!("2026-03-01T04:00:00Z"),
        json!("2026-03-01T16:30:00Z"),
        json!({"value": "48", "currency": "CNY"}),
    ];
    assert_eq!(members(&view, &names), expected);
    assert_eq!(members(&view, &["paymentId", "completedAt", "fee", "settlement"]), [const { Value::Null }; 4]);
    assert_eq!(api.post("p1/result", &success()).status, 200);
    let view = api.case("p1");
    let ended = [json!("p-1"), json!("2026-03-01T04:00:00.500000Z"), json!({"value": "3", "currency": "USD"}), Value::Null];
    assert_eq!(members(&view, &["paymentId", "completedAt", "fee", "settlement"]), ended);
    api.put("failed", &payment());
    api.post("failed/result", &failure());
    let failed = [json!("failed"), json!("F"), json!("2026-03-01T04:00:01Z"), Value::Null];
    assert_eq!(members(&api.case("failed"), &["state", "status", "completedAt", "fee"]), failed);
    api.decide(Wallet::of("fence").is_cancelled());
    let fence = [json!("cancelled"), Value::Null, json!("acquirer-1"), Value::Null, Value::Null];
    assert_eq!(members(&api.case("fence"), &["state", "account", "acquirerId", "initiatedAt", "cancellableUntil"]), fence);
}

#[test]
fn a_parked_deferral_shows_what_was_asked_for() {
    let api = Api::under(Policy { four_eyes: true, ..core_policy() }, "psp-1");
    api.cancel_with_attempt(&Wallet::of("p1"), ReversalOutcome::Unknown("timeout".to_owned()));
    assert_eq!(ids(&search(&api, "state=open")), ["p1"]);
    assert_eq!(api.operate("p1/park", &json!({"note": "look"})).status, 200);
    assert_eq!(api.operate("p1/resolve", &json!({"note": "paid"})).status, 202);
    assert_eq!(ids(&search(&api, "state=parked")), ["p1"]);
    assert_eq!(api.case("p1")["reversal"]["resolution"]["by"], "ops");
}
