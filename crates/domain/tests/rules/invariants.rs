//! What holds of every step, after any history.

use domain::{
    Action, Answer, AttemptEnd, Cancel, CancelReply, CancellationState, Case, Command, CommandReply, CorePayment, Decision,
    DeferReason, Disposition, EventKind, FinalAnswer, FundsKind, LeaseReply, Lookup, LookupEnd, OtherAcquirer, PayResult,
    PaymentStatus, Policy, Refusal, Reply, ReportedResult, ReversalOutcome, ReversalState, Settlement,
};

/// [`domain::decide`], or one with a planted bug.
pub(crate) type Decide = fn(&Policy, &Case, &Command) -> Decision;

/// A command with the case before it and what came of it.
pub(crate) struct Step<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) before: &'a Case,
    pub(crate) command: &'a Command,
    pub(crate) decision: &'a Decision,
    pub(crate) after: &'a Case,
}

impl Step<'_> {
    pub(crate) fn action(&self) -> &Action {
        &self.command.action
    }

    /// What the wallet core said of the payment, where a cancel had it looked up.
    pub(crate) fn found(&self) -> Option<&CorePayment> {
        match self.action() {
            Action::Cancel(Cancel { lookup: Lookup::Found(found), .. })
            | Action::DecideDeferred(LookupEnd { lookup: Lookup::Found(found), .. }) => Some(found),
            Action::Cancel(Cancel { lookup: Lookup::Recorded | Lookup::NotYet | Lookup::Failed(_), .. })
            | Action::DecideDeferred(LookupEnd { lookup: Lookup::Recorded | Lookup::NotYet | Lookup::Failed(_), .. })
            | Action::Pay(_)
            | Action::Result(_)
            | Action::Refund(_)
            | Action::RefundResult(_)
            | Action::LeaseAttempt
            | Action::CompleteAttempt(_)
            | Action::LeaseLookup
            | Action::LookUpBy(_)
            | Action::Retry { .. }
            | Action::Park { .. }
            | Action::Resolve { .. }
            | Action::Approve { .. }
            | Action::Settle(_)
            | Action::Adopt(_) => None,
        }
    }
}

pub(crate) fn has_succeeded(case: &Case) -> bool {
    matches!(case.payment.as_ref().map(|payment| &payment.status), Some(PaymentStatus::Succeeded { .. }))
}

pub(crate) fn recorded_answer(case: &Case) -> Option<FinalAnswer> {
    case.cancellation.as_ref().and_then(domain::Cancellation::final_answer)
}

/// Whether a cancel waits for its lookup and has no receipt of its own.
pub(crate) fn waits_in_anothers_name(step: &Step<'_>) -> bool {
    let Action::Cancel(cancel) = step.action() else { return false };
    let waits = step.after.cancellation.as_ref().is_some_and(|cancellation| cancellation.waits_for_lookup());
    // Who is refused waits for nothing.
    let is_refused = matches!(step.decision.reply, Reply::Cancel(CancelReply::Answered(Answer::Refused(_))));
    waits && !is_refused && step.after.received_from(&cancel.acquirer_id).is_none()
}

/// The same command once more on what it left behind: nothing is written, and the same is said, but for a lease, which is given
/// once, and for an operator's word, which finds the reversal not parked any more. Where nothing was written, that deciding is a
/// function says the same.
fn once_is_enough(decide: Decide, step: &Step<'_>) {
    if step.decision.change.is_none() {
        return;
    }
    let Decision { reply, rule: _, change } = decide(step.policy, step.after, step.command);
    let first = step.decision.reply;
    assert_eq!(change, None, "a repeat writes nothing");
    if matches!(step.action(), Action::DecideDeferred(_)) {
        // Nobody hears a worker's reply, and it is no answer once the cancel does not wait any more.
        return;
    }
    match first {
        Reply::Cancel(CancelReply::ReversalPending { .. }) => {
            assert_eq!(reply, Reply::Cancel(CancelReply::ReversalPending { attempt: None }))
        }
        Reply::Command(CommandReply::Done(Disposition::Reopened | Disposition::Resolved | Disposition::Parked)) => {
            assert!(matches!(reply, Reply::Command(CommandReply::Conflict(_) | CommandReply::NotFound { .. })))
        }
        Reply::Cancel(CancelReply::Answered(_) | CancelReply::LookUp { .. })
        | Reply::Command(CommandReply::Done(_))
        | Reply::Command(CommandReply::NotFound { .. })
        | Reply::Command(CommandReply::Conflict(_) | CommandReply::RefundedElsewhere | CommandReply::PaymentsAreTheCores)
        | Reply::Attempt(_) => {
            assert_eq!(reply, first, "the same again is answered the same")
        }
        Reply::Lease(_) => assert_eq!(reply, Reply::Lease(LeaseReply::NotDue)),
    }
}

