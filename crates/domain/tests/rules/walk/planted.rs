//! Each check of the walk, shown a rule that breaks it.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::{
    Action, Answer, AttemptEnd, CancelReply, CancellationState, Case, Change, Command, CommandReply, Decision, Disposition,
    LeaseReply, Policy, Refund, Refusal, Reply, Reversal, ReversalOutcome, Rule, decide,
};

use super::commands::{ONE_REFUND, World};
use super::explore::Walk;
use super::kinds::{Kind, reports_success};
use super::table::Figures;
use crate::invariants::Decide;

fn unchanged(reply: Reply, decision: Decision) -> Decision {
    Decision { reply, change: None, ..decision }
}

fn with_case(decision: Decision, spoil: impl FnOnce(&mut Case)) -> Decision {
    let change = decision.change.map(|mut change| {
        spoil(&mut change.case);
        change
    });
    Decision { change, ..decision }
}

fn an_unknown_end_is_final(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let decision = decide(policy, case, command);
    let Action::CompleteAttempt(AttemptEnd { outcome: ReversalOutcome::Unknown(_), .. }) = command.action else {
        return decision;
    };
    if decision.change.is_none() {
        return decision;
    }
    let refusal = Refusal::PartlyRefunded;
    let decision = Decision { reply: Reply::Attempt(Answer::Refused(refusal)), ..decision };
    with_case(decision, |case| {
        if let Some(cancellation) = &mut case.cancellation {
            cancellation.state = CancellationState::Refused { refusal };
        }
    })
}

fn the_fence_is_forgotten(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let decision = decide(policy, case, command);
    let forgets = decision.rule == Some(Rule::NeverReceived);
    if forgets { unchanged(decision.reply, decision) } else { decision }
}

fn a_reversed_success_stands(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let decision = decide(policy, case, command);
    let reversed =
        reports_success(&command.action) && decision.reply == Reply::Command(CommandReply::Done(Disposition::Reversed));
    let reply = if reversed { Reply::Command(CommandReply::Done(Disposition::Stands)) } else { decision.reply };
    Decision { reply, ..decision }
}

fn a_late_attempt_counts(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let Action::CompleteAttempt(end) = &command.action else { return decide(policy, case, command) };
    let attempt = case.reversal.as_ref().map_or(0, |reversal| reversal.attempts);
    let action = Action::CompleteAttempt(AttemptEnd { attempt, ..end.clone() });
    decide(policy, case, &Command { action, ..command.clone() })
}

fn a_credit_is_lost(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let decision = decide(policy, case, command);
    let change = decision.change.map(|change| {
        let entries = change.entries.into_iter().filter(|entry| !entry.kind.gives()).collect();
        Change { entries, ..change }
    });
    Decision { change, ..decision }
}

fn what_has_settled_is_cancelled(policy: &Policy, case: &Case, command: &Command) -> Decision {
    if !matches!(command.action, Action::Cancel(_)) {
        return decide(policy, case, command);
    }
    let open = Case { settlement: None, ..case.clone() };
    let decision = decide(policy, &open, command);
    with_case(decision, |after| after.settlement = case.settlement)
}

fn a_recorded_answer_is_made_again(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let decision = decide(policy, case, command);
    match decision.rule {
        Some(Rule::AnswerRecorded(_)) => unchanged(Reply::Cancel(CancelReply::Answered(Answer::Cancelled)), decision),
        Some(_) | None => decision,
    }
}

fn a_lease_has_a_number_of_before(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let decision = decide(policy, case, command);
    match decision.reply {
        Reply::Lease(LeaseReply::Leased(attempt)) => Decision { reply: LeaseReply::Leased(attempt - 1).into(), ..decision },
        Reply::Lease(LeaseReply::NotDue) | Reply::Cancel(_) | Reply::Command(_) | Reply::Attempt(_) => decision,
    }
}

fn an_attempt_that_ended_keeps_its_lease(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let decision = decide(policy, case, command);
    let ends_open = matches!(decision.reply, Reply::Attempt(Answer::Pending));
    if ends_open { with_case(decision, |after| after.reversal.clone_from(&case.reversal)) } else { decision }
}

fn a_cancel_takes_a_refund_back(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let decision = decide(policy, case, command);
    let again = matches!(command.action, Action::Refund(_)) && decision.change.is_none() && case.cancellation.is_some();
    if again { unchanged(CommandReply::Done(Disposition::Refused).into(), decision) } else { decision }
}

fn one_refund_does_not_know_of_the_other(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let Action::Refund(wanted) = &command.action else { return decide(policy, case, command) };
    let (same, others): (Vec<Refund>, Vec<Refund>) = case.refunds.iter().cloned().partition(|refund| refund.id == wanted.id);
    let decision = decide(policy, &Case { refunds: same, ..case.clone() }, command);
    with_case(decision, |after| after.refunds.extend(others))
}

