//! The suite has to bite: a wallet that is right passes every case, and each of its faults is caught by the case that is there for it.

mod cancel;
mod suite;
mod wallet;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use crate::certify::{Running as Core, Wrong};
use crate::wallet_core::Core as StandIn;
use suite::Run;
use wallet::{Fault, Keys, Running};

/// Each fault with the case that exists for it, and the time of day at UTC+8 at the wallet, where that matters.
const PLANTED: [(Fault, &str, Option<&str>); 48] = [
    (Fault::SignsNothing, "answer-is-signed", None),
    (Fault::SignsOtherBytes, "answer-is-signed", None),
    (Fault::SignsSuccessOnly, "refusal-is-signed", None),
    (Fault::SpellsHeadersInCapitals, "answer-headers-are-in-lower-case", None),
    (Fault::WritesRawBase64, "answer-signature-header-is-exact", None),
    (Fault::VerifiesNothing, "wrong-signature-moves-no-money", None),
    (Fault::VerifiesAnotherLayout, "indented-body", None),
    (Fault::ForgetsTheQuery, "query-is-signed", None),
    (Fault::ReadsPlusAsSpace, "base64-that-is-not-percent-encoded", None),
    (Fault::IgnoresTheKeyVersion, "key-version-is-not-known", None),
    (Fault::IgnoresThePsp, "psp-id-of-another-wallet", None),
    (Fault::TakesTheLastOfTwo, "two-ids-in-one-cancel", None),
    (Fault::BreaksOnIllegalJson, "body-is-no-json", None),
    (Fault::TakesAnyMethod, "method-get", None),
    (Fault::AddsToTheResult, "result-has-its-three-members-only", None),
    (Fault::RepeatsTheRequest, "answers-repeat-nothing-of-the-request", None),
    (Fault::IgnoresTheAcquirer, "other-acquirer-is-refused", None),
    (Fault::GivesBackOnEveryRepeat, "repeat-moves-no-money", None),
    (Fault::RemembersRefusalsOfMessages, "refusal-at-the-door-is-forgotten", None),
    (Fault::RemembersWhatIsNotKnown, "running-refund-that-fails", None),
    (Fault::SaysSuccessOnly, "paid-payment", None),
    (Fault::KnowsNoPayment, "paid-payment", None),
    (Fault::ForgetsTheFence, "payment-that-comes-after-its-cancel", None),
    (Fault::KeepsLateSuccess, "success-after-the-cancel", None),
    (Fault::RefusesFailedPayments, "failed-payment", None),
    (Fault::ReleasesNothing, "authorization", None),
    (Fault::CountsInFloatingPoint, "largest-amount", None),
    (Fault::ForgetsRefunds, "fully-refunded-payment", None),
    (Fault::GivesBackTheRest, "partly-refunded-payment", None),
    (Fault::RefundsWhatIsCancelled, "refund-after-the-cancel", None),
    (Fault::LooksThenActs, "cancel-against-itself", None),
    (Fault::EndsAQuarterEarly, "initiated-as-yesterday-ended", Some("00:20")),
    (Fault::EndsAQuarterLate, "initiated-as-yesterday-ended", Some("00:40")),
    (Fault::CountsDaysInUtc, "initiated-as-the-day-began", Some("10:00")),
    (Fault::NeverEnds, "initiated-two-days-ago", None),
    (Fault::CountsHoursFromInitiation, "initiated-as-yesterday-ended", Some("10:00")),
    (Fault::IgnoresCapitals, "ids-differ-by-one-letters-case", None),
    (Fault::InquiresWhatWas, "inquiry-after-the-cancel", None),
    (Fault::InquiresWhatWas, "cancelled-payment-is-closed", None),
    (Fault::InquiresWhatWas, "inquiries-beside-a-cancel", None),
    (Fault::DeniesFences, "fence-is-closed", None),
    (Fault::ClosesEarly, "inquiry-of-a-payment-in-progress", None),
    (Fault::TellsOtherAcquirers, "inquiry-of-another-acquirer", None),
    (Fault::TellsAnybody, "inquiry-with-a-wrong-signature", None),
    (Fault::LeavesOutTheAmount, "inquiry-names-time-and-amount", None),
    (Fault::InquiryCancels, "inquiries-change-nothing", None),
    (Fault::InquiresLate, "inquiry-of-a-paid-payment", None),
    (Fault::AnswersLate, "answer-is-signed", None),
];

