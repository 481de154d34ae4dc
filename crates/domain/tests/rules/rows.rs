//! What each row of the cancel table answers, records and books.

use chrono::TimeDelta;
use domain::{
    Action, Cancel, CancellationState, CorePayment, DeferReason, EntryKind, FinalAnswer, FundsKind, Inquiry, Lookup,
    NeverReceived, OtherAcquirer, PeriodOver, Refusal, RefusalCode, Reversal, ReversalKind, ReversalOutcome, ReversalState,
};

use crate::fixtures::{
    ACQUIRER, CLOSED, IN_TIME, NOON, OTHER_ACQUIRER, OWED, PROCEED, REFUSED, REVERSED, S, STANDS, TOO_LATE, U, acquirer,
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
        for told in [announced(funds), paid(funds), fenced] {
            assert_eq!(told.unmoved_by(cancel_by(OTHER_ACQUIRER)), f(Refusal::DifferentRequest));
        }
    }
    assert_eq!(Refusal::DifferentRequest.code().as_str(), "PARAM_ILLEGAL");
}

#[test]
fn a_setting_lets_another_acquirer_cancel() {
    let mut told = paid(LEDGER);
    told.policy.results.other_acquirer = OtherAcquirer::Ignore;
    assert_eq!(told.told(cancel_by(OTHER_ACQUIRER)), S);
    assert_eq!(told.unmoved_by(cancel_by(ACQUIRER)), S);
}

#[test]
fn whoever_was_answered_is_answered_the_same_under_stricter_settings() {
    let mut told = paid(LEDGER);
    told.policy.results.other_acquirer = OtherAcquirer::Ignore;
    assert_eq!(told.told(cancel_by(OTHER_ACQUIRER)), S);
    told.policy.results.other_acquirer = OtherAcquirer::ParamIllegal;
    assert_eq!(told.unmoved_by(cancel_by(OTHER_ACQUIRER)), S);
    assert_eq!(told.unmoved_by(cancel_by(ACQUIRER)), S);
    assert_eq!(told.unmoved_by(cancel_by("1022188000000000003")), f(Refusal::DifferentRequest));
}

#[test]
fn a_deferred_cancel_of_an_ignored_acquirer_is_decided_under_stricter_settings() {
    let mut told = paid(LEDGER);
    told.policy.results.other_acquirer = OtherAcquirer::Ignore;
    assert_eq!(told.refunds("r1", 10), PROCEED);
    assert_eq!(told.told(cancel_by(OTHER_ACQUIRER)), U);
    told.policy.results.other_acquirer = OtherAcquirer::ParamIllegal;
    assert_eq!(told.refund_fails("r1"), STANDS);
    assert_eq!(told.final_answer(), Some(FinalAnswer::Cancelled));
}

#[test]
fn f05_a_recorded_answer_stands_whatever_the_settings_say_now() {
    let (mut cancelled, mut late, mut fence) = (paid(LEDGER), paid(LEDGER), nothing(LEDGER));
    fence.policy.results.never_received = NeverReceived::OrderNotExist;
    assert_eq!(cancelled.cancels(), S);
    let process_fail = f(Refusal::PeriodOver(RefusalCode::ProcessFail));
    assert_eq!(late.moment(TOO_LATE).cancels(), process_fail);
    assert_eq!(fence.cancels(), f(Refusal::NeverReceived));
    for (told, answer) in [(cancelled, S), (late, process_fail), (fence, f(Refusal::NeverReceived))] {
        for funds in [LEDGER, CORE] {
            let mut told = told.clone();
            told.policy.funds = funds;
            told.policy.period.grace = TimeDelta::days(30);
            told.policy.results.never_received = NeverReceived::Success;
            told.policy.results.period_over = PeriodOver::CancelWindowExceed;
            told.case.settlement = Some(on_closed_day(TOO_LATE));
            for when in [NOON, IN_TIME, TOO_LATE, "2036-01-01T00:00:00Z"] {
                assert_eq!(told.moment(when).unmoved_by(cancel_by(ACQUIRER)), answer);
            }
        }
    }
}

