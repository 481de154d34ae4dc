//! What holds after every command of any history.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use domain::{
    AccountId, Action, Answer, AttemptEnd, Cancel, CancelReply, CancellationState, Change, Command, CorePayment, EntryKind,
    FundsKind, Jitter, LeaseReply, Lookup, NeverReceived, OtherAcquirer, PayResult, Payment, PaymentId, PaymentStatus,
    PeriodOver, Policy, RefundRequest, RefundResult, RefundState, Reply, ReportedResult, Results, ReversalOutcome, ReversalState,
    decide,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::fixtures::{
    ACQUIRER, OTHER_ACQUIRER, Story, acquirer, at, authorization, closing_of, good, jpy, nothing, park, payment, policy,
    refund_id, retry,
};
use crate::invariants::{self, Step, has_succeeded};

/// Instants around the period of a payment initiated at noon, its last and first late millisecond among them.
const INSTANTS: [&str; 7] = [
    "2026-03-01T11:59:00Z",
    "2026-03-01T12:00:00Z",
    "2026-03-01T12:00:02Z",
    "2026-03-01T16:29:59.999Z",
    "2026-03-01T16:30:00Z",
    "2026-03-02T03:00:00Z",
    "2026-03-09T12:00:00Z",
];

/// One thing that happens to a case.
#[derive(Debug, Clone)]
enum Happening {
    Asked(&'static str, Action),
    /// The worker takes the next attempt.
    WorkerBegins(&'static str),
    /// The payment's day is closed for settlement.
    DayCloses,
}

fn any_acquirer() -> impl Strategy<Value = domain::AcquirerId> {
    prop_oneof![9 => Just(acquirer(ACQUIRER)), 1 => Just(acquirer(OTHER_ACQUIRER))]
}

fn any_payment() -> impl Strategy<Value = Payment> {
    let account = prop_oneof![9 => Just("user-1"), 1 => Just("user-2")];
    let kind = select(vec![payment(), authorization()]);
    (any_acquirer(), account, prop_oneof![4 => Just(3), 1 => 1..=4_i64], kind).prop_map(|(acquirer_id, account, minor, kind)| {
        Payment { acquirer_id, account: good(AccountId::parse(account)), amount: jpy(minor), ..kind }
    })
}

fn any_end() -> impl Strategy<Value = ReportedResult> {
    select(vec![ReportedResult::Succeeded, ReportedResult::Failed])
}

fn any_result() -> impl Strategy<Value = PayResult> {
    let payment_id = prop_oneof![3 => Just(None), 6 => Just(Some("P-1")), 1 => Just(Some("P-2"))];
    let reported = prop_oneof![3 => Just(ReportedResult::Succeeded), 1 => Just(ReportedResult::Failed)];
    (reported, payment_id, select(vec![None, Some(jpy(1))])).prop_map(|(result, payment_id, fee)| {
        let payment_id = payment_id.map(|id| good(PaymentId::parse(id)));
        PayResult { result, completed_at: at(INSTANTS[2]), payment_id, fee }
    })
}

fn any_outcome() -> impl Strategy<Value = ReversalOutcome> {
    let no = || "no".to_owned();
    select(vec![
        ReversalOutcome::Done,
        ReversalOutcome::NothingToDo,
        ReversalOutcome::PartlyRefunded(None),
        ReversalOutcome::PartlyRefunded(Some(jpy(2))),
        ReversalOutcome::FullyRefunded,
        ReversalOutcome::Impossible(no()),
        ReversalOutcome::Unknown(no()),
        ReversalOutcome::Unknown(no()),
    ])
}

/// What a core may say of a payment: that of the wallet, another one, or one that cannot be; it repeats itself, forgets and contradicts.
fn any_lookup() -> impl Strategy<Value = Lookup> {
    let (completed_at, fee) = (at(INSTANTS[2]), None);
    let statuses = vec![
        PaymentStatus::InProgress,
        PaymentStatus::Failed { completed_at },
        PaymentStatus::Succeeded { completed_at, fee },
        PaymentStatus::Succeeded { completed_at, fee },
    ];
    let found = (any_payment(), select(statuses), prop_oneof![3 => Just(0), 1 => 0..=4_i64], prop::bool::weighted(0.1), 0..10);
    let found = found.prop_map(|(payment, status, refunded, refund_running, impossible)| {
        let initiated_at = if impossible == 0 { at("0001-01-01T00:00:00Z") } else { payment.initiated_at };
        let payment = Payment { status, initiated_at, ..payment };
        Lookup::Found(Box::new(CorePayment { payment, refunded, refund_running }))
    });
    prop_oneof![4 => Just(Lookup::Recorded), 1 => Just(Lookup::Failed("no answer".to_owned())), 3 => found]
}

fn any_action() -> impl Strategy<Value = Action> {
    let any_refund = || select(vec!["r1", "r2", "r3"]).prop_map(refund_id);
    let jitter = any::<u32>().prop_map(Jitter);
    prop_oneof![
        4 => (any_acquirer(), any_lookup()).prop_map(|(acquirer_id, lookup)| Action::Cancel(Cancel::now(acquirer_id, lookup))),
        4 => any_payment().prop_map(Action::Pay),
        4 => any_result().prop_map(Action::Result),
        3 => (any_refund(), 1..=4_i64).prop_map(|(id, minor)| Action::Refund(RefundRequest { id, amount: jpy(minor) })),
        3 => (any_refund(), any_end())
            .prop_map(|(id, result)| Action::RefundResult(RefundResult { id, result, completed_at: at(INSTANTS[2]) })),
        4 => (0..=5_u32, any_outcome(), jitter)
            .prop_map(|(attempt, outcome, jitter)| Action::CompleteAttempt(AttemptEnd { attempt, outcome, jitter })),
        1 => Just(retry()),
        1 => Just(park()),
        1 => Just(Action::Resolve { note: "paid by hand".into(), by: "ann".into() }),
        1 => select(vec!["ann", "bob"]).prop_map(|by| Action::Approve { by: by.to_owned() }),
    ]
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let instant = || prop_oneof![5 => select(&INSTANTS[..4]), 1 => select(&INSTANTS[4..])];
    prop_oneof![
        40 => (instant(), any_action()).prop_map(|(when, action)| Happening::Asked(when, action)),
        3 => instant().prop_map(Happening::WorkerBegins),
        1 => Just(Happening::DayCloses),
    ]
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let results = (
        select(vec![NeverReceived::Success, NeverReceived::OrderNotExist]),
        select(vec![PeriodOver::ProcessFail, PeriodOver::CancelWindowExceed]),
        select(vec![OtherAcquirer::ParamIllegal, OtherAcquirer::Ignore]),
    );
    (select(vec![FundsKind::Ledger, FundsKind::Http]), any::<bool>(), results).prop_map(
        |(funds, four_eyes, (never_received, period_over, other_acquirer))| Policy {
            four_eyes,
            results: Results { never_received, period_over, other_acquirer },
            ..policy(funds)
        },
    )
}

/// Small where every push is tested, large where `RESCIND_SCALE=full` asks for it; a failure's seed is printed, not filed.
fn sizes() -> ProptestConfig {
    let full = std::env::var("RESCIND_SCALE").is_ok_and(|scale| scale == "full");
    ProptestConfig { cases: if full { 20_000 } else { 2_000 }, failure_persistence: None, ..ProptestConfig::default() }
}

fn sum(story: &Story, counts: impl Fn(&domain::Entry) -> bool) -> i64 {
    story.entries.iter().filter(|entry| counts(entry)).map(|entry| entry.amount.minor()).sum()
}

fn money_goes_back_once_and_never_more_than_is_left(story: &Story) {
    let (taken, given) = (sum(story, |entry| !entry.kind.gives()), sum(story, |entry| entry.kind.gives()));
    assert!(given <= taken, "{given} given of {taken}");
    assert!(story.case.refunded_or_reserved() <= story.case.payment.as_ref().map_or(0, |payment| payment.amount.minor()));
    let keys: BTreeSet<_> = story.entries.iter().map(|entry| (entry.kind.gives(), entry.refund.clone())).collect();
    assert_eq!(keys.len(), story.entries.len(), "one entry of a kind for each refund, and for the payment itself");
    if story.policy.funds == FundsKind::Http {
        assert_eq!(taken, 0, "a wallet core keeps its own books");
        return;
    }
    let amount = story.case.payment.as_ref().filter(|_| has_succeeded(&story.case)).map_or(0, |payment| payment.amount.minor());
    assert_eq!(taken, amount, "exactly what succeeded is taken");
    assert_eq!(given, if story.case.is_cancelled() { amount } else { story.case.refunded() });
    let kinds: BTreeSet<_> =
        story.entries.iter().map(|entry| matches!(entry.kind, EntryKind::Hold | EntryKind::Release)).collect();
    assert!(kinds.len() <= 1, "what was held is released, what was debited is credited");
}

/// Each of these is told once in a case's life.
fn the_timeline_repeats_nothing(story: &Story) {
    // A cancel that is turned away, because the payment is another acquirer's, leaves its lines too.
    for what in ["payment-recorded", "succeeded", "failed", "cancelled"] {
        let times = story.timeline().into_iter().filter(|name| *name == what).count();
        assert!(times <= 1, "{what} {times} times");
    }
    let said = |what: &str| story.timeline().contains(&what);
    assert!(said("cancel-received") || story.case.cancellation.is_none());
    assert!(said("cancelled") || !story.case.is_cancelled());
    assert_eq!(said("succeeded"), has_succeeded(&story.case));
    let ended = |refund: &&domain::Refund| refund.state != RefundState::Reserved;
    let names = |wanted: &[&str]| story.timeline().into_iter().filter(|name| wanted.contains(name)).count();
    assert_eq!(names(&["refund-reserved"]), story.case.refunds.len());
    assert_eq!(names(&["refund-succeeded", "refund-failed"]), story.case.refunds.iter().filter(ended).count());
}

/// The ledger keeps the money of a wallet that announces its payments: nothing is looked up there.
fn as_it_can_be(funds: FundsKind, action: &Action) -> Action {
    if let Action::Cancel(Cancel { acquirer_id, lookup: Lookup::Found(_), .. }) = action
        && funds == FundsKind::Ledger
    {
        return Action::Cancel(Cancel::now(acquirer_id.clone(), Lookup::Recorded));
    }
    action.clone()
}

fn asks(story: &mut Story, when: &str, action: &Action) -> Reply {
    let action = &as_it_can_be(story.policy.funds, action);
    let command = Command { id: story.case.id.clone(), at: at(when), action: action.clone() };
    let before = story.case.clone();
    let decision = decide(&story.policy, &before, &command);
    assert_eq!(decide(&story.policy, &before, &command), decision, "deciding is a function");
    if let Some(Change { case, events, entries }) = decision.change.clone() {
        assert_ne!(case, before, "a change changes");
        story.case = case;
        story.events.extend(events);
        story.entries.extend(entries);
    }
    let step = Step { policy: &story.policy, before: &before, command: &command, decision: &decision, after: &story.case };
    invariants::hold(decide, &step);
    money_goes_back_once_and_never_more_than_is_left(story);
    the_timeline_repeats_nothing(story);
    decision.reply
}

proptest! {
    #![proptest_config(sizes())]

    #[test]
    fn every_history_keeps_the_rules(policy in any_policy(), history in prop::collection::vec(any_happening(), 1..40)) {
        let mut story = nothing(FundsKind::Ledger);
        story.policy = policy;
        let mut leases = BTreeSet::new();
        for happening in &history {
            let lease = match happening {
                Happening::Asked(when, action) => match asks(&mut story, when, action) {
                    Reply::Cancel(CancelReply::ReversalPending { attempt }) => attempt,
                    Reply::Lease(LeaseReply::Leased(attempt)) => Some(attempt),
                    Reply::Cancel(CancelReply::Answered(_) | CancelReply::LookUp { .. }) | Reply::Command(_) | Reply::Lease(LeaseReply::NotDue) | Reply::Attempt(_) => None,
                },
                Happening::WorkerBegins(when) => story.moment(when).worker_begins(),
                Happening::DayCloses => {
                    let _ = asks(&mut story, INSTANTS[5], &Action::Settle(closing_of("2026-03-01")));
                    None
                }
            };
            if let Some(attempt) = lease {
                assert!(leases.insert(attempt), "a lease's token is given once");
            }
        }
    }

    /// Whatever happened, once the core does what it is asked, a cancelled payment is answered S (or that it never was).
    #[test]
    fn every_open_cancel_ends_once_the_core_does_its_duty(history in prop::collection::vec(any_happening(), 1..40)) {
        let mut story = nothing(FundsKind::Http);
        for happening in &history {
            if let Happening::Asked(when, action) = happening {
                let _ = asks(&mut story, when, action);
            }
        }
        if matches!(story.reversal_state(), Some(ReversalState::Parked { .. })) {
            let _ = asks(&mut story, INSTANTS[6], &retry());
        }
        if let Some(attempt) = story.later(TimeDelta::days(30)).worker_begins() {
            let close = Action::CompleteAttempt(AttemptEnd { attempt, outcome: ReversalOutcome::Done, jitter: Jitter(0) });
            assert_eq!(asks(&mut story, INSTANTS[6], &close), Reply::Attempt(Answer::Cancelled));
        }
        let open = matches!(story.state(), Some(CancellationState::Open { .. }));
        assert!(!open && !story.case.reversal.as_ref().is_some_and(domain::Reversal::is_unfinished));
    }

    /// The settings may change at any moment; a recorded answer does not.
    #[test]
    fn a_recorded_answer_outlives_every_setting(
        history in prop::collection::vec((any_policy(), any_happening()), 1..40),
        funds in select(vec![FundsKind::Ledger, FundsKind::Http]),
    ) {
        let mut story = nothing(funds);
        for (policy, happening) in &history {
            story.policy = Policy { funds, ..policy.clone() };
            if let Happening::Asked(when, action) = happening {
                let _ = asks(&mut story, when, action);
            }
        }
    }
}