/// Where F is said for the first time, the case holds the proof.
fn a_refusal_is_proven(step: &Step<'_>) {
    let (Reply::Cancel(CancelReply::Answered(Answer::Refused(refusal))) | Reply::Attempt(Answer::Refused(refusal))) =
        step.decision.reply
    else {
        return;
    };
    if recorded_answer(step.before) == Some(FinalAnswer::Refused(refusal)) {
        return;
    }
    let case = step.before;
    match refusal {
        Refusal::DifferentRequest => {
            let Action::Cancel(cancel) = step.action() else {
                assert!(matches!(step.action(), Action::DecideDeferred(_)), "only a cancel has an acquirer");
                assert!(step.after.cancellation.is_none(), "the payment's acquirer did not ask");
                return;
            };
            assert_eq!(step.policy.results.other_acquirer, OtherAcquirer::ParamIllegal);
            let found = step.found().filter(|_| !case.is_decided()).map(|found| &found.payment);
            let of_payment = case.payment.as_ref().or(found).map(|payment| &payment.acquirer_id);
            let of_cancel = case.cancellation.as_ref().filter(|cancellation| !cancellation.waits_for_lookup());
            let of_cancel = of_cancel.map(|cancellation| &cancellation.acquirer_id);
            let is_fence_of_another = step.after.payment.is_none() && step.after.is_foreign_to(&cancel.acquirer_id);
            assert!(is_fence_of_another || of_payment.or(of_cancel).is_some(), "somebody is recorded");
            // A cancel that was let in and waits is answered by whose payment it is, once the settings compare that.
            let is_let_in = of_payment.is_some() && case.defer_reason().is_some();
            assert!(of_payment != Some(&cancel.acquirer_id) && (is_let_in || of_cancel != Some(&cancel.acquirer_id)));
            let is_its_own = step.after.cancellation.as_ref().is_some_and(|known| known.acquirer_id == cancel.acquirer_id);
            let is_left = is_its_own || !step.after.receipts.is_empty();
            assert!(!is_left || step.decision.change.is_none(), "a stranger's cancel is not recorded");
        }
        Refusal::PeriodOver(_) => {
            let payment = step.after.payment.as_ref().expect("a payment that is known");
            let received_at = step.after.cancellation.as_ref().expect("recorded").first_received_at;
            let late = received_at >= step.policy.period.end(payment.initiated_at);
            assert!(late || case.is_settled());
        }
        Refusal::PartlyRefunded
            if matches!(
                step.action(),
                Action::CompleteAttempt(AttemptEnd { outcome: ReversalOutcome::PartlyRefunded(_), .. })
            ) =>
        {
            assert!(!is_promised(case), "F48: what was told is not taken back by F");
        }
        Refusal::PartlyRefunded => {
            assert!(has_succeeded(step.after) && !step.after.has_running_refund(), "F is proven by a part that was refunded");
            let elsewhere = step.after.refunded_elsewhere.and_then(domain::RefundedElsewhere::amount).unwrap_or(0);
            let refunded = step.after.refunded() + elsewhere;
            assert!(
                (1..step.after.payment.as_ref().map_or(0, |payment| payment.amount.minor())).contains(&refunded),
                "F is proven by a part that was refunded"
            );
        }
        Refusal::NeverReceived => {
            assert_eq!(case.payment, None);
            let said = matches!(step.action(), Action::CompleteAttempt(AttemptEnd { outcome: ReversalOutcome::NothingToDo, .. }));
            assert!(step.policy.funds == FundsKind::Ledger || said, "a wallet core has to say so itself");
        }
    }
}

