//! What an inquiry is answered: every state of a payment and its cancel, with every outcome of a lookup.

use std::fs;

use domain::{
    AcquirerId, Action, CancellationState, Case, CommandReply, CorePayment, DeferReason, Disposition, FailureReason, FinalAnswer,
    FundsKind, InquiredCase, Inquiry, InquiryReply, InquiryRow, InquiryRule, Lookup, OtherAcquirer, PaidPayment, PayResult,
    Payment, PaymentId, PaymentInquiry, PaymentStatus, PaymentsKind, Policy, Refusal, RefusalCode, Reply, ReversalOutcome,
    ReversalState, inquire,
};

use crate::fixtures::{
    ACQUIRER, IN_TIME, NOON, OTHER_ACQUIRER, S, STANDS, Story, acquirer, announced, at, failure, good, jpy, leased, nothing,
    paid, payment, policy,
};

const CORE: FundsKind = FundsKind::Http;

/// Payments are at the core.
fn at_core() -> Policy {
    Policy { payments: PaymentsKind::Core, ..policy(CORE) }
}

fn succeeded() -> Payment {
    let payment_id = Some(good(PaymentId::parse("P-1")));
    Payment { payment_id, status: PaymentStatus::Succeeded { completed_at: at(NOON), fee: None }, ..payment() }
}

fn failed(reason: Option<FailureReason>) -> Payment {
    Payment { status: PaymentStatus::Failed { completed_at: at(NOON), reason }, ..payment() }
}

fn core_payment(payment: Payment) -> CorePayment {
    CorePayment { payment, refunded: 0, refund_running: false }
}

fn found(payment: Payment) -> Lookup {
    Lookup::Found(Box::new(core_payment(payment)))
}

fn as_paid(payment: &Payment) -> InquiryRule {
    let payment_id = payment.payment_id.clone();
    InquiryRule::Paid(PaidPayment { payment_id, paid_at: at(NOON), amount: payment.amount })
}

fn asked(policy: &Policy, case: &InquiredCase, (asker, lookup): (AcquirerId, Lookup)) -> InquiryReply {
    let id = good(domain::PaymentRequestId::parse("20200101234567890132"));
    inquire(policy, case, &PaymentInquiry { id, acquirer_id: asker, lookup, at: at(IN_TIME) })
}

/// What the payment's own acquirer is answered by the record alone.
fn of_record(story: &Story) -> InquiryReply {
    asked(&story.policy, &InquiredCase::from(&story.case), (acquirer(ACQUIRER), Lookup::NotYet))
}

/// Every payment that may be recorded.
fn payments() -> [Option<Payment>; 5] {
    let reason = Some(FailureReason::UserBalanceNotEnough);
    [None, Some(payment()), Some(succeeded()), Some(failed(None)), Some(failed(reason))]
}

/// Every state that a cancel may have left.
fn cancellations() -> Vec<Option<CancellationState>> {
    let cancelled_at = at(IN_TIME);
    let deferred = DeferReason::ALL.iter().map(|reason| CancellationState::Deferred(*reason));
    let refusals = [Refusal::DifferentRequest, Refusal::PeriodOver(RefusalCode::ProcessFail), Refusal::PartlyRefunded];
    let answers = [FinalAnswer::Cancelled, FinalAnswer::Refused(Refusal::NeverReceived)];
    let states = deferred
        .chain([CancellationState::Open { cancelled_at }])
        .chain(answers.map(|answer| CancellationState::Cancelled { cancelled_at, answer }))
        .chain(refusals.map(|refusal| CancellationState::Refused { refusal }))
        .chain([true, false].map(|never_seen| CancellationState::AlreadyRefunded { never_seen }));
    [None].into_iter().chain(states.map(Some)).collect()
}

fn case_of(payment: Option<Payment>, state: Option<CancellationState>) -> InquiredCase {
    let cancellation =
        state.map(|state| domain::Cancellation { acquirer_id: acquirer(ACQUIRER), first_received_at: at(IN_TIME), state });
    InquiredCase { payment, cancellation }
}

fn lookups() -> Vec<Lookup> {
    let other_amount = Payment { amount: jpy(999), ..succeeded() };
    let of_the_zero = Payment { initiated_at: at("0001-01-01T00:00:00Z"), ..succeeded() };
    vec![
        Lookup::NotYet,
        Lookup::Recorded,
        Lookup::Failed("no answer".to_owned()),
        found(payment()),
        found(succeeded()),
        found(failed(None)),
        found(other_amount),
        found(of_the_zero),
    ]
}

