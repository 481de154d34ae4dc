//! Giving money back by a wallet core: attempts, leases, late successes, and what an operator may do.

use chrono::TimeDelta;
use domain::{
    Action, CancellationState, CommandReply, Disposition, FinalAnswer, FundsKind, NeverReceived, Refusal, Reply, ReversalOutcome,
    ReversalState, Taken,
};

use crate::fixtures::{
    ACQUIRER, CLOSED, IN_TIME, PENDING, REVERSED, S, STANDS, Story, U, announced, at, cancel_by, closing, f, jpy, leased,
    nothing, paid, retry, success,
};

const CORE: FundsKind = FundsKind::Http;
const RESOLVED: Reply = Reply::Command(CommandReply::Done(Disposition::Resolved));
const REOPENED: Reply = Reply::Command(CommandReply::Done(Disposition::Reopened));

fn being_cancelled(mut story: Story) -> Story {
    assert_eq!(story.cancels(), leased(1));
    story
}

fn parked(story: Story) -> Story {
    let mut story = being_cancelled(story);
    assert_eq!(story.closes(1, ReversalOutcome::Impossible("account closed".into())), U, "never F after the money was promised");
    story
}

fn resolve() -> Action {
    Action::Resolve { note: "paid at the counter".into(), by: "ann".into() }
}

fn is_done(story: &Story) -> bool {
    matches!(story.reversal_state(), Some(ReversalState::Done { .. }))
}

fn is_open_and_free(story: &Story) -> bool {
    matches!(story.reversal_state(), Some(ReversalState::Open { lease: None, .. }))
}

#[test]
fn the_answer_is_s_once_the_core_has_said_so() {
    let known_of = |outcome| if outcome == ReversalOutcome::Done { Some(paid(CORE)) } else { None };
    for outcome in [ReversalOutcome::Done, ReversalOutcome::NothingToDo] {
        for story in [nothing(CORE), announced(CORE)].into_iter().chain(known_of(outcome.clone())) {
            let mut story = being_cancelled(story);
            let events = story.events.len();
            assert_eq!(story.later(TimeDelta::seconds(1)).closes(1, outcome.clone()), S);
            let cancelled_at = at(IN_TIME);
            assert_eq!(story.state(), Some(CancellationState::Cancelled { cancelled_at, answer: FinalAnswer::Cancelled }));
            let receipt = at(IN_TIME) + TimeDelta::seconds(1);
            assert_eq!(story.reversal_state(), Some(&ReversalState::Done { at: receipt, by_hand: false }));
            assert_eq!(story.timeline()[events..], ["reversal-tried", "reversal-done"]);
            assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), S);
            assert!(story.entries.is_empty());
        }
    }
}

#[test]
fn a_cancel_that_waited_is_leased_from_the_decision_and_judged_by_its_receipt() {
    let mut story = paid(CORE);
    let waited = TimeDelta::seconds(5);
    let cancel = domain::Cancel { waited, ..domain::Cancel::now(crate::fixtures::acquirer(ACQUIRER), domain::Lookup::Recorded) };
    assert_eq!(story.decides(Action::Cancel(cancel)), leased(1));
    let Some(ReversalState::Open { lease: Some(lease), .. }) = story.reversal_state() else { panic!("open and leased") };
    assert_eq!(lease.until, at(IN_TIME) + waited + story.policy.lease);
    assert_eq!(story.case.cancellation.as_ref().map(|cancellation| cancellation.first_received_at), Some(at(IN_TIME)));
}

#[test]
fn money_is_missed_since_the_first_receipt_or_the_later_debit() {
    for funds in [FundsKind::Ledger, CORE] {
        let (mut debited_before, mut debited_after) = (paid(funds), announced(funds));
        let _ = (debited_before.cancels(), debited_after.cancels());
        let _ = debited_before.later(TimeDelta::hours(1)).cancels();
        assert_eq!(debited_before.case.waiting_since(), Some(at(IN_TIME)), "the first receipt, not a repeat");
        assert_eq!(debited_before.case.is_money_returned(), funds == FundsKind::Ledger, "the ledger books at once");
        let late = at(IN_TIME) + TimeDelta::minutes(5);
        let succeeded = domain::PayResult { completed_at: late, ..success() };
        assert_eq!(debited_after.decides(Action::Result(succeeded)), REVERSED);
        assert_eq!(debited_after.case.waiting_since(), Some(late));
    }
    let mut fence = nothing(FundsKind::Ledger);
    let _ = fence.cancels();
    assert_eq!((fence.case.waiting_since(), paid(CORE).case.waiting_since()), (None, None), "nobody waits for anything");
}