fn what_was_said_stays_said(step: &Step<'_>) {
    let Some(recorded) = recorded_answer(step.before) else { return };
    assert_eq!(recorded_answer(step.after), Some(recorded));
    if let Action::Cancel(_) = step.action() {
        let foreign = Reply::Cancel(CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest)));
        let repeated = Reply::Cancel(CancelReply::Answered(recorded.into()));
        assert!(step.decision.reply == repeated || step.decision.reply == foreign, "a recorded answer is repeated");
        let parks = step.found().is_some() && step.before.is_cancelled() && is_parked(step.after) && !is_parked(step.before);
        assert!(step.decision.change.is_none() || parks, "it writes nothing, but for a contradiction that is parked");
    }
}

/// Whether S or F was answered, or the wallet heard that the payment is closed.
fn is_promised(case: &Case) -> bool {
    case.told.is_some() || recorded_answer(case).is_some()
}

fn is_parked(case: &Case) -> bool {
    case.reversal.as_ref().is_some_and(|reversal| matches!(reversal.state, ReversalState::Parked { .. }))
}

/// What the wallet heard of a closed payment, and what an inquiry said of it, stays true (F48, F53).
fn what_was_told_stays_true(step: &Step<'_>) {
    let (before, after) = (step.before, step.after);
    assert!(before.told.is_none() || after.told == before.told, "what was told is recorded for ever");
    let hears = |disposition| step.decision.reply == Reply::Command(CommandReply::Done(disposition));
    let is_success = matches!(step.action(), Action::Result(PayResult { result: ReportedResult::Succeeded, .. }));
    if before.told.is_some() {
        assert!(!matches!(step.action(), Action::Pay(_)) || !hears(Disposition::Proceed), "closed is never taken back");
        assert!(!is_success || !hears(Disposition::Stands), "reversed is never taken back");
    }
    if hears(Disposition::Closed) || hears(Disposition::Reversed) {
        assert!(after.told.is_some(), "the commit that tells it records it");
    }
    assert!(before.inquiry() != domain::Inquiry::Closed || after.inquiry() == domain::Inquiry::Closed, "an inquiry's F stays");
    let known = |case: &Case| case.refunded_elsewhere.and_then(domain::RefundedElsewhere::amount);
    let is_less = known(before).zip(known(after)).is_some_and(|(before, after)| after < before);
    assert!(before.refunded_elsewhere.is_none() || (after.refunded_elsewhere.is_some() && !is_less), "F49: it is not forgotten");
}

/// F49: a refund goes on only within what is left of the payment, as far as the core has said.
fn a_refund_fits_what_the_core_left(step: &Step<'_>) {
    let (Action::Refund(_), Some(_)) = (step.action(), &step.decision.change) else { return };
    let left = step.after.payment.as_ref().map_or(0, |payment| payment.amount.minor()) - step.after.refunded_or_reserved();
    match step.after.refunded_elsewhere {
        None => {}
        Some(domain::RefundedElsewhere::Amount(elsewhere)) => assert!(elsewhere <= left, "no more than the core left"),
        Some(domain::RefundedElsewhere::All | domain::RefundedElsewhere::Part) => panic!("nobody knows what is left"),
    }
}

