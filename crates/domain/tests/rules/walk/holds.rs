//! What holds of every step here, beside what holds of any history: the lease of an attempt, and the books.

use domain::{Action, CancelReply, Case, CommandReply, Decision, Disposition, FundsKind, LeaseReply, Refund, RefundState, Reply};

use crate::invariants::{self, Decide, Step};

/// All that has to hold.
pub(super) fn hold(decide: Decide, step: &Step<'_>) {
    a_lease_is_new_and_ends(step);
    a_refund_hears_the_same_until_it_failed(step);
    the_books_are_what_the_case_says(step);
    invariants::hold(decide, step);
}

fn a_lease_is_new_and_ends(step: &Step<'_>) {
    // A lookup has no lease but its time.
    if matches!(step.action(), Action::LeaseLookup) {
        return;
    }
    let leased_to = |case: &Case, attempt| case.reversal.as_ref().is_some_and(|reversal| reversal.is_leased_to(attempt));
    if let Reply::Cancel(CancelReply::ReversalPending { attempt: Some(attempt) }) | Reply::Lease(LeaseReply::Leased(attempt)) =
        step.decision.reply
    {
        let before = step.before.reversal.as_ref().map_or(0, |reversal| reversal.attempts);
        assert!(attempt == before + 1 && leased_to(step.after, attempt), "a lease has a number of its own");
    }
    if let (Action::CompleteAttempt(end), Some(_)) = (step.action(), &step.decision.change) {
        assert!(!leased_to(step.after, end.attempt), "an attempt that has ended holds no lease");
    }
}

/// What is recorded of a refund is what the wallet heard of it.
fn a_refund_hears_the_same_until_it_failed(step: &Step<'_>) {
    let Action::Refund(wanted) = step.action() else { return };
    let same = |refund: &&Refund| refund.id == wanted.id && refund.amount == wanted.amount;
    let Some(known) = step.before.refunds.iter().find(same) else { return };
    let failed = matches!(known.state, RefundState::Failed { .. });
    let disposition = if failed { Disposition::Refused } else { Disposition::Proceed };
    assert_eq!(step.decision.reply, CommandReply::Done(disposition).into(), "a refund hears the same until it failed");
}

/// The ledger's entries are compared with the case; a wallet core keeps books of its own.
fn the_books_are_what_the_case_says(step: &Step<'_>) {
    let (taken, given) = booked(step.decision);
    if step.policy.funds == FundsKind::Http {
        assert_eq!((taken, given), (0, 0), "a wallet core keeps books of its own");
        return;
    }
    let (before, after) = (books(step.before), books(step.after));
    assert_eq!((before.0 + taken, before.1 + given), after, "the entries are what the case says");
    assert!(after.1 <= after.0, "no more is given back than was taken");
}

fn booked(decision: &Decision) -> (i64, i64) {
    let entries = decision.change.iter().flat_map(|change| &change.entries);
    entries.fold((0, 0), |(taken, given), entry| match entry.kind.gives() {
        true => (taken, given + entry.amount.minor()),
        false => (taken + entry.amount.minor(), given),
    })
}

/// What a case says was taken and given back.
fn books(case: &Case) -> (i64, i64) {
    let amount = case.payment.as_ref().map_or(0, |payment| payment.amount.minor());
    match (invariants::has_succeeded(case), case.is_cancelled()) {
        (true, true) => (amount, amount),
        (true, false) => (amount, case.refunded()),
        (false, _) => (0, 0),
    }
}