#[test]
fn a_repeat_while_money_is_owed_takes_the_next_attempt_once_it_may() {
    let mut told = paid(CORE);
    assert_eq!(told.cancels(), leased(1));
    assert_eq!(told.unmoved_by(cancel_by(ACQUIRER)), OWED, "another holds the lease");
    assert_eq!(told.closes(1, ReversalOutcome::Unknown("timeout".into())), U);
    assert_eq!(told.cancels(), leased(2), "an open reversal is due at once");
    assert_eq!(told.later(TimeDelta::milliseconds(2_999)).unmoved_by(cancel_by(ACQUIRER)), OWED);
    assert_eq!(told.later(TimeDelta::milliseconds(1)).cancels(), leased(3), "the lease has run out");
    assert_eq!(told.timeline().iter().filter(|what| **what == "cancel-received").count(), 1);
}

#[test]
fn whoever_dies_in_an_attempt_leaves_it_due_when_the_lease_ends() {
    let mut told = paid(CORE);
    let _ = told.cancels();
    for attempt in 1..=12 {
        assert_eq!(told.closes(attempt, ReversalOutcome::Unknown("timeout".into())), U);
        assert_eq!(told.cancels(), leased(attempt + 1));
    }
    let Some(ReversalState::Open { next_attempt_at, lease: Some(lease), .. }) = told.reversal_state() else {
        panic!("open and leased")
    };
    assert!(*next_attempt_at <= at(IN_TIME), "{next_attempt_at}");
    assert_eq!(lease.until, at(IN_TIME) + TimeDelta::seconds(3));
}

#[test]
fn a_cancel_of_what_was_never_received_leaves_a_fence() {
    let mut told = nothing(LEDGER);
    assert_eq!(told.cancels(), S);
    assert_eq!(told.state(), cancelled_at(IN_TIME));
    assert_eq!(told.case.acquirer_id(), Some(&acquirer(ACQUIRER)));
    assert_eq!((told.case.inquiry(), told.case.payment.as_ref()), (Inquiry::Closed, None));
    assert_eq!(told.timeline(), ["cancel-received", "cancelled"]);
    assert_eq!((told.booked(), told.case.reversal), (vec![], None));
}

#[test]
fn a_contract_may_want_to_hear_that_a_payment_was_never_received() {
    let mut told = nothing(LEDGER);
    told.policy.results.never_received = NeverReceived::OrderNotExist;
    assert_eq!(told.cancels(), f(Refusal::NeverReceived));
    assert_eq!(Refusal::NeverReceived.code().as_str(), "ORDER_NOT_EXIST");
    let answer = FinalAnswer::Refused(Refusal::NeverReceived);
    assert_eq!(told.state(), Some(CancellationState::Cancelled { cancelled_at: at(IN_TIME), answer }), "a fence all the same");
    assert_eq!((told.pays(), told.succeeds()), (CLOSED, REVERSED));
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
    assert_eq!(held.told(Action::Pay(authorization())), PROCEED);
    assert_eq!(held.succeeds(), STANDS);
    let void = ReversalKind::Void;
    let full = Some(jpy(1_000));
    let given = [
        (nothing(CORE), void, None),
        (announced(CORE), void, full),
        (failed, void, full),
        (paid(CORE), ReversalKind::Refund, full),
        (held, ReversalKind::Release, full),
    ];
    for (mut told, kind, amount) in given {
        assert_eq!(told.cancels(), leased(1));
        assert_eq!(told.state(), Some(CancellationState::Open { cancelled_at: at(IN_TIME) }));
        assert_eq!(told.case.reversal.as_ref().map(|r| (r.kind, r.amount)), Some((kind, amount)));
        assert_eq!(told.case.inquiry(), Inquiry::Closed);
        assert_eq!(told.timeline()[told.events.len() - 3..], ["cancel-received", "cancelled", "reversal-opened"]);
        assert_eq!(told.booked(), []);
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
            for mut told in [announced(funds), failed, paid(funds)] {
                told.policy.results.period_over = setting;
                let (inquiry, fee, booked) = (told.case.inquiry(), told.fee(), told.booked());
                let refusal = Refusal::PeriodOver(code);
                assert_eq!(told.moment(TOO_LATE).cancels(), f(refusal));
                assert_eq!(told.state(), Some(CancellationState::Refused { refusal }));
                assert_eq!(told.timeline()[told.events.len() - 2..], ["cancel-received", "refused"]);
                assert_eq!((told.case.inquiry(), told.fee(), told.booked()), (inquiry, fee, booked), "nothing moves");
                assert_eq!(told.case.reversal, None);
            }
        }
    }
}