#[test]
fn only_a_core_with_nothing_to_do_makes_a_payment_never_received() {
    for (outcome, answer) in [(ReversalOutcome::NothingToDo, f(Refusal::NeverReceived)), (ReversalOutcome::Done, S)] {
        let mut story = nothing(CORE);
        story.policy.results.never_received = NeverReceived::OrderNotExist;
        let mut story = being_cancelled(story);
        assert_eq!(story.closes(1, outcome), answer);
        assert_eq!(story.pays(), CLOSED, "a fence all the same");
    }
    let mut story = announced(CORE);
    story.policy.results.never_received = NeverReceived::OrderNotExist;
    assert_eq!(being_cancelled(story).closes(1, ReversalOutcome::NothingToDo), S);
}

#[test]
fn f30_an_attempt_that_met_trouble_is_followed_by_another() {
    let mut story = being_cancelled(paid(CORE));
    let events = story.events.len();
    assert_eq!(story.closes(1, ReversalOutcome::Unknown("timeout".into())), U);
    let next_attempt_at = at(IN_TIME) + TimeDelta::milliseconds(100);
    let last_error = Some("timeout".to_owned());
    assert_eq!(story.reversal_state(), Some(&ReversalState::Open { next_attempt_at, lease: None, last_error }));
    assert_eq!(story.timeline()[events..], ["reversal-tried"]);
    assert_eq!(story.state(), Some(CancellationState::Open { cancelled_at: at(IN_TIME) }), "F30: trouble ends nothing");
    assert_eq!(story.worker_begins(), Some(2));
    assert_eq!(story.closes(2, ReversalOutcome::Done), S);
}

#[test]
fn a_close_that_lost_its_lease_is_ignored() {
    let mut story = being_cancelled(paid(CORE));
    assert_eq!(story.later(TimeDelta::seconds(3)).worker_begins(), Some(2));
    for outcome in [
        ReversalOutcome::Done,
        ReversalOutcome::PartlyRefunded(None),
        ReversalOutcome::Impossible("no".into()),
        ReversalOutcome::Unknown("no".into()),
    ] {
        assert_eq!(story.unmoved_by(closing(1, outcome)), U);
    }
    assert_eq!(story.closes(2, ReversalOutcome::Done), S);
    for attempt in [0, 1, 2, 3] {
        assert_eq!(story.unmoved_by(closing(attempt, ReversalOutcome::Impossible("no".into()))), S);
    }
    assert_eq!(nothing(CORE).unmoved_by(closing(1, ReversalOutcome::Done)), U);
}

#[test]
fn a_lease_that_ran_out_still_counts_while_nobody_took_the_next() {
    let mut story = being_cancelled(paid(CORE));
    assert_eq!(story.later(TimeDelta::minutes(1)).closes(1, ReversalOutcome::Done), S);
}

#[test]
fn a_success_during_an_attempt_makes_its_answer_late() {
    let mut story = being_cancelled(announced(CORE));
    assert_eq!(story.succeeds(), REVERSED);
    assert!(is_open_and_free(&story));
    assert_eq!(story.unmoved_by(closing(1, ReversalOutcome::NothingToDo)), U, "it did not know of the debit");
    assert_eq!(story.case.reversal.as_ref().map(|r| (r.taken, r.amount)), Some((Taken::Debit, Some(jpy(1_000)))));
    assert_eq!(story.cancels(), leased(2));
    assert_eq!(story.unmoved_by(closing(1, ReversalOutcome::NothingToDo)), U);
    assert_eq!(story.closes(2, ReversalOutcome::Done), S);
}

