//! What was told is never taken back, and a contradiction is doubt.

use chrono::TimeDelta;
use domain::{
    AccountId, Action, Cancel, CancellationState, CommandReply, CorePayment, Disposition, FinalAnswer, FundsKind, Inquiry,
    Lookup, PayResult, Payment, PaymentId, PaymentStatus, Refusal, Reply, ReversalOutcome, ReversalState, Taken, Told,
};

use crate::fixtures::{
    ACQUIRER, CLOSED, IN_TIME, NOON, PENDING, PROCEED, REVERSED, S, STANDS, Story, U, acquirer, announced, at, cancel_by,
    closing, f, failure, good, jpy, leased, nothing, paid, park, payment, retry, success,
};

const CORE: FundsKind = FundsKind::Http;
const PARTLY: ReversalOutcome = ReversalOutcome::PartlyRefunded(None);
const PARKED: Reply = Reply::Command(CommandReply::Done(Disposition::Parked));
const RESOLVED: Reply = Reply::Command(CommandReply::Done(Disposition::Resolved));
const REOPENED: Reply = Reply::Command(CommandReply::Done(Disposition::Reopened));

fn being_cancelled(mut story: Story) -> Story {
    assert_eq!(story.cancels(), leased(1));
    story
}

fn cancelled(story: Story) -> Story {
    let mut story = being_cancelled(story);
    assert_eq!(story.closes(1, ReversalOutcome::Done), S);
    story
}

fn resolve() -> Action {
    Action::Resolve { note: "paid at the counter".into(), by: "ann".into() }
}

fn parked_for(story: &Story) -> Option<&str> {
    match story.reversal_state() {
        Some(ReversalState::Parked { reason }) => Some(reason),
        Some(ReversalState::Open { .. } | ReversalState::Done { .. }) | None => None,
    }
}

fn is_done(story: &Story) -> bool {
    matches!(story.reversal_state(), Some(ReversalState::Done { .. }))
}

fn succeeded() -> Payment {
    let payment_id = Some(good(PaymentId::parse("P-1")));
    Payment { payment_id, status: PaymentStatus::Succeeded { completed_at: at(NOON), fee: None }, ..payment() }
}

fn found(payment: Payment, refunded: i64) -> Lookup {
    Lookup::Found(Box::new(CorePayment { payment, refunded, refund_running: false }))
}

fn looked_up(lookup: Lookup) -> Action {
    Action::Cancel(Cancel::now(acquirer(ACQUIRER), lookup))
}

#[test]
fn f48_a_part_refunded_after_s_is_parked_and_s_stays() {
    for first in [ReversalOutcome::NothingToDo, ReversalOutcome::Done] {
        let mut story = being_cancelled(announced(CORE));
        assert_eq!(story.closes(1, first), S);
        assert_eq!((story.succeeds(), story.worker_begins()), (REVERSED, Some(2)));
        assert_eq!(story.closes(2, PARTLY), S, "what was answered stays");
        assert!(parked_for(&story).is_some_and(|reason| reason.contains("refunds gave a part")), "{:?}", story.reversal_state());
        assert_eq!(story.timeline().last(), Some(&"reversal-parked"));
        assert_eq!((story.unmoved_by(cancel_by(ACQUIRER)), story.case.inquiry()), (S, Inquiry::Closed));
        assert_eq!((story.pays(), story.succeeds()), (CLOSED, REVERSED));
        assert_eq!((story.decides(resolve()), story.unmoved_by(cancel_by(ACQUIRER))), (RESOLVED, S));
    }
}

#[test]
fn f48_what_refunds_gave_back_in_full_after_s_leaves_nothing_and_s_stays() {
    let mut story = cancelled(announced(CORE));
    assert_eq!((story.succeeds(), story.worker_begins()), (REVERSED, Some(2)));
    assert_eq!(story.closes(2, ReversalOutcome::FullyRefunded), S);
    assert!(is_done(&story) && story.case.is_cancelled());
    assert_eq!((story.pays(), story.succeeds(), story.case.inquiry()), (CLOSED, REVERSED, Inquiry::Closed));
}

