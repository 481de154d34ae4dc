//! The order of the cancel table's rows.

use domain::{
    Answer, Cancel, CancelReply, Cancellation, CancellationState, Case, DeferReason, EventKind, FinalAnswer, FundsKind, Lookup,
    NeverReceived, OtherAcquirer, PaymentStatus, PeriodOver, Policy, Refund, RefundState, Refusal, RefusalCode, Reply, Results,
    Reversal, Rule, Taken, decide,
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
        (Rule::DifferentAcquirer, ALL),
        (Rule::AnswerRecorded(RECORDED), row_2),
        (Rule::ReversalPending, row_3),
        (Rule::NeverReceived, looked_up),
        (Rule::Deferred(DeferReason::LookupFailed), row_4),
        (Rule::PeriodOver, row_5),
        (Rule::PeriodOver, only_late),
        (Rule::PeriodOver, only_closed),
        (Rule::Deferred(DeferReason::RefundRunning), row_6),
        (Rule::Deferred(DeferReason::LookupFailed), only_lookup),
        (Rule::Deferred(DeferReason::RefundRunning), only_running),
        (Rule::NothingTaken, row_7),
        (Rule::FullyRefunded, row_8),
        (Rule::PartlyRefunded, row_9),
        (Rule::MoneyTaken, row_10),
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
    case.reversal = faults.open.then(|| Reversal::open(Taken::Debit, Some(jpy(1_000)), at(IN_TIME)));
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
    let lookup = if faults.lookup_failed { Lookup::Failed("no answer".to_owned()) } else { Lookup::Recorded };
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
fn answer_of(rule: Rule, policy: &Policy) -> Reply {
    let by_funds = |ledger: Reply| match policy.funds {
        FundsKind::Ledger => ledger,
        FundsKind::Http => Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) }),
    };
    match rule {
        Rule::DifferentAcquirer => f(Refusal::DifferentRequest),
        Rule::AnswerRecorded(answer) => Reply::Cancel(CancelReply::Answered(answer.into())),
        Rule::ReversalPending => Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) }),
        Rule::NeverReceived => by_funds(match policy.results.never_received {
            NeverReceived::Success => S,
            NeverReceived::OrderNotExist => f(Refusal::NeverReceived),
        }),
        Rule::PeriodOver => f(Refusal::PeriodOver(match policy.results.period_over {
            PeriodOver::ProcessFail => RefusalCode::ProcessFail,
            PeriodOver::CancelWindowExceed => RefusalCode::CancelWindowExceed,
        })),
        Rule::Deferred(_) => U,
        Rule::FullyRefunded => S,
        Rule::PartlyRefunded => f(Refusal::PartlyRefunded),
        Rule::NothingTaken | Rule::MoneyTaken => by_funds(S),
    }
}

/// Where a row leaves the cancellation; `None` for the rows that record none.
fn state_after(rule: Rule, faults: Faults, policy: &Policy) -> Option<CancellationState> {
    let cancelled_at = at(IN_TIME);
    let received_at = cancel_with(faults).at;
    match (rule, answer_of(rule, policy)) {
        (Rule::DifferentAcquirer | Rule::AnswerRecorded(_), _) => None,
        (Rule::Deferred(reason), _) => Some(CancellationState::Deferred(reason)),
        (Rule::FullyRefunded, _) => Some(CancellationState::AlreadyRefunded { never_seen: false }),
        (Rule::ReversalPending, _) => Some(CancellationState::Open { cancelled_at }),
        (_, Reply::Cancel(CancelReply::ReversalPending { .. })) => Some(CancellationState::Open { cancelled_at: received_at }),
        (_, Reply::Cancel(CancelReply::Answered(Answer::Cancelled))) => {
            Some(CancellationState::Cancelled { cancelled_at: received_at, answer: FinalAnswer::Cancelled })
        }
        (_, Reply::Cancel(CancelReply::Answered(Answer::Refused(Refusal::NeverReceived)))) => {
            let answer = FinalAnswer::Refused(Refusal::NeverReceived);
            Some(CancellationState::Cancelled { cancelled_at: received_at, answer })
        }
        (_, Reply::Cancel(CancelReply::Answered(Answer::Refused(refusal)))) => Some(CancellationState::Refused { refusal }),
        (_, reply) => panic!("a cancel is answered, and not {reply:?}"),
    }
}

#[test]
fn each_rule_goes_before_all_later_ones() {
    let mut names: Vec<_> = table().into_iter().map(|(rule, _)| rule.name()).collect();
    // Without a payment, a failed lookup goes before the period: that line stands beside "never received".
    names.remove(4);
    names.dedup();
    assert_eq!(names, Rule::TABLE.map(|row| row.name), "every rule has its line");
    for policy in every_settings() {
        for (row, faults) in table() {
            let ignored = row == Rule::DifferentAcquirer && policy.results.other_acquirer == OtherAcquirer::Ignore;
            let rule = if ignored { Rule::AnswerRecorded(RECORDED) } else { row };
            let decision = decide(&policy, &case_with(faults), &cancel_with(faults));
            let story = format!("{} with {faults:?} under {policy:?}", rule.name());
            assert_eq!((decision.reply, decision.rule), (answer_of(rule, &policy), Some(rule)), "{story}");
            let state = decision.change.as_ref().and_then(|change| change.case.cancellation.as_ref()).map(|c| c.state);
            assert_eq!(state, state_after(rule, faults, &policy), "{story}");
            let named = decision
                .change
                .iter()
                .flat_map(|change| &change.events)
                .find_map(|event| if let EventKind::Cancelled(rule) = event.kind { Some(rule) } else { None });
            let cancels = matches!(rule, Rule::NeverReceived | Rule::NothingTaken | Rule::MoneyTaken);
            assert_eq!(named, cancels.then_some(rule), "{story}");
        }
    }
}
