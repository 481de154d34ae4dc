//! The kinds of contradiction that a step can be, beside what may never happen at all.

use domain::{
    Action, Answer, AttemptEnd, Cancel, CancelReply, CorePayment, FinalAnswer, InquiredCase, Inquiry, InquiryReply, InquiryRule,
    Lookup, PayResult, Payment, PaymentInquiry, PaymentStatus, PaymentsKind, Policy, Refusal, Reply, ReportedResult,
    ReversalOutcome, Taken, inquire,
};

use crate::fixtures::{ACQUIRER, NOON, acquirer, at, payment};
use crate::invariants::{Step, recorded_answer, waits_in_anothers_name};

/// Something that was told is taken back, or two who should agree do not. Each is a failure. Those that are known are listed
/// with their counts until they are mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// An acquirer heard S, and hears something else.
    SuccessTakenBack,
    /// An acquirer heard F, and hears something else, or F with another code.
    RefusalTakenBack,
    /// The wallet heard `closed` or `reversed`, and hears `proceed`.
    ClosedThenProceed,
    /// The wallet heard `closed` or `reversed`, and hears `stands` of a success.
    ClosedThenStands,
    /// A refund may proceed beyond what the core said was left.
    RefundBeyondTheCore,
    /// An inquiry said closed, and says something else.
    InquiryTakenBack,
    /// The core says that a part was refunded, after S was recorded, and the reversal counts as done.
    PartlyRefundedAfterSuccess,
    /// An acquirer's cancel that waits for its lookup is replaced by that of another, whose payment it is not and which did not ask
    /// before it.
    AskerReplaced,
    /// A cancel that waits for its lookup has no receipt of its own.
    WaitsInAnothersName,
    /// An inquiry says that there is no such payment, while nobody could look.
    UnknownInDoubt,
    /// A cancel whose receipt in time is durable is refused as too late.
    InTimeAndTooLate,
    /// The wallet reported a success, the core says that nothing was ever taken, and S stands.
    NothingOfASuccess,
    /// The core has another amount than before, and the two decide a cancel for good.
    DecidedOnTwoAmounts,
    /// After an S that cancelled the payment an inquiry says that it is paid, or anything else but closed.
    InquiredAfterSuccess,
    /// An inquiry says closed before the cancel has its final answer.
    ClosedBeforeSuccess,
}

impl Kind {
    pub(super) const ALL: [Self; 15] = [
        Self::SuccessTakenBack,
        Self::RefusalTakenBack,
        Self::ClosedThenProceed,
        Self::ClosedThenStands,
        Self::RefundBeyondTheCore,
        Self::InquiryTakenBack,
        Self::PartlyRefundedAfterSuccess,
        Self::AskerReplaced,
        Self::WaitsInAnothersName,
        Self::UnknownInDoubt,
        Self::InTimeAndTooLate,
        Self::NothingOfASuccess,
        Self::DecidedOnTwoAmounts,
        Self::InquiredAfterSuccess,
        Self::ClosedBeforeSuccess,
    ];

    /// Why it is known, in words or as the failure it belongs to; what has no reason may not be met at all.
    pub(super) fn known_as(self) -> Option<&'static str> {
        match self {
            Self::SuccessTakenBack
            | Self::RefusalTakenBack
            | Self::ClosedThenProceed
            | Self::ClosedThenStands
            | Self::RefundBeyondTheCore
            | Self::InquiryTakenBack
            | Self::PartlyRefundedAfterSuccess
            | Self::UnknownInDoubt
            | Self::NothingOfASuccess
            | Self::DecidedOnTwoAmounts
            | Self::InquiredAfterSuccess
            | Self::ClosedBeforeSuccess
            | Self::AskerReplaced
            | Self::WaitsInAnothersName
            | Self::InTimeAndTooLate => None,
        }
    }
}

