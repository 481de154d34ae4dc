//! Where the core's second answer, or its word on refunds, contradicts what is recorded: nobody hears F on doubt.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    AccountId, Action, Cancel, CancellationState, CommandReply, CorePayment, DeferReason, Disposition, FundsKind, Inquiry,
    Lookup, Payment, PaymentId, PaymentStatus, RefundedElsewhere, Refusal, Reply, ReversalOutcome, ReversalState,
};

use crate::fixtures::{
    ACQUIRER, IN_TIME, NOON, OTHER_ACQUIRER, PENDING, PROCEED, REFUSED, REVERSED, S, Story, U, acquirer, announced, at, f, good,
    jpy, leased, nothing, paid, payment, refund_of,
};

const CORE: FundsKind = FundsKind::Http;
const PARTLY: ReversalOutcome = ReversalOutcome::PartlyRefunded(None);
const RESOLVED: Reply = Reply::Command(CommandReply::Done(Disposition::Resolved));
const REFUNDED_ELSEWHERE: Reply = Reply::Command(CommandReply::RefundedElsewhere);

fn being_cancelled(mut story: Story) -> Story {
    assert_eq!(story.cancels(), leased(1));
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

/// Lookups that contradict the payment of the fixtures.
fn other_payments() -> [Payment; 4] {
    [
        Payment { amount: jpy(999), ..succeeded() },
        Payment { amount: good(domain::Money::parse("1000", "KRW")), ..succeeded() },
        Payment { account: good(AccountId::parse("user-2")), ..succeeded() },
        Payment { acquirer_id: acquirer(OTHER_ACQUIRER), ..succeeded() },
    ]
}

/// A payment that was looked up, and whose cancel waits for a refund of the core's.
fn deferred_by_a_refund() -> Story {
    let mut story = nothing(CORE);
    let running = CorePayment { payment: succeeded(), refunded: 0, refund_running: true };
    assert_eq!(story.decides(looked_up(Lookup::Found(Box::new(running)))), U);
    story
}

const CONTRADICTED: Option<CancellationState> = Some(CancellationState::Deferred(DeferReason::Contradiction));

#[test]
fn f58_a_second_answer_that_contradicts_the_first_is_u_until_the_core_agrees_again() {
    for other in other_payments() {
        let mut story = deferred_by_a_refund();
        let recorded = story.case.payment.clone();
        assert_eq!(story.decides(looked_up(found(other.clone(), 0))), U, "{other:?}");
        assert_eq!((story.state(), story.case.payment.clone()), (CONTRADICTED, recorded), "the first answer stands");
        assert_eq!(story.case.inquiry(), Inquiry::InProcess);
        for lookup in [found(other, 0), Lookup::Failed("no answer".to_owned()), Lookup::Recorded] {
            assert_eq!((story.unmoved_by(looked_up(lookup)), story.state()), (U, CONTRADICTED));
        }
        assert_eq!(story.refunds("r1", 1), REFUSED);
        assert_eq!(story.decides(looked_up(found(succeeded(), 0))), leased(1), "one that agrees decides");
    }
}

#[test]
fn f58_an_acquirer_that_the_core_names_now_is_not_refused_on_doubt_and_a_stranger_is() {
    let mut story = deferred_by_a_refund();
    let other = || found(Payment { acquirer_id: acquirer(OTHER_ACQUIRER), ..succeeded() }, 0);
    let by = |id: &str| Action::Cancel(Cancel::now(acquirer(id), other()));
    assert_eq!(story.unmoved_by(by("1022188000000000003")), f(Refusal::DifferentRequest));
    assert_eq!((story.decides(by(OTHER_ACQUIRER)), story.state()), (U, CONTRADICTED));
}

#[test]
fn f58_refunds_that_become_less_are_a_contradiction() {
    let mut story = nothing(CORE);
    let running = CorePayment { payment: succeeded(), refunded: 400, refund_running: true };
    assert_eq!(story.decides(looked_up(Lookup::Found(Box::new(running)))), U);
    assert_eq!((story.decides(looked_up(found(succeeded(), 399))), story.state()), (U, CONTRADICTED));
    assert_eq!(story.decides(looked_up(found(succeeded(), 400))), f(Refusal::PartlyRefunded));
    let mut whole = nothing(CORE);
    let running = CorePayment { payment: succeeded(), refunded: 1_000, refund_running: true };
    assert_eq!(whole.decides(looked_up(Lookup::Found(Box::new(running)))), U);
    assert_eq!((whole.decides(looked_up(found(succeeded(), 999))), whole.state()), (U, CONTRADICTED));
    assert_eq!(whole.decides(looked_up(found(succeeded(), 1_000))), S);
}

#[test]
fn f58_once_cancelled_a_contradiction_parks_the_reversal() {
    let looked_up_and_cancelled = || {
        let mut story = nothing(CORE);
        assert_eq!(story.decides(looked_up(found(succeeded(), 0))), leased(1));
        story
    };
    let mut done = looked_up_and_cancelled();
    assert_eq!(done.closes(1, ReversalOutcome::Done), S);
    for (story, answer) in [(looked_up_and_cancelled(), PENDING), (done, S)] {
        for other in other_payments() {
            let mut story = story.clone();
            assert_eq!(story.decides(looked_up(found(other.clone(), 0))), answer);
            assert!(parked_for(&story).is_some_and(|reason| reason.contains("is recorded")), "{other:?}");
            assert_eq!(story.unmoved_by(looked_up(found(other.clone(), 0))), answer);
            assert_eq!(story.decides(resolve()), RESOLVED);
            assert_eq!(story.unmoved_by(looked_up(found(other, 0))), S, "an operator has looked at it");
        }
    }
}

#[test]
fn f62_a_lookup_with_a_moment_that_cannot_be_is_doubt_and_leaves_no_payment() {
    let now = at(IN_TIME);
    let cannot_be: [DateTime<Utc>; 3] =
        [at("0001-01-01T00:00:00Z"), now - TimeDelta::days(366) - TimeDelta::seconds(1), now + TimeDelta::seconds(301)];
    for initiated_at in cannot_be {
        let mut story = nothing(CORE);
        assert_eq!(story.decides(looked_up(found(Payment { initiated_at, ..succeeded() }, 1))), U, "{initiated_at}");
        assert_eq!((story.state(), story.case.payment.as_ref(), story.case.refunded_elsewhere), (CONTRADICTED, None, None));
        assert_eq!(story.unmoved_by(looked_up(Lookup::Recorded)), U, "a core that forgets it ends no doubt");
        assert_eq!(story.decides(looked_up(found(succeeded(), 0))), leased(1));
    }
    for initiated_at in [now - TimeDelta::days(366), now + TimeDelta::minutes(5)] {
        let mut story = nothing(CORE);
        let _ = story.decides(looked_up(found(Payment { initiated_at, ..succeeded() }, 0)));
        assert_ne!(story.state(), CONTRADICTED, "{initiated_at}");
    }
}

#[test]
fn f49_what_the_core_said_of_refunds_is_counted_when_the_wallet_wants_one() {
    let word = |outcome: &ReversalOutcome| {
        let mut story = being_cancelled(paid(CORE));
        let _ = story.closes(1, outcome.clone());
        assert!(story.timeline().contains(&"refunded-elsewhere"));
        story
    };
    let all = word(&ReversalOutcome::FullyRefunded);
    let part = word(&PARTLY);
    let foreign = word(&ReversalOutcome::PartlyRefunded(Some(good(domain::Money::parse("400", "KRW")))));
    for (story, said) in [(all, RefundedElsewhere::All), (part, RefundedElsewhere::Part), (foreign, RefundedElsewhere::Part)] {
        assert_eq!(story.case.refunded_elsewhere, Some(said));
        assert_eq!(story.unmoved_by(refund_of("r1", 1_000)), REFUNDED_ELSEWHERE);
        assert_eq!(story.unmoved_by(refund_of("r1", 1)), REFUNDED_ELSEWHERE, "nobody knows what is left");
        assert_eq!(story.unmoved_by(refund_of("r1", 1_001)), REFUSED);
    }
    let mut amount = word(&ReversalOutcome::PartlyRefunded(Some(jpy(400))));
    assert_eq!(amount.case.refunded_elsewhere, Some(RefundedElsewhere::Amount(400)));
    assert_eq!(amount.unmoved_by(refund_of("r1", 601)), REFUNDED_ELSEWHERE);
    assert_eq!((amount.refunds("r1", 500), amount.refunds("r2", 100)), (PROCEED, PROCEED), "the rest");
    assert_eq!(amount.unmoved_by(refund_of("r3", 1)), REFUNDED_ELSEWHERE);
}

#[test]
fn f49_what_a_lookup_says_of_refunds_is_recorded_too() {
    let mut story = nothing(CORE);
    assert_eq!(story.decides(looked_up(found(succeeded(), 400))), f(Refusal::PartlyRefunded));
    assert_eq!(story.case.refunded_elsewhere, Some(RefundedElsewhere::Amount(400)));
    assert_eq!((story.unmoved_by(refund_of("r1", 601)), story.refunds("r1", 600)), (REFUNDED_ELSEWHERE, PROCEED));
    let mut whole = nothing(CORE);
    assert_eq!(whole.decides(looked_up(found(succeeded(), 1_000))), S);
    assert_eq!(
        (whole.case.refunded_elsewhere, whole.unmoved_by(refund_of("r1", 1))),
        (Some(RefundedElsewhere::All), REFUNDED_ELSEWHERE)
    );
}

#[test]
fn a_core_that_forgets_a_payment_changes_no_refusal() {
    let mut story = nothing(CORE);
    let by_other = |lookup| Action::Cancel(Cancel::now(acquirer(OTHER_ACQUIRER), lookup));
    assert_eq!(story.decides(by_other(found(succeeded(), 0))), f(Refusal::DifferentRequest));
    assert_eq!(story.case.cancellation, None, "a stranger's cancel is not recorded");
    for lookup in [Lookup::Recorded, Lookup::Failed("no answer".to_owned()), found(succeeded(), 0)] {
        assert_eq!(story.unmoved_by(by_other(lookup)), f(Refusal::DifferentRequest));
    }
    assert_eq!(story.cancels(), leased(1), "it is the acquirer's whose payment it is");
}

#[test]
fn f52_an_inquiry_denies_nothing_that_nobody_could_look_up() {
    let mut story = nothing(CORE);
    assert_eq!((story.case.inquiry(), story.decides(looked_up(Lookup::Failed("no answer".to_owned())))), (Inquiry::Unknown, U));
    assert_eq!(story.case.inquiry(), Inquiry::InProcess);
    assert_eq!((story.decides(looked_up(Lookup::Recorded)), story.case.inquiry()), (leased(1), Inquiry::InProcess));
    assert_eq!(story.closes(1, PARTLY), f(Refusal::PartlyRefunded));
    assert_eq!(story.case.inquiry(), Inquiry::InProcess, "the core knows the payment, and nobody told what it is");
}

#[test]
fn f53_an_inquiry_says_closed_from_the_s_of_a_cancelled_payment_for_ever() {
    let mut story = being_cancelled(announced(CORE));
    assert_eq!(story.case.inquiry(), Inquiry::InProcess);
    assert_eq!((story.closes(1, ReversalOutcome::Done), story.case.inquiry()), (S, Inquiry::Closed));
    assert_eq!((story.succeeds(), story.case.inquiry()), (REVERSED, Inquiry::Closed));
    assert_eq!((story.worker_begins(), story.closes(2, ReversalOutcome::Impossible("no".into()))), (Some(2), S));
    assert_eq!(story.case.inquiry(), Inquiry::Closed);
    let mut refused = being_cancelled(paid(CORE));
    assert_eq!((refused.closes(1, PARTLY), refused.case.inquiry()), (f(Refusal::PartlyRefunded), Inquiry::Paid));
}
