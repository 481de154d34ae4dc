//! For any life of payments and any order of closings: every completed payment is in one statement, on one side.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use domain::{ClearingDay, DayStatement, PaymentRequestId, Settlement};
use ports::testing::Wallet;
use ports::{CaseFile, Page};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use testkit::TestEngine;
use tokio::runtime::Runtime;
use use_cases::{CloseDayError, close_day};

use crate::settlement::fixtures::{Kept, SUCCEEDED, day, decided, later};

/// Days of one history. The days between two histories stay open, and all of them are over by any real clock.
const DAYS: i64 = 5;
const APART: i64 = 10;
const PAYMENTS: usize = 8;
const REFUNDS: [&str; 2] = ["r1", "r2"];

#[derive(Debug, Clone)]
enum Step {
    Pays(usize),
    /// Succeeds on that day, whenever that is reported.
    Succeeds(usize, i64),
    Fails(usize),
    /// A cancel received on the first day.
    Cancels(usize),
    Refunds(usize, usize, i64),
    RefundEnds(usize, usize, i64, bool),
    Closes(i64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let (payment, refund, day) = (|| 0..PAYMENTS, || 0..REFUNDS.len(), || 0..DAYS);
    prop_oneof![
        6 => payment().prop_map(Step::Pays),
        6 => (payment(), day()).prop_map(|(n, day)| Step::Succeeds(n, day)),
        1 => payment().prop_map(Step::Fails),
        3 => payment().prop_map(Step::Cancels),
        4 => (payment(), refund(), 1..=1000_i64).prop_map(|(n, r, minor)| Step::Refunds(n, r, minor)),
        4 => (payment(), refund(), day(), any::<bool>()).prop_map(|(n, r, day, ok)| Step::RefundEnds(n, r, day, ok)),
        2 => day().prop_map(Step::Closes),
    ]
}

/// One history in a store that has others.
struct History<'a> {
    kept: &'a Kept,
    number: i64,
}

