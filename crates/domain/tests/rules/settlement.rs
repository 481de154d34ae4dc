//! Closing a day: which payments and refunds it accounts for, on which side, and what its statement says.

use std::collections::BTreeMap;

use domain::{
    Action, CancelReply, Case, CommandReply, DayClosing, DayStatement, ExclusionReason, FundsKind, Money, PayResult, Payment,
    PaymentRequestId, Refusal, RefusalCode, Reply, ReversalOutcome, Settlement, StatementRow, cutoff,
};

use crate::fixtures::{
    ACQUIRER, IN_TIME, NOON, PROCEED, REVERSED, S, STANDS, Story, TOO_LATE, U, announced, at, cancel_by, closing_of, day, f,
    good, jpy, leased, nothing, paid, payment, policy, success,
};

const CORE: FundsKind = FundsKind::Http;
const LEDGER: FundsKind = FundsKind::Ledger;
const DAY: &str = "2026-03-01";
const PERIOD_OVER: Reply =
    Reply::Cancel(CancelReply::Answered(domain::Answer::Refused(Refusal::PeriodOver(RefusalCode::ProcessFail))));

impl Story {
    /// The day is closed, long after its period.
    fn day_closes(&mut self, text: &str) -> Reply {
        self.moment(TOO_LATE).decides(Action::Settle(closing_of(text)))
    }
}

fn statement(text: &str, cases: &[&Case]) -> (DayStatement, Vec<StatementRow>) {
    let mut statement = DayStatement::empty(day(text));
    let rows = cases.iter().flat_map(|case| statement.add(case)).collect();
    (statement, rows)
}

fn sums(amounts: &BTreeMap<domain::Currency, i128>) -> Vec<(String, i128)> {
    amounts.iter().map(|(currency, sum)| (currency.code(), *sum)).collect()
}

fn yen(sum: i128) -> Vec<(String, i128)> {
    vec![("JPY".to_owned(), sum)]
}

#[test]
fn f27_a_day_can_be_closed_once_the_last_payment_of_it_is_out_of_its_period() {
    let mut policy = policy(LEDGER);
    assert_eq!(cutoff(&policy, day(DAY)), at("2026-03-02T00:30:00+08:00"));
    policy.period.grace = chrono::TimeDelta::minutes(15);
    assert_eq!(cutoff(&policy, day(DAY)), at("2026-03-02T00:45:00+08:00"));
    // A period whose days begin elsewhere: the clearing day's last moment is 11:00 of the same date in New York.
    policy.period.zone = chrono_tz::America::New_York;
    assert_eq!(cutoff(&policy, day(DAY)), at("2026-03-02T00:45:00-05:00"));
}

#[test]
fn what_can_still_be_cancelled_does_not_settle() {
    let mut story = paid(LEDGER);
    let settle = Action::Settle(closing_of(DAY));
    for (when, outcome) in [
        (IN_TIME, Reply::Command(CommandReply::Conflict("it can still be cancelled"))),
        ("2026-03-01T16:29:59.999999Z", Reply::Command(CommandReply::Conflict("it can still be cancelled"))),
    ] {
        assert_eq!(story.moment(when).unmoved_by(settle.clone()), outcome, "{when}");
    }
    assert_eq!(story.moment("2026-03-01T16:30:00Z").decides(settle.clone()), STANDS);
    let settled = story.case.settlement;
    assert_eq!(settled, Some(Settlement::Settled { day: day(DAY), at: at("2026-03-01T16:30:00Z") }));
    assert_eq!(story.unmoved_by(settle), STANDS, "a day takes a payment in once");
    assert_eq!(story.timeline().last(), Some(&"settled"));
}

/// Else the day before would stay open for a payment that can be cancelled until its own day is over.
#[test]
fn a_success_dated_before_its_payment_was_initiated_belongs_to_the_day_of_that() {
    for (completed_at, counted) in
        [("2026-03-01T15:59:59.999Z", "2026-03-01T16:00:00Z"), ("2026-03-01T16:00:01Z", "2026-03-01T16:00:01Z")]
    {
        let mut story = nothing(LEDGER);
        let initiated_at = at("2026-03-01T16:00:00Z");
        assert_eq!(story.decides(Action::Pay(Payment { initiated_at, ..payment() })), PROCEED);
        let success = PayResult { completed_at: at(completed_at), ..success() };
        assert_eq!(story.decides(Action::Result(success.clone())), STANDS);
        assert_eq!(story.case.completed_at(), Some(at(counted)));
        assert_eq!(story.unmoved_by(Action::Result(success)), STANDS, "a repeat is no other result");
        story.moment("2026-03-01T16:30:00Z");
        assert_eq!((story.unmoved_by(Action::Settle(closing_of(DAY))), story.case.settlement), (STANDS, None));
    }
}

