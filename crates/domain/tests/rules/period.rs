//! The cancellable period, to the millisecond and in any zone.

use std::process::Command;

use chrono::{NaiveTime, TimeDelta};
use chrono_tz::{Africa, America, Asia, Australia, Europe, Pacific, Tz, UTC};
use domain::{Action, CancelReply, CancellablePeriod, FundsKind, Payment, Refusal, RefusalCode, Reply};

use crate::fixtures::{
    PROCEED, S, STANDS, U, at, cancel_without_lookup, f, nothing, on_closed_day, paid, payment, success, the_contract_period,
};

const OVER: Reply = Reply::Cancel(CancelReply::Answered(domain::Answer::Refused(Refusal::PeriodOver(RefusalCode::ProcessFail))));

fn closing_at(hour: u32, minute: u32, zone: Tz) -> CancellablePeriod {
    let closes_next_day_at = NaiveTime::from_hms_opt(hour, minute, 0).expect("a time of day");
    CancellablePeriod { closes_next_day_at, zone, grace: TimeDelta::zero() }
}

/// Initiated, the last millisecond in time, the first one that is too late.
const EDGES: [[&str; 3]; 11] = [
    ["2026-03-01T15:59:59.999Z", "2026-03-01T16:29:59.999Z", "2026-03-01T16:30:00.000Z"],
    ["2026-03-01T16:00:00.000Z", "2026-03-02T16:29:59.999Z", "2026-03-02T16:30:00.000Z"],
    ["2026-03-01T23:59:59.999+08:00", "2026-03-02T00:29:59.999+08:00", "2026-03-02T00:30:00.000+08:00"],
    ["2026-03-02T00:00:00.000+08:00", "2026-03-03T00:29:59.999+08:00", "2026-03-03T00:30:00.000+08:00"],
    ["2028-02-28T15:59:59.999Z", "2028-02-28T16:29:59.999Z", "2028-02-28T16:30:00.000Z"],
    ["2028-02-28T16:00:00.000Z", "2028-02-29T16:29:59.999Z", "2028-02-29T16:30:00.000Z"],
    ["2028-02-29T16:00:00.000Z", "2028-03-01T16:29:59.999Z", "2028-03-01T16:30:00.000Z"],
    ["2027-02-28T12:00:00.000Z", "2027-02-28T16:29:59.999Z", "2027-02-28T16:30:00.000Z"],
    ["2026-12-31T15:59:59.999Z", "2026-12-31T16:29:59.999Z", "2026-12-31T16:30:00.000Z"],
    ["2026-12-31T16:00:00.000Z", "2027-01-01T16:29:59.999Z", "2027-01-01T16:30:00.000Z"],
    // New York's clocks go forward on 8 March 2026; the contract's zone knows nothing of it.
    ["2026-03-08T07:30:00.000Z", "2026-03-08T16:29:59.999Z", "2026-03-08T16:30:00.000Z"],
];

#[test]
fn f27_a_cancel_is_in_time_until_00_30_of_the_next_day() {
    for [initiated_at, last, first_late] in EDGES {
        assert_eq!(the_contract_period().end(at(initiated_at)), at(first_late), "{initiated_at}");
        for (received_at, answer) in [(last, S), (first_late, OVER)] {
            let mut story = nothing(FundsKind::Ledger);
            story.moment(initiated_at);
            assert_eq!(story.decides(Action::Pay(Payment { initiated_at: at(initiated_at), ..payment() })), PROCEED);
            assert_eq!(story.decides(Action::Result(success())), STANDS);
            assert_eq!(story.moment(received_at).cancels(), answer, "initiated {initiated_at}, received {received_at}");
        }
    }
}

#[test]
fn f27_the_hosts_zone_plays_no_part() {
    let zones =
        ["UTC", "America/New_York", "Pacific/Apia", "Pacific/Kiritimati", "Asia/Kolkata", "Europe/Berlin", "XYZ+11:59", ""];
    let this = std::env::current_exe().expect("a test knows its own binary");
    for zone in zones {
        let edges = "period::f27_a_cancel_is_in_time_until_00_30_of_the_next_day";
        let ran = Command::new(&this).args([edges, "--exact"]).env("TZ", zone).output().expect("the test's own binary runs");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && said.contains("1 passed"), "TZ={zone}: {said}");
    }
}

#[test]
fn there_is_no_lower_bound() {
    for received_at in ["2026-03-01T11:59:59.999Z", "2026-02-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
        assert_eq!(paid(FundsKind::Ledger).moment(received_at).cancels(), S, "{received_at}");
    }
}

