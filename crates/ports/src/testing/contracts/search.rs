//! The promises of [`CaseSearch`].

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{
    AccountId, AcquirerId, Action, Case, CaseState, Lookup, PayResult, PaymentId, PaymentRequestId, Policy, ReportedResult,
};

use crate::testing::contracts::store::{SUCCEEDED, Subject, decided};
use crate::testing::{Damage, Wallet, core_policy, id, ledger_policy, moment};
use crate::{CancellationStore, CaseSearch, FoundCases, Search, SearchPage, SearchPosition};

contract! {
    /// Makes one test for each promise of a [`CaseSearch`]. The expression makes a fresh, empty [`Subject`] for each; it is the same
    /// subject as [`cases_contract!`](crate::cases_contract) takes.
    ($) search_contract! in (search)

    /// Each thing that people know of a payment finds it, alone and together with the others, and nothing else is found.
    async fn f94_a_payment_is_found_by_whatever_is_known_of_it(subject: &impl Subject) {
        let both = Both::of(subject, ledger_policy());
        both.pays("wanted", "user-1", 0).await;
        both.pays("of-another", "user-2", 0).await;
        both.pays("later", "user-1", 60).await;
        let account = |name: &str| Search { account: Some(AccountId::parse(name).unwrap()), ..Search::default() };
        let payment_id = |name: &str| Search { payment_id: Some(PaymentId::parse(name).unwrap()), ..Search::default() };
        let between = |from, to| Search {
            initiated_from: Some(moment(0) + TimeDelta::microseconds(from)),
            initiated_to: Some(moment(0) + TimeDelta::microseconds(to)),
            ..Search::default()
        };
        assert_eq!(both.finds(&account("user-1")).await, ["later", "wanted"]);
        assert_eq!(both.finds(&account("user-3")).await, [""; 0]);
        assert_eq!(both.finds(&payment_id("P-wanted")).await, ["wanted"]);
        assert_eq!(both.finds(&payment_id("p-wanted")).await, [""; 0]);
        assert_eq!(both.finds(&between(0, 1)).await, ["wanted", "of-another"], "from then on, and until before");
        assert_eq!(both.finds(&between(1, 60_000_000)).await, [""; 0]);
        assert_eq!(both.finds(&between(-1, 60_000_001)).await, ["later", "wanted", "of-another"]);
        let all = Search { payment_id: payment_id("P-later").payment_id, state: Some(CaseState::Succeeded), ..account("user-1") };
        assert_eq!(both.finds(&all).await, ["later"]);
        assert_eq!(both.finds(&Search { account: account("user-2").account, ..all.clone() }).await, [""; 0]);
        assert_eq!(both.finds(&Search { state: Some(CaseState::Failed), ..all.clone() }).await, [""; 0]);
        for (acquirer, found) in [("acquirer-1", vec!["later", "wanted"]), ("acquirer-2", vec![])] {
            let acquirer_id = Some(AcquirerId::parse(acquirer).unwrap());
            assert_eq!(both.finds(&Search { acquirer_id, ..account("user-1") }).await, found);
        }
    }

    /// A case is found by the state that it is in, and by no other.
    async fn a_case_is_found_by_its_state_and_by_no_other(subject: &impl Subject) {
        let both = Both::of(subject, core_policy());
        both.every_state().await;
        for state in CaseState::ALL {
            let found = both.all(&Search { state: Some(*state), ..Search::default() }).await;
            assert!(!found.is_empty(), "{state}");
            assert!(found.iter().all(|case| case.state() == Some(*state)), "{state}: {found:#?}");
            let account = Some(AccountId::parse("user-1").unwrap());
            let with_account = both.all(&Search { state: Some(*state), account, ..Search::default() }).await;
            let paid: Vec<_> = found.into_iter().filter(|case| case.payment.is_some()).collect();
            assert_eq!(with_account, paid, "{state}");
        }
    }

    /// Without a payment a case has no account and no moment. As long as it waits for something it is found by that.
    async fn a_case_without_a_payment_is_found_as_long_as_it_waits(subject: &impl Subject) {
        let both = Both::of(subject, core_policy());
        decided(&both.cases, vec![Wallet::of("fence").is_cancelled()]).await;
        let open = Search { state: Some(CaseState::Open), ..Search::default() };
        assert_eq!(both.finds(&open).await, ["fence"]);
        assert_eq!(both.finds(&Search { acquirer_id: Some(AcquirerId::parse("acquirer-1").unwrap()), ..open.clone() }).await, ["fence"]);
        assert_eq!(both.finds(&Search { initiated_from: Some(moment(-1)), ..open.clone() }).await, [""; 0]);
        let ledger = Both::of(subject, ledger_policy());
        decided(&ledger.cases, vec![Wallet::of("closed").is_cancelled()]).await;
        assert_eq!(both.finds(&Search { state: Some(CaseState::Cancelled), ..Search::default() }).await, [""; 0]);
    }

    /// Pages follow one another from the newest to the oldest, and each case is in one of them.
    async fn pages_go_from_the_newest_to_the_oldest(subject: &impl Subject) {
        let both = Both::of(subject, ledger_policy());
        let mut expected = Vec::new();
        for n in 0..13 {
            let name = format!("page-{n:02}");
            // Three of each moment.
            both.pays(&name, "user-1", n / 3).await;
            expected.insert(0, name);
        }
        let account = Search { account: Some(AccountId::parse("user-1").unwrap()), ..Search::default() };
        let time = Search { initiated_to: Some(moment(100)), ..Search::default() };
        let state = Search { state: Some(CaseState::Succeeded), ..Search::default() };
        for search in [account, time, state] {
            let (mut after, mut found) = (None, Vec::new());
            for _ in 0..40 {
                let page = SearchPage { limit: 2, after: after.clone() };
                let FoundCases::Page { cases, next } = both.search.search(&search, &page).await.unwrap() else { unreachable!() };
                assert!(cases.len() <= 2);
                found.extend(cases.iter().map(|case| case.id.to_string()));
                // What is announced meanwhile is newer, and changes nothing of the pages that come.
                both.pays(&format!("newer-{}", found.len()), "user-3", 200).await;
                after = next;
                if after.is_none() {
                    break;
                }
            }
            found.retain(|name| name.starts_with("page"));
            assert_eq!(found, expected, "{search:?}");
        }
    }

    /// One case that cannot be read hides no other.
    async fn a_damaged_case_hides_no_other(subject: &impl Subject) {
        let both = Both::of(subject, ledger_policy());
        for n in 0..3 {
            both.pays(&format!("among-{n}"), "user-1", n).await;
        }
        subject.damage(&id("among-1"), Damage::Unreadable).await;
        let found = both.finds(&Search { initiated_from: Some(moment(-1)), ..Search::default() }).await;
        assert!(found.contains(&"among-2".to_owned()) && found.contains(&"among-0".to_owned()), "{found:?}");
    }
}

