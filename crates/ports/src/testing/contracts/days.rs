//! The promises of [`SettlementStore`].

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::{
    CancelReply, Case, Currency, DayClosing, DayStatement, Excluded, ExclusionReason, PaymentRequestId, RefundRequestId, Reply,
    ReportedResult, Totals,
};

use crate::testing::contracts::store::{CANCELLED, Damage, SUCCEEDED, Subject, decided};
use crate::testing::{DAY_LONG, Wallet, day, id, ledger_policy, moment};
use crate::{CancellationStore, ClosedDay, DuePosition, Page, SettlementStore, Step, StepOutcome};

contract! {
    /// Makes one test for each promise of a [`SettlementStore`]. The expression makes a fresh, empty [`Subject`] for each; it is the
    /// same subject as [`cases_contract!`](crate::cases_contract) takes.
    ($) days_contract! in (days)

    /// Steps follow one another in the order of completion, and each step that assigns a case changes the revision.
    async fn what_is_due_is_assigned_step_by_step(subject: &impl Subject) {
        let both = Both::of(subject);
        let wallets = both.paid("step", 5).await;
        let cancelled = &wallets[3];
        decided(&both.cases, vec![cancelled.is_cancelled()]).await;
        let unpaid = Wallet::of("unpaid");
        decided(&both.cases, vec![unpaid.pays()]).await;
        let (mut after, mut revisions) = (None, Vec::new());
        for taken in [Some(1), Some(3), Some(4), None] {
            let closing = both.days.closing(day(0)).await.unwrap();
            let StepOutcome::Taken { last, revision } = both.step(&closing, after.clone(), 2).await else { unreachable!() };
            let place = |n: usize| DuePosition { completed_at: wallets[n].at, id: wallets[n].id.clone() };
            assert_eq!(last, taken.map(place));
            after = last.or(after);
            revisions.push(revision);
        }
        assert!(revisions[..3].is_sorted_by(|one, next| one < next) && revisions[2] == revisions[3], "{revisions:?}");
        assert_eq!(both.accounted(0).await, ["step-95", "step-96", "step-97", "step-98", "step-99"]);
        let page = Page { limit: 10, after: None };
        for case in both.days.accounted(day(0), &page).await.unwrap() {
            assert_eq!(case.is_settled(), case.id != cancelled.id, "{case:?}");
        }
        let file = both.cases.find(&wallets[0].id).await.unwrap().unwrap();
        let last = file.timeline.last().unwrap();
        assert_eq!((last.what.as_str(), last.at, last.details["day"].as_str()), ("settled", moment(DAY_LONG), "2026-03-01"));
        assert_eq!(both.accounted(1).await, Vec::<String>::new());
    }

    /// A refund belongs to the day it completed on, also where its payment belongs to another day.
    async fn a_day_accounts_for_refunds_of_payments_that_another_day_has(subject: &impl Subject) {
        let both = Both::of(subject);
        let wallet = both.paid("refund", 1).await.remove(0);
        decided(&both.cases, vec![wallet.refunds("r1", 300), wallet.reports_refund("r1", SUCCEEDED)]).await;
        both.close(0).await;
        let later = Wallet { at: moment(DAY_LONG), ..wallet };
        decided(&both.cases, vec![later.refunds("r2", 200), later.reports_refund("r2", SUCCEEDED)]).await;
        assert!(matches!(both.step_of(1).await, StepOutcome::Taken { last: Some(_), .. }));
        assert_eq!((both.accounted(0).await, both.accounted(1).await), (vec![later.id.to_string()], vec![later.id.to_string()]));
        let case = both.cases.find(&later.id).await.unwrap().unwrap().case;
        let days: Vec<_> = case.refunds.iter().map(|refund| refund.settled_on).collect();
        assert_eq!((days, case.settlement.map(|settlement| settlement.day())), (vec![Some(day(0)), Some(day(1))], Some(day(0))));
    }

    /// What completes late on a closed day is due on the next open one.
    async fn no_case_is_assigned_to_a_closed_day_but_to_the_next(subject: &impl Subject) {
        let both = Both::of(subject);
        both.paid("early", 1).await;
        both.close(0).await;
        let late = Wallet { at: moment(50), ..Wallet::of("late") };
        decided(&both.cases, vec![late.pays(), late.reports(SUCCEEDED)]).await;
        assert_eq!(both.step_of(0).await, StepOutcome::Closed);
        let closing = both.days.closing(day(1)).await.unwrap();
        assert_eq!(closing, DayClosing { first: day(0), day: day(1) });
        assert_eq!(both.days.closing(day(2)).await, Ok(DayClosing { first: day(2), day: day(2) }), "an open day stands between");
        assert!(matches!(both.step(&closing, None, 10).await, StepOutcome::Taken { last: Some(_), .. }));
        assert_eq!((both.accounted(0).await, both.accounted(1).await), (vec!["early-99".to_owned()], vec!["late".to_owned()]));
    }

    /// A day is closed once, and only with the revision that its statement was made from.
    async fn a_case_that_is_assigned_meanwhile_keeps_a_day_open(subject: &impl Subject) {
        let both = Both::of(subject);
        let statement = DayStatement::empty(day(0));
        let closed = ClosedDay { statement, closed_at: moment(DAY_LONG), digest: "1".repeat(64) };
        let StepOutcome::Taken { revision: before, .. } = both.step_of(0).await else { unreachable!() };
        both.paid("meanwhile", 1).await;
        let StepOutcome::Taken { revision: now, .. } = both.step_of(0).await else { unreachable!() };
        assert_eq!(both.days.close(&closed, before).await, Ok(false));
        assert_eq!(both.days.closed_day(day(0)).await, Ok(None));
        assert_eq!(both.days.close(&closed, now).await, Ok(true));
        assert_eq!(both.days.close(&closed, now).await, Ok(false), "a day is closed once");
        assert_eq!(both.days.closed_day(day(0)).await, Ok(Some(closed)));
    }

    /// Open days with something to account for are listed, the earliest first.
    async fn an_open_day_before_others_is_found(subject: &impl Subject) {
        let both = Both::of(subject);
        let on = |later: i64, name: &str| Wallet { at: moment(later * DAY_LONG), ..Wallet::of(name) };
        let paid = async |wallet: Wallet| decided(&both.cases, vec![wallet.pays(), wallet.reports(SUCCEEDED)]).await;
        let open_before = async |later| both.days.open_before(day(later)).await.unwrap();
        assert_eq!(open_before(9).await, []);
        paid(on(0, "first")).await;
        paid(on(0, "cancelled")).await;
        decided(&both.cases, vec![on(0, "cancelled").is_cancelled(), on(0, "unpaid").pays()]).await;
        paid(on(2, "third")).await;
        let refunded = on(4, "first");
        decided(&both.cases, vec![refunded.refunds("r", 1), refunded.reports_refund("r", SUCCEEDED)]).await;
        assert_eq!((open_before(9).await, open_before(4).await), (vec![day(0), day(2), day(4)], vec![day(0), day(2)]));
        assert_eq!(open_before(0).await, [], "the day itself is not before it");
        both.close(0).await;
        paid(on(0, "late")).await;
        assert_eq!(open_before(9).await, [day(1), day(2), day(4)], "what a closed day missed waits for the next");
        assert_eq!(open_before(1).await, [], "which may be the day that is asked about");
        both.close(1).await;
        assert_eq!(open_before(9).await, [day(2), day(4)]);
        assert!(matches!(both.step_of(4).await, StepOutcome::Taken { last: Some(_), .. }));
        assert_eq!(open_before(9).await, [day(2)], "all of the fifth day is assigned");
    }

    /// A step is recorded as a whole or not at all, and names the case that stopped it.
    async fn a_case_that_refuses_ends_the_step_without_a_trace(subject: &impl Subject) {
        let both = Both::of(subject);
        let wallets = both.paid("refuses", 3).await;
        decided(&both.cases, vec![wallets[1].refunds("r", 1), wallets[1].is_cancelled()]).await;
        let StepOutcome::Blocked { id, why } = both.step_of(0).await else { unreachable!("a deferred cancel blocks") };
        assert_eq!((id, why), (wallets[1].id.clone(), "its cancel is deferred"));
        assert_eq!(both.accounted(0).await, Vec::<String>::new());
        decided(&both.cases, vec![wallets[1].reports_refund("r", ReportedResult::Failed)]).await;
        let closing = both.days.closing(day(0)).await.unwrap();
        let early = Step { at: moment(0), after: None, limit: 10 };
        let Ok(StepOutcome::Blocked { why, .. }) = both.days.assign_to_day(&closing, &early).await else {
            unreachable!("too early")
        };
        assert_eq!(why, "it can still be cancelled");
        assert!(matches!(both.step_of(0).await, StepOutcome::Taken { last: Some(_), .. }));
        assert_eq!(both.accounted(0).await.len(), 3);
    }

    /// A step that meets a case that it cannot read is unavailable and assigns nothing.
    async fn an_unreadable_case_is_never_passed_over(subject: &impl Subject) {
        let both = Both::of(subject);
        let wallets = both.paid("unreadable", 3).await;
        subject.damage(&wallets[1].id, Damage::Unreadable).await;
        let closing = both.days.closing(day(0)).await.unwrap();
        let step = Step { at: moment(DAY_LONG), after: None, limit: 10 };
        assert!(both.days.assign_to_day(&closing, &step).await.is_err());
        for wallet in [&wallets[0], &wallets[2]] {
            let case = both.cases.find(&wallet.id).await.unwrap().unwrap().case;
            assert_eq!(case.settlement, None);
        }
    }

    /// The cases of a day are ordered by id and continue after a page.
    async fn what_a_day_accounts_for_comes_in_pages_by_id(subject: &impl Subject) {
        let both = Both::of(subject);
        both.paid("page", 5).await;
        both.step_of(0).await;
        let mut after: Option<String> = None;
        for expected in [&["page-95", "page-96"][..], &["page-97", "page-98"], &["page-99"], &[]] {
            let page = Page { limit: 2, after: after.clone() };
            let found = names(&both.days.accounted(day(0), &page).await.unwrap());
            assert_eq!(found, expected);
            after = found.last().cloned().or(after);
        }
    }

    /// Another connection reads the statement of a closed day without a change.
    async fn a_closed_day_reads_back_as_it_was_closed(subject: &impl Subject) {
        let both = Both::of(subject);
        let amounts = |sums: &[(&str, i128)]| {
            let sum = |(code, sum): &(&str, i128)| (Currency::parse(code).unwrap(), *sum);
            sums.iter().map(sum).collect::<BTreeMap<_, _>>()
        };
        let large = i128::from(i64::MAX) * 1_000_000;
        let totals = |count, sums: &[(&str, i128)]| Totals { count, late: count / 2, amounts: amounts(sums) };
        let excluded =
            |named: &[&str]| Excluded { totals: totals(7, &[("JPY", 70)]), named: named.iter().map(|text| id(text)).collect() };
        let statement = DayStatement {
            day: day(0),
            payments: totals(u64::from(u32::MAX), &[("JPY", large), ("KRW", 1)]),
            refunds: totals(3, &[("USD", 5)]),
            fees: amounts(&[("JPY", 12)]),
            excluded: BTreeMap::from([
                (ExclusionReason::Cancelled, excluded(&["a", "\"b\""])),
                (ExclusionReason::MoneyNotBack, excluded(&[])),
            ]),
        };
        let closed = ClosedDay { statement, closed_at: moment(DAY_LONG), digest: "0123456789abcdef".repeat(4) };
        let StepOutcome::Taken { revision, .. } = both.step_of(0).await else { unreachable!() };
        assert_eq!(both.days.close(&closed, revision).await, Ok(true));
        assert_eq!(subject.open_days(ledger_policy()).closed_day(day(0)).await, Ok(Some(closed)));
    }

    /// Steps of one day on two connections assign each case once.
    async fn two_that_close_a_day_assign_each_case_once(subject: &impl Subject) {
        let (one, other) = (Both::of(subject), Both::of(subject));
        let wallets = one.paid("two", 30).await;
        let closing = one.days.closing(day(0)).await.unwrap();
        let assign_all = async |both: &Both| {
            let mut after = None;
            while let StepOutcome::Taken { last: Some(last), .. } = both.step(&closing, after, 3).await {
                after = Some(last);
            }
        };
        tokio::join!(assign_all(&one), assign_all(&other));
        for wallet in &wallets {
            let timeline = one.cases.find(&wallet.id).await.unwrap().unwrap().timeline;
            assert_eq!(timeline.iter().filter(|entry| entry.what == "settled").count(), 1);
        }
    }

    /// A cancel and a step decide a case one after the other: it ends cancelled or settled. The cancels were received in time.
    async fn f28_a_cancel_beside_a_step_ends_on_one_side(subject: &impl Subject) {
        let (closer, both) = (Both::of(subject), Both::of(subject));
        for round in 0..10 {
            let wallets = both.paid(&format!("race-{round}"), 8).await;
            let cancels = wallets.iter().map(Wallet::is_cancelled).collect();
            let (outcomes, _) = tokio::join!(decided(&both.cases, cancels), closer.step_of(0));
            closer.step_of(0).await;
            for (wallet, outcome) in wallets.iter().zip(outcomes) {
                let case = both.cases.find(&wallet.id).await.unwrap().unwrap().case;
                assert_eq!(case.is_cancelled(), outcome == CANCELLED, "{outcome:?}");
                assert_eq!(case.is_settled(), matches!(outcome, Reply::Cancel(CancelReply::Answered(domain::Answer::Refused(_)))), "{outcome:?}");
                assert!(case.settlement.is_some(), "accounted for on one side or the other");
            }
        }
    }

    /// Unknown ids are left out, and a case comes once, also where several of its refunds are named.
    async fn cases_are_found_by_their_ids_and_by_their_refunds(subject: &impl Subject) {
        let both = Both::of(subject);
        let wallets = both.paid("found", 3).await;
        decided(&both.cases, vec![wallets[2].refunds("r1", 1), wallets[2].refunds("r2", 1), wallets[0].refunds("r1", 1)]).await;
        let wanted: Vec<PaymentRequestId> = vec![wallets[1].id.clone(), id("nobody"), wallets[2].id.clone()];
        let mut found = names(&both.days.find_all(&wanted).await.unwrap());
        found.sort();
        assert_eq!(found, ["found-97", "found-98"]);
        for (refunds, expected) in
            [(&["r1"][..], &["found-97", "found-99"][..]), (&["r2", "r3"], &["found-97"]), (&["r3"], &[]), (&[], &[])]
        {
            let refunds: Vec<_> = refunds.iter().map(|text| refund(text)).collect();
            let mut found = names(&both.days.find_refunded(&refunds).await.unwrap());
            found.sort();
            assert_eq!(found, expected);
        }
    }
}

