//! What an operator may decide about a parked reversal.

use domain::{Policy, ReversalOutcome};
use ports::testing::{Wallet, core_policy};
use serde_json::{Value, json};

use crate::wallet_side::{ANN, Api, OPERATOR, PAY, Reply, disposition};

/// The payment `id` is cancelled, and the core says that its money cannot go back.
fn with_parked(id: &str) -> Api {
    parked_by(Api::with_core(), id)
}

/// The same where a resolution takes two operators.
fn with_four_eyes(id: &str) -> Api {
    parked_by(Api::under(Policy { four_eyes: true, ..core_policy() }, "psp-1"), id)
}

fn parked_by(api: Api, id: &str) -> Api {
    api.cancel_with_attempt(&Wallet::of(id), ReversalOutcome::Impossible("the account is closed".to_owned()));
    assert_eq!(api.case(id)["reversal"]["state"], "parked");
    api
}

fn is_requested(reply: &Reply) -> bool {
    reply.status == 202 && reply.json() == json!({"disposition": "requested"})
}

fn last_event(case: &Value) -> &Value {
    case["events"].as_array().and_then(|events| events.last()).unwrap()
}

#[test]
fn an_operator_has_a_parked_reversal_tried_again() {
    let api = with_parked("p1");
    assert_eq!(disposition(&api.operate("p1/retry", &json!({}))), "reopened");
    let known = api.case("p1");
    assert_eq!((&known["reversal"]["state"], &last_event(&known)["what"]), (&json!("open"), &json!("reversal-opened")));
    let listed = api.get("/wallet/v1/reversals").json();
    assert_eq!(listed["reversals"][0]["nextAttemptAt"], "2026-03-01T04:00:00Z", "due at once");
    let again = api.operate("p1/retry", &json!({}));
    assert_eq!((again.status, again.problem().as_str()), (409, "the reversal is not parked"));
    assert_eq!(api.case("p1"), known);
}

#[test]
fn a_reversal_paid_by_hand_is_resolved_in_its_operators_name() {
    let api = with_parked("p1");
    let note = "paid in cash,\nreceipt 4711 (é)";
    assert_eq!(disposition(&api.operate("p1/resolve", &json!({"note": note}))), "resolved");
    let known = api.case("p1");
    assert_eq!(known["reversal"]["state"], "done");
    assert_eq!((&known["cancellation"]["state"], &known["cancellation"]["resultStatus"]), (&json!("cancelled"), &json!("S")));
    let resolved = json!({"at": "2026-03-01T04:00:00Z", "what": "reversal-resolved", "note": note, "by": "ops"});
    assert_eq!(last_event(&known), &resolved);
    for path in ["p1/resolve", "p1/retry"] {
        assert_eq!(api.operate(path, &json!({"note": "again"})).status, 409, "{path}");
    }
    assert_eq!(api.case("p1"), known);
}

#[test]
fn f93_an_operators_retry_leaves_their_name() {
    let api = with_parked("p1");
    assert_eq!(disposition(&api.operate_as(ANN, "p1/retry", &json!({}))), "reopened");
    assert_eq!(
        last_event(&api.case("p1")),
        &json!({"at": "2026-03-01T04:00:00Z", "what": "reversal-opened", "amount": "1000 JPY", "by": "ann"})
    );
}

#[test]
fn f93_with_four_eyes_another_token_ends_what_the_first_one_asked_for() {
    let api = with_four_eyes("p1");
    let note = json!({"note": "paid in cash"});
    assert!(is_requested(&api.operate("p1/resolve", &note)));
    assert!(is_requested(&api.operate("p1/resolve", &note)), "again is the same");
    let asked = json!({"note": "paid in cash", "by": "ops", "at": "2026-03-01T04:00:00Z"});
    let known = api.case("p1");
    assert_eq!((&known["reversal"]["resolution"], &known["cancellation"]["resultStatus"]), (&asked, &json!("U")));
    assert_eq!(api.get("/wallet/v1/reversals?state=parked").json()["reversals"][0]["resolution"], asked);
    let own = api.operate_as(OPERATOR, "p1/resolve/approve", &json!({}));
    assert!(own.status == 409 && own.problem().contains("under the same name"), "{own:?}");
    assert_eq!(api.case("p1"), known);
    assert_eq!(disposition(&api.operate_as(ANN, "p1/resolve/approve", &json!({}))), "resolved");
    let known = api.case("p1");
    let resolved = json!({
        "at": "2026-03-01T04:00:00Z", "what": "reversal-resolved", "note": "paid in cash", "by": "ops", "approvedBy": "ann",
    });
    assert_eq!((last_event(&known), &known["reversal"]["resolution"]), (&resolved, &Value::Null));
    assert_eq!(known["cancellation"]["resultStatus"], "S");
    assert_eq!(api.operate_as(ANN, "p1/resolve/approve", &json!({})).status, 409, "once");
}

