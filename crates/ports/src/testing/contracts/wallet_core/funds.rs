//! The promises of [`FundsGateway`](crate::FundsGateway).

use domain::{Money, PaymentKind, ReversalOutcome, ReversalRequest};

use super::{
    CoreTrouble, FundsSubject, TROUBLES, core_payment, holds_a_secret, in_time, paid_reversal, succeeded, unknown_reversal,
};

contract! {
    /// Makes one test for each promise of a [`FundsGateway`](crate::FundsGateway). The expression makes a fresh [`FundsSubject`] for
    /// each.
    ///
    /// In the tests of a crate with an adapter of its own, whose subject is a core that it plays:
    ///
    /// ```
    /// ports::funds_contract!(OurCore::without_payments());
    /// ```
    ($) funds_contract! in (wallet_core::funds)

    /// Where the core is called often for one payment, it gives the money back once, and says so each time.
    async fn f08_many_calls_do_no_more_than_one(subject: &impl FundsSubject) {
        let request = kept(subject, "often", PaymentKind::Payment).await;
        for _ in 0..4 {
            assert_eq!(reversed(subject, &request).await, ReversalOutcome::Done);
            assert_eq!(subject.left(&request.id).await, 0);
        }
    }

    /// Once the end is "done", nothing is left, of a debit as of a hold.
    async fn done_leaves_nothing_debited_or_held(subject: &impl FundsSubject) {
        for (name, kind) in [("debited", PaymentKind::Payment), ("held", PaymentKind::Authorization)] {
            let request = kept(subject, name, kind).await;
            assert_eq!(subject.left(&request.id).await, 1000, "{name}");
            assert_eq!(reversed(subject, &request).await, ReversalOutcome::Done, "{name}");
            assert_eq!(subject.left(&request.id).await, 0, "{name}");
        }
    }

    /// "Nothing to do" holds for later, too: the core undoes a debit that comes afterwards.
    async fn f01_a_debit_that_comes_later_is_undone(subject: &impl FundsSubject) {
        let request = unknown_reversal("late").await;
        assert_eq!(reversed(subject, &request).await, ReversalOutcome::NothingToDo);
        subject.keep(&request.id, &core_payment("late", PaymentKind::Payment, succeeded()).await).await;
        assert_eq!(subject.left(&request.id).await, 0);
        assert_eq!(reversed(subject, &request).await, ReversalOutcome::Done, "something was taken, so there was something to do");
        assert_eq!(subject.left(&request.id).await, 0);
    }

    /// An end is the one that the core said, with its reason.
    async fn f33_each_end_of_the_core_is_told_apart(subject: &impl FundsSubject) {
        let request = paid_reversal("told-apart", PaymentKind::Payment).await;
        let part = Money::parse("400", "JPY").unwrap();
        for outcome in [
            ReversalOutcome::Done,
            ReversalOutcome::NothingToDo,
            ReversalOutcome::PartlyRefunded(None),
            ReversalOutcome::PartlyRefunded(Some(part)),
            ReversalOutcome::FullyRefunded,
            ReversalOutcome::Impossible("the account is closed".to_owned()),
        ] {
            subject.answer_next(outcome.clone()).await;
            assert_eq!(reversed(subject, &request).await, outcome);
        }
    }

    /// A core that does not answer is unknown, within the adapter's own time, and the next call ends the reversal.
    async fn f41_silence_is_unknown_in_time(subject: &impl FundsSubject) {
        is_unknown_once(subject, CoreTrouble::Silence).await;
    }

    /// A connection that closes without an answer is unknown, whether the core has done what it was asked for or not.
    async fn f30_a_closed_connection_is_unknown(subject: &impl FundsSubject) {
        is_unknown_once(subject, CoreTrouble::Refusal).await;
        is_unknown_once(subject, CoreTrouble::LostAnswer).await;
    }

    /// Half an answer is unknown, also where the half that came says how it ended.
    async fn f30_half_an_answer_is_unknown(subject: &impl FundsSubject) {
        is_unknown_once(subject, CoreTrouble::HalfAnswer).await;
    }

    /// An answer outside of the contract is unknown, and so is one that does not come from the core.
    async fn f33_an_answer_outside_of_the_contract_is_unknown(subject: &impl FundsSubject) {
        is_unknown_once(subject, CoreTrouble::OtherLanguage).await;
        is_unknown_once(subject, CoreTrouble::WrongPlace).await;
    }

    /// A core that has not finished has not said how it ended.
    async fn a_core_that_has_not_finished_is_unknown(subject: &impl FundsSubject) {
        is_unknown_once(subject, CoreTrouble::NotFinished).await;
    }

    /// The text of an unknown outcome goes to logs and timelines: it is one line, and holds neither credentials nor bodies.
    async fn an_unknown_outcome_tells_no_secret(subject: &impl FundsSubject) {
        let request = paid_reversal("secret", PaymentKind::Payment).await;
        for trouble in TROUBLES {
            subject.disturb(trouble).await;
            let ReversalOutcome::Unknown(text) = reversed(subject, &request).await else { panic!("{trouble:?} is an answer") };
            assert!(!holds_a_secret(subject, &text), "{trouble:?}: {text}");
            assert!(!text.is_empty() && !text.contains(char::is_control), "{trouble:?}: {text:?}");
        }
    }

    /// Each of many calls at once gets the answer to its own payment.
    async fn calls_at_once_are_not_mixed_up(subject: &impl FundsSubject) {
        let mut calls = Vec::new();
        for n in 0..30 {
            let name = format!("at-once-{n}");
            let (request, outcome) = match n % 2 {
                0 => (kept(subject, &name, PaymentKind::Payment).await, ReversalOutcome::Done),
                _ => (unknown_reversal(&name).await, ReversalOutcome::NothingToDo),
            };
            let funds = subject.funds();
            calls.push((outcome, tokio::spawn(async move { funds.reverse(&request).await })));
        }
        for (outcome, call) in calls {
            assert_eq!(in_time(subject, call).await.unwrap(), outcome);
        }
    }
}

async fn reversed(subject: &impl FundsSubject, request: &ReversalRequest) -> ReversalOutcome {
    in_time(subject, subject.funds().reverse(request)).await
}

/// A payment that the core has taken, and its reversal.
async fn kept(subject: &impl FundsSubject, name: &str, kind: PaymentKind) -> ReversalRequest {
    let request = paid_reversal(name, kind).await;
    subject.keep(&request.id, &core_payment(name, kind, succeeded()).await).await;
    request
}

/// The trouble makes one call's outcome unknown, and the next call ends the reversal with the money given back once.
async fn is_unknown_once(subject: &impl FundsSubject, trouble: CoreTrouble) {
    let request = kept(subject, &format!("{trouble:?}"), PaymentKind::Payment).await;
    subject.disturb(trouble).await;
    let outcome = reversed(subject, &request).await;
    assert!(matches!(outcome, ReversalOutcome::Unknown(_)), "{trouble:?}: {outcome:?}");
    assert_eq!(reversed(subject, &request).await, ReversalOutcome::Done, "after {trouble:?}");
    assert_eq!(subject.left(&request.id).await, 0, "after {trouble:?}");
}
