//! The examples of the API document. A test plays them: it sends each request and compares each answer.

use serde_json::{Value, json};
use utoipa::Modify;
use utoipa::openapi::content::Content;
use utoipa::openapi::example::{Example, ExampleBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, RefOr};

/// Puts the examples into the document.
pub(super) struct Examples;

/// An example of the body of an operation, named in the document.
struct BodyExample {
    operation: &'static str,
    /// The status of a response; `None` is the request.
    status: Option<&'static str>,
    name: &'static str,
    value: Value,
}

impl Modify for Examples {
    fn modify(&self, document: &mut OpenApi) {
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.put, &mut item.post].into_iter().flatten() {
                add_to(operation);
            }
        }
    }
}

fn add_to(operation: &mut Operation) {
    let id = operation.operation_id.clone().unwrap_or_default();
    for BodyExample { status, name, value, .. } in all().into_iter().filter(|example| example.operation == id) {
        let add = |content: &mut RefOr<Content>| {
            if let Some(content) = inline(content) {
                let example: Example = ExampleBuilder::new().value(Some(value.clone())).build();
                content.examples.insert(name.to_owned(), RefOr::T(example));
            }
        };
        let (request, responses) = (operation.request_body.as_mut(), &mut operation.responses.responses);
        match status {
            None => request.and_then(inline).into_iter().for_each(|body| body.content.values_mut().for_each(add)),
            Some(status) => {
                let response = responses.get_mut(status).and_then(inline);
                response.into_iter().for_each(|response| response.content.values_mut().for_each(add));
            }
        }
    }
}

/// The object itself, unless the document describes it elsewhere.
fn inline<T>(described: &mut RefOr<T>) -> Option<&mut T> {
    match described {
        RefOr::T(here) => Some(here),
        RefOr::Ref(_) => None,
    }
}

fn request(operation: &'static str, name: &'static str, value: Value) -> BodyExample {
    BodyExample { operation, status: None, name, value }
}

fn response(operation: &'static str, status: &'static str, name: &'static str, value: Value) -> BodyExample {
    BodyExample { operation, status: Some(status), name, value }
}

fn disposition(operation: &'static str, name: &'static str, disposition: &str) -> BodyExample {
    response(operation, "200", name, json!({ "disposition": disposition }))
}

fn all() -> Vec<BodyExample> {
    [payments(), refunds(), reversals(), lists(), operations()].into_iter().flatten().collect()
}

const PAYMENT: &str = "20260301190741010700166001";
const OTHER_PAYMENT: &str = "20260301190741010700166002";
const ACQUIRER: &str = "1022188000000000001";

fn yen(value: &str) -> Value {
    json!({ "value": value, "currency": "JPY" })
}

fn payments() -> Vec<BodyExample> {
    let announcement = json!({
        "acquirerId": ACQUIRER, "pspId": "1022172000000000001", "account": "alice", "amount": yen("1000"),
        "kind": "payment", "initiatedAt": "2026-03-01T12:00:00+08:00",
    });
    let mut authorization = announcement.clone();
    authorization["kind"] = json!("authorization");
    authorization["settlementAmount"] = json!({ "value": "48", "currency": "CNY" });
    let success = json!({
        "status": "S", "completedAt": "2026-03-01T12:00:02+08:00", "paymentId": "P-77120",
        "fee": { "value": "3", "currency": "JPY" },
    });
    vec![
        request("announce_payment", "payment", announcement),
        request("announce_payment", "authorization", authorization),
        disposition("announce_payment", "proceed", "proceed"),
        disposition("announce_payment", "closed", "closed"),
        request("report_payment", "succeeded", success),
        request("report_payment", "failed", json!({ "status": "F", "completedAt": "2026-03-01T12:00:02+08:00" })),
        disposition("report_payment", "stands", "stands"),
        disposition("report_payment", "reversed", "reversed"),
        response("payment", "200", "cancelled", cancelled()),
    ]
}

/// A payment that was cancelled, and whose money is back.
fn cancelled() -> Value {
    let at = "2026-03-01T04:00:00Z";
    json!({
        "paymentRequestId": PAYMENT, "status": "S", "amount": yen("1000"),
        "cancellation": { "state": "cancelled", "resultStatus": "S", "resultCode": "SUCCESS", "firstReceivedAt": at },
        "reversal": {
            "reversalId": PAYMENT, "taken": "debit", "amount": yen("1000"), "state": "done", "attempts": 1, "openedAt": at,
            "nextAttemptAt": null, "lastError": null,
        },
        "refunds": [], "refundedElsewhere": null,
        "inquiry": { "resultStatus": "F", "resultCode": "ORDER_IS_CLOSED" },
        "events": [
            { "at": at, "what": "payment-recorded", "amount": "1000 JPY" },
            { "at": at, "what": "succeeded" },
            { "at": at, "what": "cancel-received" },
            { "at": at, "what": "cancelled", "rule": "money-taken" },
            { "at": at, "what": "reversal-opened", "amount": "1000 JPY" },
            { "at": at, "what": "reversal-done" },
        ],
    })
}

