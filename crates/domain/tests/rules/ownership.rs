//! Payments that the wallet core keeps: what the wallet may still report.

use domain::{
    Action, CommandReply, Disposition, FundsKind, PaymentsKind, Policy, Reply, ReportedResult, ReversalOutcome, ReversalState,
};

use crate::fixtures::{
    PROCEED, S, STANDS, Story, announced, failure, leased, nothing, paid, payment, policy, refund_ended, refund_of, success,
};

const THE_CORES: Reply = Reply::Command(CommandReply::PaymentsAreTheCores);
const REVERSED: Reply = Reply::Command(CommandReply::Done(Disposition::Reversed));

/// The same story from the moment on at which the core keeps the payments.
fn at_the_core(mut story: Story) -> Story {
    story.policy = Policy { payments: PaymentsKind::Core, ..policy(FundsKind::Http) };
    story
}

#[test]
fn f59_nobody_announces_or_reports_a_payment_of_the_core() {
    for story in [nothing(FundsKind::Http), announced(FundsKind::Http), paid(FundsKind::Http)] {
        let known = story.case.payment.is_some();
        let story = at_the_core(story);
        assert_eq!(story.unmoved_by(Action::Pay(payment())), THE_CORES);
        assert_eq!(story.unmoved_by(refund_of("r-1", 1)), THE_CORES);
        assert_eq!(story.unmoved_by(refund_ended("r-1", ReportedResult::Succeeded)), THE_CORES);
        if !known {
            assert_eq!(story.unmoved_by(Action::Result(success())), THE_CORES);
            assert_eq!(story.unmoved_by(Action::Result(failure())), THE_CORES);
        }
    }
}

#[test]
fn f59_results_of_what_was_announced_before_are_taken() {
    assert_eq!(at_the_core(announced(FundsKind::Http)).succeeds(), STANDS);
    assert_eq!(at_the_core(announced(FundsKind::Http)).fails(), STANDS);
    let mut refunding = paid(FundsKind::Http);
    assert_eq!(refunding.refunds("r-1", 400), PROCEED);
    let mut refunding = at_the_core(refunding);
    assert_eq!(refunding.refund_succeeds("r-1"), STANDS);
    assert_eq!(refunding.case.refunded(), 400);
}

#[test]
fn f59_a_success_of_a_cancelled_payment_opens_its_reversal_again() {
    for begun in [nothing(FundsKind::Http), announced(FundsKind::Http)] {
        let mut story = at_the_core(begun);
        assert_eq!(story.cancels(), leased(1));
        assert_eq!(story.closes(1, ReversalOutcome::NothingToDo), S);
        assert_eq!(story.succeeds(), REVERSED);
        assert!(matches!(story.reversal_state(), Some(ReversalState::Open { lease: None, .. })));
        assert_eq!(story.unmoved_by(Action::Result(success())), REVERSED, "again says the same");
        assert_eq!(story.cancels(), S, "and the answer stays");
    }
}

/// An attempt is under way, whose answer may not know of the success.
#[test]
fn f59_a_success_during_an_attempt_has_it_made_again() {
    let mut story = at_the_core(nothing(FundsKind::Http));
    assert_eq!(story.cancels(), leased(1));
    assert_eq!(story.succeeds(), REVERSED);
    assert_eq!(story.closes(1, ReversalOutcome::NothingToDo), crate::fixtures::U, "the end of that attempt is late");
    assert!(matches!(story.reversal_state(), Some(ReversalState::Open { lease: None, .. })));
}

#[test]
fn f59_a_failure_of_a_cancelled_payment_that_nobody_announced_is_the_cores_to_say() {
    let mut story = at_the_core(nothing(FundsKind::Http));
    assert_eq!(story.cancels(), leased(1));
    assert_eq!(story.unmoved_by(Action::Result(failure())), THE_CORES);
}
