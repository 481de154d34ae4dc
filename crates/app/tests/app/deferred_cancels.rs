//! Cancels that wait for a wallet core which keeps the payments: when they count as received, how they are asked for again, and what an
//! operator can do about them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, TimeDelta, Timelike, Utc};
use serde_json::{Value, json};
use testkit::core::{FakeCore, Faults, Gate, one_of};
use testkit::partner::now;
use testkit::process::Process;
use testkit::{ACQUIRER, Deployment, TestEngine, for_each_engine};
use tokio::task::JoinSet;

const OTHER_ACQUIRER: &str = "1022188000000000009";

struct Wallet {
    core: FakeCore,
    process: Process,
    /// Dropped last.
    deployment: Deployment,
}

impl Wallet {
    async fn with(engine: TestEngine, settings: &[(&str, &str)]) -> Self {
        let core = FakeCore::start();
        let mut deployment = Deployment::on(engine);
        for (key, value) in [
            ("funds.kind", "http"),
            ("funds.url", &*core.url()),
            ("payments.kind", "core"),
            ("payments.url", &core.url()),
            ("funds.timeout", "3s"),
            ("payments.timeout", "3s"),
            ("callback.answer_budget", "7500ms"),
        ]
        .iter()
        .chain(settings)
        {
            deployment.set(key, value);
        }
        let process = deployment.start().await;
        Self { core, process, deployment }
    }

    /// A payment of 1000 yen that the core has debited.
    fn took(&self, id: &str, (acquirer, initiated_at): (&str, &str)) {
        self.core.debit(id, "user", 1000);
        let payment = json!({
            "status": "S", "acquirerId": acquirer, "paymentId": format!("own-{id}"), "account": "user",
            "amount": { "value": "1000", "currency": "JPY" }, "kind": "payment", "initiatedAt": initiated_at,
        });
        self.core.add_payment(id, payment);
    }

    async fn cancel(&self, id: &str) -> String {
        self.process.alipayplus.cancel(id).await.unwrap().brief()
    }

    async fn cancel_for(&self, acquirer: &str, id: &str) -> String {
        self.process.alipayplus.cancel_for(acquirer, id).await.unwrap().brief()
    }

    async fn readyz(&self) -> Value {
        self.process.wallet.readiness().await.unwrap()
    }

    async fn deferred(&self) -> Vec<Value> {
        let page = self.process.wallet.get("/deferred?limit=1000").await.unwrap();
        page["deferred"].as_array().unwrap().clone()
    }