/// A store, and the search of its cases.
struct Both {
    cases: Arc<dyn CancellationStore>,
    search: Arc<dyn CaseSearch>,
}

impl Both {
    fn of(subject: &impl Subject, policy: Policy) -> Self {
        Self { cases: subject.open(policy.clone()), search: subject.open_search(policy) }
    }

    /// A payment of that account, initiated so many seconds after [`moment`] 0, whose own id is `P-NAME`.
    async fn pays(&self, name: &str, account: &'static str, seconds: i64) {
        let wallet = Wallet { account, at: moment(seconds), ..Wallet::of(name) };
        let mut pays = wallet.pays();
        if let Action::Pay(payment) = &mut pays.command.action {
            payment.initiated_at = wallet.at;
        }
        let payment_id = Some(PaymentId::parse(format!("P-{name}")).unwrap());
        let result = PayResult { result: SUCCEEDED, completed_at: wallet.at, payment_id, fee: None };
        decided(&self.cases, vec![pays, wallet.does(Action::Result(result))]).await;
    }

    /// All pages of a search.
    async fn all(&self, search: &Search) -> Vec<Case> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = SearchPage { limit: 3, after };
            let FoundCases::Page { cases, next } = self.search.search(search, &page).await.unwrap() else { unreachable!() };
            assert!(cases.iter().all(|case| search.matches(case)), "{search:?}: {cases:#?}");
            found.extend(cases);
            after = next;
            if after.is_none() {
                let places: Vec<_> = found.iter().map(SearchPosition::of).collect();
                assert!(places.is_sorted_by(|one, next| one > next), "{places:?}");
                return found;
            }
        }
    }

    async fn finds(&self, search: &Search) -> Vec<String> {
        self.all(search).await.into_iter().map(|case| case.id.to_string()).collect()
    }

    /// Cases of every state, with and without a payment where there are both.
    async fn every_state(&self) {
        use domain::{AttemptEnd, Jitter, ReversalOutcome};
        let of = |name: &str, n: i64| Wallet { at: moment(n), ..Wallet::of(name) };
        let park = || Action::Park { note: "look".to_owned(), by: "ann".to_owned() };
        let attempt = |outcome| Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome, jitter: Jitter(0) });
        let failed = || Lookup::Failed("no answer".to_owned());
        let paid = |wallet: &Wallet| vec![wallet.pays(), wallet.reports(SUCCEEDED)];
        let mut batch = Vec::new();
        batch.push(of("in-progress", 1).pays());
        batch.extend(paid(&of("succeeded", 2)));
        let wallet = of("failed", 3);
        batch.extend([wallet.pays(), wallet.reports(ReportedResult::Failed)]);
        batch.push(of("deferred-unknown", 4).is_cancelled_by("acquirer-1", failed()));
        let wallet = of("deferred-paid", 5);
        batch.extend(paid(&wallet).into_iter().chain([wallet.refunds("r", 100), wallet.is_cancelled()]));
        batch.push(of("open-unknown", 6).is_cancelled());
        let wallet = of("open-paid", 7);
        batch.extend(paid(&wallet).into_iter().chain([wallet.is_cancelled()]));
        let wallet = of("parked-unknown", 8);
        batch.extend([wallet.is_cancelled_by("acquirer-1", failed()), wallet.does(park())]);
        let wallet = of("parked-paid", 9);
        batch.extend(
            paid(&wallet)
                .into_iter()
                .chain([wallet.is_cancelled(), wallet.does(attempt(ReversalOutcome::Impossible("closed".to_owned())))]),
        );
        let wallet = of("cancelled", 10);
        batch.extend(paid(&wallet).into_iter().chain([wallet.is_cancelled(), wallet.does(attempt(ReversalOutcome::Done))]));
        let wallet = of("refused", 11);
        batch.extend(paid(&wallet));
        let late = Wallet { at: moment(3 * 24 * 60 * 60), ..wallet };
        batch.push(late.is_cancelled());
        let wallet = of("already-refunded", 12);
        batch.extend(paid(&wallet).into_iter().chain([
            wallet.refunds("r", 1000),
            wallet.reports_refund("r", SUCCEEDED),
            wallet.is_cancelled(),
        ]));
        decided(&self.cases, batch).await;
        // What was cancelled and answered, and succeeds again.
        let wallet = of("cancelled-then-open", 13);
        decided(&self.cases, vec![wallet.pays(), wallet.is_cancelled(), wallet.does(attempt(ReversalOutcome::Done))]).await;
        decided(&self.cases, vec![wallet.reports(SUCCEEDED)]).await;
        let state = async |name: &str| {
            let file = self.cases.find(&PaymentRequestId::parse(name).unwrap()).await.unwrap();
            file.and_then(|file| file.case.state())
        };
        assert_eq!(state("cancelled-then-open").await, Some(CaseState::Open));
    }
}