#[test]
fn f53_a_part_refunded_after_closed_or_reversed_is_parked_and_u_until_a_person_decides() {
    type Tells = fn(&mut Story) -> Reply;
    let told: [(Tells, Reply, Told); 2] = [(Story::pays, CLOSED, Told::Closed), (Story::succeeds, REVERSED, Told::Reversed)];
    for (tells, hears, told) in told {
        let mut story = being_cancelled(announced(CORE));
        assert_eq!((tells(&mut story), story.case.told), (hears, Some(told)), "the commit that tells it records it");
        let attempt = story.case.reversal.as_ref().map_or(0, |reversal| reversal.attempts);
        let attempt = story.worker_begins().unwrap_or(attempt);
        assert_eq!(story.closes(attempt, PARTLY), U);
        assert!(parked_for(&story).is_some());
        assert_eq!((story.unmoved_by(cancel_by(ACQUIRER)), story.case.inquiry()), (PENDING, Inquiry::InProcess));
        assert_eq!((story.pays(), story.succeeds()), (CLOSED, REVERSED), "what was told goes on being told");
        assert_eq!((story.decides(resolve()), story.unmoved_by(cancel_by(ACQUIRER))), (RESOLVED, S));
        assert_eq!(story.case.inquiry(), Inquiry::Closed);
    }
}

#[test]
fn f53_what_refunds_gave_back_in_full_ends_it_and_what_was_told_goes_on_being_told() {
    let mut story = being_cancelled(announced(CORE));
    assert_eq!((story.pays(), story.succeeds(), story.worker_begins()), (CLOSED, REVERSED, Some(2)));
    assert_eq!(story.case.inquiry(), Inquiry::InProcess);
    assert_eq!(story.closes(2, ReversalOutcome::FullyRefunded), S);
    assert_eq!(story.state(), Some(CancellationState::AlreadyRefunded { never_seen: false }));
    assert_eq!(story.unmoved_by(Action::Pay(payment())), CLOSED);
    assert_eq!(story.unmoved_by(Action::Result(success())), REVERSED);
    assert_eq!(story.case.inquiry(), Inquiry::Paid, "it is what the payment is");
}

#[test]
fn without_a_promise_refunds_that_only_the_core_knows_end_the_cancel_by_the_rules() {
    for story in [nothing(CORE), announced(CORE), paid(CORE)] {
        let mut story = being_cancelled(story);
        assert_eq!(story.closes(1, PARTLY), f(Refusal::PartlyRefunded));
        assert_eq!(story.pays(), PROCEED);
        assert_eq!(story.succeeds(), STANDS);
    }
}

#[test]
fn f48_a_payment_that_is_announced_after_it_was_already_refunded_is_closed() {
    let mut story = being_cancelled(nothing(CORE));
    assert_eq!(story.closes(1, ReversalOutcome::FullyRefunded), S);
    assert_eq!(
        (story.state(), story.case.inquiry()),
        (Some(CancellationState::AlreadyRefunded { never_seen: true }), Inquiry::Closed)
    );
    assert_eq!((story.pays(), story.case.inquiry()), (CLOSED, Inquiry::Closed));
    assert_eq!(story.succeeds(), REVERSED, "a debit against that word goes back");
    assert_eq!(story.case.reversal.as_ref().map(|reversal| reversal.taken), Some(Taken::Debit));
    assert_eq!((story.worker_begins(), story.closes(2, ReversalOutcome::Done)), (Some(2), S));
    assert_eq!((story.unmoved_by(Action::Pay(payment())), story.unmoved_by(cancel_by(ACQUIRER))), (CLOSED, S));
    assert_eq!(story.case.inquiry(), Inquiry::Closed, "for ever");
}

#[test]
fn f48_a_payment_in_progress_that_was_already_refunded_takes_nothing_any_more() {
    let mut story = being_cancelled(announced(CORE));
    assert_eq!(story.closes(1, ReversalOutcome::FullyRefunded), S);
    assert_eq!((story.pays(), story.succeeds()), (CLOSED, REVERSED));
    assert_eq!(story.worker_begins(), Some(2), "the core is asked again");
    assert_eq!(story.closes(2, PARTLY), S);
    assert!(parked_for(&story).is_some(), "it said before that nothing is left");
}

#[test]
fn f57_nothing_to_do_of_a_success_is_asked_once_more_and_then_parked() {
    let mut story = being_cancelled(paid(CORE));
    assert_eq!(story.closes(1, ReversalOutcome::NothingToDo), U);
    let due = at(IN_TIME) + TimeDelta::seconds(2);
    assert!(
        matches!(story.reversal_state(), Some(ReversalState::Open { next_attempt_at, lease: None, .. }) if *next_attempt_at == due)
    );
    assert_eq!(story.later(TimeDelta::milliseconds(1_999)).unmoved_by(cancel_by(ACQUIRER)), PENDING, "not before it is due");
    assert_eq!(story.later(TimeDelta::milliseconds(1)).cancels(), leased(2));
    assert_eq!(story.closes(2, ReversalOutcome::NothingToDo), U);
    assert!(parked_for(&story).is_some_and(|reason| reason.contains("known to have succeeded")));
    assert_eq!((story.unmoved_by(cancel_by(ACQUIRER)), story.case.inquiry()), (PENDING, Inquiry::InProcess));
    assert_eq!((story.decides(retry()), story.worker_begins()), (REOPENED, Some(3)));
    assert_eq!(story.closes(3, ReversalOutcome::NothingToDo), U);
    assert_eq!(parked_for(&story), None, "after a retry it is asked twice again");
}

