//! What each row of the cancel table answers, records and books.

use chrono::TimeDelta;
use domain::{
    Action, Cancel, CancellationState, CorePayment, DeferReason, EntryKind, FinalAnswer, FundsKind, Inquiry, Lookup,
    NeverReceived, OtherAcquirer, PeriodOver, Refusal, RefusalCode, Reversal, ReversalOutcome, ReversalState, Taken,
};

use crate::fixtures::{
    ACQUIRER, CLOSED, IN_TIME, NOON, OTHER_ACQUIRER, PENDING, PROCEED, REFUSED, REVERSED, S, STANDS, TOO_LATE, U, acquirer,
    announced, at, authorization, cancel_by, cancel_without_lookup, f, jpy, leased, nothing, on_closed_day, paid, success,
};

const LEDGER: FundsKind = FundsKind::Ledger;
const CORE: FundsKind = FundsKind::Http;

fn cancelled_at(text: &str) -> Option<CancellationState> {
    Some(CancellationState::Cancelled { cancelled_at: at(text), answer: FinalAnswer::Cancelled })
}

#[test]
fn another_acquirer_is_refused_and_leaves_no_trace() {
    for funds in [LEDGER, CORE] {
        let mut fenced = nothing(funds);
        let _ = fenced.cancels();
        for story in [announced(funds), paid(funds), fenced] {
            assert_eq!(story.unmoved_by(cancel_by(OTHER_ACQUIRER)), f(Refusal::DifferentRequest));
        }
    }
    assert_eq!(Refusal::DifferentRequest.code().as_str(), "PARAM_ILLEGAL");
}

#[test]
fn a_setting_lets_another_acquirer_cancel() {
    let mut story = paid(LEDGER);
    story.policy.results.other_acquirer = OtherAcquirer::Ignore;
    assert_eq!(story.decides(cancel_by(OTHER_ACQUIRER)), S);
    assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), S);
}

#[test]
fn whoever_was_answered_is_answered_the_same_under_stricter_settings() {
    let mut story = paid(LEDGER);
    story.policy.results.other_acquirer = OtherAcquirer::Ignore;
    assert_eq!(story.decides(cancel_by(OTHER_ACQUIRER)), S);
    story.policy.results.other_acquirer = OtherAcquirer::ParamIllegal;
    assert_eq!(story.unmoved_by(cancel_by(OTHER_ACQUIRER)), S);
    assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), S);
    assert_eq!(story.unmoved_by(cancel_by("1022188000000000003")), f(Refusal::DifferentRequest));
}

#[test]
fn a_deferred_cancel_of_an_ignored_acquirer_is_decided_under_stricter_settings() {
    let mut story = paid(LEDGER);
    story.policy.results.other_acquirer = OtherAcquirer::Ignore;
    assert_eq!(story.refunds("r1", 10), PROCEED);
    assert_eq!(story.decides(cancel_by(OTHER_ACQUIRER)), U);
    story.policy.results.other_acquirer = OtherAcquirer::ParamIllegal;
    assert_eq!(story.refund_fails("r1"), STANDS);
    assert_eq!(story.final_answer(), Some(FinalAnswer::Cancelled));
}

#[test]
fn f05_a_recorded_answer_stands_whatever_the_settings_say_now() {
    let (mut cancelled, mut late, mut fence) = (paid(LEDGER), paid(LEDGER), nothing(LEDGER));
    fence.policy.results.never_received = NeverReceived::OrderNotExist;
    assert_eq!(cancelled.cancels(), S);
    let process_fail = f(Refusal::PeriodOver(RefusalCode::ProcessFail));
    assert_eq!(late.moment(TOO_LATE).cancels(), process_fail);
    assert_eq!(fence.cancels(), f(Refusal::NeverReceived));
    for (story, answer) in [(cancelled, S), (late, process_fail), (fence, f(Refusal::NeverReceived))] {
        for funds in [LEDGER, CORE] {
            let mut story = story.clone();
            story.policy.funds = funds;
            story.policy.period.grace = TimeDelta::days(30);
            story.policy.results.never_received = NeverReceived::Success;
            story.policy.results.period_over = PeriodOver::CancelWindowExceed;
            story.case.settlement = Some(on_closed_day(TOO_LATE));
            for when in [NOON, IN_TIME, TOO_LATE, "2036-01-01T00:00:00Z"] {
                assert_eq!(story.moment(when).unmoved_by(cancel_by(ACQUIRER)), answer);
            }
        }
    }
}

