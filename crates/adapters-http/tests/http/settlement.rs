//! The statement of a closed day.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{ClearingDay, ReportedResult};
use ports::testing::{MemoryStatements, Wallet, ledger_policy, moment};
use serde_json::json;
use use_cases::{SettlementPorts, close_day};

use crate::wallet_side::Api;

const DAY: &str = "/wallet/v1/settlement/2026-03-01";

#[test]
fn a_day_that_is_not_closed_is_a_conflict() {
    let api = Api::with_ledger();
    api.pay("p1");
    let reply = api.get(DAY);
    assert_eq!(reply.status, 409);
    assert!(reply.problem().contains("settlement export"), "{reply:?}");
}

#[test]
fn a_day_has_one_spelling() {
    let api = Api::with_ledger();
    for date in ["2026-3-1", "2026-02-30", "today", "2026-03-01T00:00:00Z", "%32026-03-01x"] {
        let reply = api.get(&format!("/wallet/v1/settlement/{date}"));
        assert_eq!(reply.status, 422, "{date}: {reply:?}");
        assert!(reply.problem().starts_with("day: must be a day in the form YYYY-MM-DD"));
    }
}

#[test]
fn a_closed_day_shows_what_settles_and_what_does_not() {
    let api = Api::with_ledger();
    for (name, amount) in [("kept", 1000), ("refunded", 700), ("cancelled", 50)] {
        let wallet = Wallet { amount, ..Wallet::of(name) };
        api.decide(wallet.pays());
        api.decide(wallet.reports(ReportedResult::Succeeded));
    }
    let refunded = Wallet::of("refunded");
    api.decide(refunded.refunds("r1", 200));
    api.decide(refunded.reports_refund("r1", ReportedResult::Succeeded));
    api.decide(Wallet::of("cancelled").is_cancelled());
    api.clock.advance(TimeDelta::days(1));
    let ports = SettlementPorts {
        cases: Arc::clone(&api.store),
        days: Arc::clone(&api.days),
        statements: Arc::new(MemoryStatements::default()),
        clock: Arc::clone(&api.clock) as _,
        policy: ledger_policy(),
    };
    let closed = api.wait_for(close_day(&ports, ClearingDay::of(moment(0)))).unwrap();
    let yen = |value: &str| json!([{"currency": "JPY", "value": value}]);
    let expected = json!({
        "day": "2026-03-01",
        "closedAt": "2026-03-02T04:00:00Z",
        "digest": closed.digest,
        "payments": {"count": 2, "late": 0, "amounts": yen("1700")},
        "refunds": {"count": 1, "late": 0, "amounts": yen("200")},
        "fees": yen("6"),
        "leftOut": [
            {"reason": "cancelled", "count": 1, "late": 0, "amounts": yen("50"), "paymentRequestIds": ["cancelled"]},
        ],
    });
    let reply = api.get(DAY);
    assert_eq!((reply.status, reply.json()), (200, expected));
    assert_eq!(api.ask(&format!("GET {DAY}"), None, b"").status, 401);
}