/// The cases and the days of one store.
struct Both {
    cases: Arc<dyn CancellationStore>,
    days: Arc<dyn SettlementStore>,
}

impl Both {
    fn of(subject: &impl Subject) -> Self {
        Self { cases: subject.open(ledger_policy()), days: subject.open_days(ledger_policy()) }
    }

    /// Payments that succeeded, each a second after the one before; their ids fall while their times rise.
    async fn paid(&self, prefix: &str, count: i64) -> Vec<Wallet> {
        let wallet = |n| Wallet { at: moment(n), ..Wallet::of(&format!("{prefix}-{:02}", 99 - n)) };
        let wallets: Vec<_> = (0..count).map(wallet).collect();
        for wallet in &wallets {
            decided(&self.cases, vec![wallet.pays(), wallet.reports(SUCCEEDED)]).await;
        }
        wallets
    }

    async fn step(&self, closing: &DayClosing, after: Option<DuePosition>, limit: u32) -> StepOutcome {
        let step = Step { at: moment(DAY_LONG), after, limit };
        self.days.assign_to_day(closing, &step).await.unwrap()
    }

    async fn step_of(&self, later: i64) -> StepOutcome {
        let closing = self.days.closing(day(later)).await.unwrap();
        self.step(&closing, None, 100).await
    }

    async fn close(&self, later: i64) -> ClosedDay {
        let StepOutcome::Taken { revision, .. } = self.step_of(later).await else { unreachable!("the day is open") };
        let closed =
            ClosedDay { statement: DayStatement::empty(day(later)), closed_at: moment(DAY_LONG), digest: "0".repeat(64) };
        assert_eq!(self.days.close(&closed, revision).await, Ok(true));
        closed
    }

    async fn accounted(&self, later: i64) -> Vec<String> {
        let page = Page { limit: 1000, after: None };
        names(&self.days.accounted(day(later), &page).await.unwrap())
    }
}

fn names(cases: &[Case]) -> Vec<String> {
    cases.iter().map(|case| case.id.to_string()).collect()
}

fn refund(text: &str) -> RefundRequestId {
    RefundRequestId::parse(text).unwrap()
}