#[test]
fn a_refund_that_runs_defers_the_cancel_and_bars_new_refunds() {
    for funds in [LEDGER, CORE] {
        let mut told = paid(funds);
        assert_eq!(told.refunds("r1", 400), PROCEED);
        assert_eq!(told.cancels(), U);
        assert_eq!(told.state(), Some(CancellationState::Deferred(DeferReason::RefundRunning)));
        assert_eq!(told.case.cancellation.as_ref().map(|c| c.first_received_at), Some(at(IN_TIME)));
        assert_eq!(told.timeline()[3..], ["cancel-received"]);
        assert_eq!(told.later(TimeDelta::hours(1)).unmoved_by(cancel_by(ACQUIRER)), U);
        assert_eq!(told.refunds("r2", 1), REFUSED);
        assert_eq!(told.refunds("r1", 400), PROCEED, "the one that runs may go on");
        assert_eq!((told.case.inquiry(), told.fee()), (Inquiry::Paid, Some(jpy(7))));
    }
}

#[test]
fn a_lookup_that_failed_defers_the_cancel_until_it_succeeds() {
    for mut told in [nothing(CORE), announced(CORE), paid(CORE)] {
        let before = told.events.len();
        assert_eq!(told.told(cancel_without_lookup()), U);
        assert_eq!(told.state(), Some(CancellationState::Deferred(DeferReason::LookupFailed)));
        assert_eq!(told.unmoved_by(cancel_without_lookup()), U);
        assert_eq!(told.case.reversal, None);
        assert_eq!(told.moment("2026-03-09T12:00:00Z").cancels(), leased(1), "the first receipt counts");
        assert_eq!(told.timeline()[before..], ["cancel-received", "cancelled", "reversal-opened"]);
    }
}

#[test]
fn until_the_payment_is_looked_up_nobody_is_another_acquirer() {
    let cancel = |of: &str, lookup: Lookup| Action::Cancel(Cancel::now(acquirer(of), lookup));
    let failed = |of: &str| cancel(of, Lookup::Failed);
    let payment = paid(CORE).case.payment.unwrap();
    let found = |of: &str| {
        let payment = payment.clone();
        cancel(of, Lookup::Found(Box::new(CorePayment { payment, refunded: 0, refund_running: false })))
    };
    let mut told = nothing(CORE);
    assert_eq!(told.told(failed(OTHER_ACQUIRER)), U);
    assert_eq!(told.told(failed(ACQUIRER)), U, "a refusal would not be proven");
    assert_eq!(told.unmoved_by(found(OTHER_ACQUIRER)), f(Refusal::DifferentRequest));
    assert_eq!(told.told(found(ACQUIRER)), leased(1));
    assert_eq!(told.closes(1, ReversalOutcome::Done), S);
    assert_eq!(told.unmoved_by(cancel_by(OTHER_ACQUIRER)), f(Refusal::DifferentRequest));
    assert_eq!(told.unmoved_by(cancel_by(ACQUIRER)), S);
}

#[test]
fn the_earliest_receipt_counts_in_whatever_order_they_are_decided() {
    let (in_time, late) = ("2026-03-01T16:29:59.999Z", "2026-03-01T16:30:00Z");
    let mut told = nothing(CORE);
    assert_eq!(told.moment(late).told(cancel_without_lookup()), U);
    let mut only_late = told.clone();
    assert_eq!(told.moment(in_time).told(cancel_without_lookup()), U);
    assert_eq!(told.moment(late).unmoved_by(cancel_without_lookup()), U);
    assert_eq!((told.pays(), only_late.pays()), (PROCEED, PROCEED));
    assert_eq!(told.cancels(), leased(1));
    assert_eq!(only_late.cancels(), f(Refusal::PeriodOver(RefusalCode::ProcessFail)));
}

