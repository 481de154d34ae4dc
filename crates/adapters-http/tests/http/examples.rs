//! The examples of the document are played: each request is sent, and each answer is what the API says to it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::TimeDelta;
use domain::{ClearingDay, Lookup, Policy, ReversalOutcome};
use ports::testing::{Wallet, core_policy, ledger_policy, moment};
use serde_json::{Value, json};
use use_cases::{SettlementPorts, close_day};

use crate::openapi::operations;
use crate::wallet_side::{Api, Reply, refund_of};

const PAYMENT: &str = "20260301190741010700166001";
const OTHER_PAYMENT: &str = "20260301190741010700166002";
const ACQUIRER: &str = "1022188000000000001";

/// Answers that no sound process gives in a test, and one that is the document itself.
const NOT_PLAYED: [&str; 3] = ["livez 503 stuck", "metrics_text 200 counted", "openapi_json 200 document"];

/// The examples, and which of them were played.
struct Examples {
    listed: Vec<(String, Value)>,
    played: RefCell<BTreeSet<String>>,
}

impl Examples {
    fn of_the_document() -> Self {
        let document: Value = serde_json::from_str(&adapters_http::openapi()).unwrap();
        let mut listed = Vec::new();
        for (_, _, operation) in operations(&document) {
            let id = operation["operationId"].as_str().unwrap();
            let bodies = operation["responses"].as_object().unwrap().iter().map(|(status, body)| (status.as_str(), body));
            for (place, body) in bodies.chain([("request", &operation["requestBody"])]) {
                for (media_type, content) in body["content"].as_object().into_iter().flatten() {
                    let examples = content["examples"].as_object();
                    assert!(examples.is_some_and(|examples| !examples.is_empty()), "{id} {place} has no example");
                    if media_type == "application/problem+json" {
                        continue;
                    }
                    for (name, example) in examples.into_iter().flatten() {
                        listed.push((format!("{id} {place} {name}"), example["value"].clone()));
                    }
                }
            }
        }
        Self { listed, played: RefCell::default() }
    }

    fn take(&self, key: &str) -> &Value {
        self.played.borrow_mut().insert(key.to_owned());
        &self.listed.iter().find(|(listed, _)| listed == key).unwrap_or_else(|| panic!("there is no example {key}")).1
    }

    /// The answer is this example.
    fn expect(&self, key: &str, reply: &Reply) {
        let body = serde_json::from_str(&reply.body).unwrap_or_else(|_| json!(reply.body));
        assert_eq!((reply.status.to_string().as_str(), &body), (key.split(' ').nth(1).unwrap(), self.take(key)), "{key}");
    }
}

fn api(policy: Policy) -> Api {
    Api::under(policy, "1022172000000000001")
}

fn cancel(api: &Api, id: &str) {
    api.decide(Wallet::of(id).is_cancelled_by(ACQUIRER, Lookup::Recorded));
}

fn pay(api: &Api, examples: &Examples, id: &str) {
    let announced = api.put(id, examples.take("announce_payment request payment"));
    examples.expect("announce_payment 200 proceed", &announced);
    let reported = api.post(&format!("{id}/result"), examples.take("report_payment request succeeded"));
    examples.expect("report_payment 200 stands", &reported);
}

#[test]
fn the_examples_of_the_document_are_what_the_api_says() {
    let examples = Examples::of_the_document();
    a_cancelled_payment(&examples);
    a_failed_payment(&examples);
    a_refund_that_delays_a_cancel(&examples);
    reversals_at_a_core(&examples);
    a_closed_day(&examples);
    let mut played = examples.played.into_inner();
    played.extend(NOT_PLAYED.map(str::to_owned));
    assert_eq!(played, examples.listed.into_iter().map(|(key, _)| key).collect());
}

fn a_cancelled_payment(examples: &Examples) {
    let api = api(ledger_policy());
    pay(&api, examples, PAYMENT);
    cancel(&api, PAYMENT);
    let again = api.put(PAYMENT, examples.take("announce_payment request payment"));
    examples.expect("announce_payment 200 closed", &again);
    let again = api.post(&format!("{PAYMENT}/result"), examples.take("report_payment request succeeded"));
    examples.expect("report_payment 200 reversed", &again);
    examples.expect("payment 200 cancelled", &api.get(&format!("/wallet/v1/payments/{PAYMENT}")));
    examples.expect("account 200 cancelled", &api.get("/wallet/v1/accounts/alice"));
    examples.expect("events 200 cancelled", &api.get("/wallet/v1/events?limit=3"));
    examples.expect("livez 200 ok", &api.ask("GET /livez", None, b""));
    examples.expect("readyz 200 ready", &api.ask("GET /readyz", None, b""));
    examples.expect("readyz 200 detailed", &api.get("/readyz"));
    api.readiness.stopping();
    examples.expect("readyz 503 stopping", &api.ask("GET /readyz", None, b""));
}

