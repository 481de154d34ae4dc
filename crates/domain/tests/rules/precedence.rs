//! The order of the cancel table's rows.

use domain::{
    Answer, Cancel, Cancellation, CancellationState, Case, DeferReason, EventKind, FinalAnswer, FundsKind, Lookup, NeverReceived,
    OtherAcquirer, Outcome, PaymentStatus, PeriodOver, Policy, Refund, RefundState, Refusal, RefusalCode, Results, Reversal,
    ReversalKind, Rule, decide,
};

use crate::fixtures::{
    ACQUIRER, IN_TIME, NOON, OTHER_ACQUIRER, S, TOO_LATE, U, acquirer, at, f, jpy, nothing, on_closed_day, payment, policy,
    refund_id,
};

/// What a case can have against a cancel, each in the words of the row that looks at it.
#[derive(Debug, Clone, Copy)]
struct Faults {
    other_acquirer: bool,
    answered: bool,
    open: bool,
    no_payment: bool,
    too_late: bool,
    day_closed: bool,
    refund_running: bool,
    lookup_failed: bool,
    unpaid: bool,
    refunded: i64,
}

/// Everything at once; each row of the table below takes away what the rows before it looked at, and nothing else.
const ALL: Faults = Faults {
    other_acquirer: true,
    answered: true,
    open: true,
    no_payment: true,
    too_late: true,
    day_closed: true,
    refund_running: true,
    lookup_failed: true,
    unpaid: true,
    refunded: 1_000,
};

const RECORDED: FinalAnswer = FinalAnswer::Refused(Refusal::PeriodOver(RefusalCode::CancelWindowExceed));

fn table() -> Vec<(Rule, Faults)> {
    let row_2 = Faults { other_acquirer: false, ..ALL };
    let row_3 = Faults { answered: false, ..row_2 };
    let row_4 = Faults { open: false, ..row_3 };
    // "No payment is known" needs that it could be looked up; where it could not, that is for row 6 to say.
    let looked_up = Faults { lookup_failed: false, ..row_4 };
    let row_5 = Faults { no_payment: false, ..row_4 };
    let only_late = Faults { day_closed: false, ..row_5 };
    let only_closed = Faults { too_late: false, ..row_5 };
    let row_6 = Faults { day_closed: false, ..only_closed };
    let only_lookup = Faults { refund_running: false, ..row_6 };
    let only_running = Faults { lookup_failed: false, ..row_6 };
    let row_7 = Faults { lookup_failed: false, ..only_lookup };
    let row_8 = Faults { unpaid: false, ..row_7 };
    let row_9 = Faults { refunded: 999, ..row_8 };
    let row_10 = Faults { refunded: 0, ..row_9 };
    vec![
        (Rule::DifferentRequest, ALL),
        (Rule::AnswerRecorded, row_2),
        (Rule::MoneyOnItsWay, row_3),
        (Rule::NeverReceived, looked_up),
        (Rule::NotDecidable, row_4),
        (Rule::PeriodOver, row_5),
        (Rule::PeriodOver, only_late),
        (Rule::PeriodOver, only_closed),
        (Rule::NotDecidable, row_6),
        (Rule::NotDecidable, only_lookup),
        (Rule::NotDecidable, only_running),
        (Rule::NothingTaken, row_7),
        (Rule::FullyRefunded, row_8),
        (Rule::PartlyRefunded, row_9),
        (Rule::Succeeded, row_10),
    ]
}

fn case_with(faults: Faults) -> Case {
    let mut case = nothing(FundsKind::Ledger).case;
    let cancelled_at = at(IN_TIME);
    let state = match (faults.answered, faults.open) {
        (true, _) => Some(CancellationState::Cancelled { cancelled_at, answer: RECORDED }),
        (false, true) => Some(CancellationState::Open { cancelled_at }),
        (false, false) => None,
    };
    let first_received_at = if faults.too_late { at(TOO_LATE) } else { at(IN_TIME) };
    case.cancellation = state.map(|state| Cancellation { acquirer_id: acquirer(ACQUIRER), first_received_at, state });
    case.reversal = faults.open.then(|| Reversal::open(ReversalKind::Refund, Some(jpy(1_000)), at(IN_TIME)));
    let succeeded = PaymentStatus::Succeeded { completed_at: at(NOON), fee: Some(jpy(7)) };
    let status = if faults.unpaid { PaymentStatus::InProgress } else { succeeded };
    case.payment = (!faults.no_payment).then(|| domain::Payment { status, ..payment() });
    case.settlement = faults.day_closed.then(|| on_closed_day(TOO_LATE));
    if faults.refunded > 0 {
        let state = RefundState::Succeeded { completed_at: at(NOON) };
        case.refunds.push(Refund { id: refund_id("done"), amount: jpy(faults.refunded), state, settled_on: None });
    }
    if faults.refund_running {
        case.refunds.push(Refund { id: refund_id("running"), amount: jpy(1), state: RefundState::Reserved, settled_on: None });
    }
    case
}