    /// Waits until `/readyz` counts so many; what never comes makes the test hang and fail.
    async fn has_deferred(&self, count: usize) {
        while self.readyz().await["deferred"] != count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

for_each_engine! {
    f51_each_acquirer_has_its_own_answer_after_the_core_is_back
    f54_a_deferred_cancel_is_ended_by_an_operator_alone
    f55_a_receipt_in_time_counts_where_its_repeat_comes_after_the_end
    f55_each_receipt_in_time_counts_around_the_end
    f72_a_core_that_is_away_is_seen_and_not_flooded
}

async fn f51_each_acquirer_has_its_own_answer_after_the_core_is_back(engine: TestEngine) {
    let wallet = Wallet::with(engine, &[]).await;
    wallet.core.fail_lookups(true);
    for id in ["of-one", "of-other", "of-nobody"] {
        for acquirer in [ACQUIRER, OTHER_ACQUIRER] {
            assert_eq!(wallet.cancel_for(acquirer, id).await, "U UNKNOWN_EXCEPTION");
        }
    }
    wallet.took("of-one", (ACQUIRER, &now()));
    wallet.took("of-other", (OTHER_ACQUIRER, &now()));
    wallet.core.fail_lookups(false);
    wallet.has_deferred(0).await;
    let answers = [
        ("of-one", "S SUCCESS", "F PARAM_ILLEGAL"),
        ("of-other", "F PARAM_ILLEGAL", "S SUCCESS"),
        ("of-nobody", "S SUCCESS", "F PARAM_ILLEGAL"),
    ];
    for (id, one, other) in answers {
        assert_eq!(
            (&*wallet.cancel_for(ACQUIRER, id).await, &*wallet.cancel_for(OTHER_ACQUIRER, id).await),
            (one, other),
            "{id}"
        );
    }
}

async fn f54_a_deferred_cancel_is_ended_by_an_operator_alone(engine: TestEngine) {
    let wallet = Wallet::with(engine, &[]).await;
    for id in ["by-api", "by-cli", "again"] {
        wallet.took(id, (ACQUIRER, &now()));
    }
    wallet.core.fail_lookups(true);
    for id in ["by-api", "by-cli", "again"] {
        assert_eq!(wallet.cancel(id).await, "U UNKNOWN_EXCEPTION");
    }
    let note = json!({ "note": "the core answers 500 for it" });
    for id in ["by-api", "again"] {
        assert_eq!(wallet.process.wallet.operate(&format!("/reversals/{id}/park"), &note).await.unwrap(), "parked");
    }
    let by = ["--note", "the core answers 500 for it", "--by", "ann"];
    wallet.deployment.succeed(&[&["reversals", "park", "by-cli"], &by[..]].concat());
    let case = wallet.process.wallet.payment("by-api").await.unwrap();
    let reversal = &case["reversal"];
    assert_eq!(
        (&case["cancellation"]["state"], &reversal["state"], &reversal["amount"]),
        (&json!("deferred"), &json!("parked"), &Value::Null)
    );
    let listed = wallet.deployment.succeed(&["reversals", "list", "--parked"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let explained = wallet.deployment.succeed(&["explain", "by-cli"]);
    assert!(
        explained.contains("parked: the core answers 500 for it") && explained.contains("An operator decides"),
        "{explained}"
    );

    wallet.core.fail_lookups(false);
    assert_eq!(wallet.cancel("by-api").await, "U UNKNOWN_EXCEPTION", "a repeat decides nothing");
    let paid = json!({ "note": "paid by hand" });
    assert_eq!(wallet.process.wallet.operate("/reversals/by-api/resolve", &paid).await.unwrap(), "resolved");
    wallet.deployment.succeed(&["reversals", "resolve", "by-cli", "--note", "paid by hand", "--by", "ann"]);
    assert_eq!((wallet.cancel("by-api").await, wallet.cancel("by-cli").await), ("S SUCCESS".into(), "S SUCCESS".into()));
    assert!(wallet.deployment.succeed(&["explain", "by-cli"]).contains("by=ann"));
    assert_eq!(wallet.core.reversal_requests(), 0, "what was paid by hand is not paid by the core");

    wallet.deployment.succeed(&["reversals", "retry", "again"]);
    wallet.has_deferred(0).await;
    assert_eq!(wallet.cancel("again").await, "S SUCCESS");
    assert_eq!(wallet.core.journal().len(), 1);
}

fn parsed(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// A wallet where the period of yesterday's payments ends that many seconds from now.
async fn with_an_end_in(engine: TestEngine, seconds: u32) -> (Wallet, DateTime<Utc>) {
    let begun = parsed(&now());
    let time = begun.format("%H:%M").to_string();
    let grace = format!("{}s", begun.second() + seconds);
    let settings = [
        ("cancellable_period.closes_next_day_at", &*time),
        ("cancellable_period.zone", "UTC"),
        ("cancellable_period.grace", &grace),
    ];
    let wallet = Wallet::with(engine, &settings).await;
    // The end has no fractions of a second.
    (wallet, (begun + TimeDelta::seconds(seconds.into())).with_nanosecond(0).unwrap())
}

fn yesterday() -> String {
    (parsed(&now()) - TimeDelta::days(1)).to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn until(at: DateTime<Utc>) {
    tokio::time::sleep((at - parsed(&now())).to_std().unwrap_or_default()).await;
}

async fn f55_a_receipt_in_time_counts_where_its_repeat_comes_after_the_end(engine: TestEngine) {
    let (wallet, ends_at) = with_an_end_in(engine, 12).await;
    for id in ["held-in-time", "late"] {
        wallet.took(id, (ACQUIRER, &yesterday()));
    }
    wallet.core.hold(Gate::Request, "held");
    until(ends_at - TimeDelta::milliseconds(1_000)).await;
    let in_time = wallet.cancel("held-in-time");
    let after_the_end = async {
        until(ends_at + TimeDelta::milliseconds(300)).await;
        let release = async {
            while wallet.core.held_requests() < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            wallet.core.release();
        };
        tokio::join!(wallet.cancel("held-in-time"), release).0
    };
    let (first, repeat) = tokio::join!(in_time, after_the_end);
    assert_eq!((&*first, &*repeat), ("S SUCCESS", "S SUCCESS"), "it was received in time");
    assert_eq!(wallet.cancel("late").await, "F PROCESS_FAIL", "it was not");
    assert_eq!(wallet.core.journal().len(), 1);
}

/// When one acquirer asked for the first time, and when it first had an answer, by the clock of this machine.
struct FirstAsk {
    sent_at: DateTime<Utc>,
    answered_at: DateTime<Utc>,
}

impl Wallet {
    /// An acquirer asks at these moments, and then until it has its last word.
    async fn asks_at(&self, (acquirer, id): (&str, &str), moments: &[DateTime<Utc>]) -> (FirstAsk, String) {
        let mut first = None;
        for at in moments {
            until(*at).await;
            let sent_at = parsed(&now());
            self.cancel_for(acquirer, id).await;
            first.get_or_insert(FirstAsk { sent_at, answered_at: parsed(&now()) });
        }
        loop {
            let answer = self.cancel_for(acquirer, id).await;
            if !answer.starts_with('U') {
                return (first.unwrap(), answer);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Wallet {
    /// The payment's acquirer and another one ask; whether it was cancelled, and whether the end came while its acquirer waited for its
    /// first answer.
    async fn is_asked_around(&self, ends_at: DateTime<Utc>, acquirers: [&str; 2], id: &str) -> (bool, bool) {
        let moments = || {
            let mut moments =
                [(); 3].map(|()| ends_at - TimeDelta::milliseconds(2_500) + Duration::from_millis(one_of(5_000) as u64));
            moments.sort();
            moments
        };
        let (own, other) = (moments(), moments());
        let ((first, answer), (_, other)) =
            tokio::join!(self.asks_at((acquirers[0], id), &own), self.asks_at((acquirers[1], id), &other));
        assert_eq!(other, "F PARAM_ILLEGAL", "{id} is another acquirer's");
        let view = self.process.wallet.payment(id).await.unwrap();
        let received_at = parsed(view["cancellation"]["firstReceivedAt"].as_str().unwrap());
        // It may be earlier than it was sent by what a busy machine takes between the database's reading of its clock and ours.
        assert!(received_at <= first.answered_at, "{id}: {view}");
        let expected = if received_at < ends_at { "S SUCCESS" } else { "F PROCESS_FAIL" };
        assert_eq!(answer, expected, "{id}: received at {received_at}, the period ends at {ends_at}");
        (answer == "S SUCCESS", first.sent_at < ends_at && first.answered_at > ends_at)
    }
}

/// Two acquirers ask for each payment around the end of its period, while most lookups are slow and some fail.
async fn f55_each_receipt_in_time_counts_around_the_end(engine: TestEngine) {
    let count = if is_full() { 200 } else { 40 };
    let (wallet, ends_at) = with_an_end_in(engine, 15).await;
    let wallet = Arc::new(wallet);
    let acquirers = |n: usize| [[ACQUIRER, OTHER_ACQUIRER], [OTHER_ACQUIRER, ACQUIRER]][n % 2];
    let id = |n: usize| format!("around-{n:03}");
    for n in 0..count {
        wallet.took(&id(n), (acquirers(n)[0], &yesterday()));
    }
    wallet.core.set_faults(Faults { before: 15, after: 5, late: 50, delay: Duration::from_millis(1_200) });
    let mut asked = JoinSet::new();
    for n in 0..count {
        let wallet = Arc::clone(&wallet);
        asked.spawn(async move { wallet.is_asked_around(ends_at, acquirers(n), &id(n)).await });
    }
    let asked = asked.join_all().await;
    let cancelled = asked.iter().filter(|(is_cancelled, _)| *is_cancelled).count();
    let across = asked.iter().filter(|(_, is_across)| *is_across).count();
    println!("{count} payments: {cancelled} cancelled, {across} asked for before the end and answered after it");
    assert_eq!(wallet.core.journal().len(), cancelled);
    assert!(cancelled > 0 && cancelled < count && across > 0);
}

fn is_full() -> bool {
    std::env::var("RESCIND_SCALE").is_ok_and(|scale| scale == "full")
}

/// So many cases, and for how long the core is away.
fn sizes() -> (usize, Duration) {
    if is_full() { (1_000, Duration::from_secs(60)) } else { (40, Duration::from_secs(4)) }
}

async fn f72_a_core_that_is_away_is_seen_and_not_flooded(engine: TestEngine) {
    let wallet = Wallet::with(engine, &[("wallet_api.oldest_open_reversal", "2s")]).await;
    let (cases, away) = sizes();
    let id = |n: usize| format!("deferred-{n:04}");
    wallet.core.fail_lookups(true);
    for n in 0..cases {
        wallet.took(&id(n), (ACQUIRER, &now()));
        assert_eq!(wallet.cancel(&id(n)).await, "U UNKNOWN_EXCEPTION");
    }
    let is_told = |line: &Value| line["level"] != "DEBUG" && line["message"] != "a cancel is answered";
    wallet.process.take_log();
    tokio::time::sleep(away).await;
    let lines: Vec<Value> =
        wallet.process.take_log().iter().map(|line| serde_json::from_str(line).unwrap()).filter(is_told).collect();
    assert!(lines.len() as u64 <= 2 * away.as_secs(), "{} lines, such as {:?}", lines.len(), lines.first());
    let readyz = wallet.readyz().await;
    assert_eq!((&readyz["ready"], &readyz["deferred"]), (&json!(false), &json!(cases)), "{readyz}");
    assert!(
        readyz["details"][0].as_str().unwrap().starts_with("deferred: deferred-0000 has waited for a lookup since"),
        "{readyz}"
    );
    for deferred in wallet.deferred().await {
        assert_eq!(deferred["lastError"], "status 500", "{deferred}");
        assert!(deferred["attempts"].as_u64().unwrap() > 2 && deferred["nextAttemptAt"].is_string(), "{deferred}");
    }

    wallet.core.fail_lookups(false);
    let back = Instant::now();
    assert_eq!(wallet.cancel(&id(0)).await, "S SUCCESS");
    wallet.has_deferred(0).await;
    assert!(back.elapsed() < Duration::from_secs(30), "{:?}", back.elapsed());
    println!("{cases} deferred cancels are decided {:?} after the core's return", back.elapsed());
}
