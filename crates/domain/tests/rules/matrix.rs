//! `docs/develop/contradictions.md`: every state of a case with every outcome of the core, as `decide` has it.

use std::fmt::Write;
use std::fs;

use domain::{
    Action, Answer, Cancel, CancelReply, CommandReply, CorePayment, DeferReason, Disposition, EventKind, FundsKind, Inquiry,
    Lookup, Payment, PaymentId, PaymentStatus, RefundedElsewhere, Reply, ReversalOutcome, ReversalState, Rule,
};

use crate::fixtures::{
    ACQUIRER, CLOSED, NOON, PROCEED, REVERSED, STANDS, Story, U, acquirer, announced, at, cancel_by, cancel_without_lookup,
    closing, failure, good, jpy, nothing, paid, park, payment, success,
};

const CORE: FundsKind = FundsKind::Http;

fn succeeded() -> Payment {
    let payment_id = Some(good(PaymentId::parse("P-1")));
    Payment { payment_id, status: PaymentStatus::Succeeded { completed_at: at(NOON), fee: None }, ..payment() }
}

fn found(payment: Payment, refund_running: bool) -> Lookup {
    Lookup::Found(Box::new(CorePayment { payment, refunded: 0, refund_running }))
}

fn looked_up(lookup: Lookup) -> Action {
    Action::Cancel(Cancel::now(acquirer(ACQUIRER), lookup))
}

fn changed() -> Lookup {
    found(Payment { amount: jpy(999), ..succeeded() }, false)
}

fn with(mut story: Story, action: Action) -> Story {
    let _ = story.decides(action);
    story
}

/// The cancel came, and its first attempt is running.
fn open(story: Story) -> Story {
    with(story, cancel_by(ACQUIRER))
}

/// The attempt ended like this, and the next one is running where there is one.
fn tried(mut story: Story, outcome: ReversalOutcome) -> Story {
    let attempt = story.case.reversal.as_ref().map_or(0, |reversal| reversal.attempts);
    let _ = story.closes(attempt, outcome);
    let _ = story.later(chrono::TimeDelta::seconds(2)).worker_begins();
    story
}

/// The wallet's success came after the cancel, and the next attempt is running.
fn late_success(mut story: Story) -> Story {
    assert_eq!(story.succeeds(), REVERSED);
    let _ = story.worker_begins();
    story
}

fn refunded(minor: i64) -> Story {
    let mut story = paid(CORE);
    assert_eq!((story.refunds("r1", minor), story.refund_succeeds("r1")), (PROCEED, STANDS));
    story
}

fn refund_running() -> Story {
    let mut story = paid(CORE);
    assert_eq!((story.refunds("r1", 400), story.cancels()), (PROCEED, U));
    story
}

fn told_closed(mut story: Story) -> Story {
    let _ = story.pays();
    story
}

/// Every state in which a case can stand to the core.
fn states() -> Vec<(&'static str, Story)> {
    let failed = || with(announced(CORE), Action::Result(failure()));
    let resolve = || Action::Resolve { note: "paid at the counter".into(), by: "ann".into() };
    let part = ReversalOutcome::PartlyRefunded(None);
    let unknown = || ReversalOutcome::Unknown("status 500".into());
    let stopped = |mut story: Story| {
        let _ = story.closes(1, unknown());
        with(story, park())
    };
    vec![
        ("nothing is known", nothing(CORE)),
        ("the payment is in progress", announced(CORE)),
        ("the payment failed", failed()),
        ("the payment succeeded", paid(CORE)),
        ("the wallet refunded a part", refunded(400)),
        ("the wallet refunded everything", refunded(1_000)),
        ("deferred: a refund of the wallet is running", refund_running()),
        ("deferred: the lookup failed, and no payment is known", with(nothing(CORE), cancel_without_lookup())),
        ("deferred: a refund of the core is running", with(nothing(CORE), looked_up(found(succeeded(), true)))),
        (
            "deferred: the core contradicted itself",
            with(with(nothing(CORE), looked_up(found(succeeded(), true))), looked_up(changed())),
        ),
        ("open: no payment was seen", open(nothing(CORE))),
        ("open: no payment was seen, and `closed` was told then", told_closed(open(nothing(CORE)))),
        ("open: the payment is in progress", open(announced(CORE))),
        ("open: the payment is in progress, and `closed` was told", told_closed(open(announced(CORE)))),
        ("open: the payment succeeded", open(paid(CORE))),
        ("open: the success came late, and `reversed` was told", late_success(open(announced(CORE)))),
        (
            "open: the core said once that there was nothing to do of a success",
            tried(open(paid(CORE)), ReversalOutcome::NothingToDo),
        ),
        ("parked: the core said impossible", tried(open(paid(CORE)), ReversalOutcome::Impossible("account closed".into()))),
        ("parked by an operator", stopped(open(paid(CORE)))),
        ("parked: a part was refunded after `closed` was told", tried(told_closed(open(announced(CORE))), part.clone())),
        ("cancelled: S, and the money is back", tried(open(paid(CORE)), ReversalOutcome::Done)),
        ("cancelled: S, and a late success is given back", late_success(tried(open(announced(CORE)), ReversalOutcome::Done))),
        (
            "cancelled: S, and parked because a part was refunded",
            tried(late_success(tried(open(announced(CORE)), ReversalOutcome::Done)), part.clone()),
        ),
        ("cancelled: S by hand", with(stopped(open(paid(CORE))), resolve())),
        ("refused: the core had refunded a part", tried(open(paid(CORE)), part)),
        ("already refunded: the core had refunded everything", tried(open(paid(CORE)), ReversalOutcome::FullyRefunded)),
        ("already refunded: and no payment was seen", tried(open(nothing(CORE)), ReversalOutcome::FullyRefunded)),
        (
            "already refunded: and a success was reported then",
            late_success(told_closed(tried(open(nothing(CORE)), ReversalOutcome::FullyRefunded))),
        ),
    ]
}

