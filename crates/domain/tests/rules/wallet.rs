//! The wallet's commands on a case, row by row.

use chrono::TimeDelta;
use domain::{
    AccountId, Action, CancellationState, CommandReply, EntryKind, FinalAnswer, FundsKind, Inquiry, OtherAcquirer, PayResult,
    Payment, PaymentId, PaymentStatus, Refusal, Reply, ReportedResult, ReversalState,
};

use crate::fixtures::{
    ACQUIRER, CLOSED, IN_TIME, NOON, OTHER_ACQUIRER, PENDING, PROCEED, REFUSED, REVERSED, S, STANDS, Story, TOO_LATE, U,
    acquirer, announced, at, authorization, cancel_by, closing, f, failure, good, jpy, leased, nothing, on_closed_day, paid,
    payment, refund_ended, refund_of, success,
};

const BOTH: [FundsKind; 2] = [FundsKind::Ledger, FundsKind::Http];

fn cancelled(mut story: Story) -> Story {
    let _ = story.cancels();
    if story.policy.funds == FundsKind::Http {
        assert_eq!(story.closes(1, domain::ReversalOutcome::Done), S);
    }
    assert_eq!(story.final_answer(), Some(FinalAnswer::Cancelled));
    story
}

fn conflicts(story: &Story, action: Action) {
    let outcome = story.unmoved_by(action.clone());
    assert!(matches!(outcome, Reply::Command(CommandReply::Conflict(_))), "{action:?}: {outcome:?}");
}

#[test]
fn a_new_payment_is_recorded_and_may_proceed() {
    for funds in BOTH {
        let story = announced(funds);
        assert_eq!(story.case.payment, Some(payment()));
        assert_eq!((story.timeline(), story.booked()), (vec!["payment-recorded"], vec![]));
        assert_eq!(story.case.inquiry(), Inquiry::InProcess);
    }
}

#[test]
fn an_announcement_says_nothing_of_the_result() {
    let mut story = nothing(FundsKind::Ledger);
    let status = PaymentStatus::Succeeded { completed_at: at(NOON), fee: None };
    assert_eq!(story.decides(Action::Pay(Payment { status, payment_id: success().payment_id, ..payment() })), PROCEED);
    assert_eq!(story.case.payment, Some(payment()));
}

#[test]
fn the_same_payment_again_is_answered_the_same() {
    for funds in BOTH {
        assert_eq!(announced(funds).unmoved_by(Action::Pay(payment())), PROCEED);
        assert_eq!(paid(funds).unmoved_by(Action::Pay(payment())), PROCEED, "what a result added does not count");
    }
}

#[test]
fn a_payment_with_other_content_is_a_conflict() {
    let same = payment;
    let others = [
        Payment { acquirer_id: acquirer(OTHER_ACQUIRER), ..same() },
        Payment { account: good(AccountId::parse("user-2")), ..same() },
        Payment { amount: jpy(1_001), ..same() },
        Payment { settlement_amount: Some(jpy(1_000)), ..same() },
        Payment { initiated_at: at(IN_TIME), ..same() },
        authorization(),
    ];
    for funds in BOTH {
        for story in [announced(funds), paid(funds), cancelled(paid(funds))] {
            for other in &others {
                conflicts(&story, Action::Pay(other.clone()));
            }
        }
    }
}

#[test]
fn another_acquirers_payment_does_not_pass_the_fence() {
    for funds in BOTH {
        let mut fence = cancelled(nothing(funds));
        let foreign = Action::Pay(Payment { acquirer_id: acquirer(OTHER_ACQUIRER), ..payment() });
        conflicts(&fence, foreign.clone());
        fence.policy.results.other_acquirer = OtherAcquirer::Ignore;
        assert_eq!(fence.decides(foreign), CLOSED);
    }
}

#[test]
fn f12_a_payment_on_a_fence_is_recorded_and_closed() {
    for funds in BOTH {
        let mut fence = cancelled(nothing(funds));
        assert_eq!(fence.pays(), CLOSED);
        assert_eq!(fence.case.payment, Some(payment()), "account and amount are now known");
        assert_eq!(fence.timeline().last(), Some(&"payment-recorded"));
        assert_eq!(fence.unmoved_by(Action::Pay(payment())), CLOSED);
        assert_eq!((fence.booked(), fence.case.inquiry()), (vec![], Inquiry::Closed));
        assert_eq!(fence.unmoved_by(cancel_by(ACQUIRER)), S);
    }
}

