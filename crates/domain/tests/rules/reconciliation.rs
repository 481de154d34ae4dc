//! Comparing what Alipay+'s files list with what is known.

use domain::{
    Action, Case, Currency, Examination, FundsKind, GateState, LineClass, Listed, ListedAmount, ListedKind, Mismatch, Money,
    NetAmount, PayResult, Payment, ReversalOutcome, Scope, SummaryAmount, UnknownLines, examine, fee_differs, listed_twice,
    missing,
};

use crate::fixtures::{
    PROCEED, S, STANDS, Story, TOO_LATE, announced, closing_of, day, good, jpy, leased, nothing, paid, payment, refund_id,
    success,
};

const LEDGER: FundsKind = FundsKind::Ledger;

fn amount(minor: i64, code: &str) -> Option<ListedAmount> {
    Some(ListedAmount { minor, currency: good(Currency::parse(code)) })
}

fn payment_of(minor: i64) -> Listed {
    Listed { kind: ListedKind::Payment, amount: amount(minor, "JPY"), fee: None }
}

fn refund(id: &str, minor: i64) -> Listed {
    Listed { kind: ListedKind::Refund(refund_id(id)), ..payment_of(minor) }
}

fn found(case: Option<&Case>, listed: &Listed) -> Vec<Mismatch> {
    examine(case, listed, Scope::Everything).findings.into_iter().map(|finding| finding.mismatch).collect()
}

fn refunded(minor: i64) -> Story {
    let mut story = paid(LEDGER);
    assert_eq!((story.refunds("r1", minor), story.refund_succeeds("r1")), (PROCEED, STANDS));
    story
}

#[test]
fn what_agrees_is_not_found() {
    let story = refunded(300);
    for listed in [payment_of(1_000), refund("r1", 300), refund("r1", -300)] {
        assert_eq!(found(Some(&story.case), &listed), [], "{listed:?}");
    }
    let fee_only = Listed { amount: None, fee: amount(7, "JPY"), ..payment_of(0) };
    assert_eq!(found(Some(&story.case), &fee_only), []);
    let dispute = Listed { kind: ListedKind::Other, ..payment_of(5) };
    assert_eq!(found(Some(&story.case), &dispute), []);
}

#[test]
fn a_cancelled_payment_is_found_in_whatever_line_it_stands() {
    let mut story = paid(LEDGER);
    assert_eq!(story.cancels(), S);
    let mut fence = nothing(LEDGER);
    assert_eq!(fence.cancels(), S);
    let with_fee = Listed { fee: amount(7, "JPY"), ..payment_of(1_000) };
    let fee_only = Listed { amount: None, ..with_fee.clone() };
    let no_fee = Listed { amount: None, fee: amount(0, "JPY"), ..payment_of(0) };
    let dispute = Listed { kind: ListedKind::Other, ..payment_of(5) };
    let both = [Mismatch::CancelledButPresent, Mismatch::FeeOnCancelled];
    for case in [&story.case, &fence.case] {
        for scope in [Scope::Everything, Scope::CancelledOnly] {
            let found = |listed: &Listed| {
                let Examination { class, findings: found } = examine(Some(case), listed, scope);
                assert_eq!(class, LineClass::Compared);
                assert!(found.iter().all(|finding| finding.mismatch.gate(UnknownLines::Allowed) == GateState::Failed));
                found.into_iter().map(|finding| finding.mismatch).collect::<Vec<_>>()
            };
            for present in [&payment_of(1_000), &payment_of(7), &refund("r1", 1), &dispute] {
                assert_eq!(found(present), both[..1], "{present:?}");
            }
            assert_eq!((found(&with_fee), found(&fee_only), found(&no_fee)), (both.to_vec(), both[1..].to_vec(), vec![]));
        }
    }
}

#[test]
fn a_payment_that_differs_is_found_with_both_amounts() {
    let story = paid(LEDGER);
    let findings = examine(Some(&story.case), &payment_of(999), Scope::Everything).findings;
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].mismatch, findings[0].recorded), (Mismatch::AmountDiffers, Some(jpy(1_000))));
    assert_eq!(findings[0].listed, amount(999, "JPY"));
    let won = Listed { amount: amount(1_000, "KRW"), ..payment_of(0) };
    assert_eq!(found(Some(&story.case), &won), [Mismatch::CurrencyDiffers]);
    assert_eq!(found(Some(&story.case), &payment_of(-1_000)), [Mismatch::AmountDiffers]);
}