#[test]
fn f01_a_success_after_the_end_opens_the_reversal_again_and_s_stays() {
    for story in [nothing(CORE), announced(CORE)] {
        let mut story = being_cancelled(story);
        assert_eq!((story.closes(1, ReversalOutcome::NothingToDo), story.pays()), (S, CLOSED));
        let state = story.state();
        let events = story.events.len();
        assert_eq!(story.later(TimeDelta::hours(24)).succeeds(), REVERSED);
        assert!(is_open_and_free(&story));
        assert_eq!(story.timeline()[events..], ["succeeded", "reversal-opened"]);
        assert_eq!((story.state(), story.fee()), (state, None));
        assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), S, "a recorded answer is repeated and writes nothing");
        assert_eq!(story.unmoved_by(Action::Result(success())), REVERSED);
        assert_eq!(story.worker_begins(), Some(2), "due at once");
        assert_eq!(story.closes(2, ReversalOutcome::Done), S);
        assert_eq!((is_done(&story), story.state()), (true, state));
    }
}

#[test]
fn f28_the_fee_goes_with_the_answer_s_and_stays_where_the_core_says_the_payment_stands() {
    let ends = [
        (ReversalOutcome::Done, None),
        (ReversalOutcome::PartlyRefunded(None), Some(jpy(7))),
        (ReversalOutcome::FullyRefunded, Some(jpy(7))),
    ];
    for (outcome, fee) in ends {
        let mut story = being_cancelled(paid(CORE));
        let _ = story.closes(1, outcome.clone());
        assert_eq!(story.fee(), fee, "{outcome:?}");
    }
    let mut by_hand = parked(paid(CORE));
    assert_eq!((by_hand.decides(resolve()), by_hand.fee()), (RESOLVED, None));
    let mut told_late = being_cancelled(announced(CORE));
    assert_eq!((told_late.succeeds(), told_late.worker_begins()), (REVERSED, Some(2)));
    assert_eq!((told_late.closes(2, ReversalOutcome::Done), told_late.fee()), (S, None));
}

#[test]
fn what_the_core_says_after_s_never_becomes_f() {
    let ends = [
        ReversalOutcome::PartlyRefunded(None),
        ReversalOutcome::FullyRefunded,
        ReversalOutcome::Impossible("no".into()),
        ReversalOutcome::Unknown("no".into()),
    ];
    for outcome in ends {
        let mut story = being_cancelled(announced(CORE));
        assert_eq!(story.closes(1, ReversalOutcome::Done), S);
        let state = story.state();
        assert_eq!((story.succeeds(), story.worker_begins()), (REVERSED, Some(2)));
        assert_eq!(story.closes(2, outcome), S);
        assert_eq!((story.state(), story.unmoved_by(cancel_by(ACQUIRER))), (state, S));
    }
}

#[test]
fn refunds_that_only_the_core_knows_end_the_cancel_as_recorded_ones_do() {
    let ends = [
        (
            ReversalOutcome::PartlyRefunded(None),
            CancellationState::Refused { refusal: Refusal::PartlyRefunded },
            f(Refusal::PartlyRefunded),
        ),
        (ReversalOutcome::FullyRefunded, CancellationState::AlreadyRefunded { never_seen: false }, S),
    ];
    for (outcome, state, answer) in ends {
        for story in [nothing(CORE), announced(CORE), paid(CORE)] {
            let never_seen = story.case.payment.is_none();
            let mut story = being_cancelled(story);
            assert_eq!(story.closes(1, outcome.clone()), answer);
            let is_refunded = matches!(state, CancellationState::AlreadyRefunded { .. });
            let state = if is_refunded { CancellationState::AlreadyRefunded { never_seen } } else { state };
            assert_eq!((story.state(), story.case.is_cancelled(), is_done(&story)), (Some(state), false, true));
            assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), answer);
        }
    }
}

#[test]
fn f23_what_is_impossible_is_parked_and_no_cancel_revives_it() {
    let mut story = being_cancelled(paid(CORE));
    let events = story.events.len();
    assert_eq!(story.closes(1, ReversalOutcome::Impossible("account closed".into())), U);
    assert_eq!(story.reversal_state(), Some(&ReversalState::Parked { reason: "account closed".into() }));
    assert_eq!(story.timeline()[events..], ["reversal-tried", "reversal-parked"]);
    assert_eq!(story.later(TimeDelta::hours(1)).unmoved_by(cancel_by(ACQUIRER)), PENDING);
    assert_eq!(story.worker_begins(), None);
}