#[test]
fn a_deferred_cancel_keeps_its_payment_from_settling_until_it_is_decided() {
    let mut story = paid(LEDGER);
    assert_eq!((story.refunds("r1", 400), story.case.prevents_closing(&closing_of(DAY))), (PROCEED, false));
    assert_eq!(story.cancels(), U);
    assert!(story.case.prevents_closing(&closing_of(DAY)) && !story.case.prevents_closing(&closing_of("2026-03-02")));
    let settle = Action::Settle(closing_of(DAY));
    assert_eq!(
        story.moment(TOO_LATE).unmoved_by(settle.clone()),
        Reply::Command(CommandReply::Conflict("its cancel is deferred"))
    );
    assert_eq!(story.refund_fails("r1"), STANDS);
    assert_eq!((story.decides(settle), story.case.is_cancelled(), story.case.is_settled()), (STANDS, true, false));
}

#[test]
fn f28_a_cancelled_payment_is_left_out_and_costs_no_fee() {
    let mut cancelled = paid(LEDGER);
    assert_eq!((cancelled.cancels(), cancelled.day_closes(DAY)), (S, STANDS));
    let mut kept = paid(LEDGER);
    assert_eq!(kept.day_closes(DAY), STANDS);
    let (statement, rows) = statement(DAY, &[&cancelled.case, &kept.case]);
    assert_eq!((statement.payments.count, sums(&statement.payments.amounts)), (1, yen(1_000)));
    assert_eq!((sums(&statement.fees), rows.len()), (yen(7), 1));
    let excluded = &statement.excluded[&ExclusionReason::Cancelled];
    assert_eq!((excluded.totals.count, sums(&excluded.totals.amounts)), (1, yen(1_000)));
    assert_eq!(excluded.named, [cancelled.case.id.clone()]);
    assert!(!cancelled.timeline().contains(&"settled"));
}

#[test]
fn a_settled_payment_is_not_cancelled_any_more() {
    let mut story = paid(LEDGER);
    assert_eq!(story.day_closes(DAY), STANDS);
    let before = story.case.clone();
    assert_eq!(story.moment(IN_TIME).cancels(), PERIOD_OVER, "even by a cancel that came in time and waited");
    assert_eq!((story.case.settlement, story.case.payment), (before.settlement, before.payment));
}

#[test]
fn money_that_is_not_back_leaves_the_payment_out_and_does_not_block_the_day() {
    let mut open = paid(CORE);
    assert_eq!((open.cancels(), open.day_closes(DAY)), (leased(1), STANDS));
    let mut parked = paid(CORE);
    assert_eq!(parked.cancels(), leased(1));
    assert_eq!(parked.closes(1, ReversalOutcome::Impossible("closed".to_owned())), U);
    assert_eq!(parked.day_closes(DAY), STANDS);
    let (statement, rows) = statement(DAY, &[&open.case, &parked.case]);
    assert_eq!(rows, []);
    assert_eq!(statement.excluded.keys().collect::<Vec<_>>(), [&ExclusionReason::MoneyNotBack]);
    assert_eq!(statement.excluded[&ExclusionReason::MoneyNotBack].totals.count, 2);
}

#[test]
fn what_the_core_says_is_refunded_settles_in_the_next_open_day() {
    for (outcome, answer) in
        [(ReversalOutcome::PartlyRefunded(None), f(Refusal::PartlyRefunded)), (ReversalOutcome::FullyRefunded, S)]
    {
        let mut story = paid(CORE);
        assert_eq!((story.cancels(), story.day_closes(DAY)), (leased(1), STANDS));
        assert_eq!(story.case.settlement, Some(Settlement::Excluded { day: day(DAY) }));
        assert_eq!((story.closes(1, outcome), story.case.settlement), (answer, None));
        let next = DayClosing { first: day(DAY), day: day("2026-03-02") };
        assert_eq!(story.decides(Action::Settle(next)), STANDS);
        let (statement, rows) = statement("2026-03-02", &[&story.case]);
        assert_eq!((statement.payments.count, statement.payments.late, rows.len()), (1, 1, 1));
    }
}

#[test]
fn a_late_success_settles_in_the_next_open_day_and_is_marked() {
    let mut story = announced(LEDGER);
    assert_eq!(story.day_closes(DAY), STANDS);
    assert_eq!(story.case.settlement, None, "what is in progress is in no day");
    assert_eq!(story.succeeds(), STANDS);
    assert_eq!(story.unmoved_by(Action::Settle(closing_of("2026-03-02"))), STANDS, "a day takes in its own only");
    assert_eq!(story.decides(Action::Settle(DayClosing { first: day(DAY), day: day("2026-03-02") })), STANDS);
    let details = story.events.last().map(|event| event.kind.details());
    assert_eq!(details, Some(vec![("day", "2026-03-02".to_owned()), ("lateFrom", DAY.to_owned())]));
    let (statement, rows) = statement("2026-03-02", &[&story.case]);
    assert_eq!((statement.payments.count, statement.payments.late), (1, 1));
    assert!(rows[0].is_late(day("2026-03-02")));
}

#[test]
fn a_late_success_of_a_cancelled_payment_is_left_out_of_the_next_open_day() {
    let mut story = announced(LEDGER);
    assert_eq!((story.cancels(), story.day_closes(DAY), story.succeeds()), (S, STANDS, REVERSED));
    assert_eq!(story.decides(Action::Settle(DayClosing { first: day(DAY), day: day("2026-03-02") })), STANDS);
    let (statement, rows) = statement("2026-03-02", &[&story.case]);
    let totals = &statement.excluded[&ExclusionReason::Cancelled].totals;
    assert_eq!((totals.count, totals.late, rows), (1, 1, vec![]));
}