#[test]
fn a_payment_on_an_open_fence_tells_the_reversal_its_amount() {
    let mut fence = nothing(FundsKind::Http);
    assert_eq!(fence.cancels(), leased(1));
    assert_eq!(fence.pays(), CLOSED);
    assert_eq!(fence.case.reversal.as_ref().and_then(|reversal| reversal.amount), Some(jpy(1_000)));
    assert_eq!(fence.closes(1, domain::ReversalOutcome::NothingToDo), S);
}

#[test]
fn f02_whoever_asks_again_after_the_cancel_is_told_not_to_debit() {
    for funds in BOTH {
        let mut story = announced(funds);
        let _ = story.cancels();
        assert_eq!(story.pays(), CLOSED, "the commit that first tells it records it");
        assert_eq!(story.unmoved_by(Action::Pay(payment())), CLOSED);
    }
}

#[test]
fn a_success_stands_and_the_ledger_books_it() {
    for funds in BOTH {
        let mut failed = announced(funds);
        assert_eq!(failed.fails(), STANDS);
        for mut story in [announced(funds), failed] {
            let events = story.events.len();
            assert_eq!(story.succeeds(), STANDS);
            let status = PaymentStatus::Succeeded { completed_at: at(NOON), fee: Some(jpy(7)) };
            assert_eq!(story.case.payment, Some(Payment { payment_id: success().payment_id, status, ..payment() }));
            let booked = if funds == FundsKind::Ledger { vec![(EntryKind::Debit, 1_000)] } else { vec![] };
            assert_eq!((story.booked(), story.case.inquiry()), (booked, Inquiry::Paid));
            assert_eq!(story.timeline()[events..], ["succeeded"]);
            assert_eq!(story.unmoved_by(Action::Result(success())), STANDS);
        }
    }
}

#[test]
fn f01_a_success_after_the_cancel_is_given_back_in_the_same_commit() {
    for later in [TimeDelta::milliseconds(1), TimeDelta::minutes(1), TimeDelta::hours(24)] {
        let mut failed = announced(FundsKind::Ledger);
        assert_eq!(failed.fails(), STANDS);
        let (mut fence, mut progress) = (cancelled(nothing(FundsKind::Ledger)), cancelled(announced(FundsKind::Ledger)));
        assert_eq!((fence.pays(), progress.pays()), (CLOSED, CLOSED));
        let mut failed_later = cancelled(announced(FundsKind::Ledger));
        assert_eq!(failed_later.fails(), STANDS);
        for mut story in [fence, progress, cancelled(failed), failed_later] {
            let (state, events) = (story.state(), story.events.len());
            assert_eq!(story.later(later).succeeds(), REVERSED);
            assert_eq!(story.booked(), [(EntryKind::Debit, 1_000), (EntryKind::Credit, 1_000)]);
            assert_eq!((story.state(), story.fee(), story.case.inquiry()), (state, None, Inquiry::Closed));
            assert_eq!(story.timeline()[events..], ["succeeded", "reversal-opened", "reversal-done"]);
            assert!(matches!(story.reversal_state(), Some(ReversalState::Done { .. })));
            assert_eq!(story.unmoved_by(Action::Result(success())), REVERSED);
            assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), S);
        }
    }
}

#[test]
fn a_failure_stands_and_takes_nothing() {
    for funds in BOTH {
        for mut story in [announced(funds), cancelled(announced(funds))] {
            let (state, events) = (story.state(), story.events.len());
            assert_eq!(story.fails(), STANDS);
            assert_eq!(story.timeline()[events..], ["failed"]);
            assert_eq!((story.state(), story.booked()), (state, vec![]));
            assert_eq!(story.unmoved_by(Action::Result(failure())), STANDS);
        }
    }
}

#[test]
fn a_result_of_a_payment_never_announced_is_not_found() {
    for funds in BOTH {
        for (story, fenced) in [(nothing(funds), false), (cancelled(nothing(funds)), true)] {
            assert_eq!(story.unmoved_by(Action::Result(success())), Reply::Command(CommandReply::NotFound { fenced }));
            assert_eq!(story.unmoved_by(Action::Result(failure())), Reply::Command(CommandReply::NotFound { fenced }));
            assert_eq!(story.unmoved_by(refund_of("r1", 1)), Reply::Command(CommandReply::NotFound { fenced }));
            assert_eq!(
                story.unmoved_by(refund_ended("r1", ReportedResult::Succeeded)),
                Reply::Command(CommandReply::NotFound { fenced })
            );
        }
    }
}

