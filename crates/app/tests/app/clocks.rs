//! A process and a `Request-Time` that contradict each other about the period.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;
use testkit::partner::now;
use testkit::process::Process;
use testkit::wallet::payment_of;
use testkit::{Deployment, TestEngine, for_each_engine};

for_each_engine! {
    f63_a_request_time_up_to_five_minutes_earlier_counts_where_no_other_clock_agrees
    f63_one_odd_request_time_makes_nobody_unready
}

fn ago(by: TimeDelta) -> DateTime<Utc> {
    now().parse::<DateTime<Utc>>().unwrap() - by
}

fn written(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A payment that was initiated then, and succeeded.
async fn paid(process: &Process, (id, initiated): (&str, DateTime<Utc>)) {
    let mut content = payment_of("user", 1000);
    content["initiatedAt"] = written(initiated).into();
    assert_eq!(process.wallet.announce_as(id, &content).await.unwrap(), "proceed");
    assert_eq!(process.wallet.report(id, "S").await.unwrap(), "stands");
}

async fn deferred(process: &Process) -> Vec<Value> {
    process.wallet.get("/deferred").await.unwrap()["deferred"].as_array().unwrap().clone()
}

/// The period of a payment of three days ago is over by every clock. SQLite has no clock but the process's, so that the header decides
/// nothing more than that the two contradict each other. PostgreSQL and the process agree, and are believed.
async fn f63_one_odd_request_time_makes_nobody_unready(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let process = deployment.start().await;
    let three_days_ago = ago(TimeDelta::days(3));
    paid(&process, ("odd", three_days_ago)).await;
    let answer = process.alipayplus.cancel_at(&written(three_days_ago), "odd").await.unwrap().brief();
    match engine {
        TestEngine::Sqlite => {
            assert_eq!(answer, "U UNKNOWN_EXCEPTION");
            let waiting = deferred(&process).await;
            assert_eq!((waiting.len(), &waiting[0]["reason"]), (1, &Value::from("clocks-disagree")));
            let text = deployment.succeed(&["explain", "odd"]);
            assert!(text.contains("our clock and the signed Request-Time disagree about the period"), "{text}");
        }
        TestEngine::Postgres => assert_eq!(answer, "F PROCESS_FAIL"),
    }
    assert!(process.is_ready().await);
    let metrics = reqwest::get(format!("http://{}/metrics", process.wallet_api)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("rescind_request_times_apart_total 1"), "{metrics}");
}

/// The clock of this test is right, and so is the header: it was on its way for four minutes.
async fn f63_a_request_time_up_to_five_minutes_earlier_counts_where_no_other_clock_agrees(engine: TestEngine) {
    let mut deployment = Deployment::on(engine);
    // The period ended two minutes ago, for payments of the day before that moment.
    let ended = ago(TimeDelta::minutes(2));
    let ended_at = (ended + TimeDelta::hours(8)).format("%H:%M").to_string();
    deployment.set("cancellable_period.closes_next_day_at", &ended_at);
    let process = deployment.start().await;
    paid(&process, ("on-its-way", ended - TimeDelta::days(1))).await;
    let sent = written(ago(TimeDelta::minutes(4)));
    let answer = process.alipayplus.cancel_at(&sent, "on-its-way").await.unwrap().brief();
    let expected = match engine {
        TestEngine::Sqlite => "S SUCCESS",
        TestEngine::Postgres => "F PROCESS_FAIL",
    };
    assert_eq!(answer, expected);
}