#[test]
fn grace_moves_the_end_and_nothing_else() {
    for (grace, end) in [
        (TimeDelta::milliseconds(1), "2026-03-01T16:30:00.001Z"),
        (TimeDelta::minutes(15), "2026-03-01T16:45:00Z"),
        (TimeDelta::days(2), "2026-03-03T16:30:00Z"),
    ] {
        let mut story = paid(FundsKind::Ledger);
        story.policy.period.grace = grace;
        assert_eq!(story.clone().moment(end).cancels(), OVER);
        assert_eq!(story.moment(end).later(-TimeDelta::milliseconds(1)).cancels(), S);
    }
}

#[test]
fn other_contracts_close_at_other_times_in_other_zones() {
    let ends = [
        (closing_at(0, 0, UTC), "2026-03-01T23:59:59.999Z", "2026-03-02T00:00:00Z"),
        (closing_at(0, 0, UTC), "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"),
        (closing_at(0, 15, Asia::Kolkata), "2026-03-01T18:29:59.999Z", "2026-03-01T18:45:00Z"),
        (closing_at(0, 15, Asia::Kolkata), "2026-03-01T18:30:00Z", "2026-03-02T18:45:00Z"),
        (closing_at(23, 59, America::New_York), "2026-07-01T12:00:00Z", "2026-07-03T03:59:00Z"),
        (closing_at(0, 30, Pacific::Kiritimati), "2026-03-01T09:59:59.999Z", "2026-03-01T10:30:00Z"),
        (closing_at(0, 30, Pacific::Kiritimati), "2026-03-01T10:00:00Z", "2026-03-02T10:30:00Z"),
    ];
    for (period, initiated_at, end) in ends {
        assert_eq!(period.end(at(initiated_at)), at(end), "{period:?}, initiated {initiated_at}");
    }
}

#[test]
fn a_local_time_that_is_skipped_ends_the_period_by_the_old_offset() {
    let ends = [
        // 2:30 does not exist on 29 March 2026 in Berlin: read with the offset before, it is 3:30 of the new time.
        (closing_at(2, 30, Europe::Berlin), "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z"),
        (closing_at(2, 30, America::New_York), "2026-03-07T12:00:00Z", "2026-03-08T07:30:00Z"),
        // Cairo skips the hour after midnight itself.
        (closing_at(0, 30, Africa::Cairo), "2026-04-23T12:00:00Z", "2026-04-23T22:30:00Z"),
        // Lord Howe's clocks move by half an hour.
        (closing_at(2, 15, Australia::Lord_Howe), "2026-10-03T02:00:00Z", "2026-10-03T15:45:00Z"),
        // Samoa had no 30 December 2011 at all.
        (closing_at(0, 30, Pacific::Apia), "2011-12-29T20:00:00Z", "2011-12-30T10:30:00Z"),
    ];
    for (period, initiated_at, end) in ends {
        assert_eq!(period.end(at(initiated_at)), at(end), "{period:?}, initiated {initiated_at}");
    }
}

#[test]
fn a_local_time_that_is_repeated_ends_the_period_the_second_time() {
    let ends = [
        (closing_at(2, 30, Europe::Berlin), "2026-10-24T12:00:00Z", "2026-10-25T01:30:00Z"),
        (closing_at(1, 30, America::New_York), "2026-10-31T12:00:00Z", "2026-11-01T06:30:00Z"),
        (closing_at(1, 45, Australia::Lord_Howe), "2026-04-04T02:00:00Z", "2026-04-04T15:15:00Z"),
    ];
    for (period, initiated_at, end) in ends {
        assert_eq!(period.end(at(initiated_at)), at(end), "{period:?}, initiated {initiated_at}");
    }
}

#[test]
fn the_first_receipt_counts_however_late_the_retry() {
    for retried_at in ["2026-03-01T16:30:00Z", "2026-03-02T12:00:00Z", "2027-03-01T12:00:00Z"] {
        let mut story = paid(FundsKind::Http);
        assert_eq!(story.moment("2026-03-01T16:29:59.999Z").decides(cancel_without_lookup()), U);
        let mut settled = story.clone();
        settled.case.settlement = Some(on_closed_day(retried_at));
        assert_eq!(story.moment(retried_at).cancels(), crate::fixtures::leased(1));
        assert_eq!(settled.moment(retried_at).cancels(), f(Refusal::PeriodOver(RefusalCode::ProcessFail)), "the day is closed");
    }
    let mut late = paid(FundsKind::Http);
    assert_eq!(late.moment("2026-03-01T16:30:00Z").decides(cancel_without_lookup()), OVER, "what is late is not deferred");
}

#[test]
fn a_closed_day_refuses_what_comes_in_time() {
    let mut story = paid(FundsKind::Ledger);
    story.case.settlement = Some(on_closed_day("2026-03-01T12:00:30Z"));
    assert_eq!(story.cancels(), OVER);
}