/// Every outcome of the core, as the command that brings it.
fn outcomes(story: &Story) -> Vec<(&'static str, Action)> {
    let attempt = story.case.reversal.as_ref().map_or(1, |reversal| reversal.attempts.max(1));
    let end = |outcome| closing(attempt, outcome);
    vec![
        ("`done`, `already-done`", end(ReversalOutcome::Done)),
        ("`nothing-to-do`", end(ReversalOutcome::NothingToDo)),
        ("`partly-refunded`, 400", end(ReversalOutcome::PartlyRefunded(Some(jpy(400))))),
        ("`partly-refunded`", end(ReversalOutcome::PartlyRefunded(None))),
        ("`fully-refunded`", end(ReversalOutcome::FullyRefunded)),
        ("`impossible`", end(ReversalOutcome::Impossible("account closed".into()))),
        ("not known", end(ReversalOutcome::Unknown("status 500".into()))),
        ("lookup: the payment, succeeded", looked_up(found(succeeded(), false))),
        ("lookup: not found", looked_up(Lookup::Recorded)),
        ("lookup: failed", looked_up(Lookup::Failed("no answer".to_owned()))),
        ("lookup: another amount", looked_up(changed())),
    ]
}

fn answer_in_words(reply: Reply) -> String {
    match reply {
        Reply::Cancel(CancelReply::Answered(answer)) | Reply::Attempt(answer) => match answer {
            Answer::Cancelled => "S".into(),
            Answer::Refused(refusal) => format!("F {}", refusal.name()),
            Answer::Pending => "U".into(),
        },
        Reply::Cancel(CancelReply::ReversalPending { attempt: Some(_) }) => "U, and the core is asked at once".into(),
        Reply::Cancel(CancelReply::ReversalPending { attempt: None } | CancelReply::LookUp { .. }) => "U".into(),
        Reply::Command(_) | Reply::Lease(_) => panic!("not the core's word: {reply:?}"),
    }
}

fn stands_in_words(story: &Story) -> String {
    let cancellation = story.state().map(|state| match state.defer_reason() {
        Some(reason) => format!("{}: {reason}", state.name()),
        None => state.name().to_string(),
    });
    let reversal = story.case.reversal.as_ref().map(|reversal| format!("reversal {}", reversal.state.name()));
    let elsewhere = story.case.refunded_elsewhere.map(|said| match said {
        RefundedElsewhere::Amount(minor) => format!("refunded elsewhere {minor}"),
        RefundedElsewhere::All | RefundedElsewhere::Part => format!("refunded elsewhere {}", said.name()),
    });
    let parts: Vec<_> = cancellation.into_iter().chain(reversal).chain(elsewhere).collect();
    if parts.is_empty() { "no cancel".into() } else { parts.join(", ") }
}

fn owed_in_words(story: &Story) -> &'static str {
    match story.reversal_state() {
        Some(ReversalState::Open { .. }) => "by the core",
        Some(ReversalState::Parked { .. }) => "a person decides",
        Some(ReversalState::Done { .. }) | None => "–",
    }
}

fn inquiry_in_words(story: &Story) -> &'static str {
    match story.case.inquiry() {
        Inquiry::Closed => "F closed",
        Inquiry::Paid => "S",
        Inquiry::InProcess => "U",
        Inquiry::Failed(_) => "F failed",
        Inquiry::Unknown => "F not exist",
    }
}

/// Whether an error line tells an operator.
fn alarm(story: &Story, action: &Action) -> &'static str {
    let decision = story.decide(action.clone());
    let events = decision.change.iter().flat_map(|change| &change.events);
    let is_parked = events.clone().any(|event| matches!(event.kind, EventKind::ReversalParked { .. }));
    let is_contradicted = decision.rule == Some(Rule::Deferred(DeferReason::Contradiction));
    let part_refunded = matches!(action, Action::CompleteAttempt(_))
        && events.clone().any(|event| matches!(event.kind, EventKind::Refused(_)))
        || matches!(decision.reply, Reply::Attempt(Answer::Refused(_))) && decision.change.is_some();
    if is_parked || is_contradicted || part_refunded { "yes" } else { "–" }
}