#[test]
fn a_repeat_while_money_is_owed_takes_the_next_attempt_once_it_may() {
    let mut story = paid(CORE);
    assert_eq!(story.cancels(), leased(1));
    assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), PENDING, "another holds the lease");
    assert_eq!(story.closes(1, ReversalOutcome::Unknown("timeout".into())), U);
    assert_eq!(story.cancels(), leased(2), "an open reversal is due at once");
    assert_eq!(story.later(TimeDelta::milliseconds(2_999)).unmoved_by(cancel_by(ACQUIRER)), PENDING);
    assert_eq!(story.later(TimeDelta::milliseconds(1)).cancels(), leased(3), "the lease has run out");
    assert_eq!(story.timeline().iter().filter(|what| **what == "cancel-received").count(), 1);
}

#[test]
fn whoever_dies_in_an_attempt_leaves_it_due_when_the_lease_ends() {
    let mut story = paid(CORE);
    let _ = story.cancels();
    for attempt in 1..=12 {
        assert_eq!(story.closes(attempt, ReversalOutcome::Unknown("timeout".into())), U);
        assert_eq!(story.cancels(), leased(attempt + 1));
    }
    let Some(ReversalState::Open { next_attempt_at, lease: Some(lease), .. }) = story.reversal_state() else {
        panic!("open and leased")
    };
    assert!(*next_attempt_at <= at(IN_TIME), "{next_attempt_at}");
    assert_eq!(lease.until, at(IN_TIME) + TimeDelta::seconds(3));
}

#[test]
fn a_cancel_of_what_was_never_received_leaves_a_fence() {
    let mut story = nothing(LEDGER);
    assert_eq!(story.cancels(), S);
    assert_eq!(story.state(), cancelled_at(IN_TIME));
    assert_eq!(story.case.acquirer_id(), Some(&acquirer(ACQUIRER)));
    assert_eq!((story.case.inquiry(), story.case.payment.as_ref()), (Inquiry::Closed, None));
    assert_eq!(story.timeline(), ["cancel-received", "cancelled"]);
    assert_eq!((story.booked(), story.case.reversal), (vec![], None));
}

#[test]
fn a_contract_may_want_to_hear_that_a_payment_was_never_received() {
    let mut story = nothing(LEDGER);
    story.policy.results.never_received = NeverReceived::OrderNotExist;
    assert_eq!(story.cancels(), f(Refusal::NeverReceived));
    assert_eq!(Refusal::NeverReceived.code().as_str(), "ORDER_NOT_EXIST");
    let answer = FinalAnswer::Refused(Refusal::NeverReceived);
    assert_eq!(story.state(), Some(CancellationState::Cancelled { cancelled_at: at(IN_TIME), answer }), "a fence all the same");
    assert_eq!((story.pays(), story.succeeds()), (CLOSED, REVERSED));
    for mut paid in [announced(LEDGER), paid(LEDGER)] {
        paid.policy.results.never_received = NeverReceived::OrderNotExist;
        assert_eq!(paid.cancels(), S, "only where there was nothing to do");
    }
}

#[test]
fn a_wallet_core_is_told_of_every_cancel_that_nothing_refuses() {
    let mut failed = announced(CORE);
    assert_eq!(failed.fails(), STANDS);
    let mut held = nothing(CORE);
    assert_eq!(held.decides(Action::Pay(authorization())), PROCEED);
    assert_eq!(held.succeeds(), STANDS);
    let void = Taken::NothingKnown;
    let full = Some(jpy(1_000));
    let given = [
        (nothing(CORE), void, None),
        (announced(CORE), void, full),
        (failed, void, full),
        (paid(CORE), Taken::Debit, full),
        (held, Taken::Hold, full),
    ];
    for (mut story, kind, amount) in given {
        assert_eq!(story.cancels(), leased(1));
        assert_eq!(story.state(), Some(CancellationState::Open { cancelled_at: at(IN_TIME) }));
        assert_eq!(story.case.reversal.as_ref().map(|r| (r.taken, r.amount)), Some((kind, amount)));
        assert_eq!(story.case.inquiry(), Inquiry::InProcess, "F53: closed is said once the core has confirmed");
        assert_eq!(story.timeline()[story.events.len() - 3..], ["cancel-received", "cancelled", "reversal-opened"]);
        assert_eq!(story.booked(), []);
    }
}