#[test]
fn a_payment_is_compared_by_what_settles_and_its_refunds_are_not_guessed() {
    let krw = good(Money::parse("9000", "KRW"));
    let mut story = nothing(LEDGER);
    assert_eq!(story.decides(Action::Pay(Payment { settlement_amount: Some(krw), ..payment() })), PROCEED);
    assert_eq!(story.decides(Action::Result(success())), STANDS);
    assert_eq!((story.refunds("r1", 300), story.refund_succeeds("r1")), (PROCEED, STANDS));
    let won = |listed: Listed, minor| Listed { amount: amount(minor, "KRW"), ..listed };
    assert_eq!(found(Some(&story.case), &won(payment_of(0), 9_000)), []);
    assert_eq!(found(Some(&story.case), &payment_of(1_000)), [Mismatch::CurrencyDiffers]);
    assert_eq!(found(Some(&story.case), &won(refund("r1", 0), 2_700)), []);
}

#[test]
fn a_refund_that_did_not_succeed_or_differs_is_found() {
    let mut story = refunded(300);
    assert_eq!((story.refunds("r2", 100), story.refunds("r3", 100), story.refund_fails("r3")), (PROCEED, PROCEED, STANDS));
    for listed in [refund("r1", 299), refund("r2", 100), refund("r3", 100), refund("r4", 1)] {
        assert_eq!(found(Some(&story.case), &listed), [Mismatch::RefundMismatch], "{listed:?}");
    }
}

#[test]
fn what_is_not_known_or_did_not_succeed_is_found_unless_the_core_keeps_the_payments() {
    let mut failed = announced(LEDGER);
    assert_eq!(failed.fails(), STANDS);
    let running = announced(LEDGER);
    let cases =
        [(None, Mismatch::Unknown), (Some(&failed.case), Mismatch::NotCompleted), (Some(&running.case), Mismatch::NotCompleted)];
    for (case, mismatch) in cases {
        for listed in [payment_of(1_000), refund("r1", 1)] {
            assert_eq!(found(case, &listed), [mismatch]);
            assert_eq!(examine(case, &listed, Scope::CancelledOnly).findings, []);
        }
    }
}

#[test]
fn what_a_closed_day_settles_has_to_be_listed() {
    let mut story = refunded(300);
    assert_eq!(story.moment(TOO_LATE).decides(Action::Settle(closing_of("2026-03-01"))), STANDS);
    let today = day("2026-03-01");
    let both = [ListedKind::Payment, ListedKind::Refund(refund_id("r1"))];
    assert_eq!(missing(&story.case, today, &both), []);
    let missed = missing(&story.case, today, &[]);
    assert_eq!(missed.iter().map(|finding| finding.recorded).collect::<Vec<_>>(), [Some(jpy(1_000)), Some(jpy(300))]);
    assert!(missed.iter().all(|finding| finding.mismatch == Mismatch::SettledButMissing));
    assert_eq!(missing(&story.case, today, &both[..1]).len(), 1);
    assert_eq!(missing(&story.case, day("2026-03-02"), &[]), []);
}

#[test]
fn what_a_day_does_not_settle_or_has_for_another_day_is_not_missed() {
    let mut cancelled = paid(LEDGER);
    assert_eq!((cancelled.cancels(), cancelled.moment(TOO_LATE).decides(Action::Settle(closing_of("2026-03-01")))), (S, STANDS));
    assert_eq!(missing(&cancelled.case, day("2026-03-01"), &[]), []);
    let mut late = paid(LEDGER);
    let next = domain::DayClosing { first: day("2026-03-01"), day: day("2026-03-02") };
    assert_eq!(late.moment(TOO_LATE).decides(Action::Settle(next)), STANDS);
    assert_eq!(missing(&late.case, day("2026-03-02"), &[]), []);
    assert_eq!(missing(&paid(LEDGER).case, day("2026-03-01"), &[]), [], "an open day settles nothing");
}