/// Whether a step is of a kind.
type Is = fn(&Step<'_>) -> bool;

/// The kinds that a step shows by itself, without what was told before it.
pub(super) const OF_A_STEP: [(Kind, Is); 10] = [
    (Kind::InquiryTakenBack, inquiry_is_taken_back),
    (Kind::PartlyRefundedAfterSuccess, is_partly_refunded_after_success),
    (Kind::AskerReplaced, asker_is_replaced),
    (Kind::WaitsInAnothersName, waits_in_anothers_name),
    (Kind::UnknownInDoubt, is_unknown_in_doubt),
    (Kind::InTimeAndTooLate, is_in_time_and_too_late),
    (Kind::NothingOfASuccess, is_nothing_of_a_success),
    (Kind::DecidedOnTwoAmounts, is_decided_on_two_amounts),
    (Kind::InquiredAfterSuccess, is_inquired_after_success),
    (Kind::ClosedBeforeSuccess, is_closed_before_success),
];

fn inquiry_is_taken_back(step: &Step<'_>) -> bool {
    step.before.inquiry() == Inquiry::Closed && step.after.inquiry() != Inquiry::Closed
}

/// What the payment's own acquirer may be answered by an inquiry after a step, whatever the core says.
fn inquired(step: &Step<'_>) -> impl Iterator<Item = InquiryReply> {
    // What a step leaves as it was, was looked at before.
    let changed = step.decision.change.as_ref().map(|change| InquiredCase::from(&change.case));
    let succeeded = PaymentStatus::Succeeded { completed_at: at(NOON), fee: None };
    let found = CorePayment { payment: Payment { status: succeeded, ..payment() }, refunded: 0, refund_running: false };
    let lookups = [Lookup::NotYet, Lookup::Recorded, Lookup::Failed("no answer".into()), Lookup::Found(Box::new(found))];
    let (id, at) = (step.command.id.clone(), step.command.at);
    let policies = [PaymentsKind::Recorded, PaymentsKind::Core].map(|payments| Policy { payments, ..step.policy.clone() });
    let asker = step.after.acquirer_id().cloned().unwrap_or_else(|| acquirer(ACQUIRER));
    changed.into_iter().flat_map(move |case| {
        let (id, asker, policies) = (id.clone(), asker.clone(), policies.clone());
        lookups.clone().into_iter().flat_map(move |lookup| {
            let inquiry = PaymentInquiry { id: id.clone(), acquirer_id: asker.clone(), lookup, at };
            policies.each_ref().map(|policy| inquire(policy, &case, &inquiry))
        })
    })
}

fn says_closed(reply: &InquiryReply) -> bool {
    matches!(reply, InquiryReply::Answered(InquiryRule::Cancelled) | InquiryReply::CancelledUnseen)
}

fn is_inquired_after_success(step: &Step<'_>) -> bool {
    let is_told = step.after.is_cancelled() && recorded_answer(step.after) == Some(FinalAnswer::Cancelled);
    is_told && inquired(step).any(|reply| !says_closed(&reply))
}

fn is_closed_before_success(step: &Step<'_>) -> bool {
    recorded_answer(step.after).is_none() && inquired(step).any(|reply| says_closed(&reply))
}

/// What the core said of an attempt, if the attempt counted.
pub(super) fn core_said<'a>(step: &Step<'a>) -> Option<&'a ReversalOutcome> {
    let Action::CompleteAttempt(AttemptEnd { outcome, .. }) = &step.command.action else { return None };
    step.decision.change.as_ref().map(|_| outcome)
}

fn is_partly_refunded_after_success(step: &Step<'_>) -> bool {
    matches!(core_said(step), Some(ReversalOutcome::PartlyRefunded(_)))
        && step.before.is_cancelled()
        && recorded_answer(step.before).is_some()
        && step.after.is_money_returned()
}

fn asker_is_replaced(step: &Step<'_>) -> bool {
    let (Some(before), Some(after)) = (&step.before.cancellation, &step.after.cancellation) else { return false };
    let of_payment = step.after.payment.as_ref().map(|payment| &payment.acquirer_id);
    let asked_before = step.after.cancellation.as_ref().is_some_and(|after| after.first_received_at < before.first_received_at);
    before.acquirer_id != after.acquirer_id && of_payment != Some(&after.acquirer_id) && !asked_before
}

fn is_unknown_in_doubt(step: &Step<'_>) -> bool {
    let waits = step.after.cancellation.as_ref().is_some_and(domain::Cancellation::waits_for_lookup);
    waits && step.after.inquiry() == Inquiry::Unknown
}

fn is_in_time_and_too_late(step: &Step<'_>) -> bool {
    let Reply::Cancel(CancelReply::Answered(Answer::Refused(Refusal::PeriodOver(_)))) = step.decision.reply else { return false };
    let received_at = asker(step.action()).and_then(|asker| step.before.received_from(asker));
    let in_time = |payment: &domain::Payment| {
        received_at.is_some_and(|received_at| step.policy.period.includes(payment.initiated_at, received_at))
    };
    !step.after.is_settled() && step.after.payment.as_ref().is_some_and(in_time)
}

fn is_nothing_of_a_success(step: &Step<'_>) -> bool {
    let known = step.before.reversal.as_ref().is_some_and(|reversal| reversal.taken != Taken::NothingKnown);
    known && core_said(step) == Some(&ReversalOutcome::NothingToDo) && step.after.is_money_returned()
}

fn is_decided_on_two_amounts(step: &Step<'_>) -> bool {
    let differs =
        |found: &domain::CorePayment| step.after.payment.as_ref().is_some_and(|known| known.amount != found.payment.amount);
    !step.before.is_decided() && step.after.is_decided() && step.found().is_some_and(differs)
}

/// Whether the wallet reports a success, for which it hears whether the success stands.
pub(super) fn reports_success(action: &Action) -> bool {
    matches!(action, Action::Result(PayResult { result: ReportedResult::Succeeded, .. }))
}

/// The acquirer that asks, if one does.
pub(super) fn asker(action: &Action) -> Option<&domain::AcquirerId> {
    if let Action::Cancel(Cancel { acquirer_id, .. }) = action { Some(acquirer_id) } else { None }
}