impl History<'_> {
    fn day(&self, of: i64) -> ClearingDay {
        day(of - self.number * APART)
    }

    fn wallet(&self, n: usize, of: i64) -> Wallet {
        let at = later(of - self.number * APART) + TimeDelta::seconds(i64::try_from(n).unwrap());
        Wallet { at, ..Wallet::of(&format!("{}-{n}", self.number)) }
    }

    async fn happens(&self, step: &Step) {
        let ask = match *step {
            Step::Pays(n) => self.wallet(n, 0).pays(),
            Step::Succeeds(n, day) => self.wallet(n, day).reports(SUCCEEDED),
            Step::Fails(n) => self.wallet(n, 0).reports(domain::ReportedResult::Failed),
            Step::Cancels(n) => self.wallet(n, 0).is_cancelled(),
            Step::Refunds(n, refund, minor) => self.wallet(n, 0).refunds(REFUNDS[refund], minor),
            Step::RefundEnds(n, refund, day, true) => self.wallet(n, day).reports_refund(REFUNDS[refund], SUCCEEDED),
            Step::RefundEnds(n, refund, _, false) => {
                self.wallet(n, 0).reports_refund(REFUNDS[refund], domain::ReportedResult::Failed)
            }
            Step::Closes(day) => return self.closes(day).await,
        };
        decided(&self.kept.cases, vec![ask]).await;
    }

    /// Only what is deferred keeps a day open: its period is over long ago.
    async fn closes(&self, of: i64) {
        match close_day(&self.kept.settlement(later(APART)), self.day(of)).await {
            Ok(_) | Err(CloseDayError::Deferred { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }

    async fn files(&self) -> Vec<CaseFile> {
        let mut files = Vec::new();
        for n in 0..PAYMENTS {
            files.extend(self.kept.cases.find(&self.wallet(n, 0).id).await.unwrap());
        }
        files
    }

    /// An export names every day that is open and would take something in. Once those are closed, none is left. The last is never closed
    /// before, and takes in what came late.
    async fn what_is_left_is_named(&self) {
        loop {
            let open = self.kept.days.open_before(self.day(DAYS)).await.unwrap();
            let own: Vec<_> = (0..DAYS).filter(|of| open.contains(&self.day(*of))).collect();
            if own.is_empty() {
                return;
            }
            for of in own {
                self.closes(of).await;
            }
        }
    }

    /// Ends what keeps days open, and closes all that have something and one more.
    async fn ends(&self) {
        for (n, refund) in (0..PAYMENTS).flat_map(|n| (0..REFUNDS.len()).map(move |refund| (n, refund))) {
            self.happens(&Step::RefundEnds(n, refund, 0, false)).await;
        }
        self.what_is_left_is_named().await;
        self.closes(DAYS).await;
    }

    /// What the statements say, by case; each is written twice.
    async fn statements(&self) -> BTreeMap<ClearingDay, (DayStatement, Vec<String>)> {
        let mut statements = BTreeMap::new();
        for of in 0..=DAYS {
            // A day on which nothing completed may be left out.
            let Some(closed) = self.kept.days.closed_day(self.day(of)).await.unwrap() else { continue };
            let file = self.kept.written(&closed).await.unwrap();
            assert_eq!(self.kept.written(&closed).await.unwrap(), file);
            let rows = file.lines().skip(1).map(str::to_owned).collect();
            statements.insert(self.day(of), (closed.statement, rows));
        }
        statements
    }

    async fn holds(&self) {
        let statements = self.statements().await;
        let cell = |row: &String, place: usize| row.split(',').nth(place).unwrap().to_owned();
        let mut seen: BTreeMap<(String, String), Vec<ClearingDay>> = BTreeMap::new();
        for (day, (_, rows)) in &statements {
            for row in rows {
                seen.entry((cell(row, 1), cell(row, 3))).or_default().push(*day);
            }
        }
        let (mut settled, mut excluded) = (0, 0);
        for CaseFile { case, timeline } in self.files().await {
            let key = |refund: &str| (case.id.to_string(), refund.to_owned());
            let of_payment = seen.remove(&key("")).unwrap_or_default();
            let entries =
                timeline.iter().filter(|entry| entry.what == "settled" && !entry.details.contains_key("refundRequestId"));
            assert_eq!(entries.count(), of_payment.len());
            match (case.completed_at(), case.is_cancelled(), case.settlement) {
                (None, _, settlement) => assert_eq!((settlement, of_payment), (None, vec![]), "what did not complete"),
                (Some(_), true, Some(Settlement::Excluded { .. })) => {
                    assert_eq!(of_payment, [], "what is cancelled settles nowhere");
                    excluded += 1;
                }
                (Some(at), false, Some(Settlement::Settled { day, .. })) => {
                    assert_eq!(of_payment, [day], "what completed is in one day");
                    assert!(ClearingDay::of(at) <= day);
                    settled += 1;
                }
                other => panic!("on both sides or on none: {other:?} {case:?}"),
            }
            for refund in &case.refunds {
                let of_refund = seen.remove(&key(refund.id.as_str())).unwrap_or_default();
                assert_eq!(of_refund, refund.settled_on.into_iter().collect::<Vec<_>>());
                assert_eq!(refund.completed_at().is_some(), refund.settled_on.is_some(), "exactly those that completed");
            }
        }
        assert_eq!(seen, BTreeMap::new(), "nothing else is in the files");
        let count = |of: &dyn Fn(&DayStatement) -> u64| statements.values().map(|(statement, _)| of(statement)).sum::<u64>();
        let fees = statements.values().flat_map(|(statement, _)| statement.fees.values()).sum::<i128>();
        assert_eq!((count(&|statement| statement.payments.count), fees), (settled, 3 * i128::from(settled)));
        assert_eq!(count(&|statement| statement.excluded.values().map(|out| out.totals.count).sum()), excluded);
        self.nothing_is_accounted_for_elsewhere(&statements).await;
    }

    async fn nothing_is_accounted_for_elsewhere(&self, statements: &BTreeMap<ClearingDay, (DayStatement, Vec<String>)>) {
        for (day, (statement, _)) in statements {
            let page = Page { limit: 1000, after: None };
            let ids: BTreeSet<PaymentRequestId> =
                self.kept.days.accounted(*day, &page).await.unwrap().into_iter().map(|case| case.id).collect();
            assert!(ids.iter().all(|id| id.as_str().starts_with(&format!("{}-", self.number))));
            assert!(ids.is_empty() == (statement.payments.count + statement.refunds.count == 0 && statement.excluded.is_empty()));
        }
    }
}

/// The same histories on every run; many of them where `RESCIND_SCALE=full` asks for it.
fn histories(kept: &Kept, cases: u32) {
    let full = std::env::var("RESCIND_SCALE").is_ok_and(|scale| scale == "full");
    let config =
        ProptestConfig { cases: if full { cases * 20 } else { cases }, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let runtime = Runtime::new().unwrap();
    let number = std::sync::atomic::AtomicI64::new(1);
    let history = prop::collection::vec(any_step(), 1..80);
    let held = runner.run(&history, |steps| {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        runtime.block_on(async {
            let history = History { kept, number };
            for step in &steps {
                history.happens(step).await;
            }
            history.ends().await;
            history.holds().await;
        });
        Ok(())
    });
    held.unwrap();
}

#[test]
fn every_completed_payment_is_in_one_day_and_on_one_side_in_memory() {
    histories(&Kept::in_memory(), 100);
}

#[test]
fn every_completed_payment_is_in_one_day_and_on_one_side_on_sqlite() {
    histories(&Kept::on(TestEngine::Sqlite), 15);
}

#[test]
fn every_completed_payment_is_in_one_day_and_on_one_side_on_postgresql() {
    histories(&Kept::on(TestEngine::Postgres), 15);
}