#[test]
fn every_mismatch_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = Mismatch::ALL.iter().map(|mismatch| mismatch.as_str()).collect();
    assert_eq!(names.len(), Mismatch::ALL.len());
    assert!(Mismatch::ALL.is_sorted());
}

#[test]
fn every_line_is_of_one_class() {
    let (story, unheard) = (refunded(300), nothing(LEDGER));
    let class = |case, listed: &Listed, scope| examine(case, listed, scope).class;
    let of = |listed: &Listed| class(Some(&story.case), listed, Scope::Everything);
    let fee_only = |kind| Listed { kind, amount: None, fee: amount(7, "JPY") };
    let dispute = Listed { kind: ListedKind::Other, ..payment_of(5) };
    for compared in [payment_of(1_000), payment_of(7), refund("r1", 300), refund("r9", 300), fee_only(ListedKind::Payment)] {
        assert_eq!(of(&compared), LineClass::Compared, "{compared:?}");
    }
    for looked_at in [&dispute, &fee_only(ListedKind::Refund(refund_id("r1")))] {
        assert_eq!(of(looked_at), LineClass::OnlyLookedAt, "{looked_at:?}");
    }
    assert_eq!(class(Some(&story.case), &payment_of(1_000), Scope::CancelledOnly), LineClass::OnlyLookedAt);
    for scope in [Scope::Everything, Scope::CancelledOnly] {
        assert_eq!(class(None, &payment_of(1_000), scope), LineClass::Unknown);
        assert_eq!(class(Some(&unheard.case), &dispute, scope), LineClass::Unknown);
    }
}

#[test]
fn f85_a_fee_that_differs_is_found() {
    let story = paid(LEDGER);
    let differs = |fees: &[(i64, &str)]| {
        let fees: Vec<_> = fees.iter().filter_map(|(minor, code)| amount(*minor, code)).collect();
        fee_differs(&story.case, &fees).map(|finding| (finding.recorded, finding.listed))
    };
    assert_eq!((differs(&[(7, "JPY")]), differs(&[(3, "JPY"), (4, "JPY")])), (None, None));
    assert_eq!(differs(&[(8, "JPY")]), Some((Some(jpy(7)), amount(8, "JPY"))));
    assert_eq!(differs(&[(7, "JPY"), (1, "JPY")]), Some((Some(jpy(7)), amount(8, "JPY"))));
    assert_eq!(differs(&[(3, "JPY"), (4, "KRW")]), Some((Some(jpy(7)), amount(4, "KRW"))));
    let mut none = announced(LEDGER);
    assert_eq!(none.decides(Action::Result(PayResult { fee: None, ..success() })), STANDS);
    assert_eq!(fee_differs(&none.case, &[ListedAmount { minor: 8, currency: jpy(1).currency() }]), None, "no fee was reported");
    assert_eq!(fee_differs(&announced(LEDGER).case, &[]), None, "no result was reported");
    let fee_only = Listed { amount: None, fee: amount(8, "JPY"), ..payment_of(0) };
    assert_eq!(examine(Some(&none.case), &fee_only, Scope::Everything).class, LineClass::OnlyLookedAt);
}

#[test]
fn f85_a_summary_that_differs_from_its_lines_is_found() {
    let mut net = NetAmount::default();
    let fee_only = Listed { amount: None, fee: amount(7, "JPY"), ..payment_of(0) };
    [payment_of(1_000), refund("r1", 300), refund("r2", -100), fee_only].iter().for_each(|listed| net.add(listed));
    let yen = good(Currency::parse("JPY"));
    let says = |minor, currency| net.differs(SummaryAmount { minor, currency }).map(|found| (found.recorded, found.listed));
    for currency in [Some(yen), None] {
        assert_eq!((says(600, currency), says(-600, currency)), (None, None), "the direction stands elsewhere");
        assert_eq!(says(1_000, currency), Some((Some(jpy(600)), amount(1_000, "JPY"))));
    }
    let won = good(Currency::parse("KRW"));
    assert_eq!(says(600, Some(won)), Some((None, amount(600, "KRW"))));
    let none = NetAmount::default();
    assert_eq!(none.differs(SummaryAmount { minor: 0, currency: Some(yen) }), None);
    assert!(none.differs(SummaryAmount { minor: 5, currency: Some(yen) }).is_some());
    assert_eq!(none.differs(SummaryAmount { minor: 5, currency: None }), None, "of which currency, nothing says");
    let mut torn = NetAmount::default();
    torn.add(&payment_of(1_000));
    torn.add_unreadable();
    assert_eq!(
        torn.differs(SummaryAmount { minor: 5, currency: Some(yen) }),
        None,
        "the sum of what cannot be read is not known"
    );
    let with_other = [Listed { kind: ListedKind::Other, ..payment_of(5) }];
    with_other.iter().for_each(|listed| net.add(listed));
    assert_eq!(net.differs(SummaryAmount { minor: 1, currency: None }), None, "what counts for and against is not known");
}