#[test]
fn a_refusal_after_the_period_is_recorded_with_its_code() {
    for funds in [LEDGER, CORE] {
        for (setting, code) in [
            (PeriodOver::ProcessFail, RefusalCode::ProcessFail),
            (PeriodOver::CancelWindowExceed, RefusalCode::CancelWindowExceed),
        ] {
            let mut failed = announced(funds);
            assert_eq!(failed.fails(), STANDS);
            for mut story in [announced(funds), failed, paid(funds)] {
                story.policy.results.period_over = setting;
                let (inquiry, fee, booked) = (story.case.inquiry(), story.fee(), story.booked());
                let refusal = Refusal::PeriodOver(code);
                assert_eq!(story.moment(TOO_LATE).cancels(), f(refusal));
                assert_eq!(story.state(), Some(CancellationState::Refused { refusal }));
                assert_eq!(story.timeline()[story.events.len() - 2..], ["cancel-received", "refused"]);
                assert_eq!((story.case.inquiry(), story.fee(), story.booked()), (inquiry, fee, booked), "nothing moves");
                assert_eq!(story.case.reversal, None);
            }
        }
    }
}

#[test]
fn a_refund_that_runs_defers_the_cancel_and_bars_new_refunds() {
    for funds in [LEDGER, CORE] {
        let mut story = paid(funds);
        assert_eq!(story.refunds("r1", 400), PROCEED);
        assert_eq!(story.cancels(), U);
        assert_eq!(story.state(), Some(CancellationState::Deferred(DeferReason::RefundRunning)));
        assert_eq!(story.case.cancellation.as_ref().map(|c| c.first_received_at), Some(at(IN_TIME)));
        assert_eq!(story.timeline()[3..], ["cancel-received"]);
        assert_eq!(story.later(TimeDelta::hours(1)).unmoved_by(cancel_by(ACQUIRER)), U);
        assert_eq!(story.refunds("r2", 1), REFUSED);
        assert_eq!(story.refunds("r1", 400), PROCEED, "the one that runs may go on");
        assert_eq!((story.case.inquiry(), story.fee()), (Inquiry::InProcess, Some(jpy(7))));
    }
}

#[test]
fn a_lookup_that_failed_defers_the_cancel_until_it_succeeds() {
    for mut story in [nothing(CORE), announced(CORE), paid(CORE)] {
        let before = story.events.len();
        assert_eq!(story.decides(cancel_without_lookup()), U);
        assert_eq!(story.state(), Some(CancellationState::Deferred(DeferReason::LookupFailed)));
        assert_eq!(story.unmoved_by(cancel_without_lookup()), U);
        assert_eq!(story.case.reversal, None);
        assert_eq!(story.moment("2026-03-09T12:00:00Z").cancels(), leased(1), "the first receipt counts");
        assert_eq!(story.timeline()[before..], ["cancel-received", "cancelled", "reversal-opened"]);
    }
}

#[test]
fn until_the_payment_is_looked_up_nobody_is_another_acquirer() {
    let cancel = |of: &str, lookup: Lookup| Action::Cancel(Cancel::now(acquirer(of), lookup));
    let failed = |of: &str| cancel(of, Lookup::Failed("no answer".to_owned()));
    let payment = paid(CORE).case.payment.unwrap();
    let found = |of: &str| {
        let payment = payment.clone();
        cancel(of, Lookup::Found(Box::new(CorePayment { payment, refunded: 0, refund_running: false })))
    };
    let mut story = nothing(CORE);
    assert_eq!(story.decides(failed(OTHER_ACQUIRER)), U);
    assert_eq!(story.decides(failed(ACQUIRER)), U, "a refusal would not be proven");
    assert_eq!(story.decides(found(OTHER_ACQUIRER)), f(Refusal::DifferentRequest));
    assert_eq!(story.unmoved_by(failed(OTHER_ACQUIRER)), f(Refusal::DifferentRequest), "a core that forgets changes no answer");
    assert_eq!(story.decides(found(ACQUIRER)), leased(1), "its own receipt was decided by the same lookup");
    assert_eq!(story.closes(1, ReversalOutcome::Done), S);
    assert_eq!(story.unmoved_by(cancel_by(OTHER_ACQUIRER)), f(Refusal::DifferentRequest));
    assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), S);
}