/// Nor does it ever cost a fee again (F28), and no other name leads out of it (F11).
fn a_cancel_is_never_undone(step: &Step<'_>) {
    let (before, after) = (&step.before.cancellation, &step.after.cancellation);
    if let (Some(before), Some(after)) = (before, after) {
        assert!(before.acquirer_id == after.acquirer_id || before.state.defer_reason().is_some());
        let known = step.before.received_from(&after.acquirer_id);
        let earliest = known.is_none_or(|known| after.first_received_at <= known);
        assert!(earliest || before.is_of_doubtful_time(), "the earliest receipt that nobody doubts");
    }
    let is_turned_away = before.as_ref().is_some_and(|before| before.waits_for_lookup())
        && step.after.payment.as_ref().is_some_and(|payment| step.before.received_from(&payment.acquirer_id).is_none());
    assert!(before.is_none() || after.is_some() || is_turned_away);
    a_deferral_is_of_what_waits(step.after);
    let says = |is: fn(&ReversalOutcome) -> bool| matches!(step.action(), Action::CompleteAttempt(end) if is(&end.outcome));
    let refunded = says(|outcome| *outcome == ReversalOutcome::FullyRefunded)
        || (says(|outcome| matches!(outcome, ReversalOutcome::PartlyRefunded(_))) && !is_promised(step.before));
    if step.before.is_cancelled() && !refunded {
        let cancelled_at = |case: &Case| case.cancellation.as_ref().and_then(domain::Cancellation::cancelled_at);
        assert_eq!(cancelled_at(step.after), cancelled_at(step.before));
    }
    if let (true, Some(PaymentStatus::Succeeded { fee, .. })) =
        (step.after.is_cancelled(), step.after.payment.as_ref().map(|payment| &payment.status))
    {
        let is_for_good = recorded_answer(step.after).is_some();
        assert!(fee.is_none() || !is_for_good, "F28: a cancelled payment costs no fee");
        assert!(step.after.reversal.is_some(), "and its money is owed or back");
    }
    if step.after.is_cancelled() {
        assert!(
            step.decision.reply != Reply::Command(CommandReply::Done(Disposition::Proceed))
                || matches!(step.action(), Action::Refund(_))
        );
        assert!(!step.after.has_running_refund(), "no refund runs beside a cancellation");
    }
    let waits = after.as_ref().is_some_and(|known| known.state == CancellationState::Deferred(DeferReason::RefundRunning))
        && !step.after.has_parked_deferral();
    let ended = matches!(step.action(), Action::RefundResult(_)) && step.before.has_running_refund();
    assert!(!waits || !ended || step.after.has_running_refund(), "nobody waits for a refund that has ended");
}

/// What is decided waits for nothing, and only where more than one acquirer waits there are further receipts.
fn a_deferral_is_of_what_waits(case: &Case) {
    let waits = case.defer_reason().is_some();
    assert!(waits || (case.deferral.is_none() && case.receipts.is_empty()), "what is decided waits for nothing");
    let has_end = case.lookup_due_at().is_some() || case.has_parked_deferral() || case.has_running_refund();
    assert!(!waits || has_end, "what waits is due, parked, or waits for a refund");
}

fn a_reversal_goes_its_way_only(step: &Step<'_>) {
    let Some(before) = &step.before.reversal else { return };
    let after = step.after.reversal.as_ref().expect("the one reversal stays for ever");
    let owed_all_along = matches!(before.state, ReversalState::Open { .. });
    assert!(after.attempts >= before.attempts && (after.opened_at == before.opened_at || !owed_all_along));
    let success = matches!(step.action(), Action::Result(PayResult { result: ReportedResult::Succeeded, .. }));
    match (&before.state, &after.state) {
        (ReversalState::Done { by_hand, .. }, ReversalState::Open { .. }) => {
            assert!(success && step.policy.funds == FundsKind::Http && !by_hand, "nobody is paid by hand and by the core");
        }
        (ReversalState::Parked { .. }, ReversalState::Open { .. }) => assert!(matches!(step.action(), Action::Retry { .. })),
        (ReversalState::Parked { .. }, ReversalState::Done { .. }) => {
            assert!(matches!(step.action(), Action::Resolve { .. } | Action::Approve { .. }));
        }
        (ReversalState::Open { .. }, ReversalState::Parked { .. } | ReversalState::Done { .. }) => {
            if let Action::CompleteAttempt(AttemptEnd { attempt, .. }) = step.action() {
                assert!(before.is_leased_to(*attempt), "only the attempt with the lease ends it");
            } else if matches!(step.action(), Action::Park { .. }) {
                assert!(is_parked(step.after) && !before.is_leased(step.command.at), "nobody is at it");
            } else {
                assert!(is_parked(step.after) && step.found().is_some(), "only a contradiction parks it by itself");
            }
        }
        (ReversalState::Done { by_hand, .. }, ReversalState::Parked { .. }) => {
            let contradicted = !by_hand && step.found().is_some();
            assert!((*by_hand && success) || contradicted, "what the core did was not refused");
        }
        (ReversalState::Open { .. }, ReversalState::Open { .. }) => {}
        (ReversalState::Parked { .. }, ReversalState::Parked { .. })
        | (ReversalState::Done { .. }, ReversalState::Done { .. }) => {}
    }
    if let (Action::CompleteAttempt(AttemptEnd { attempt, .. }), None) = (step.action(), &step.decision.change) {
        assert!(!before.is_leased_to(*attempt), "the attempt that holds the lease counts");
    }
}