#[test]
fn what_is_listed_twice_is_found_as_the_refund_it_is() {
    let found = listed_twice(&refund("r1", 300));
    let expected = (Mismatch::ListedTwice, Some(refund_id("r1")), None, amount(300, "JPY"));
    assert_eq!((found.mismatch, found.refund, found.recorded, found.listed), expected);
}

#[test]
fn the_gravest_finding_decides_about_the_gate() {
    let gate = |found: &[Mismatch], unknown| GateState::of(&found.iter().map(|mismatch| (*mismatch, 1)).collect(), unknown);
    for unknown in [UnknownLines::Doubt, UnknownLines::Allowed] {
        assert_eq!(gate(&[], unknown), GateState::Passed);
        assert_eq!(gate(&[Mismatch::AmountDiffers, Mismatch::SummaryDiffers, Mismatch::FeeDiffers], unknown), GateState::Passed);
        assert_eq!(gate(&[Mismatch::AmountDiffers, Mismatch::Unreadable], unknown), GateState::Doubt);
        assert_eq!(gate(&[Mismatch::ListedTwice], unknown), GateState::Doubt);
        assert_eq!(gate(&[Mismatch::Unreadable, Mismatch::FeeOnCancelled], unknown), GateState::Failed);
    }
    assert_eq!(gate(&[Mismatch::Unknown], UnknownLines::Doubt), GateState::Doubt);
    assert_eq!(gate(&[Mismatch::Unknown], UnknownLines::Allowed), GateState::Passed);
}

/// A refund of which only the wallet core knows stands in Alipay+'s files, and there is nothing to compare it with.
#[test]
fn f49_a_refund_that_only_the_core_knows_is_looked_at_up_to_what_the_core_said() {
    let said = |outcome: ReversalOutcome| {
        let mut story = paid(FundsKind::Http);
        assert_eq!(story.cancels(), leased(1));
        let _ = story.closes(1, outcome);
        story
    };
    let amount = said(ReversalOutcome::PartlyRefunded(Some(jpy(400))));
    let part = said(ReversalOutcome::PartlyRefunded(None));
    let all = said(ReversalOutcome::FullyRefunded);
    for (story, at_most) in [(&amount, 400), (&part, 1_000), (&all, 1_000)] {
        let class = |minor| examine(Some(&story.case), &refund("x", minor), Scope::Everything).class;
        assert_eq!(
            (class(at_most), class(-at_most), class(at_most + 1)),
            (LineClass::OnlyLookedAt, LineClass::OnlyLookedAt, LineClass::Compared)
        );
        assert_eq!(found(Some(&story.case), &refund("x", at_most + 1)), [Mismatch::RefundMismatch]);
        assert_eq!(found(Some(&story.case), &payment_of(1_000)), [], "the payment settles");
        let foreign = Listed { amount: self::amount(1, "KRW"), ..refund("x", 1) };
        assert_eq!(found(Some(&story.case), &foreign), [Mismatch::RefundMismatch]);
    }
    let mut unreported = announced(FundsKind::Http);
    assert_eq!((unreported.cancels(), unreported.closes(1, ReversalOutcome::FullyRefunded)), (leased(1), S));
    for listed in [payment_of(1_000), refund("x", 1_000)] {
        assert_eq!(examine(Some(&unreported.case), &listed, Scope::Everything).class, LineClass::OnlyLookedAt, "it succeeded");
    }
}