#[test]
fn a_payment_without_a_success_is_closed_and_nothing_moves() {
    let mut failed = announced(LEDGER);
    assert_eq!(failed.fails(), STANDS);
    for mut told in [announced(LEDGER), failed] {
        assert_eq!(told.cancels(), S);
        assert_eq!((told.state(), told.case.inquiry()), (cancelled_at(IN_TIME), Inquiry::Closed));
        assert_eq!(told.timeline()[told.events.len() - 2..], ["cancel-received", "cancelled"]);
        assert_eq!((told.booked(), told.case.reversal), (vec![], None));
    }
}

#[test]
fn a_fully_refunded_payment_is_answered_s_and_not_marked_cancelled() {
    for funds in [LEDGER, CORE] {
        let mut told = paid(funds);
        for (id, minor) in [("r1", 400), ("r2", 600)] {
            assert_eq!((told.refunds(id, minor), told.refund_succeeds(id)), (PROCEED, STANDS));
        }
        let booked = told.booked();
        assert_eq!(told.cancels(), S);
        assert_eq!(told.state(), Some(CancellationState::AlreadyRefunded));
        assert_eq!((told.case.inquiry(), told.fee()), (Inquiry::Paid, Some(jpy(7))), "the refunds are in Alipay+'s files");
        assert_eq!((told.booked(), &told.case.reversal), (booked, &None));
        assert_eq!(told.timeline().last(), Some(&"cancel-received"));
    }
}

#[test]
fn f45_a_partly_refunded_payment_cannot_be_cancelled() {
    for funds in [LEDGER, CORE] {
        for refunded in [1, 500, 999] {
            let mut told = paid(funds);
            assert_eq!((told.refunds("r1", refunded), told.refund_succeeds("r1")), (PROCEED, STANDS));
            let booked = told.booked();
            assert_eq!(told.cancels(), f(Refusal::PartlyRefunded));
            assert_eq!(told.state(), Some(CancellationState::Refused { refusal: Refusal::PartlyRefunded }));
            assert_eq!(told.timeline()[told.events.len() - 2..], ["cancel-received", "refused"]);
            assert_eq!((told.booked(), told.fee(), told.case.reversal), (booked, Some(jpy(7)), None));
        }
    }
    assert_eq!(Refusal::PartlyRefunded.code().as_str(), "PROCESS_FAIL");
}

#[test]
fn the_ledger_gives_the_full_amount_back_in_the_commit_that_decides() {
    let (debit, credit) = ((EntryKind::Debit, 1_000), (EntryKind::Credit, 1_000));
    let (hold, release) = ((EntryKind::Hold, 1_000), (EntryKind::Release, 1_000));
    let mut held = nothing(LEDGER);
    assert_eq!(held.told(Action::Pay(authorization())), PROCEED);
    assert_eq!(held.told(Action::Result(success())), STANDS);
    for (mut told, kind, booked) in
        [(paid(LEDGER), ReversalKind::Refund, [debit, credit]), (held, ReversalKind::Release, [hold, release])]
    {
        assert_eq!(told.cancels(), S);
        assert_eq!((told.state(), told.case.inquiry(), told.fee()), (cancelled_at(IN_TIME), Inquiry::Closed, None));
        assert_eq!(told.booked(), booked);
        assert_eq!(told.case.reversal, Some(Reversal::booked(kind, jpy(1_000), at(IN_TIME))));
        assert_eq!(told.timeline()[2..], ["cancel-received", "cancelled", "reversal-opened", "reversal-done"]);
        assert_eq!(told.unmoved_by(cancel_by(ACQUIRER)), S, "F05: the recorded answer");
    }
}

#[test]
fn a_failed_refund_does_not_stand_in_the_way() {
    let mut told = paid(LEDGER);
    assert_eq!((told.refunds("r1", 1_000), told.refund_fails("r1")), (PROCEED, STANDS));
    assert_eq!(told.cancels(), S);
    assert_eq!(told.booked(), [(EntryKind::Debit, 1_000), (EntryKind::Credit, 1_000)]);
}