#[test]
fn f57_a_core_that_corrects_itself_ends_it() {
    let mut story = being_cancelled(paid(CORE));
    assert_eq!(story.closes(1, ReversalOutcome::NothingToDo), U);
    assert_eq!((story.later(TimeDelta::seconds(2)).worker_begins(), story.closes(2, ReversalOutcome::Done)), (Some(2), S));
}

#[test]
fn f57_trouble_between_the_two_does_not_make_the_second_the_first() {
    let mut story = being_cancelled(paid(CORE));
    assert_eq!(story.closes(1, ReversalOutcome::NothingToDo), U);
    for attempt in [2, 3] {
        assert_eq!(story.later(TimeDelta::seconds(2)).worker_begins(), Some(attempt));
        assert_eq!(story.closes(attempt, ReversalOutcome::Unknown("timeout".into())), U);
        let Some(ReversalState::Open { last_error: Some(error), .. }) = story.reversal_state() else { panic!("it is open") };
        assert!(error.ends_with("; then: timeout"), "{error}");
    }
    assert_eq!(story.later(TimeDelta::seconds(2)).worker_begins(), Some(4));
    assert_eq!(story.closes(4, ReversalOutcome::NothingToDo), U);
    assert!(parked_for(&story).is_some());
}

#[test]
fn f57_a_success_that_is_reported_after_s_and_denied_by_the_core_is_parked_and_s_stays() {
    let mut story = being_cancelled(announced(CORE));
    assert_eq!((story.closes(1, ReversalOutcome::NothingToDo), story.succeeds()), (S, REVERSED));
    for attempt in [2, 3] {
        assert_eq!(story.later(TimeDelta::seconds(2)).worker_begins(), Some(attempt));
        assert_eq!(story.closes(attempt, ReversalOutcome::NothingToDo), S);
    }
    assert!(parked_for(&story).is_some());
    assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), S);
}

#[test]
fn f57_a_success_that_is_looked_up_counts_as_one_that_is_reported() {
    let mut story = nothing(CORE);
    assert_eq!(story.decides(looked_up(found(succeeded(), 0))), leased(1));
    assert_eq!(story.closes(1, ReversalOutcome::NothingToDo), U);
    assert_eq!(story.later(TimeDelta::seconds(2)).worker_begins(), Some(2));
    assert_eq!((story.closes(2, ReversalOutcome::NothingToDo), parked_for(&story).is_some()), (U, true));
}

#[test]
fn f60_a_success_after_a_failure_takes_the_new_payment_id() {
    let id = |text: &str| Some(good(PaymentId::parse(text)));
    let mut story = announced(CORE);
    assert_eq!(story.decides(Action::Result(PayResult { payment_id: id("A"), ..failure() })), STANDS);
    assert_eq!(story.decides(Action::Result(PayResult { payment_id: id("B"), ..success() })), STANDS);
    assert_eq!(story.case.payment.as_ref().and_then(|payment| payment.payment_id.clone()), id("B"));
    let other = story.unmoved_by(Action::Result(PayResult { payment_id: id("A"), ..success() }));
    assert!(matches!(other, Reply::Command(CommandReply::Conflict(_))), "{other:?}");
    assert_eq!((story.cancels(), story.case.reversal_request().and_then(|request| request.payment_id)), (leased(1), id("B")));
}

#[test]
fn f60_a_lookup_that_finds_a_success_after_a_failure_takes_the_new_payment_id() {
    let id = |text: &str| Some(good(PaymentId::parse(text)));
    let mut story = nothing(CORE);
    let failed = Payment { payment_id: id("A"), status: PaymentStatus::Failed { completed_at: at(NOON) }, ..payment() };
    let running = CorePayment { payment: failed, refunded: 0, refund_running: true };
    assert_eq!(story.decides(looked_up(Lookup::Found(Box::new(running)))), U);
    assert_eq!(story.decides(looked_up(found(Payment { payment_id: id("B"), ..succeeded() }, 0))), leased(1));
    assert_eq!(story.case.reversal_request().and_then(|request| request.payment_id), id("B"));
}

