//! A resolution that takes two operators: what one asks for, another one approves, and nothing happens in between.

use chrono::TimeDelta;
use domain::{
    Action, Cancel, CommandReply, CorePayment, Disposition, FundsKind, Lookup, Payment, PaymentStatus, Policy, Reply,
    RequestedResolution, ReversalOutcome,
};

use crate::fixtures::{
    ACQUIRER, IN_TIME, NOON, OTHER_ACQUIRER, PENDING, REVERSED, S, Story, U, acquirer, announced, at, cancel_by, jpy, leased,
    nothing, paid, park, payment, retry,
};

const CORE: FundsKind = FundsKind::Http;
const REQUESTED: Reply = Reply::Command(CommandReply::Done(Disposition::Requested));
const RESOLVED: Reply = Reply::Command(CommandReply::Done(Disposition::Resolved));
const REOPENED: Reply = Reply::Command(CommandReply::Done(Disposition::Reopened));
const PARKED: Reply = Reply::Command(CommandReply::Done(Disposition::Parked));

fn with_four_eyes(mut story: Story) -> Story {
    story.policy = Policy { four_eyes: true, ..story.policy };
    story
}

/// The core can never give the money back.
fn parked(story: Story) -> Story {
    let mut story = with_four_eyes(story);
    assert_eq!(story.cancels(), leased(1));
    let _ = story.closes(1, ReversalOutcome::Impossible("account closed".into()));
    story
}

/// Nobody knows yet whose payment it is.
fn parked_deferral() -> Story {
    let mut story = with_four_eyes(nothing(CORE));
    assert_eq!(story.decides(cancel_after(Lookup::Failed("no answer".into()))), U);
    assert_eq!(story.decides(park()), PARKED);
    story
}

fn cancel_after(lookup: Lookup) -> Action {
    Action::Cancel(Cancel::now(acquirer(ACQUIRER), lookup))
}

fn resolve(by: &str) -> Action {
    Action::Resolve { note: "paid at the counter".into(), by: by.into() }
}

fn approve(by: &str) -> Action {
    Action::Approve { by: by.into() }
}

fn is_conflict(reply: Reply) -> bool {
    matches!(reply, Reply::Command(CommandReply::Conflict(_)))
}

#[test]
fn f93_what_one_operator_asks_for_another_one_ends() {
    for mut story in [parked(paid(CORE)), parked(announced(CORE)), parked(nothing(CORE)), parked_deferral()] {
        let events = story.events.len();
        assert_eq!(story.decides(resolve("ann")), REQUESTED);
        let asked = RequestedResolution { note: "paid at the counter".into(), by: "ann".into(), at: at(IN_TIME) };
        assert_eq!(story.case.resolution, Some(asked));
        assert!([PENDING, U].contains(&story.unmoved_by(cancel_by(ACQUIRER))), "nothing is ended by one");
        assert!(is_conflict(story.unmoved_by(approve("ann"))), "one name is two eyes");
        assert_eq!(story.later(TimeDelta::hours(3)).decides(approve("bob")), RESOLVED);
        assert_eq!(story.timeline()[events..][..2], ["resolution-requested", "reversal-resolved"]);
        let actors: Vec<_> = story.events[events..].iter().filter_map(|event| event.kind.actor()).collect();
        assert_eq!(actors, ["ann", "bob"]);
        let details = story.events[events + 1].kind.details();
        let expected = [("note", "paid at the counter"), ("by", "ann"), ("approvedBy", "bob")];
        assert_eq!(details, expected.map(|(name, text)| (name, text.to_owned())));
        assert_eq!((story.unmoved_by(cancel_by(ACQUIRER)), story.case.resolution.clone()), (S, None));
    }
}

#[test]
fn f93_an_approval_ends_once() {
    let mut story = parked(paid(CORE));
    assert_eq!(story.decides(resolve("ann")), REQUESTED);
    assert_eq!(story.decides(approve("bob")), RESOLVED);
    for late in [approve("bob"), approve("cleo"), resolve("ann"), retry()] {
        assert!(is_conflict(story.unmoved_by(late)), "somebody else was faster");
    }
}