/// What must be answered, in words that are not the code's.
fn expected(policy: &Policy, case: &InquiredCase, lookup: &Lookup) -> InquiryReply {
    use InquiryReply::Answered;
    let state = case.cancellation.as_ref().map(|known| known.state);
    let success = case.payment.as_ref().filter(|known| matches!(known.status, PaymentStatus::Succeeded { .. }));
    let of_core = policy.payments == PaymentsKind::Core;
    match state {
        Some(CancellationState::Deferred(_) | CancellationState::Open { .. }) => return Answered(InquiryRule::CancelPending),
        Some(CancellationState::Cancelled { .. }) if of_core && success.is_none() && *lookup == Lookup::NotYet => {
            return InquiryReply::CancelledUnseen;
        }
        Some(CancellationState::Cancelled { .. } | CancellationState::AlreadyRefunded { never_seen: true }) => {
            return Answered(InquiryRule::Cancelled);
        }
        Some(CancellationState::Refused { .. } | CancellationState::AlreadyRefunded { never_seen: false }) | None => {}
    }
    let record = match (&case.payment, state) {
        (Some(known), _) => InquiryRule::of(known),
        (None, Some(_)) => InquiryRule::InDoubt,
        (None, None) => InquiryRule::NeverReceived,
    };
    if success.is_some() || !of_core {
        return Answered(record);
    }
    match lookup {
        Lookup::NotYet => InquiryReply::LookUp,
        Lookup::Failed(_) => Answered(InquiryRule::InDoubt),
        Lookup::Recorded => Answered(record),
        Lookup::Found(known) if known.payment.initiated_at < at("2025-01-01T00:00:00Z") => Answered(InquiryRule::InDoubt),
        Lookup::Found(known) if case.payment.is_some() && known.payment.amount != jpy(1_000) => Answered(InquiryRule::InDoubt),
        Lookup::Found(known) => Answered(InquiryRule::of(&known.payment)),
    }
}

/// A payment as a rule, in the test's own words.
trait OfPayment {
    fn of(payment: &Payment) -> Self;
}

impl OfPayment for InquiryRule {
    fn of(payment: &Payment) -> Self {
        match &payment.status {
            PaymentStatus::InProgress => Self::InProgress,
            PaymentStatus::Succeeded { .. } => as_paid(payment),
            PaymentStatus::Failed { reason, .. } => Self::Failed(*reason),
        }
    }
}

#[test]
fn every_state_with_every_outcome_of_a_lookup_is_answered_by_the_table() {
    let mut seen = std::collections::BTreeSet::new();
    for policy in [policy(FundsKind::Ledger), policy(CORE), at_core()] {
        for payment in payments() {
            for state in cancellations() {
                let case = case_of(payment.clone(), state);
                for lookup in lookups() {
                    let reply = asked(&policy, &case, (acquirer(ACQUIRER), lookup.clone()));
                    assert_eq!(reply, expected(&policy, &case, &lookup), "{payment:?} {state:?} {lookup:?}");
                    if let InquiryReply::Answered(rule) = &reply {
                        seen.insert(rule.name());
                    }
                    let stranger = asked(&policy, &case, (acquirer(OTHER_ACQUIRER), lookup.clone()));
                    seen.extend(
                        (stranger == InquiryReply::Answered(InquiryRule::DifferentAcquirer)).then_some("different-acquirer"),
                    );
                }
            }
        }
    }
    assert_eq!(seen.len(), InquiryRule::TABLE.len(), "every row of the table was met: {seen:?}");
}