#[test]
fn f11_a_success_is_never_taken_back_by_a_result() {
    for funds in BOTH {
        for story in [paid(funds), cancelled(paid(funds))] {
            conflicts(&story, Action::Result(failure()));
        }
    }
}

#[test]
fn a_result_with_another_payment_id_is_a_conflict() {
    let other = || Some(good(PaymentId::parse("P-2")));
    for funds in BOTH {
        for story in [paid(funds), cancelled(paid(funds))] {
            conflicts(&story, Action::Result(PayResult { payment_id: other(), ..success() }));
            let without_id = Action::Result(PayResult { payment_id: None, ..success() });
            assert_eq!(story.clone().decides(without_id), story.clone().succeeds());
        }
        let mut failed = announced(funds);
        assert_eq!(failed.decides(Action::Result(PayResult { payment_id: other(), ..failure() })), STANDS);
        conflicts(&failed, Action::Result(PayResult { payment_id: success().payment_id, ..failure() }));
        assert_eq!(failed.decides(Action::Result(PayResult { payment_id: None, ..success() })), STANDS);
        assert_eq!(failed.case.payment.and_then(|payment| payment.payment_id), other());
    }
}

#[test]
fn f06_refunds_never_reserve_more_than_what_is_left() {
    for funds in BOTH {
        let mut story = paid(funds);
        assert_eq!(story.unmoved_by(refund_of("r0", 1_001)), REFUSED);
        assert_eq!(story.refunds("r1", 600), PROCEED);
        assert_eq!(story.unmoved_by(refund_of("r2", 401)), REFUSED, "what is reserved counts");
        assert_eq!(story.refunds("r2", 400), PROCEED);
        assert_eq!((story.refund_succeeds("r1"), story.refund_fails("r2")), (STANDS, STANDS));
        assert_eq!(story.unmoved_by(refund_of("r3", 401)), REFUSED);
        assert_eq!(story.refunds("r3", 400), PROCEED, "what failed is left again");
        let expected =
            if funds == FundsKind::Ledger { vec![(EntryKind::Debit, 1_000), (EntryKind::Credit, 600)] } else { vec![] };
        assert_eq!(story.booked(), expected);
        let reserved = "refund-reserved";
        assert_eq!(story.timeline()[2..], [reserved, reserved, "refund-succeeded", "refund-failed", reserved]);
    }
}

#[test]
fn a_refund_in_another_currency_is_refused() {
    let request = domain::RefundRequest { id: crate::fixtures::refund_id("r1"), amount: good(domain::Money::parse("1", "KRW")) };
    assert_eq!(paid(FundsKind::Ledger).unmoved_by(Action::Refund(request)), REFUSED);
}

#[test]
fn a_refund_needs_a_success_that_is_not_cancelled() {
    for funds in BOTH {
        let mut failed = announced(funds);
        assert_eq!(failed.fails(), STANDS);
        let mut open = paid(funds);
        let _ = open.cancels();
        for story in [announced(funds), failed, open, cancelled(paid(funds))] {
            assert_eq!(story.unmoved_by(refund_of("r1", 1)), REFUSED);
        }
    }
}

#[test]
fn a_refused_cancel_bars_no_refund() {
    let mut story = paid(FundsKind::Ledger);
    assert_eq!(story.moment(TOO_LATE).cancels(), f(Refusal::PeriodOver(domain::RefusalCode::ProcessFail)));
    assert_eq!((story.refunds("r1", 1_000), story.refund_succeeds("r1")), (PROCEED, STANDS));
}

#[test]
fn a_refund_announced_again_is_answered_the_same_until_it_failed() {
    for funds in BOTH {
        let mut story = paid(funds);
        assert_eq!(story.refunds("r1", 400), PROCEED);
        assert_eq!(story.unmoved_by(refund_of("r1", 400)), PROCEED);
        conflicts(&story, refund_of("r1", 399));
        let mut failed = story.clone();
        assert_eq!((story.refund_succeeds("r1"), failed.refund_fails("r1")), (STANDS, STANDS));
        assert_eq!(story.unmoved_by(refund_of("r1", 400)), PROCEED);
        assert_eq!(failed.unmoved_by(refund_of("r1", 400)), REFUSED, "a cancel may give that money back now");
    }
}

