//! A process and a `Request-Time` that contradict each other about the period, and a process whose clock is set while it serves.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use serde_json::Value;
use testkit::partner::now;
use testkit::process::Process;
use testkit::wallet::payment_of;
use testkit::{Deployment, TestEngine, for_each_engine};

for_each_engine! {
    f63_a_request_time_up_to_five_minutes_earlier_counts_where_no_other_clock_agrees
    f63_one_odd_request_time_makes_nobody_unready
    f63_a_clock_that_is_set_refuses_nobody_and_is_seen
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

/// The clock of a process that is set while it runs, by libfaketime. Its monotonic clock goes on as it is.
struct SetClock(PathBuf);

impl SetClock {
    async fn start(deployment: &Deployment) -> (Self, Process) {
        let clock = Self(deployment.dir().join("clock"));
        clock.is_off_by("+0");
        let file = clock.0.display();
        let line = format!(
            "export LD_PRELOAD={} FAKETIME_TIMESTAMP_FILE={file} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1",
            library().display()
        );
        (clock, deployment.start_after(&line).await)
    }

    /// The process never reads half of a text.
    fn is_off_by(&self, text: &str) {
        let next = self.0.with_extension("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, &self.0).unwrap();
    }
}

fn library() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    libraries.into_iter().find(|library| Path::exists(library)).expect("libfaketime (Debian's package faketime) is installed")
}

/// The zone in which it is between noon and one o'clock: an end that is near is of the same date as now.
fn zone_of_noon() -> (String, DateTime<Utc>) {
    let now = ago(TimeDelta::zero());
    let behind = i64::from(now.hour()) - 12;
    // POSIX counts the zones the other way round.
    (format!("Etc/GMT{behind:+}"), now - TimeDelta::hours(behind))
}

/// Cancels of one payment inside of its period and one outside, by a process whose clock is wrong.
struct Pair {
    inside: String,
    outside: String,
    is_behind: bool,
}

impl Pair {
    async fn ask(&self, process: &Process) -> (String, String) {
        let inside = process.alipayplus.cancel(&self.inside).await.unwrap().brief();
        let outside = process.alipayplus.cancel(&self.outside).await.unwrap().brief();
        assert!(!inside.starts_with('F'), "{}: {inside}", self.inside);
        assert!(self.is_behind || !outside.starts_with('S'), "{}: {outside}", self.outside);
        (inside, outside)
    }

    /// Alipay+ repeats both until each has its last word, by a clock that is right again. `told` was told before.
    async fn ends(&self, process: &Process, told: &[(String, String)]) {
        loop {
            let (inside, outside) = self.ask(process).await;
            let was_cancelled = told.iter().any(|(_, outside)| outside == "S SUCCESS");
            if inside == "S SUCCESS" && !outside.starts_with('U') {
                let expected = if was_cancelled { "S SUCCESS" } else { &*outside };
                assert_eq!(outside, expected, "{}: what was told stands", self.outside);
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn f63_a_clock_that_is_set_refuses_nobody_and_is_seen(engine: TestEngine) {
    // Both wait most of their time.
    tokio::join!(is_set_around(engine, TimeDelta::minutes(30)), is_set_around(engine, TimeDelta::minutes(-30)));
}

/// A period ends so long after now. Twenty requests over a minute show first that the clock is right.
async fn is_set_around(engine: TestEngine, end: TimeDelta) {
    let mut deployment = Deployment::on(engine);
    let (zone, local) = zone_of_noon();
    deployment.set("cancellable_period.zone", &zone);
    deployment.set("cancellable_period.closes_next_day_at", &(local + end).format("%H:%M").to_string());
    let last_inside = TimeDelta::days(i64::from(end > TimeDelta::zero()));
    let (clock, process) = SetClock::start(&deployment).await;
    for n in 0..20 {
        assert_eq!(process.alipayplus.cancel(&format!("witness-{n}")).await.unwrap().brief(), "S SUCCESS");
        tokio::time::sleep(Duration::from_millis(3_250)).await;
    }
    for (by, is_behind) in [("+1h", false), ("-1h", true), ("+25h", false), ("-25h", true)] {
        for lasts in ["moment", "while"] {
            let [inside, outside] = ["inside", "outside"].map(|side| format!("{side}-{lasts}-{by}"));
            paid(&process, (&inside, ago(last_inside))).await;
            paid(&process, (&outside, ago(last_inside + TimeDelta::days(1)))).await;
            let pair = Pair { inside, outside, is_behind };
            let mut told = Vec::new();
            clock.is_off_by(by);
            let set = Instant::now();
            while told.is_empty() || set.elapsed() < Duration::from_millis(300) {
                told.push(pair.ask(&process).await);
            }
            if lasts == "while" {
                while process.is_ready().await {
                    told.push(pair.ask(&process).await);
                }
                let readyz = process.wallet.readiness().await.unwrap();
                assert!(readyz["reasons"].to_string().contains("clock"), "{readyz}");
            }
            clock.is_off_by("+0");
            println!("{end} {by} for a {lasts}: {:?}", told.last());
            pair.ends(&process, &told).await;
            // Unready is only whose clock is wrong.
            while !process.is_ready().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