#[test]
fn no_success_revives_a_parked_reversal() {
    let mut story = parked(announced(CORE));
    assert_eq!(story.succeeds(), REVERSED);
    assert_eq!(story.reversal_state(), Some(&ReversalState::Parked { reason: "account closed".into() }));
    assert_eq!(story.case.reversal.as_ref().map(|reversal| reversal.taken), Some(Taken::Debit), "but it knows of the debit");
    assert_eq!(story.unmoved_by(cancel_by(ACQUIRER)), PENDING);
}

#[test]
fn an_operator_has_a_parked_reversal_tried_again() {
    let mut story = parked(paid(CORE));
    let events = story.events.len();
    assert_eq!(story.later(TimeDelta::hours(1)).decides(retry()), REOPENED);
    assert!(is_open_and_free(&story));
    assert_eq!(story.timeline()[events..], ["reversal-opened"]);
    assert_eq!(story.worker_begins(), Some(2), "due at once");
    assert_eq!(story.closes(2, ReversalOutcome::Done), S);
}

#[test]
fn an_operator_ends_a_parked_reversal_that_was_paid_by_hand() {
    let mut story = parked(paid(CORE));
    let events = story.events.len();
    assert_eq!(story.decides(resolve()), RESOLVED);
    assert_eq!(story.timeline()[events..], ["reversal-resolved"]);
    let details = story.events.last().map(|event| event.kind.details());
    assert_eq!(details, Some(vec![("note", "paid at the counter".to_owned()), ("by", "ann".to_owned())]));
    assert_eq!((is_done(&story), story.unmoved_by(cancel_by(ACQUIRER))), (true, S));
}

/// Otherwise the core would pay what the operator has paid already.
#[test]
fn a_success_after_a_reversal_was_resolved_by_hand_is_an_operators_again() {
    let mut story = parked(announced(CORE));
    assert_eq!((story.decides(resolve()), story.unmoved_by(cancel_by(ACQUIRER))), (RESOLVED, S));
    let events = story.events.len();
    assert_eq!(story.later(TimeDelta::hours(1)).succeeds(), REVERSED);
    assert_eq!(story.timeline()[events..], ["succeeded", "reversal-parked"]);
    assert!(matches!(story.reversal_state(), Some(ReversalState::Parked { .. })), "{:?}", story.reversal_state());
    assert_eq!((story.worker_begins(), story.unmoved_by(cancel_by(ACQUIRER))), (None, S), "nobody asks the core");
    assert_eq!(story.decides(resolve()), RESOLVED);
    assert!(is_done(&story));
}

#[test]
fn an_operator_decides_about_parked_reversals_only() {
    let mut done = being_cancelled(paid(CORE));
    assert_eq!(done.closes(1, ReversalOutcome::Done), S);
    let mut resolved = parked(paid(CORE));
    assert_eq!(resolved.decides(resolve()), RESOLVED);
    let mut booked = paid(FundsKind::Ledger);
    assert_eq!(booked.cancels(), S);
    for story in [being_cancelled(paid(CORE)), done, resolved, booked] {
        for action in [retry(), resolve()] {
            assert!(matches!(story.unmoved_by(action), Reply::Command(CommandReply::Conflict(_))));
        }
    }
    for story in [nothing(CORE), paid(CORE)] {
        for action in [retry(), resolve()] {
            assert_eq!(story.unmoved_by(action), Reply::Command(CommandReply::NotFound { fenced: false }));
        }
    }
}

#[test]
fn a_failure_reported_after_the_cancel_leaves_the_reversal_alone() {
    let mut story = being_cancelled(announced(CORE));
    let reversal = story.case.reversal.clone();
    assert_eq!(story.fails(), STANDS);
    assert_eq!(story.case.reversal, reversal);
    assert_eq!(story.closes(1, ReversalOutcome::Done), S);
}
