//! Whether the process wants work: not while money waits for too long, nor while the clocks disagree.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::ReversalOutcome;
use ports::testing::{ManualClock, MemoryStore, Wallet, ledger_policy, moment};
use serde_json::json;

use crate::wallet_side::{Api, disposition};

#[test]
fn f91_without_a_token_nobody_and_nothing_is_named() {
    let api = Api::with_core();
    api.cancel_with_attempt(&Wallet::of("p1"), timeout());
    api.clock.advance(TimeDelta::minutes(6));
    for authorization in [None, Some("Bearer unknown-token-0123"), Some("Bearer"), Some("")] {
        let reply = api.ask("GET /readyz", authorization, b"");
        assert_eq!((reply.status, reply.body.as_str()), (503, r#"{"ready":false,"reasons":["reversals"]}"#), "{authorization:?}");
    }
    let told = api.get("/readyz");
    assert!(told.status == 503 && told.body.contains("p1 has been open since"), "{told:?}");
    for path in ["/livez", "/metrics"] {
        assert!(!api.ask(&format!("GET {path}"), None, b"").body.contains("p1"), "{path}");
    }
}

fn timeout() -> ReversalOutcome {
    ReversalOutcome::Unknown("timeout".to_owned())
}

#[test]
fn a_reversal_that_is_open_for_too_long_is_named_until_it_is_done() {
    let api = Api::with_core();
    // The younger one comes first in an order by id.
    let younger = Wallet { at: moment(60), ..Wallet::of("p1") };
    api.cancel_with_attempt(&younger, timeout());
    api.cancel_with_attempt(&Wallet::of("p2"), timeout());
    let oldest = json!({"reversalId": "p2", "openedAt": "2026-03-01T04:00:00Z"});
    let open = json!({"ready": true, "reasons": [], "details": [], "deferred": 0, "openReversals": 2, "parkedReversals": 0, "oldestOpenReversal": oldest});
    api.clock.advance(TimeDelta::minutes(5));
    assert_eq!(api.readiness(), (200, open), "its limit is not past yet");

    api.clock.advance(TimeDelta::seconds(1));
    let too_old = json!({
        "ready": false, "reasons": ["reversals"], "details": ["reversals: p2 has been open since 2026-03-01T04:00:00Z"],
        "deferred": 0, "openReversals": 2, "parkedReversals": 0, "oldestOpenReversal": oldest,
    });
    assert_eq!(api.readiness(), (503, too_old));

    let p2 = Wallet { at: moment(301), ..Wallet::of("p2") };
    api.decide(p2.is_cancelled());
    api.decide(p2.does(domain::Action::CompleteAttempt(domain::AttemptEnd {
        attempt: 2,
        outcome: ReversalOutcome::Done,
        jitter: domain::Jitter(0),
    })));
    let oldest = json!({"reversalId": "p1", "openedAt": "2026-03-01T04:01:00Z"});
    let better = json!({"ready": true, "reasons": [], "details": [], "deferred": 0, "openReversals": 1, "parkedReversals": 0, "oldestOpenReversal": oldest});
    assert_eq!(api.readiness(), (200, better));
}

#[test]
fn a_parked_reversal_is_counted_and_leaves_the_process_ready() {
    let api = Api::with_core();
    api.cancel_with_attempt(&Wallet::of("p1"), ReversalOutcome::Impossible("the account is closed".to_owned()));
    api.clock.advance(TimeDelta::days(30));
    let counted = |parked: u64| json!({"ready": true, "reasons": [], "details": [], "deferred": 0, "openReversals": 0, "parkedReversals": parked});
    assert_eq!(api.readiness(), (200, counted(1)));
    assert_eq!(disposition(&api.operate("p1/resolve", &json!({"note": "paid by hand"}))), "resolved");
    assert_eq!(api.readiness(), (200, counted(0)));
}

#[test]
fn clocks_more_than_five_seconds_apart_make_the_process_unready() {
    let of_database = Arc::new(ManualClock::at(moment(0)));
    let store = MemoryStore::new(ledger_policy()).with_clock(Arc::clone(&of_database));
    let api = Api::over(Arc::new(store), Duration::from_secs(60));
    let together = json!({"ready": true, "reasons": [], "details": [], "deferred": 0, "openReversals": 0, "parkedReversals": 0});
    let apart = |seconds: i64| {
        let reason = format!("clocks: this one and the database's are {seconds} s apart");
        json!({"ready": false, "reasons": ["clocks"], "details": [reason], "deferred": 0, "openReversals": 0, "parkedReversals": 0})
    };
    assert_eq!(api.readiness(), (200, together.clone()));
    api.clock.advance(TimeDelta::seconds(5));
    assert_eq!(api.readiness(), (200, together.clone()));
    api.clock.advance(TimeDelta::seconds(1));
    assert_eq!(api.readiness(), (503, apart(6)), "the process is ahead");
    of_database.advance(TimeDelta::seconds(3_606));
    assert_eq!(api.readiness(), (503, apart(3_600)), "the process is behind");
    api.clock.advance(TimeDelta::seconds(3_600));
    assert_eq!(api.readiness(), (200, together), "ready again once they agree");
}

/// The last twenty requests came over a minute, and were right.
#[test]
fn f63_a_clock_that_most_of_the_last_requests_contradict_makes_the_process_unready_while_it_lasts() {
    let api = Api::with_core();
    let now = api.ports.clock.instant();
    for ago in (0..20).rev().map(|n| Duration::from_millis(3_200 * n)) {
        let requested_at = moment(0) - TimeDelta::from_std(ago).unwrap();
        api.ports.request_times.observe(requested_at, now.checked_sub(ago).unwrap());
    }
    assert!(api.readiness().0 == 200);
    for (by, direction) in [(TimeDelta::hours(25), "ahead of"), (TimeDelta::hours(-25), "behind")] {
        api.clock.advance(by);
        let (status, body) = api.readiness();
        assert_eq!(body["reasons"], json!(["clocks"]));
        let reason = body["details"][0].as_str().unwrap().to_owned();
        assert_eq!(status, 503);
        assert!(reason.starts_with("clocks: this one is "), "{reason}");
        assert!(reason.ends_with(&format!("{direction} the Request-Times of the last requests")), "{reason}");
        api.clock.advance(-by);
        assert!(api.readiness().0 == 200, "at once");
    }
}