#[test]
fn f93_a_retry_in_between_voids_what_was_asked_for() {
    let api = with_four_eyes("p1");
    assert!(is_requested(&api.operate("p1/resolve", &json!({"note": "paid in cash"}))));
    assert_eq!(disposition(&api.operate("p1/retry", &json!({}))), "reopened");
    assert_eq!(disposition(&api.operate("p1/park", &json!({"note": "it does not work"}))), "parked");
    assert_eq!(api.case("p1")["reversal"]["resolution"], Value::Null);
    let late = api.operate_as(ANN, "p1/resolve/approve", &json!({}));
    assert!(late.status == 409 && late.problem().contains("something happened since"), "{late:?}");
}

#[test]
fn the_pay_flow_may_not_decide_about_a_reversal() {
    let api = with_parked("p1");
    let before = api.case("p1");
    for path in ["p1/retry", "p1/resolve", "unknown/retry", "unknown/resolve", "%00/retry"] {
        let line = format!("POST /wallet/v1/reversals/{path}");
        for body in [&b"{\"note\": \"paid\"}"[..], b"{"] {
            let reply = api.ask(&line, Some(&format!("Bearer {PAY}")), body);
            assert_eq!(reply.status, 403, "{path}: {reply:?}");
            assert!(reply.problem().ends_with("an operator's token is needed"), "{reply:?}");
        }
    }
    assert_eq!(api.case("p1"), before);
}

#[test]
fn only_a_parked_reversal_is_an_operators() {
    let api = Api::with_core();
    api.pay("paid");
    api.cancel_with_attempt(&Wallet::of("open"), ReversalOutcome::Unknown("timeout".to_owned()));
    api.cancel_with_attempt(&Wallet::of("done"), ReversalOutcome::Done);
    let known = ["paid", "open", "done"].map(|id| (id, api.case(id)));
    for (id, status) in [("unknown", 404), ("paid", 404), ("open", 409), ("done", 409)] {
        for (action, body) in [("retry", json!({})), ("resolve", json!({"note": "paid by hand"}))] {
            let reply = api.operate(&format!("{id}/{action}"), &body);
            assert_eq!(reply.status, status, "{id} {action}: {reply:?}");
            reply.problem();
        }
    }
    assert_eq!(api.get("/wallet/v1/payments/unknown").status, 404);
    for (id, before) in known {
        assert_eq!(api.case(id), before);
    }
}

#[test]
fn a_note_says_something_in_up_to_1000_characters() {
    let api = with_parked("p1");
    let before = api.case("p1");
    let long = "é".repeat(1001);
    for note in ["", " \n ", "paid\0", "paid\r\n", "\tpaid", "\u{7f}paid", "paid\u{85}", &long] {
        let reply = api.operate("p1/resolve", &json!({"note": note}));
        assert_eq!(reply.status, 422, "{note:?}: {reply:?}");
        assert!(reply.problem().starts_with("note: must be 1 to 1000 characters"), "{reply:?}");
    }
    for (body, detail) in [(json!({}), "the body: missing field `note`"), (json!({"note": 5}), "note: invalid type")] {
        let reply = api.operate("p1/resolve", &body);
        assert_eq!(reply.status, 422, "{reply:?}");
        assert!(reply.problem().starts_with(detail), "{reply:?}");
    }
    assert_eq!(api.case("p1"), before);
    assert_eq!(disposition(&api.operate("p1/resolve", &json!({"note": "é".repeat(1000)}))), "resolved");
}