/// Nor can an operator stop what is open.
fn nobody_gets_an_attempt(policy: &Policy, case: &Case, command: &Command) -> Decision {
    let decision = decide(policy, case, command);
    if let Action::Park { .. } = command.action {
        return unchanged(CommandReply::Conflict("").into(), decision);
    }
    match decision.reply {
        Reply::Lease(_) => unchanged(LeaseReply::NotDue.into(), decision),
        Reply::Cancel(CancelReply::ReversalPending { .. }) => {
            let pending = Reply::Cancel(CancelReply::ReversalPending { attempt: None });
            if case.reversal.is_some() {
                return unchanged(pending, decision);
            }
            let opened = |reversal: Reversal| Reversal { attempts: 0, ..reversal.reopened(command.at) };
            let decision = Decision { reply: pending, ..decision };
            with_case(decision, |after| after.reversal = after.reversal.take().map(opened))
        }
        Reply::Cancel(CancelReply::Answered(_) | CancelReply::LookUp { .. }) | Reply::Command(_) | Reply::Attempt(_) => decision,
    }
}

/// Deciding has a memory: it says U to every other cancel.
fn deciding_remembers(policy: &Policy, case: &Case, command: &Command) -> Decision {
    static ODD: AtomicBool = AtomicBool::new(false);
    let decision = decide(policy, case, command);
    let pending = Reply::Cancel(CancelReply::Answered(Answer::Pending));
    let forgets = matches!(command.action, Action::Cancel(_)) && ODD.fetch_xor(true, Ordering::Relaxed);
    if forgets { unchanged(pending, decision) } else { decision }
}

/// What a walk says that has to break off.
fn broken(world: &World, decide: Decide) -> String {
    Walk::through(world, decide).err().expect("the bug is found")
}

fn core() -> World {
    World::with_core(2, ONE_REFUND)
}

#[test]
fn a_step_that_breaks_an_invariant_ends_the_walk() {
    let bugs: [(World, Decide, &str); 11] = [
        (core(), an_unknown_end_is_final, "F is proven by a part that was refunded"),
        (core(), a_late_attempt_counts, "only the attempt with the lease ends it"),
        (core(), a_lease_has_a_number_of_before, "a lease has a number of its own"),
        (core(), an_attempt_that_ended_keeps_its_lease, "an attempt that has ended holds no lease"),
        (World::with_ledger(), a_cancel_takes_a_refund_back, "a refund hears the same until it failed"),
        (World::with_ledger(), a_reversed_success_stands, "reversed is never taken back"),
        (World::with_ledger(), one_refund_does_not_know_of_the_other, "no more is given back than was taken"),
        (World::with_ledger(), a_credit_is_lost, "the entries are what the case says"),
        (World::with_ledger(), what_has_settled_is_cancelled, "on both sides"),
        (World::with_ledger(), a_recorded_answer_is_made_again, "the same again is answered the same"),
        (World::with_ledger(), deciding_remembers, "deciding is a function"),
    ];
    for (world, bug, says) in bugs {
        let said = broken(&world, bug);
        assert!(said.contains(says), "{says}: {said}");
    }
}

#[test]
fn what_is_told_and_taken_back_is_a_step_of_a_new_kind() {
    let world = World::with_ledger();
    let right = Walk::through(&world, decide).unwrap_or_else(|broken| panic!("{broken}"));
    let listed = Figures::of(&right, &right.spread());
    let walk = Walk::through(&world, the_fence_is_forgotten).unwrap_or_else(|broken| panic!("{broken}"));
    let spread = walk.spread();
    let wrong = listed.differences(&Figures::of(&walk, &spread), &spread);
    let kind = format!("{:?}", Kind::SuccessTakenBack);
    assert!(wrong.iter().any(|line| line.starts_with(&kind) && line.contains("none is listed")), "{wrong:?}");
}

#[test]
fn a_case_that_can_never_end_is_stuck() {
    let world = core();
    let walk = Walk::through(&world, nobody_gets_an_attempt).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(walk.dead_ends().stuck > 0, "{:?}", walk.dead_ends());
}

#[test]
fn a_kind_that_is_mended_has_to_leave_the_list() {
    let world = World::with_ledger();
    let walk = Walk::through(&world, decide).unwrap_or_else(|broken| panic!("{broken}"));
    let (spread, mut listed) = (walk.spread(), Figures::of(&walk, &walk.spread()));
    let found = listed.clone();
    assert_eq!(listed.differences(&found, &spread), [""; 0]);
    listed.kinds.push((Kind::ClosedThenProceed, 3));
    assert_eq!(listed.differences(&found, &spread), ["ClosedThenProceed: 3 are listed and none is met; remove it from the list"]);
    listed = Figures { figures: (0, 0, 0, 0, 0), ..found.clone() };
    let wrong = listed.differences(&found, &spread);
    assert!(wrong.len() == 1 && wrong[0].starts_with("the rules have other states or steps"), "{wrong:?}");
}