#[test]
fn f93_without_four_eyes_one_operator_is_enough_and_none_approves() {
    let mut story = parked(paid(CORE));
    story.policy.four_eyes = false;
    assert!(is_conflict(story.unmoved_by(approve("bob"))), "nobody has asked");
    assert_eq!(story.decides(resolve("ann")), RESOLVED);
}

/// What was asked for under four eyes stands where the setting goes.
#[test]
fn f93_what_waits_for_an_approval_can_be_approved_whatever_the_settings_say_now() {
    let mut story = parked(paid(CORE));
    assert_eq!(story.decides(resolve("ann")), REQUESTED);
    story.policy.four_eyes = false;
    assert!(is_conflict(story.unmoved_by(approve("ann"))));
    assert_eq!(story.decides(approve("bob")), RESOLVED);
}

#[test]
fn f93_the_same_request_again_writes_nothing_and_another_takes_its_place() {
    let mut story = parked(paid(CORE));
    assert_eq!(story.decides(resolve("ann")), REQUESTED);
    assert_eq!(story.later(TimeDelta::minutes(1)).unmoved_by(resolve("ann")), REQUESTED);
    assert_eq!(story.decides(resolve("bob")), REQUESTED);
    assert!(is_conflict(story.unmoved_by(approve("bob"))), "now it is bob's");
    assert_eq!(story.decides(approve("ann")), RESOLVED);
}

#[test]
fn f93_a_retry_voids_what_was_asked_for_and_leaves_a_name() {
    for mut story in [parked(paid(CORE)), parked_deferral()] {
        assert_eq!(story.decides(resolve("ann")), REQUESTED);
        assert_eq!(story.decides(retry()), REOPENED);
        assert_eq!(story.events.last().and_then(|event| event.kind.actor()), Some("ann"));
        assert!(is_conflict(story.unmoved_by(approve("bob"))), "it is not parked any more");
        assert_eq!(story.decides(park()), PARKED);
        assert!(is_conflict(story.unmoved_by(approve("bob"))), "parked again, and nobody asked since");
    }
}

#[test]
fn f93_the_cores_answer_after_a_retry_is_not_approved_away() {
    let mut story = parked(paid(CORE));
    assert_eq!(story.decides(resolve("ann")), REQUESTED);
    assert_eq!(story.decides(retry()), REOPENED);
    assert_eq!(story.worker_begins(), Some(2));
    assert_eq!(story.closes(2, ReversalOutcome::Done), S);
    assert!(is_conflict(story.unmoved_by(approve("bob"))), "it would be paid twice");
}

/// Whoever approves has to have seen all that is known.
#[test]
fn f93_anything_that_happens_meanwhile_voids_what_was_asked_for() {
    let mut story = parked(announced(CORE));
    assert_eq!(story.decides(resolve("ann")), REQUESTED);
    assert_eq!(story.succeeds(), REVERSED);
    assert!(is_conflict(story.unmoved_by(approve("bob"))), "the money was taken after all");

    let mut story = parked_deferral();
    assert_eq!(story.decides(resolve("ann")), REQUESTED);
    let further = Action::Cancel(Cancel::now(acquirer(OTHER_ACQUIRER), Lookup::Failed("no answer".into())));
    assert_eq!(story.decides(further), U);
    assert!(is_conflict(story.unmoved_by(approve("bob"))), "one more acquirer asked");

    assert_eq!(story.decides(resolve("ann")), REQUESTED);
    let status = PaymentStatus::Succeeded { completed_at: at(NOON), fee: None };
    let found = CorePayment { payment: Payment { status, amount: jpy(700), ..payment() }, refunded: 700, refund_running: false };
    let _ = story.decides(cancel_after(Lookup::Found(Box::new(found))));
    assert!(is_conflict(story.unmoved_by(approve("bob"))), "the core says that all was refunded");
}

#[test]
fn f93_only_what_is_parked_is_resolved() {
    let mut open = with_four_eyes(paid(CORE));
    assert_eq!(open.cancels(), leased(1));
    for action in [resolve("ann"), approve("bob")] {
        assert!(is_conflict(open.unmoved_by(action)));
    }
    for story in [nothing(CORE), paid(CORE)].map(with_four_eyes) {
        for action in [resolve("ann"), approve("bob")] {
            assert_eq!(story.unmoved_by(action), Reply::Command(CommandReply::NotFound { fenced: false }));
        }
    }
}