#[test]
fn another_acquirer_hears_of_nothing_that_is_known_not_to_be_its_own() {
    for policy in [policy(FundsKind::Ledger), at_core()] {
        let comparing =
            |other_acquirer| Policy { results: domain::Results { other_acquirer, ..policy.results }, ..policy.clone() };
        let by_other = |policy: &Policy, case: &InquiredCase, lookup| asked(policy, case, (acquirer(OTHER_ACQUIRER), lookup));
        let different = InquiryReply::Answered(InquiryRule::DifferentAcquirer);
        for payment in payments().into_iter().flatten() {
            for state in cancellations() {
                let case = case_of(Some(payment.clone()), state);
                for lookup in lookups() {
                    assert_eq!(by_other(&policy, &case, lookup.clone()), different, "{payment:?} {state:?}");
                    let ignored = by_other(&comparing(OtherAcquirer::Ignore), &case, lookup.clone());
                    assert_ne!(ignored, different, "the setting says that it is not compared");
                }
            }
        }
        // As long as nobody knows whose it is, nobody is denied.
        for reason in [DeferReason::LookupFailed, DeferReason::Contradiction, DeferReason::ClocksDisagree] {
            let case = case_of(None, Some(CancellationState::Deferred(reason)));
            assert_eq!(by_other(&policy, &case, Lookup::NotYet), InquiryReply::Answered(InquiryRule::CancelPending));
        }
        let fence =
            case_of(None, Some(CancellationState::Cancelled { cancelled_at: at(IN_TIME), answer: FinalAnswer::Cancelled }));
        assert_eq!(by_other(&policy, &fence, Lookup::NotYet), different, "a fence is its first cancel's");
    }
    let of_core = asked(&at_core(), &InquiredCase::default(), (acquirer(OTHER_ACQUIRER), found(succeeded())));
    assert_eq!(of_core, InquiryReply::Answered(InquiryRule::DifferentAcquirer), "the core names the acquirer");
}

#[test]
fn f39_after_an_s_no_inquiry_says_anything_but_closed_and_before_it_none_says_closed() {
    for (funds, attempts) in [(FundsKind::Ledger, 0), (CORE, 1)] {
        for begun in [nothing, announced, paid] {
            let mut story = begun(funds);
            let closed = InquiryReply::Answered(InquiryRule::Cancelled);
            assert_ne!(of_record(&story), closed);
            let answer = story.cancels();
            if attempts > 0 {
                assert_eq!((answer, of_record(&story)), (leased(1), InquiryReply::Answered(InquiryRule::CancelPending)));
                assert_eq!(story.closes(1, ReversalOutcome::Done), S);
            }
            assert_eq!(of_record(&story), closed);
            let _ = (story.pays(), story.succeeds());
            assert_eq!(of_record(&story), closed, "whatever comes later");
        }
    }
}

#[test]
fn the_view_says_what_an_inquiry_says() {
    for payment in payments() {
        for state in cancellations() {
            let InquiredCase { payment, cancellation } = case_of(payment.clone(), state);
            let unknown = Case::unknown(good(domain::PaymentRequestId::parse("1")));
            let case = Case { payment, cancellation, ..unknown };
            let InquiryReply::Answered(rule) =
                asked(&policy(CORE), &InquiredCase::from(&case), (acquirer(ACQUIRER), Lookup::NotYet))
            else {
                panic!("the record alone answers where the wallet announces its payments");
            };
            assert_eq!(case.inquiry(), rule.inquiry());
        }
    }
}

#[test]
fn a_failure_keeps_the_first_reason_until_the_payment_succeeds() {
    let mut story = announced(FundsKind::Ledger);
    let fails_for = |reason| Action::Result(PayResult { reason: Some(reason), ..failure() });
    assert_eq!(story.decides(fails_for(FailureReason::RiskReject)), STANDS);
    assert_eq!(story.unmoved_by(fails_for(FailureReason::UserNotExist)), STANDS);
    assert_eq!(story.case.inquiry(), Inquiry::Failed(Some(FailureReason::RiskReject)));
    assert_eq!((story.succeeds(), story.case.inquiry()), (STANDS, Inquiry::Paid));
}

/// A fence at a core that keeps the payments, answered S.
fn fenced() -> Story {
    let mut story = nothing(CORE);
    assert_eq!(story.cancels(), leased(1));
    assert_eq!(story.closes(1, ReversalOutcome::NothingToDo), S);
    story.policy = at_core();
    story
}

const REOPENED: Reply = Reply::Command(CommandReply::Done(Disposition::Reopened));
const KNOWN: Reply = Reply::Command(CommandReply::Conflict("the success is recorded already"));

/// Where commits wait for a standby, such a reply waits for it too.
#[test]
fn f80_a_reply_says_closed_where_the_payment_is_closed_and_nowhere_else() {
    let closed = |rule| InquiryReply::Answered(rule).says_closed();
    assert!(closed(InquiryRule::Cancelled) && InquiryReply::CancelledUnseen.says_closed());
    let others = [
        InquiryRule::DifferentAcquirer,
        InquiryRule::CancelPending,
        as_paid(&succeeded()),
        InquiryRule::InDoubt,
        InquiryRule::InProgress,
        InquiryRule::Failed(None),
        InquiryRule::NeverReceived,
    ];
    assert!(!others.into_iter().any(closed) && !InquiryReply::LookUp.says_closed());
}

