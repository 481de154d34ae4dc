//! `/metrics` of a real process: what the page explains is counted, and nothing else is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use testkit::core::FakeCore;
use testkit::partner::now;
use testkit::process::Process;
use testkit::{ACQUIRER, Deployment, TestEngine, loopback};

/// What a scrape shows: the value of each line by its name with its labels.
async fn scrape(process: &Process) -> BTreeMap<String, f64> {
    let response = loopback().get(format!("http://{}/metrics", process.wallet_api)).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = response.text().await.unwrap();
    let value = |line: &str| line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().unwrap()));
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| value(line).unwrap()).collect()
}

/// The metrics that a scrape shows, without labels and without the parts of a histogram.
fn families(scraped: &BTreeMap<String, f64>) -> BTreeSet<String> {
    let family = |line: &String| {
        let name = line.split('{').next().unwrap();
        let parts = ["_bucket", "_sum", "_count"];
        parts.into_iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned()
    };
    scraped.keys().map(family).collect()
}

fn explained() -> BTreeSet<String> {
    let page = include_str!("../../../../docs/operate/metrics.md");
    let name = |line: &str| Some(line.strip_prefix("| `rescind_")?.split('`').next()?.to_owned());
    page.lines().filter_map(name).map(|name| format!("rescind_{name}")).collect()
}

async fn what_is_explained_is_counted(engine: TestEngine) {
    let core = FakeCore::start();
    let mut deployment = Deployment::on(engine);
    for (key, value) in [("funds.kind", "http"), ("funds.timeout", "3s"), ("payments.kind", "core"), ("payments.timeout", "3s")] {
        deployment.set(key, value);
    }
    deployment.set("funds.url", &core.url());
    deployment.set("payments.url", &core.url());
    deployment.set("callback.answer_budget", "7500ms");
    let process = deployment.start().await;
    core.debit("paid", "user", 1000);
    core.add_payment(
        "paid",
        json!({
            "status": "S", "acquirerId": ACQUIRER, "account": "user", "amount": { "value": "1000", "currency": "JPY" },
            "kind": "payment", "initiatedAt": now(),
        }),
    );
    core.set_answer("broken", Some((422, json!({ "outcome": "impossible", "reason": "account closed" }))));
    for (id, answer) in [("paid", "S SUCCESS"), ("paid", "S SUCCESS"), ("broken", "U UNKNOWN_EXCEPTION")] {
        assert_eq!(process.alipayplus.cancel(id).await.unwrap().brief(), answer);
    }
    assert_eq!(process.alipayplus.inquire("paid").await.unwrap(), "F ORDER_IS_CLOSED");
    assert_eq!(loopback().get(format!("http://{}/", process.callback)).send().await.unwrap().status(), 404);

    let scraped = scrape(&process).await;
    assert_eq!(families(&scraped), explained());
    for (line, value) in [
        (r#"rescind_answers_total{result_status="S",result_code="SUCCESS"}"#, 2.0),
        (r#"rescind_answers_total{result_status="U",result_code="UNKNOWN_EXCEPTION"}"#, 1.0),
        (r#"rescind_answers_unsigned_total{status="404"}"#, 1.0),
        (r#"rescind_reversal_attempts_total{outcome="done"}"#, 1.0),
        (r#"rescind_reversal_attempts_total{outcome="impossible"}"#, 1.0),
        (r#"rescind_payment_lookups_total{outcome="found"}"#, 1.0),
        (r#"rescind_payment_lookups_total{outcome="not-found"}"#, 1.0),
        (r#"rescind_commands_not_decided_total{reason="overloaded"}"#, 0.0),
        ("rescind_repeats_total", 1.0),
        (r#"rescind_decisions_total{rule="never-received"}"#, 1.0),
        (r#"rescind_decisions_total{rule="answer-recorded"}"#, 1.0),
        (r#"rescind_decisions_total{rule="money-taken"}"#, 1.0),
        ("rescind_answer_seconds_count", 3.0),
        (r#"rescind_inquiry_answers_total{result_status="F",result_code="ORDER_IS_CLOSED"}"#, 1.0),
        (r#"rescind_inquiry_answers_total{result_status="F",result_code="RISK_REJECT"}"#, 0.0),
        ("rescind_inquiry_seconds_count", 1.0),
        ("rescind_time_to_money_seconds_count", 1.0),
        ("rescind_parked_reversals", 1.0),
        ("rescind_open_reversals", 0.0),
        ("rescind_commands_waiting", 0.0),
        ("rescind_ready", 1.0),
    ] {
        assert_eq!(scraped.get(line), Some(&value), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_explained_is_counted_on_postgresql() {
    what_is_explained_is_counted(TestEngine::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_explained_is_counted_on_sqlite() {
    what_is_explained_is_counted(TestEngine::Sqlite).await;
}

/// The part of the page from a heading to the next.
fn section(heading: &str) -> &'static str {
    let page = include_str!("../../../../docs/operate/metrics.md");
    page.split_once(&format!("## {heading}\n")).unwrap().1.split("\n## ").next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn f92_every_series_that_an_alert_needs_is_there_before_anything_has_happened() {
    let process = Deployment::on(TestEngine::Sqlite).start().await;
    let scraped = scrape(&process).await;
    let in_code = |text: &'static str| text.split('`').skip(1).step_by(2);
    let rows: Vec<_> = section("What to alert on").lines().filter(|line| line.starts_with("| [")).collect();
    assert!(rows.len() >= 8, "{rows:?}");
    let mut needed = BTreeSet::new();
    for code in rows.iter().flat_map(|row| in_code(row)) {
        let is_code = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        if code.starts_with("rescind_") {
            let name = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
            assert!(families(&scraped).contains(name), "{name} of {code}");
            needed.insert(name);
        } else if is_code(code) {
            assert!(
                scraped.contains_key(&format!("rescind_answers_total{{result_status=\"F\",result_code=\"{code}\"}}")),
                "{code}"
            );
            needed.insert(code);
        } else if code.contains("=\"") {
            assert!(scraped.keys().any(|line| line.contains(code)), "{code}");
            needed.insert(code);
        }
    }
    assert!(needed.len() >= 10, "{needed:?}");
    let page = include_str!("../../../../docs/operate/metrics.md");
    for counter in page.lines().filter(|line| line.starts_with("| `rescind_") && line.contains("` | counter |")).flat_map(in_code)
    {
        let name = counter.trim();
        assert!(!name.starts_with("rescind_") || families(&scraped).contains(name), "{name} begins with its first event");
    }
    for (line, value) in scraped.iter().filter(|(line, _)| line.starts_with("rescind_answers_")) {
        assert_eq!(*value, 0.0, "{line}");
    }
}