/// The moment of a day at which it is so late at UTC+8.
fn at(time: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&format!("2026-03-02T{time}:00+08:00")).unwrap().to_utc()
}

fn ahead(time: Option<&str>) -> TimeDelta {
    time.map_or_else(TimeDelta::zero, |time| at(time) - suite::now())
}

#[test]
fn every_planted_fault_is_caught_by_its_case_and_by_no_other_wallet() {
    let keys = Keys::new();
    let (next, missed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let look = || {
        while let Some((fault, case, time)) = PLANTED.get(next.fetch_add(1, Ordering::Relaxed)) {
            let ahead = ahead(*time);
            let (right, wrong) = (Running::start(&keys, None, ahead), Running::start(&keys, Some(*fault), ahead));
            let of_the_right_one = Run::of(&keys, &right, ahead).only(case).go();
            let of_the_wrong_one = Run::of(&keys, &wrong, ahead).only(case).go();
            if !(of_the_right_one.all_passed() && of_the_wrong_one.failed() == [*case]) {
                missed.lock().unwrap().push((fault, of_the_right_one.failed(), of_the_wrong_one.failed()));
            }
        }
    };
    // Faults that make an answer late are waited for while others are looked at.
    std::thread::scope(|scope| (0..6).for_each(|_| drop(scope.spawn(look))));
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_wallet_that_is_right_passes_every_case() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, None, TimeDelta::zero());
    let results = Run::of(&keys, &wallet, TimeDelta::zero()).go();
    assert!(results.all_passed(), "{results:?}");
    assert_eq!(results.passed(), suite::list().lines().count());
}

#[test]
fn the_period_is_judged_at_any_time_of_day() {
    let keys = Keys::new();
    for time in ["00:00", "00:29", "00:31", "12:00", "23:59"] {
        let ahead = ahead(Some(time));
        let wallet = Running::start(&keys, None, ahead);
        let results = Run::of(&keys, &wallet, ahead).only("period").go();
        assert!(results.all_passed(), "{time}: {results:?}");
    }
}

#[test]
fn what_needs_a_driver_is_not_run_without_one() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, None, TimeDelta::zero());
    let results = Run::of(&keys, &wallet, TimeDelta::zero()).without_driver().only("states").only("signature").go();
    assert!(results.some_not_run(), "what is not run does not fail, and does not pass: {results:?}");
    assert_eq!(results.passed(), 46, "45 of signatures, and one of a payment that was never received");
    assert_eq!(results.not_run(), 27, "all of the states but that one");
}

#[test]
fn cases_of_inquiries_are_not_run_without_their_address() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, None, TimeDelta::zero());
    let results = Run::of(&keys, &wallet, TimeDelta::zero()).without_inquiries().only("inquiry").go();
    assert!(results.some_not_run(), "{results:?}");
    assert_eq!((results.passed(), results.not_run()), (0, 26));
    let driven = Run::of(&keys, &wallet, TimeDelta::zero()).without_driver().only("inquiry").go();
    assert_eq!((driven.passed(), driven.not_run()), (7, 19), "those that need no payment");
}

#[test]
fn a_driver_of_three_calls_is_enough_for_most_cases() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, Some(Fault::ServesThreeCallsOnly), TimeDelta::zero());
    let results = Run::of(&keys, &wallet, TimeDelta::zero()).only("states").go();
    assert!(results.some_not_run(), "{results:?}");
    assert_eq!((results.passed(), results.not_run()), (16, 12), "refunds and inquiries are left out");
}

#[test]
fn a_wallet_that_is_not_there_passes_nothing() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, None, TimeDelta::zero());
    let run =
        Run::of(&keys, &wallet, TimeDelta::zero()).at("http://127.0.0.1:1/v1/payments/cancelPayment").only("answer-is-signed");
    assert_eq!(run.go().failed(), ["answer-is-signed"]);
}

#[test]
fn f87_an_s_after_which_the_core_credited_nobody_fails() {
    let keys = Keys::new();
    for (wrong, passes) in [(None, true), (Some(Wrong::CreditsNobody), false)] {
        let core = Core::start(wrong);
        let wallet = Running::with_core(&keys, &core.url());
        let results =
            Run::of(&keys, &wallet, TimeDelta::zero()).core(&core.url()).only("paid-payment").only("authorization").go();
        let failed = if passes { vec![] } else { vec!["paid-payment".to_owned(), "authorization".to_owned()] };
        assert_eq!((results.all_passed(), results.failed()), (passes, failed), "{wrong:?}");
    }
}