fn refunds() -> Vec<BodyExample> {
    vec![
        request("announce_refund", "refund", json!({ "refundRequestId": "R-1", "amount": yen("300") })),
        disposition("announce_refund", "proceed", "proceed"),
        disposition("announce_refund", "refused", "refused"),
        response(
            "announce_refund",
            "200",
            "refunded-elsewhere",
            json!({ "disposition": "refused", "reason": "refunded-elsewhere" }),
        ),
        request("report_refund", "succeeded", json!({ "status": "S", "completedAt": "2026-03-01T12:00:04+08:00" })),
        disposition("report_refund", "stands", "stands"),
    ]
}

fn reversals() -> Vec<BodyExample> {
    let at = "2026-03-01T04:00:00Z";
    let open = json!({ "reversals": [{
        "reversalId": PAYMENT, "taken": "debit", "amount": yen("1000"), "state": "open", "attempts": 1, "openedAt": at,
        "nextAttemptAt": "2026-03-01T04:00:00.100000Z", "lastError": "connection refused",
    }] });
    let parked = json!({ "reversals": [{
        "reversalId": OTHER_PAYMENT, "taken": "debit", "amount": yen("1000"), "state": "parked", "attempts": 1, "openedAt": at,
        "nextAttemptAt": null, "lastError": "the account is closed",
    }] });
    vec![
        response("reversals", "200", "open", open),
        response("reversals", "200", "parked", parked),
        disposition("retry_reversal", "reopened", "reopened"),
        request("park_reversal", "note", json!({ "note": "the core answers 500; its team looks at it" })),
        disposition("park_reversal", "parked", "parked"),
        request("resolve_reversal", "note", json!({ "note": "paid in cash, receipt 4711" })),
        disposition("resolve_reversal", "resolved", "resolved"),
    ]
}

fn lists() -> Vec<BodyExample> {
    let at = "2026-03-01T04:00:00Z";
    let entry = |kind: &str| json!({ "paymentRequestId": PAYMENT, "kind": kind, "amount": yen("1000"), "at": at });
    let account = json!({
        "account": "alice", "balances": [{ "currency": "JPY", "value": "0" }], "entries": [entry("debit"), entry("credit")],
    });
    let deferred = json!({ "deferred": [{
        "paymentRequestId": PAYMENT, "acquirerId": ACQUIRER, "reason": "refund-running", "firstReceivedAt": at, "since": at,
        "attempts": 0, "nextAttemptAt": null, "lastError": null,
    }] });
    vec![
        response("account", "200", "cancelled", account),
        response("deferred", "200", "refund-running", deferred),
        response("events", "200", "cancelled", events()),
        response("settlement", "200", "closed-day", settlement()),
    ]
}

/// What a reader of the feed hears of a payment that was cancelled.
fn events() -> Value {
    let event = |number: u32, event_type: &str, data: Value| {
        json!({
            "cursor": format!("1-3.0.3.{number}."), "at": "2026-03-01T04:00:00Z", "type": event_type, "paymentRequestId": PAYMENT,
            "data": data,
        })
    };
    json!({
        "events": [
            event(1, "cancellation.received", json!({})),
            event(2, "payment.cancelled", json!({ "rule": "money-taken" })),
            event(3, "money.returned", json!({ "amount": yen("1000") })),
        ],
        "cursor": "1-3.0.3.4294967295.",
    })
}

fn settlement() -> Value {
    let sum = |value: &str| json!([{ "currency": "JPY", "value": value }]);
    json!({
        "day": "2026-03-01", "closedAt": "2026-03-02T04:00:00Z",
        "digest": "a12f41437fdee84b3da5d3c383a6a6ed511d9024d866b5cb4a98a129fe563429",
        "payments": { "count": 1, "late": 0, "amounts": sum("1000") },
        "refunds": { "count": 0, "late": 0, "amounts": [] },
        "fees": sum("3"),
        "leftOut": [{
            "reason": "cancelled", "count": 1, "late": 0, "amounts": sum("1000"), "paymentRequestIds": [OTHER_PAYMENT],
        }],
    })
}

fn operations() -> Vec<BodyExample> {
    let detailed =
        json!({ "ready": true, "reasons": [], "details": [], "deferred": 0, "openReversals": 0, "parkedReversals": 0 });
    let stopping = json!({ "ready": false, "reasons": ["stopping"] });
    vec![
        response("livez", "200", "ok", json!("ok")),
        response("livez", "503", "stuck", json!("the database has not ended a batch for 31 s")),
        response("readyz", "200", "ready", json!({ "ready": true, "reasons": [] })),
        response("readyz", "200", "detailed", detailed),
        response("readyz", "503", "stopping", stopping),
        response("metrics_text", "200", "counted", json!("# TYPE rescind_ready gauge\nrescind_ready 1\n")),
        response("openapi_json", "200", "document", json!({ "openapi": "3.1.0", "info": { "title": "Rescind" } })),
    ]
}