#[test]
fn f61_a_moment_that_a_database_cut_is_the_same_payment() {
    let noon = at(NOON);
    let mut story = nothing(CORE);
    let initiated = |initiated_at| Action::Pay(Payment { initiated_at, ..payment() });
    assert_eq!(story.decides(initiated(noon + TimeDelta::microseconds(123_456))), PROCEED);
    for moment in [noon, noon + TimeDelta::milliseconds(123), noon + TimeDelta::microseconds(1_123_455)] {
        assert_eq!(story.unmoved_by(initiated(moment)), PROCEED, "{moment}");
    }
    let first = Some(noon + TimeDelta::microseconds(123_456));
    assert_eq!(story.case.payment.as_ref().map(|payment| payment.initiated_at), first, "the first stands");
    let others = [
        initiated(noon + TimeDelta::microseconds(1_123_456)),
        Action::Pay(Payment { amount: jpy(1), ..payment() }),
        Action::Pay(Payment { account: good(AccountId::parse("user-2")), ..payment() }),
    ];
    for other in others {
        assert!(matches!(story.unmoved_by(other), Reply::Command(CommandReply::Conflict(_))));
    }
    let midnight = at("2026-03-01T16:00:00Z");
    let mut before = nothing(CORE);
    assert_eq!(before.decides(initiated(midnight - TimeDelta::milliseconds(1))), PROCEED);
    let after = before.unmoved_by(initiated(midnight));
    assert!(matches!(after, Reply::Command(CommandReply::Conflict(_))), "another date at UTC+8 is another period");
}

#[test]
fn f54_an_operator_parks_what_is_open_and_ends_it() {
    let mut story = being_cancelled(paid(CORE));
    let running = story.unmoved_by(park());
    assert!(matches!(running, Reply::Command(CommandReply::Conflict(_))), "an attempt is running: {running:?}");
    assert_eq!(story.closes(1, ReversalOutcome::Unknown("status 500".into())), U);
    assert_eq!(story.decides(park()), PARKED);
    assert_eq!(parked_for(&story), Some("the core's team looks at it"));
    assert_eq!(story.events.last().and_then(|event| event.kind.actor()), Some("ann"));
    assert_eq!((story.worker_begins(), story.unmoved_by(cancel_by(ACQUIRER))), (None, PENDING));
    assert!(
        matches!(story.unmoved_by(park()), Reply::Command(CommandReply::Conflict(_))),
        "a second operator learns of the first"
    );
    assert_eq!((story.decides(resolve()), story.unmoved_by(cancel_by(ACQUIRER))), (RESOLVED, S));
}

#[test]
fn f54_what_a_dead_process_had_leased_can_be_parked_when_its_lease_is_over() {
    let mut story = being_cancelled(paid(CORE));
    assert_eq!(story.later(TimeDelta::seconds(3)).decides(park()), PARKED);
    assert_eq!(
        story.unmoved_by(closing(1, ReversalOutcome::Done)),
        U,
        "what comes of the attempt later is an operator's to find"
    );
    assert_eq!((story.decides(retry()), story.worker_begins()), (REOPENED, Some(2)));
    assert_eq!(story.closes(2, ReversalOutcome::Done), S);
}

#[test]
fn f54_only_what_is_open_can_be_parked() {
    let is_conflict = |story: &Story| matches!(story.unmoved_by(park()), Reply::Command(CommandReply::Conflict(_)));
    assert!(is_conflict(&cancelled(paid(CORE))));
    let absent = Reply::Command(CommandReply::NotFound { fenced: false });
    assert_eq!((paid(CORE).unmoved_by(park()), nothing(CORE).unmoved_by(park())), (absent, absent));
}

#[test]
fn f54_a_success_after_a_resolution_by_hand_is_parked_again() {
    let mut story = being_cancelled(announced(CORE));
    assert_eq!(story.closes(1, ReversalOutcome::Unknown("status 500".into())), U);
    assert_eq!((story.decides(park()), story.decides(resolve()), story.unmoved_by(cancel_by(ACQUIRER))), (PARKED, RESOLVED, S));
    assert_eq!(story.succeeds(), REVERSED);
    assert!(parked_for(&story).is_some(), "the core debited later, and nobody gave that back");
    assert_eq!(story.state(), Some(CancellationState::Cancelled { cancelled_at: at(IN_TIME), answer: FinalAnswer::Cancelled }));
}