/// A payment settles or is cancelled, never both, and what settles is never touched again. What was left out is accounted for anew
/// only where the wallet core says that it must not be cancelled.
fn what_is_accounted_for_stays_on_its_side(step: &Step<'_>) {
    assert!(!(step.after.is_settled() && step.after.is_cancelled()), "on both sides");
    if step.before.is_settled() {
        let with_fee = |case: &Case| (case.settlement, case.payment.clone());
        assert_eq!(with_fee(step.after), with_fee(step.before));
    }
    let settles = matches!(step.action(), Action::Settle(_));
    match (step.before.settlement, step.after.settlement) {
        (None, Some(_)) => assert!(settles && has_succeeded(step.after)),
        (Some(Settlement::Excluded { .. }), None) => assert!(step.before.is_cancelled() && !step.after.is_cancelled()),
        (before, after) => assert_eq!(before, after),
    }
    for (before, after) in step.before.refunds.iter().zip(&step.after.refunds) {
        assert!(before.settled_on == after.settled_on || (before.settled_on.is_none() && settles));
    }
}

/// With four eyes nothing is ended by the name that asked for it, and what was asked for stands only as long as nothing else happens.
fn a_resolution_takes_as_many_as_the_settings_want(step: &Step<'_>) {
    let (asked, stands) = (&step.before.resolution, &step.after.resolution);
    assert!(stands.is_none() || step.after.is_parked(), "only what is parked is resolved");
    let lines = step.decision.change.iter().flat_map(|change| &change.events).map(|event| &event.kind);
    let lines: Vec<_> = lines.collect();
    if let [.., EventKind::ResolutionRequested { note, by }] = &lines[..] {
        assert!(step.policy.four_eyes && step.before.cancellation == step.after.cancellation);
        assert_eq!(stands.as_ref().map(|stands| (&stands.note, &stands.by)), Some((note, by)));
    } else if lines.is_empty() {
        assert_eq!(asked, stands);
    } else {
        assert_eq!(*stands, None, "whoever approves has seen all");
    }
    for line in lines {
        let EventKind::ReversalResolved { note, by, approved_by } = line else { continue };
        match (step.action(), approved_by) {
            (Action::Resolve { .. }, None) => assert!(!step.policy.four_eyes),
            (Action::Approve { by: approver }, Some(approved_by)) => {
                assert!(approver == approved_by && by != approver, "one name is two eyes");
                assert_eq!(asked.as_ref().map(|asked| (&asked.note, &asked.by)), Some((note, by)));
            }
            (action, _) => panic!("{action:?} resolved it"),
        }
    }
}

/// All of the above.
pub(crate) fn hold(decide: Decide, step: &Step<'_>) {
    once_is_enough(decide, step);
    a_refusal_is_proven(step);
    what_was_said_stays_said(step);
    what_was_told_stays_true(step);
    a_refund_fits_what_the_core_left(step);
    a_cancel_is_never_undone(step);
    a_reversal_goes_its_way_only(step);
    a_resolution_takes_as_many_as_the_settings_want(step);
    what_is_accounted_for_stays_on_its_side(step);
}