fn a_failed_payment(examples: &Examples) {
    let api = api(ledger_policy());
    let announced = api.put(PAYMENT, examples.take("announce_payment request authorization"));
    examples.expect("announce_payment 200 proceed", &announced);
    let reported = api.post(&format!("{PAYMENT}/result"), examples.take("report_payment request failed"));
    examples.expect("report_payment 200 stands", &reported);
}

fn a_refund_that_delays_a_cancel(examples: &Examples) {
    let api = api(ledger_policy());
    pay(&api, examples, PAYMENT);
    let refund = examples.take("announce_refund request refund");
    examples.expect("announce_refund 200 proceed", &api.post(&format!("{PAYMENT}/refunds"), refund));
    let too_much = refund_of("R-2", "701");
    examples.expect("announce_refund 200 refused", &api.post(&format!("{PAYMENT}/refunds"), &too_much));
    cancel(&api, PAYMENT);
    examples.expect("deferred 200 refund-running", &api.get("/wallet/v1/deferred"));
    let reported = api.post(&format!("{PAYMENT}/refunds/R-1/result"), examples.take("report_refund request succeeded"));
    examples.expect("report_refund 200 stands", &reported);
}

fn reversals_at_a_core(examples: &Examples) {
    let api = api(core_policy());
    for (id, outcome) in [
        (PAYMENT, ReversalOutcome::Unknown("connection refused".to_owned())),
        (OTHER_PAYMENT, ReversalOutcome::Impossible("the account is closed".to_owned())),
    ] {
        pay(&api, examples, id);
        cancel(&api, id);
        api.end_first_attempt(&Wallet::of(id), outcome);
    }
    examples.expect("reversals 200 open", &api.get("/wallet/v1/reversals"));
    examples.expect("reversals 200 parked", &api.get("/wallet/v1/reversals?state=parked"));
    let resolved = api.operate(&format!("{OTHER_PAYMENT}/resolve"), examples.take("resolve_reversal request note"));
    examples.expect("resolve_reversal 200 resolved", &resolved);

    let parked = api.operate(&format!("{PAYMENT}/park"), examples.take("park_reversal request note"));
    examples.expect("park_reversal 200 parked", &parked);

    let refunded = "20260301190741010700166004";
    pay(&api, examples, refunded);
    cancel(&api, refunded);
    api.end_first_attempt(&Wallet::of(refunded), ReversalOutcome::FullyRefunded);
    let refused = api.post(&format!("{refunded}/refunds"), &refund_of("R-1", "300"));
    examples.expect("announce_refund 200 refunded-elsewhere", &refused);

    let third = Wallet::of("20260301190741010700166003");
    pay(&api, examples, third.id.as_str());
    cancel(&api, third.id.as_str());
    api.end_first_attempt(&third, ReversalOutcome::Impossible("the account is closed".to_owned()));
    let retried = api.operate(&format!("{}/retry", third.id), &json!({}));
    examples.expect("retry_reversal 200 reopened", &retried);
}

fn a_closed_day(examples: &Examples) {
    let api = api(ledger_policy());
    pay(&api, examples, PAYMENT);
    pay(&api, examples, OTHER_PAYMENT);
    cancel(&api, OTHER_PAYMENT);
    api.clock.advance(TimeDelta::days(1));
    let ports = SettlementPorts {
        cases: Arc::clone(&api.store),
        days: Arc::clone(&api.days),
        statements: Arc::new(ports::testing::MemoryStatements::default()),
        clock: Arc::clone(&api.clock) as _,
        policy: ledger_policy(),
    };
    api.wait_for(close_day(&ports, ClearingDay::of(moment(0)))).unwrap();
    examples.expect("settlement 200 closed-day", &api.get("/wallet/v1/settlement/2026-03-01"));
}