#[test]
fn the_earliest_receipt_counts_in_whatever_order_they_are_decided() {
    let (in_time, late) = ("2026-03-01T16:29:59.999Z", "2026-03-01T16:30:00Z");
    let mut story = nothing(CORE);
    assert_eq!(story.moment(late).decides(cancel_without_lookup()), U);
    let mut only_late = story.clone();
    assert_eq!(story.moment(in_time).decides(cancel_without_lookup()), U);
    assert_eq!(story.moment(late).unmoved_by(cancel_without_lookup()), U);
    assert_eq!((story.pays(), only_late.pays()), (PROCEED, PROCEED));
    assert_eq!(story.cancels(), leased(1));
    assert_eq!(only_late.cancels(), f(Refusal::PeriodOver(RefusalCode::ProcessFail)));
}

#[test]
fn a_payment_without_a_success_is_closed_and_nothing_moves() {
    let mut failed = announced(LEDGER);
    assert_eq!(failed.fails(), STANDS);
    for mut story in [announced(LEDGER), failed] {
        assert_eq!(story.cancels(), S);
        assert_eq!((story.state(), story.case.inquiry()), (cancelled_at(IN_TIME), Inquiry::Closed));
        assert_eq!(story.timeline()[story.events.len() - 2..], ["cancel-received", "cancelled"]);
        assert_eq!((story.booked(), story.case.reversal), (vec![], None));
    }
}

#[test]
fn a_fully_refunded_payment_is_answered_s_and_not_marked_cancelled() {
    for funds in [LEDGER, CORE] {
        let mut story = paid(funds);
        for (id, minor) in [("r1", 400), ("r2", 600)] {
            assert_eq!((story.refunds(id, minor), story.refund_succeeds(id)), (PROCEED, STANDS));
        }
        let booked = story.booked();
        assert_eq!(story.cancels(), S);
        assert_eq!(story.state(), Some(CancellationState::AlreadyRefunded { never_seen: false }));
        assert_eq!((story.case.inquiry(), story.fee()), (Inquiry::Paid, Some(jpy(7))), "the refunds are in Alipay+'s files");
        assert_eq!((story.booked(), &story.case.reversal), (booked, &None));
        assert_eq!(story.timeline().last(), Some(&"cancel-received"));
    }
}

#[test]
fn f45_a_partly_refunded_payment_cannot_be_cancelled() {
    for funds in [LEDGER, CORE] {
        for refunded in [1, 500, 999] {
            let mut story = paid(funds);
            assert_eq!((story.refunds("r1", refunded), story.refund_succeeds("r1")), (PROCEED, STANDS));
            let booked = story.booked();
            assert_eq!(story.cancels(), f(Refusal::PartlyRefunded));
            assert_eq!(story.state(), Some(CancellationState::Refused { refusal: Refusal::PartlyRefunded }));
            assert_eq!(story.timeline()[story.events.len() - 2..], ["cancel-received", "refused"]);
            assert_eq!((story.booked(), story.fee(), story.case.reversal), (booked, Some(jpy(7)), None));
        }
    }
    assert_eq!(Refusal::PartlyRefunded.code().as_str(), "PROCESS_FAIL");
}

#[test]
fn the_ledger_gives_the_full_amount_back_in_the_commit_that_decides() {
    let (debit, credit) = ((EntryKind::Debit, 1_000), (EntryKind::Credit, 1_000));
    let (hold, release) = ((EntryKind::Hold, 1_000), (EntryKind::Release, 1_000));
    let mut held = nothing(LEDGER);
    assert_eq!(held.decides(Action::Pay(authorization())), PROCEED);
    assert_eq!(held.decides(Action::Result(success())), STANDS);
    for (mut story, kind, booked) in [(paid(LEDGER), Taken::Debit, [debit, credit]), (held, Taken::Hold, [hold, release])] {
        assert_eq!(story.cancels(), S);
        assert_eq!((story.state(), story.case.inquiry(), story.fee()), (cancelled_at(IN_TIME), Inquiry::Closed, None));
        assert_eq!(story.booked(), booked);
        assert_eq!(story.case.reversal, Some(Reversal::booked(kind, jpy(1_000), at(IN_TIME))));
        assert_eq!(story.timeline()[2..], ["cancel-received", "cancelled", "reversal-opened", "reversal-done"]);
        assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), S, "F05: the recorded answer");
    }
}

#[test]
fn a_failed_refund_does_not_stand_in_the_way() {
    let mut story = paid(LEDGER);
    assert_eq!((story.refunds("r1", 1_000), story.refund_fails("r1")), (PROCEED, STANDS));
    assert_eq!(story.cancels(), S);
    assert_eq!(story.booked(), [(EntryKind::Debit, 1_000), (EntryKind::Credit, 1_000)]);
}
