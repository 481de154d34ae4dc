//! The document that describes the wallet API.

use serde_json::{Value, json};

use crate::wallet_side::{Api, PAY};

pub(crate) fn operations(document: &Value) -> Vec<(String, String, Value)> {
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
        "GET /wallet/v1/events",
        "GET /wallet/v1/payments/{paymentRequestId}",
        "PUT /wallet/v1/payments/{paymentRequestId}",
        "POST /wallet/v1/payments/{paymentRequestId}/refunds",
        "POST /wallet/v1/payments/{paymentRequestId}/refunds/{refundRequestId}/result",
        "POST /wallet/v1/payments/{paymentRequestId}/result",
        "GET /wallet/v1/reversals",
        "POST /wallet/v1/reversals/{paymentRequestId}/park",
        "POST /wallet/v1/reversals/{paymentRequestId}/resolve",
        "POST /wallet/v1/reversals/{paymentRequestId}/retry",
        "GET /wallet/v1/settlement/{day}",
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

#[test]
fn every_call_needs_a_known_token() {
    let api = Api::with_ledger();
    let document: Value = serde_json::from_str(&adapters_http::openapi()).unwrap();
    let mut closed = 0;
    for (method, path, operation) in operations(&document) {
        // With a token `/readyz` says more.
        if operation["security"].as_array().is_some_and(|ways| ways.contains(&json!({}))) {
            continue;
        }
        closed += 1;
        for given in [None, Some("Bearer"), Some("Bearer "), Some("Bearer pay-token-012345678"), Some(PAY), Some("Basic YTpi")] {
            let reply = api.ask(&format!("{method} {path}"), given, b"{");
            assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")), "{method} {path} {given:?}");
            reply.problem();
        }
    }
    assert_eq!(closed, 13);
    let known = api.ask("GET /wallet/v1/deferred", Some(&format!("bearer {PAY}")), b"");
    assert_eq!(known.status, 200);
}

/// The members that are texts of any form: prose, and the cursor of a page.
const FREE_TEXTS: [&str; 10] = [
    "AccountView.next",
    "DeferredCancel.lastError",
    "DeferredList.next",
    "EventView.*",
    "FeedEventData.*",
    "OpenApiDocument.openapi",
    "ProblemDetails.detail",
    "ProblemDetails.title",
    "ReversalList.next",
    "ReversalView.lastError",
];

fn is_text_of_any_form(schema: &Value) -> bool {
    let is_text = schema["type"] == "string" || schema["type"] == json!(["string", "null"]);
    is_text && ["enum", "pattern", "format", "maxLength"].iter().all(|limit| schema[limit].is_null())
}

fn free_texts(name: &str, schema: &Value) -> Vec<String> {
    let parts = schema["allOf"].as_array().into_iter().flatten().flat_map(|part| free_texts(name, part));
    let members = schema["properties"].as_object().into_iter().flatten().map(|(member, schema)| (member.as_str(), schema));
    let others = schema.get("additionalProperties").map(|schema| ("*", schema));
    let free = members.chain(others).filter(|(_, schema)| is_text_of_any_form(schema));
    free.map(|(member, _)| format!("{name}.{member}")).chain(parts).collect()
}

#[test]
fn every_text_but_prose_has_a_form() {
    let document: Value = serde_json::from_str(&adapters_http::openapi()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let found: Vec<_> = schemas.iter().flat_map(|(name, schema)| free_texts(name, schema)).collect();
    assert_eq!(found, FREE_TEXTS);
    for (method, path, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(!is_text_of_any_form(&parameter["schema"]), "{method} {path}: {}", parameter["name"]);
        }
    }
}

/// Where the document is committed, for those who have no running process.
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/integrate/wallet-api.openapi.json");

/// After a change of the API, `RESCIND_UPDATE_DOCS=1 cargo test -p adapters-http --test http committed` writes the file again.
#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let served = adapters_http::openapi() + "\n";
    if std::env::var_os("RESCIND_UPDATE_DOCS").is_some() {
        std::fs::write(COMMITTED, &served).unwrap();
    }
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(
        committed == served,
        "run RESCIND_UPDATE_DOCS=1 cargo test -p adapters-http --test http committed, and commit the file"
    );
}