#[test]
fn f87_without_a_witness_cases_of_money_are_not_run_and_the_run_does_not_pass() {
    let keys = Keys::new();
    let core = Core::start(None);
    let wallet = Running::with_core(&keys, &core.url());
    let elsewhere = format!("{}/elsewhere", core.url());
    let results = Run::of(&keys, &wallet, TimeDelta::zero()).core(&elsewhere).only("paid-payment").only("answer-is-signed").go();
    assert!(results.some_not_run(), "{results:?}");
    assert_eq!((results.passed(), results.not_run()), (1, 1));
}

#[test]
fn f87_the_journal_of_a_core_is_a_witness_too() {
    let keys = Keys::new();
    let journal = keys.file("journal");
    let core = StandIn::start(&journal, &[]);
    let url = format!("http://{}", core.address);
    for (wallet, code) in [(Running::with_core(&keys, &url), None), (Running::start(&keys, None, TimeDelta::zero()), Some(()))] {
        let run = Run::of(&keys, &wallet, TimeDelta::zero()).core(&url).journal(&journal).only("paid-payment");
        assert_eq!(run.go().failed().first().map(|_| ()), code, "a wallet that does not ask its core gives nothing back");
    }
}

#[test]
fn f88_a_wallet_that_does_not_know_for_a_moment_passes() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, Some(Fault::DoesNotKnowOneInForty), TimeDelta::zero());
    let results = Run::of(&keys, &wallet, TimeDelta::zero()).only("message").only("races").only("period").go();
    assert!(results.all_passed(), "{results:?}");
}

#[test]
fn a_group_that_does_not_exist_is_an_error() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, None, TimeDelta::zero());
    let output = Run::of(&keys, &wallet, TimeDelta::zero()).only("manners").output();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "alipayplus-sim: there is no group or case \"manners\"; --list shows them\n");
}

#[test]
fn the_list_has_a_line_for_each_case() {
    let listed = suite::list();
    assert_eq!(listed.lines().count(), 207);
    assert!(listed.lines().any(|line| line.starts_with("races") && line.contains("cancel-against-itself")), "{listed}");
}

#[test]
fn the_html_report_needs_nothing_else_and_tells_what_failed() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, Some(Fault::SaysSuccessOnly), TimeDelta::zero());
    let html = Run::of(&keys, &wallet, TimeDelta::zero()).only("paid-payment").only("client-id-with-markup").html();
    for part in ["src=", "href=\"http", "url(", "@import", "<script"] {
        assert!(!html.contains(part), "{part}");
    }
    assert!(html.contains("1 of 2 cases failed"), "{html}");
    assert!(html.contains("there are 1200 taken and 0 given back"), "{html}");
}

#[test]
fn the_reports_name_what_decided_the_verdict_and_show_what_was_said() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, Some(Fault::SignsNothing), TimeDelta::zero());
    let run = || Run::of(&keys, &wallet, TimeDelta::zero()).only("answer-is-signed").only("not-everything-is-cancelled");
    let html = run().html();
    for part in [
        "S SUCCESS",
        "F PROCESS_FAIL",
        "GET /wallet/v1/accounts/",
        "answer-is-signed, not-everything-is-cancelled",
        "keyVersion 1",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(html.contains("id=\"show-failed\"") && html.contains("id=\"only-states\""), "cases can be filtered");
    assert!(html.contains("prefers-color-scheme: dark"), "there is a dark look");
    let junit = run().junit();
    let failed = junit.split("name=\"answer-is-signed\"").nth(1).unwrap();
    assert!(failed.contains("<system-out>") && failed.contains("POST /v1/payments/cancelPayment HTTP/1.1"), "{junit}");
    assert!(junit.contains("<property name=\"Money seen at\""), "{junit}");
}

#[test]
fn a_run_in_which_nothing_failed_says_nothing_in_red() {
    let keys = Keys::new();
    let wallet = Running::start(&keys, None, TimeDelta::zero());
    let html = Run::of(&keys, &wallet, TimeDelta::zero()).without_driver().only("period").html();
    assert!(html.contains("<strong class=\"none\">Nothing was found out: no case was run.</strong>"), "{html}");
    assert!(html.contains("What was not run, and why") && html.contains("it needs a wallet driver (--wallet-api)"), "{html}");
    assert!(!html.contains("class=\"bad\"") && !html.contains(" of 15 cases failed"), "{html}");
}
