//! The page and the OpenAPI file that the wallet's engineers work by, against what the code really does.

use std::collections::BTreeSet;

use domain::{ReversalOutcome, ReversalRequest, Taken};
use ports::FundsGateway;
use serde_json::{Map, Value, json};

use crate::payments::looked_up_by_status;
use crate::server::{Act, Server, answer};
use crate::{core_at, refund, void};

const PAGE: &str = include_str!("../../../../docs/integrate/wallet-core.md");

fn openapi() -> Value {
    serde_json::from_str(include_str!("../../../../docs/integrate/wallet-core.openapi.json")).unwrap()
}

/// What stands at a place, or at the place that it refers to.
fn at(api: &Value, place: &str) -> Value {
    let found = api.pointer(place).unwrap_or_else(|| panic!("nothing at {place}"));
    let referred = found.get("$ref").map(|to| to.as_str().unwrap().strip_prefix('#').unwrap().to_owned());
    referred.map_or_else(|| found.clone(), |to| at(api, &to))
}

fn schema(name: &str) -> Value {
    at(&openapi(), &format!("/components/schemas/{name}"))
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn members(of: &Value) -> BTreeSet<String> {
    of.as_object().unwrap().keys().cloned().collect()
}

fn examples(place: &str) -> Vec<Value> {
    at(&openapi(), place).as_object().unwrap().values().map(|example| example["value"].clone()).collect()
}

/// The body that the core really receives.
async fn sent(reversal_request: &ReversalRequest) -> Value {
    let server = Server::start([Act::Say(answer(200, r#"{"outcome":"done"}"#))]);
    assert_eq!(core_at(&server.url()).reverse(reversal_request).await, ReversalOutcome::Done);
    serde_json::from_str(&server.received()[0].body).unwrap()
}

async fn replied(status: u16, body: &Value) -> ReversalOutcome {
    let server = Server::start([Act::Say(answer(status, &body.to_string()))]);
    core_at(&server.url()).reverse(&refund()).await
}

fn without(object: &Value, member: &str) -> Value {
    let mut rest: Map<String, Value> = object.as_object().unwrap().clone();
    rest.remove(member).unwrap_or_else(|| panic!("no {member}"));
    Value::Object(rest)
}

#[test]
fn every_reference_leads_somewhere() {
    fn follow(api: &Value, here: &Value) -> usize {
        let referred = here.get("$ref").and_then(Value::as_str).map(|to| at(api, to.strip_prefix('#').unwrap())).is_some();
        let deeper: usize = match here {
            Value::Array(items) => items.iter().map(|item| follow(api, item)).sum(),
            Value::Object(members) => members.values().map(|member| follow(api, member)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        };
        deeper + usize::from(referred)
    }
    assert_eq!(openapi()["openapi"], "3.1.0");
    assert!(follow(&openapi(), &openapi()) > 10);
}

#[tokio::test]
async fn the_calls_of_the_file_are_the_calls_that_are_made() {
    let server = Server::start(vec![Act::Say(answer(404, "")); 2]);
    let core = core_at(&server.url());
    core.reverse(&refund()).await;
    let _ = ports::Payments::look_up(&core, &refund().id).await;
    let made: BTreeSet<_> = server.received().iter().map(|one| one.line().to_owned()).collect();
    let mut named = BTreeSet::new();
    for (path, methods) in openapi()["paths"].as_object().unwrap() {
        let place = format!("{}/20260301-7", path.split("/{").next().unwrap());
        // Those for tests are never called.
        let called = methods.as_object().unwrap().iter().filter(|(_, call)| call["tags"] != json!(["tests"]));
        named.extend(called.map(|(method, _)| format!("{} /core{place} HTTP/1.1", method.to_uppercase())));
    }
    assert_eq!(made, named);
}

#[tokio::test]
async fn the_core_is_sent_what_the_file_says() {
    let schema = schema("Reversal");
    let (all, least) = (sent(&refund()).await, sent(&void()).await);
    assert_eq!(members(&all), members(&schema["properties"]));
    assert_eq!(members(&least), texts(&schema["required"]));
    assert_eq!(members(&all["amount"]), members(&self::schema("Amount")["properties"]));
    let mut kinds = BTreeSet::new();
    for taken in [Taken::Debit, Taken::Hold, Taken::NothingKnown] {
        kinds.insert(sent(&ReversalRequest { taken, ..void() }).await["taken"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, texts(&schema["properties"]["taken"]["enum"]));
    let examples = examples("/paths/~1reversals~1{reversalId}/put/requestBody/content/application~1json/examples");
    let shown: BTreeSet<_> = examples.iter().map(|example| example["taken"].as_str().unwrap().to_owned()).collect();
    assert_eq!(shown, kinds);
    assert!(examples.iter().all(|example| members(example).is_subset(&members(&all))));
}

#[tokio::test]
async fn every_outcome_of_the_file_is_understood() {
    let mut understood = BTreeSet::new();
    for outcome in texts(&schema("Ended")["properties"]["outcome"]["enum"]) {
        let body = json!({ "outcome": outcome });
        assert!(PAGE.contains(&format!("`{outcome}`")), "the page is silent about {outcome}");
        understood.insert(replied(200, &body).await.name().as_str());
        assert_eq!(replied(422, &body).await.name().as_str(), "unknown");
    }
    for example in examples("/paths/~1reversals~1{reversalId}/put/responses/422/content/application~1json/examples") {
        understood.insert(replied(422, &example).await.name().as_str());
        assert_eq!(replied(200, &example).await.name().as_str(), "unknown");
        for member in texts(&schema("Impossible")["required"]) {
            assert_eq!(replied(422, &without(&example, &member)).await.name().as_str(), "unknown");
        }
    }
    let all = ["done", "fully-refunded", "impossible", "nothing-to-do", "partly-refunded"];
    assert_eq!(understood, BTreeSet::from(all));
    let responses = "/paths/~1reversals~1{reversalId}/put/responses";
    assert_eq!(members(&at(&openapi(), responses)), ["200", "202", "422", "default"].map(str::to_owned).into());
    for example in examples(&format!("{responses}/200/content/application~1json/examples")) {
        assert_ne!(replied(200, &example).await.name().as_str(), "unknown", "{example}");
    }
}

#[tokio::test]
async fn every_payment_of_the_file_is_understood() {
    let examples = examples("/paths/~1payments~1{paymentRequestId}/get/responses/200/content/application~1json/examples");
    let schema = schema("Payment");
    let (named, required) = (members(&schema["properties"]), texts(&schema["required"]));
    let mut shown = BTreeSet::new();
    for example in examples {
        shown.extend(members(&example));
        let whole = looked_up_by_status(200, &example.to_string()).await;
        assert!(matches!(whole, Ok(Some(_))), "{whole:?}: {example}");
        for member in members(&example) {
            let rest = looked_up_by_status(200, &without(&example, &member).to_string()).await;
            assert_eq!(rest.is_err(), required.contains(&member), "{member}");
        }
        for member in ["status", "kind"] {
            for known in texts(&schema["properties"][member]["enum"]) {
                let mut changed = example.clone();
                changed[member] = json!(known);
                assert!(looked_up_by_status(200, &changed.to_string()).await.is_ok(), "{member} {known}");
            }
        }
    }
    assert_eq!(shown, named);
}

#[tokio::test]
async fn an_unknown_payment_of_the_file_is_understood() {
    let responses = "/paths/~1payments~1{paymentRequestId}/get/responses";
    assert_eq!(members(&at(&openapi(), responses)), ["200", "404", "default"].map(str::to_owned).into());
    for example in examples(&format!("{responses}/404/content/application~1problem+json/examples")) {
        assert_eq!(looked_up_by_status(404, &example.to_string()).await, Ok(None));
    }
}

#[tokio::test]
async fn the_pages_examples_are_what_is_sent_and_understood() {
    let (mut reversals, mut payments, mut answers) = (0, 0, 0);
    for block in PAGE.split("```json\n").skip(1) {
        let example: Value = serde_json::from_str(block.split("```").next().unwrap()).unwrap();
        if example.get("outcome").is_some() {
            let status = if example["outcome"] == "impossible" { 422 } else { 200 };
            assert_ne!(replied(status, &example).await.name().as_str(), "unknown", "{example}");
            answers += 1;
        } else if example.get("status").is_some_and(Value::is_string) {
            assert!(matches!(looked_up_by_status(200, &example.to_string()).await, Ok(Some(_))), "{example}");
            payments += 1;
        } else if example.get("entries").is_some() {
            // What only tests ask for: it is never read here, and has the members of its schema.
            let page = schema("AccountPage");
            assert_eq!(members(&example), members(&page["properties"]));
            assert_eq!(members(&example["entries"][0]), members(&page["properties"]["entries"]["items"]["properties"]));
        } else {
            assert!(members(&example).is_subset(&members(&schema("Reversal")["properties"])), "{example}");
            assert!(texts(&schema("Reversal")["required"]).is_subset(&members(&example)), "{example}");
            reversals += 1;
        }
    }
    assert!(reversals > 0 && payments > 0 && answers > 1, "{reversals} {payments} {answers}");
}