fn cancel_with(faults: Faults) -> domain::Command {
    let asks = if faults.other_acquirer { OTHER_ACQUIRER } else { ACQUIRER };
    let lookup = if faults.lookup_failed { Lookup::Failed } else { Lookup::Recorded };
    let action = domain::Action::Cancel(Cancel::now(acquirer(asks), lookup));
    let at = if faults.too_late { at(TOO_LATE) } else { at(IN_TIME) };
    domain::Command { id: case_with(faults).id, at, action }
}

fn every_settings() -> Vec<Policy> {
    let mut all = vec![];
    for funds in [FundsKind::Ledger, FundsKind::Http] {
        for never_received in [NeverReceived::Success, NeverReceived::OrderNotExist] {
            for period_over in [PeriodOver::ProcessFail, PeriodOver::CancelWindowExceed] {
                for other_acquirer in [OtherAcquirer::ParamIllegal, OtherAcquirer::Ignore] {
                    all.push(Policy { results: Results { never_received, period_over, other_acquirer }, ..policy(funds) });
                }
            }
        }
    }
    all
}

/// What a row answers under these settings.
fn answer_of(rule: Rule, policy: &Policy) -> Outcome {
    let by_funds = |ledger: Outcome| match policy.funds {
        FundsKind::Ledger => ledger,
        FundsKind::Http => Outcome::ReversalPending { attempt: Some(1) },
    };
    match rule {
        Rule::DifferentRequest => f(Refusal::DifferentRequest),
        Rule::AnswerRecorded => Outcome::Answered(RECORDED.into()),
        Rule::MoneyOnItsWay => Outcome::ReversalPending { attempt: Some(1) },
        Rule::NeverReceived => by_funds(match policy.results.never_received {
            NeverReceived::Success => S,
            NeverReceived::OrderNotExist => f(Refusal::NeverReceived),
        }),
        Rule::PeriodOver => f(Refusal::PeriodOver(match policy.results.period_over {
            PeriodOver::ProcessFail => RefusalCode::ProcessFail,
            PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
        })),
        Rule::NotDecidable => U,
        Rule::FullyRefunded => S,
        Rule::PartlyRefunded => f(Refusal::PartlyRefunded),
        Rule::NothingTaken | Rule::Succeeded => by_funds(S),
    }
}

/// Where a row leaves the cancellation; `None` for the rows that record none.
fn state_after(rule: Rule, faults: Faults, policy: &Policy) -> Option<CancellationState> {
    let cancelled_at = at(IN_TIME);
    let received_at = cancel_with(faults).at;
    match answer_of(rule, policy) {
        Outcome::Answered(Answer::Pending) if faults.refund_running && !faults.no_payment => {
            Some(CancellationState::Deferred(DeferReason::RefundRunning))
        }
        Outcome::Answered(Answer::Pending) => Some(CancellationState::Deferred(DeferReason::LookupFailed)),
        Outcome::Answered(Answer::Cancelled) if rule == Rule::FullyRefunded => Some(CancellationState::AlreadyRefunded),
        Outcome::Answered(Answer::Cancelled) => {
            Some(CancellationState::Cancelled { cancelled_at: received_at, answer: FinalAnswer::Cancelled })
        }
        Outcome::Answered(Answer::Refused(_)) if rule == Rule::AnswerRecorded => None,
        Outcome::Answered(Answer::Refused(Refusal::DifferentRequest)) => None,
        Outcome::Answered(Answer::Refused(Refusal::NeverReceived)) => {
            let answer = FinalAnswer::Refused(Refusal::NeverReceived);
            Some(CancellationState::Cancelled { cancelled_at: received_at, answer })
        }
        Outcome::Answered(Answer::Refused(refusal)) => Some(CancellationState::Refused { refusal }),
        Outcome::ReversalPending { .. } if rule == Rule::MoneyOnItsWay => Some(CancellationState::Open { cancelled_at }),
        Outcome::ReversalPending { .. } => Some(CancellationState::Open { cancelled_at: received_at }),
        Outcome::DispositionBody(_) | Outcome::NotFound { .. } | Outcome::Conflict(_) => panic!("a cancel is answered"),
    }
}

#[test]
fn each_row_of_the_cancel_table_goes_before_all_later_ones() {
    let rows: std::collections::BTreeSet<_> = table().into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(rows.into_iter().collect::<Vec<_>>(), Rule::ALL, "every row has its line");
    for policy in every_settings() {
        for (row, faults) in table() {
            let ignored = row == Rule::DifferentRequest && policy.results.other_acquirer == OtherAcquirer::Ignore;
            let rule = if ignored { Rule::AnswerRecorded } else { row };
            let decision = decide(&policy, &case_with(faults), &cancel_with(faults));
            let told = format!("row {} with {faults:?} under {policy:?}", rule.number());
            assert_eq!(decision.outcome, answer_of(rule, &policy), "{told}");
            let state = decision.change.as_ref().and_then(|change| change.case.cancellation.as_ref()).map(|c| c.state);
            assert_eq!(state, state_after(rule, faults, &policy), "{told}");
            let named = decision
                .change
                .iter()
                .flat_map(|change| &change.events)
                .find_map(|event| if let EventKind::Cancelled { rule } = event.kind { Some(rule) } else { None });
            let cancels = matches!(rule, Rule::NeverReceived | Rule::NothingTaken | Rule::Succeeded);
            assert_eq!(named, cancels.then(|| rule.number()), "{told}");
        }
    }
}
