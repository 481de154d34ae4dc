//! What is read back in pages: cases that wait, and an account's statement.

use domain::{AccountId, Lookup};

use crate::testing::contracts::store::{Subject, balance, decided, paid};
use crate::testing::{Wallet, core_policy, id, ledger_policy};
use crate::{Page, ReversalFilter};

contract! {
    #[doc(hidden)]
    ($) __cases_lists! in (cases::lists)

    /// The lists of open and of deferred cases are ordered by id and continue after a page.
    async fn lists_come_in_pages_by_id(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let names: Vec<_> = (0..7).map(|n| format!("list-{n}")).collect();
        for name in &names {
            let wallet = Wallet::of(name);
            decided(&store, vec![wallet.is_cancelled()]).await;
            let unsure = Wallet::of(&format!("deferred-{name}"));
            decided(&store, vec![unsure.is_cancelled_by("acquirer-1", Lookup::Failed("no answer".to_owned()))]).await;
        }
        let first = Page { limit: 5, after: None };
        let rest = Page { limit: 5, after: Some("list-4".to_owned()) };
        let ids = |cases: Vec<domain::Case>| cases.into_iter().map(|case| case.id.to_string()).collect::<Vec<_>>();
        let open = async |page| store.reversals(ReversalFilter::Open, page).await.map(ids);
        assert_eq!(open(&first).await.as_deref(), Ok(&names[..5]));
        assert_eq!(open(&rest).await.as_deref(), Ok(&names[5..]));
        assert_eq!(store.reversals(ReversalFilter::Parked, &first).await, Ok(vec![]));
        let deferred = store.deferred(&Page { limit: 2, after: Some("deferred-list-4".to_owned()) }).await.map(ids);
        assert_eq!(deferred, Ok(vec!["deferred-list-5".to_owned(), "deferred-list-6".to_owned()]));
    }

    /// Beside each page of entries stands the sum of all of them.
    async fn a_statement_sums_all_and_shows_a_page(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        for n in 0..5 {
            paid(&store, &Wallet::of(&format!("statement-{n}"))).await;
        }
        let account = AccountId::parse("user-1").unwrap();
        let mut after = None;
        let mut seen = Vec::new();
        for expected in [2, 2, 1, 0] {
            let page = Page { limit: 2, after: after.clone() };
            let statement = store.account(&account, &page).await.unwrap();
            assert_eq!(statement.balances.values().copied().collect::<Vec<_>>(), [-5000]);
            assert_eq!(statement.entries.len(), expected);
            after = statement.entries.last().map(|entry| entry.position.clone()).or(after);
            seen.extend(statement.entries.into_iter().map(|entry| entry.payment_request_id));
        }
        assert_eq!(seen, (0..5).map(|n| id(&format!("statement-{n}"))).collect::<Vec<_>>());
    }

    /// A balance is wider than an amount.
    async fn the_largest_amounts_do_not_overflow_a_balance(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        for n in 0..3 {
            let wallet = Wallet { amount: i64::MAX, ..Wallet::of(&format!("large-{n}")) };
            paid(&store, &wallet).await;
        }
        assert_eq!(balance(&store, "user-1").await, -3 * i128::from(i64::MAX));
    }
}