#[test]
fn a_refund_is_a_row_of_the_day_it_completed_on() {
    let mut story = paid(LEDGER);
    for (refund, minor) in [("r1", 300), ("r2", 200), ("r3", 100)] {
        assert_eq!(story.refunds(refund, minor), PROCEED);
    }
    assert_eq!((story.refund_succeeds("r1"), story.refund_fails("r3")), (STANDS, STANDS));
    assert_eq!(story.day_closes(DAY), STANDS);
    let later = domain::RefundResult {
        id: crate::fixtures::refund_id("r2"),
        result: domain::ReportedResult::Succeeded,
        completed_at: at("2026-03-05T12:00:00Z"),
    };
    assert_eq!(story.decides(Action::RefundResult(later)), STANDS);
    let (first, rows) = statement(DAY, &[&story.case]);
    assert_eq!((first.payments.count, first.refunds.count, sums(&first.refunds.amounts)), (1, 1, yen(300)));
    assert_eq!(rows[1].refund_request_id.as_ref().map(ToString::to_string).as_deref(), Some("r1"));
    assert_eq!((rows[1].fee, rows[1].amount), (None, jpy(300)));
    assert_eq!(story.decides(Action::Settle(closing_of("2026-03-05"))), STANDS);
    let details = story.events.last().map(|event| event.kind.details());
    assert_eq!(details, Some(vec![("day", "2026-03-05".to_owned()), ("refundRequestId", "r2".to_owned())]));
    let (second, rows) = statement("2026-03-05", &[&story.case]);
    assert_eq!((second.payments.count, second.refunds.count, rows.len()), (0, 1, 1));
    assert_eq!(statement(DAY, &[&story.case]).0, first, "an older statement stays as it was");
}

#[test]
fn a_payment_refunded_in_full_and_then_cancelled_stays_beside_its_refund() {
    let mut story = paid(LEDGER);
    assert_eq!((story.refunds("r1", 1_000), story.refund_succeeds("r1"), story.cancels()), (PROCEED, STANDS, S));
    assert_eq!(story.day_closes(DAY), STANDS);
    let (statement, rows) = statement(DAY, &[&story.case]);
    assert_eq!((statement.payments.count, statement.refunds.count, rows.len()), (1, 1, 2));
    assert_eq!(statement.excluded, BTreeMap::new());
    assert_eq!(sums(&statement.fees), yen(7), "the payment stands, and so does its fee");
}

#[test]
fn what_settles_is_the_settlement_amount_and_sums_go_by_currency() {
    let krw = good(Money::parse("9000", "KRW"));
    let mut other = nothing(LEDGER);
    let announced = domain::Payment { settlement_amount: Some(krw), ..payment() };
    assert_eq!(other.decides(Action::Pay(announced)), PROCEED);
    let report = PayResult { fee: Some(good(Money::parse("3", "KRW"))), ..success() };
    assert_eq!((other.decides(Action::Result(report)), other.day_closes(DAY)), (STANDS, STANDS));
    let mut own = paid(LEDGER);
    assert_eq!(own.day_closes(DAY), STANDS);
    let (statement, rows) = statement(DAY, &[&other.case, &own.case, &own.case]);
    assert_eq!(rows[0].amount, krw);
    let in_both = |yen: i128, won: i128| vec![("JPY".to_owned(), yen), ("KRW".to_owned(), won)];
    assert_eq!((sums(&statement.payments.amounts), sums(&statement.fees)), (in_both(2_000, 9_000), in_both(14, 3)));
}

#[test]
fn a_statement_does_not_grow_with_what_it_leaves_out() {
    let mut story = paid(LEDGER);
    assert_eq!((story.decides(cancel_by(ACQUIRER)), story.day_closes(DAY)), (S, STANDS));
    let mut statement = DayStatement::empty(day(DAY));
    for n in 0..150 {
        let id = good(PaymentRequestId::parse(format!("p-{n:03}")));
        assert_eq!(statement.add(&Case { id, ..story.case.clone() }), []);
    }
    let excluded = &statement.excluded[&ExclusionReason::Cancelled];
    assert_eq!((excluded.totals.count, excluded.named.len()), (150, 100));
    assert_eq!(excluded.named[99].as_str(), "p-099");
}

#[test]
fn what_never_completed_is_in_no_day() {
    let mut failed = announced(LEDGER);
    assert_eq!((failed.fails(), failed.day_closes(DAY)), (STANDS, STANDS));
    let mut fence = nothing(LEDGER);
    assert_eq!((fence.moment(NOON).cancels(), fence.day_closes(DAY)), (S, STANDS));
    for story in [failed, fence] {
        assert_eq!(story.case.settlement, None);
        assert_eq!(statement(DAY, &[&story.case]), (DayStatement::empty(day(DAY)), vec![]));
    }
}