fn finds(payment: Payment) -> Action {
    Action::FindAfterCancel(Box::new(core_payment(payment)))
}

#[test]
fn f01_a_success_that_an_inquiry_finds_after_the_cancel_goes_back_again() {
    let mut story = fenced();
    assert_eq!(of_record(&story), InquiryReply::CancelledUnseen);
    assert_eq!(story.decides(finds(succeeded())), REOPENED);
    assert!(matches!(story.reversal_state(), Some(ReversalState::Open { lease: None, .. })), "{:?}", story.reversal_state());
    assert_eq!(story.case.reversal_request().and_then(|request| request.amount), Some(jpy(1_000)));
    assert_eq!(
        (story.final_answer(), of_record(&story)),
        (Some(FinalAnswer::Cancelled), InquiryReply::Answered(InquiryRule::Cancelled))
    );
    assert_eq!(story.unmoved_by(finds(succeeded())), KNOWN, "it is known now");
    assert_eq!(story.worker_begins(), Some(2));
    assert_eq!((story.closes(2, ReversalOutcome::Done), story.final_answer()), (S, Some(FinalAnswer::Cancelled)));
}

#[test]
fn what_an_inquiry_finds_changes_nothing_else() {
    let of_another = Payment { acquirer_id: acquirer(OTHER_ACQUIRER), ..succeeded() };
    for payment in [payment(), failed(None), of_another] {
        assert_eq!(fenced().unmoved_by(finds(payment)), STANDS);
    }
    for story in [nothing(CORE), announced(CORE), paid(CORE)] {
        assert_eq!(story.unmoved_by(finds(succeeded())), STANDS, "it is not cancelled");
    }
    let mut given_back = paid(CORE);
    assert_eq!((given_back.cancels(), given_back.closes(1, ReversalOutcome::Done)), (leased(1), S));
    assert_eq!(given_back.unmoved_by(finds(succeeded())), KNOWN, "the success was known");
}

#[test]
fn f58_what_an_inquiry_finds_and_contradicts_the_record_is_parked() {
    let mut story = announced(CORE);
    assert_eq!((story.cancels(), story.closes(1, ReversalOutcome::NothingToDo)), (leased(1), S));
    assert_eq!(story.decides(finds(Payment { amount: jpy(999), ..succeeded() })), STANDS);
    assert!(matches!(story.reversal_state(), Some(ReversalState::Parked { .. })), "{:?}", story.reversal_state());
    assert_eq!(
        (story.final_answer(), of_record(&story)),
        (Some(FinalAnswer::Cancelled), InquiryReply::Answered(InquiryRule::Cancelled))
    );
    assert_eq!(story.unmoved_by(finds(Payment { amount: jpy(999), ..succeeded() })), STANDS);
}

#[test]
fn what_was_resolved_by_hand_is_parked_again() {
    let mut story = announced(CORE);
    assert_eq!((story.cancels(), story.closes(1, ReversalOutcome::Impossible("no".into()))), (leased(1), crate::fixtures::U));
    let resolve = Action::Resolve { note: "paid at the counter".into(), by: "ann".into() };
    assert_eq!(story.decides(resolve), Reply::Command(CommandReply::Done(Disposition::Resolved)));
    assert_eq!(story.decides(finds(succeeded())), REOPENED);
    assert!(matches!(story.reversal_state(), Some(ReversalState::Parked { .. })), "{:?}", story.reversal_state());
}

#[test]
fn the_page_shows_the_table_word_for_word() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/develop/decisions.md");
    let page = fs::read_to_string(path).unwrap_or_else(|missing| panic!("{path}: {missing}"));
    let head = "| # | rule | when | what an inquiry hears |";
    let shown: Vec<_> = page.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|')).collect();
    let row =
        |(number, InquiryRow { name, when, answer }): (usize, InquiryRow)| format!("| {number} | `{name}` | {when} | {answer} |");
    assert_eq!(shown, (1..).zip(InquiryRule::TABLE).map(row).collect::<Vec<_>>());
}