/// What comes of one outcome in one state; where nothing does, the reason, which is looked at.
fn row(story: &Story, (outcome, action): &(&'static str, Action)) -> String {
    let decision = story.decide(action.clone());
    let after = with(story.clone(), action.clone());
    let recorded = match (&decision.change, action) {
        (Some(_), _) => stands_in_words(&after),
        (None, Action::CompleteAttempt(end)) => {
            let holds = story.case.reversal.as_ref().is_some_and(|reversal| reversal.is_leased_to(end.attempt));
            assert!(!holds, "an attempt that holds the lease counts: {outcome}");
            "nothing: no attempt is running, and an end that comes late is ignored".into()
        }
        (None, _) => {
            assert!(story.case.cancellation.is_some(), "a first cancel is always recorded: {outcome}");
            "nothing: it is recorded already".into()
        }
    };
    let [owed, inquiry, alarm] = [owed_in_words(&after), inquiry_in_words(&after), alarm(story, action)];
    format!("{} | {recorded} | {owed} | {inquiry} | {alarm} |", answer_in_words(decision.reply))
}

/// What the wallet hears when it asks again.
fn told_in_words(story: &Story) -> String {
    let hears = |action| {
        let reply = story.clone().decides(action);
        let Reply::Command(reply) = reply else { panic!("{reply:?}") };
        match reply {
            CommandReply::Done(disposition) => format!("`{}`", Disposition::as_str(disposition)),
            CommandReply::Conflict(_) => "409".into(),
            CommandReply::NotFound { .. } => "404".into(),
            CommandReply::RefundedElsewhere | CommandReply::PaymentsAreTheCores => panic!("{reply:?}"),
        }
    };
    let (pay, success) = (hears(Action::Pay(payment())), hears(Action::Result(success())));
    format!("An announcement hears {pay}, a success {success}.")
}

/// The outcomes that come to the same, together.
fn joined(rows: impl Iterator<Item = (&'static str, String)>) -> Vec<(Vec<&'static str>, String)> {
    let mut joined: Vec<(Vec<&'static str>, String)> = vec![];
    for (outcome, row) in rows {
        match joined.iter_mut().find(|(_, known)| *known == row) {
            Some((outcomes, _)) => outcomes.push(outcome),
            None => joined.push((vec![outcome], row)),
        }
    }
    joined
}

fn matrix() -> String {
    let mut text = String::new();
    for (title, story) in states() {
        let stands = stands_in_words(&story);
        let _ = writeln!(text, "### {title}\n\nIt stands at: {stands}. {}\n", told_in_words(&story));
        text.push_str("| the core says | Alipay+ hears | recorded | owed | inquiry | alarm |\n|---|---|---|---|---|---|\n");
        for (outcomes, row) in joined(outcomes(&story).iter().map(|outcome| (outcome.0, row(&story, outcome)))) {
            let _ = writeln!(text, "| {} | {row}", outcomes.join("; "));
        }
        text.push('\n');
    }
    text
}

const BEGINS: &str = "<!-- The rest of this page is made by a test of `domain`. -->\n\n";

/// With `RESCIND_UPDATE_DOCS` set, the page is written instead of compared.
#[test]
fn the_page_of_contradictions_is_what_is_decided() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/develop/contradictions.md");
    let page = fs::read_to_string(path).unwrap_or_else(|missing| panic!("{path}: {missing}"));
    let (words, _) = page.split_once(BEGINS).expect("the page says where the made part begins");
    let made = format!("{words}{BEGINS}{}\n", matrix().trim_end());
    if std::env::var_os("RESCIND_UPDATE_DOCS").is_some() {
        fs::write(path, made).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let differs = page.lines().zip(made.lines()).find(|(is, must)| is != must);
    assert!(page == made, "{path} is not what is decided, first at {differs:?}: run this test with RESCIND_UPDATE_DOCS=1");
}

/// No outcome takes a final answer, a `closed` or a `reversed` back.
#[test]
fn no_outcome_of_the_core_takes_back_what_was_told() {
    for (title, mut story) in states() {
        let told = [story.pays(), story.decides(Action::Result(success()))];
        let is_closed = told.contains(&CLOSED);
        for (outcome, action) in outcomes(&story) {
            let mut after = with(story.clone(), action);
            let now = [after.pays(), after.decides(Action::Result(success()))];
            assert!(!is_closed || now == told, "{title}, {outcome}: {told:?} and then {now:?}");
            let s_stays = story.final_answer().is_none() || after.final_answer() == story.final_answer();
            assert!(s_stays, "{title}, {outcome}: {:?}", after.final_answer());
        }
    }
}