#[test]
fn a_refund_ends_once() {
    let (succeeded, failed) = (ReportedResult::Succeeded, ReportedResult::Failed);
    for funds in BOTH {
        for (first, second) in [(succeeded, failed), (failed, succeeded)] {
            let mut story = paid(funds);
            assert_eq!(story.refunds("r1", 400), PROCEED);
            assert_eq!(story.decides(refund_ended("r1", first)), STANDS);
            assert_eq!(story.unmoved_by(refund_ended("r1", first)), STANDS);
            conflicts(&story, refund_ended("r1", second));
            assert_eq!(story.unmoved_by(refund_ended("r9", first)), Reply::Command(CommandReply::NotFound { fenced: false }));
        }
    }
}

#[test]
fn an_authorization_is_refunded_by_a_release() {
    let mut story = nothing(FundsKind::Ledger);
    assert_eq!((story.decides(Action::Pay(authorization())), story.succeeds()), (PROCEED, STANDS));
    assert_eq!((story.refunds("r1", 400), story.refund_succeeds("r1")), (PROCEED, STANDS));
    assert_eq!(story.booked(), [(EntryKind::Hold, 1_000), (EntryKind::Release, 400)]);
}

#[test]
fn a_deferred_cancel_is_decided_in_the_commit_of_the_last_refunds_result() {
    for funds in BOTH {
        let mut story = paid(funds);
        assert_eq!((story.refunds("r1", 400), story.refunds("r2", 300), story.cancels()), (PROCEED, PROCEED, U));
        assert_eq!(story.refund_fails("r1"), STANDS);
        assert_eq!(story.final_answer(), None, "the other one still runs");
        let events = story.events.len();
        story.moment("2026-03-09T12:00:00Z");
        assert_eq!(story.refund_fails("r2"), STANDS);
        let cancelled_at = at("2026-03-09T12:00:00Z");
        match funds {
            FundsKind::Ledger => {
                let answer = FinalAnswer::Cancelled;
                assert_eq!(
                    story.state(),
                    Some(CancellationState::Cancelled { cancelled_at, answer }),
                    "the first receipt counts"
                );
                assert_eq!(story.booked(), [(EntryKind::Debit, 1_000), (EntryKind::Credit, 1_000)]);
                assert_eq!(story.timeline()[events..], ["refund-failed", "cancelled", "reversal-opened", "reversal-done"]);
                assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), S);
            }
            FundsKind::Http => {
                assert_eq!(story.state(), Some(CancellationState::Open { cancelled_at }));
                assert_eq!(story.timeline()[events..], ["refund-failed", "cancelled", "reversal-opened"]);
                assert_eq!(story.worker_begins(), Some(1), "nobody holds the lease: it is the worker's");
                assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), PENDING);
                assert_eq!(story.decides(closing(1, domain::ReversalOutcome::Done)), S);
            }
        }
        assert_eq!(story.fee(), None, "F28");
    }
}

#[test]
fn a_deferred_cancel_ends_by_what_the_refunds_gave_back() {
    for funds in BOTH {
        let mut part = paid(funds);
        assert_eq!((part.refunds("r1", 400), part.cancels(), part.refund_succeeds("r1")), (PROCEED, U, STANDS));
        assert_eq!(part.unmoved_by(cancel_by(ACQUIRER)), f(Refusal::PartlyRefunded));
        let mut full = paid(funds);
        assert_eq!((full.refunds("r1", 1_000), full.cancels(), full.refund_succeeds("r1")), (PROCEED, U, STANDS));
        assert_eq!(full.state(), Some(CancellationState::AlreadyRefunded { never_seen: false }));
        assert_eq!(full.unmoved_by(cancel_by(ACQUIRER)), S);
        let mut settled = paid(funds);
        assert_eq!((settled.refunds("r1", 400), settled.cancels()), (PROCEED, U));
        settled.case.settlement = Some(on_closed_day(TOO_LATE));
        assert_eq!(settled.refund_fails("r1"), STANDS);
        assert_eq!(settled.unmoved_by(cancel_by(ACQUIRER)), f(Refusal::PeriodOver(domain::RefusalCode::ProcessFail)));
    }
}
