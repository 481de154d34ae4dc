//! The promises of [`CancellationStore`], each a test over any adapter.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{
    AccountId, Answer, CancelReply, CommandReply, Disposition, Inquiry, Lookup, PaymentRequestId, Policy, Refusal, Reply,
    ReportedResult,
};

pub use super::identity::{
    f05_a_recorded_code_is_repeated_whatever_the_settings_say, f46_ids_that_differ_at_all_are_different_cases,
};
pub use super::leases::{
    f14_a_lease_that_ended_is_claimed_again, f34_an_unreadable_case_that_is_due_holds_up_no_other, the_backlog_counts_what_waits,
    two_workers_never_claim_the_same_attempt, what_is_due_is_claimed_once_the_earliest_first,
};

use super::{Wallet, core_policy, id, ledger_policy};
use crate::{AccountStatement, CancellationStore, Page, ReceivedCommand, ReversalFilter, SettlementStore};

/// An adapter under test: cases that several stores share, as several processes share a database.
#[async_trait]
pub trait Subject: Send + Sync {
    /// One more connection to the same cases, which decides under `policy`.
    fn open(&self, policy: Policy) -> Arc<dyn CancellationStore>;

    /// One more connection to the days of the same cases.
    fn open_days(&self, policy: Policy) -> Arc<dyn SettlementStore>;

    /// Damages what is kept of a case, behind the stores' backs.
    async fn damage(&self, id: &PaymentRequestId, how: Damage);
}

/// What somebody did to a case that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It says what can never be.
    Unreadable,
    /// It can be read, but what a cancel has to record cannot be written.
    Unwritable,
}

/// Makes one test for each promise of a store. The expression makes a fresh, empty [`Subject`] for each.
#[macro_export]
macro_rules! store_contract {
    ($subject:expr) => {
        $crate::store_contract! { @each $subject,
            f03_a_repeat_gets_the_first_answer_and_writes_nothing,
            a_paid_case_twice_in_a_batch_is_credited_once,
            f36_a_case_never_seen_twice_in_a_batch_is_one_fence,
            the_other_acquirer_in_the_same_batch_is_refused,
            answers_come_in_the_order_of_the_batch,
            batches_that_cross_end_on_both_connections,
            f47_a_case_first_heard_of_by_two_at_once_is_one_case,
            f04_a_thousand_cancels_over_two_connections_credit_once,
            f34_an_unreadable_case_spoils_only_itself,
            f34_an_unwritable_case_spoils_only_itself,
            a_report_on_an_unknown_case_leaves_no_trace,
            lists_come_in_pages_by_id,
            a_statement_sums_all_and_shows_a_page,
            the_largest_amounts_do_not_overflow_a_balance,
            what_is_due_is_claimed_once_the_earliest_first,
            f14_a_lease_that_ended_is_claimed_again,
            two_workers_never_claim_the_same_attempt,
            f34_an_unreadable_case_that_is_due_holds_up_no_other,
            f05_a_recorded_code_is_repeated_whatever_the_settings_say,
            f46_ids_that_differ_at_all_are_different_cases,
            the_backlog_counts_what_waits,
        }
        #[tokio::test(flavor = "multi_thread")]
        async fn histories_read_back_as_they_were_decided() {
            $crate::testing::histories_read_back(&$subject).await;
        }
    };
    (@each $subject:expr, $($promise:ident,)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                $crate::testing::contract::$promise(&$subject).await;
            }
        )+
    };
}

pub(super) const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));
const PROCEED: Reply = Reply::Command(CommandReply::Done(Disposition::Proceed));
const STANDS: Reply = Reply::Command(CommandReply::Done(Disposition::Stands));
const SUCCEEDED: ReportedResult = ReportedResult::Succeeded;

/// Decides a batch of which every command has an outcome.
pub(super) async fn decided(store: &Arc<dyn CancellationStore>, batch: Vec<ReceivedCommand>) -> Vec<Reply> {
    let outcomes = store.decide(batch).await;
    outcomes.into_iter().map(|outcome| outcome.unwrap().reply).collect()
}

pub(super) async fn paid(store: &Arc<dyn CancellationStore>, wallet: &Wallet) {
    let outcomes = decided(store, vec![wallet.pays(), wallet.reports(SUCCEEDED)]).await;
    assert_eq!(outcomes, [PROCEED, STANDS]);
}

async fn statement(store: &Arc<dyn CancellationStore>, account: &str) -> AccountStatement {
    let account = AccountId::parse(account).unwrap();
    let page = Page { limit: 1000, after: None };
    store.account(&account, &page).await.unwrap()
}

pub(super) async fn balance(store: &Arc<dyn CancellationStore>, account: &str) -> i128 {
    statement(store, account).await.balances.into_values().sum()
}

async fn events(store: &Arc<dyn CancellationStore>, id: &PaymentRequestId) -> Vec<String> {
    let file = store.find(id).await.unwrap();
    file.map(|file| file.timeline.into_iter().map(|entry| entry.what).collect()).unwrap_or_default()
}

/// See the name.
pub async fn f03_a_repeat_gets_the_first_answer_and_writes_nothing(subject: &impl Subject) {
    let store = subject.open(ledger_policy());
    let wallet = Wallet::of("repeat");
    paid(&store, &wallet).await;
    assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [CANCELLED]);
    let before = (store.find(&wallet.id).await, statement(&store, "user-1").await);
    for _ in 0..3 {
        assert_eq!(decided(&store, vec![wallet.is_cancelled(), wallet.is_cancelled()]).await, [CANCELLED; 2]);
    }
    assert_eq!((store.find(&wallet.id).await, statement(&store, "user-1").await), before);
    assert_eq!(balance(&store, "user-1").await, 0);
}

/// See the name.
pub async fn a_paid_case_twice_in_a_batch_is_credited_once(subject: &impl Subject) {
    let store = subject.open(ledger_policy());
    let wallet = Wallet::of("twice");
    let whole_life = vec![wallet.pays(), wallet.reports(SUCCEEDED), wallet.is_cancelled(), wallet.is_cancelled()];
    assert_eq!(decided(&store, whole_life).await, [PROCEED, STANDS, CANCELLED, CANCELLED]);
    assert_eq!(statement(&store, "user-1").await.entries.len(), 2);
    assert_eq!(balance(&store, "user-1").await, 0);
    let told = ["payment-recorded", "succeeded", "cancel-received", "cancelled", "reversal-opened", "reversal-done"];
    assert_eq!(events(&store, &wallet.id).await, told);
}

/// See the name.
pub async fn f36_a_case_never_seen_twice_in_a_batch_is_one_fence(subject: &impl Subject) {
    let store = subject.open(ledger_policy());
    let wallet = Wallet::of("fence");
    assert_eq!(decided(&store, vec![wallet.is_cancelled(), wallet.is_cancelled()]).await, [CANCELLED; 2]);
    assert_eq!(events(&store, &wallet.id).await, ["cancel-received", "cancelled"]);
    assert_eq!(decided(&store, vec![wallet.pays()]).await, [Reply::Command(CommandReply::Done(Disposition::Closed))]);
    assert_eq!(
        decided(&store, vec![wallet.reports(SUCCEEDED)]).await,
        [Reply::Command(CommandReply::Done(Disposition::Reversed))]
    );
    assert_eq!(balance(&store, "user-1").await, 0);
}

/// See the name.
pub async fn the_other_acquirer_in_the_same_batch_is_refused(subject: &impl Subject) {
    let store = subject.open(ledger_policy());
    let refused = Reply::Cancel(CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest)));
    for (name, is_paid) in [("other-paid", true), ("other-fence", false)] {
        let wallet = Wallet::of(name);
        if is_paid {
            paid(&store, &wallet).await;
        }
        let other = || wallet.is_cancelled_by("acquirer-2", Lookup::Recorded);
        let outcomes = decided(&store, vec![wallet.is_cancelled(), other(), wallet.is_cancelled(), other()]).await;
        assert_eq!(outcomes, [CANCELLED, refused, CANCELLED, refused]);
    }
}

/// See the name.
pub async fn answers_come_in_the_order_of_the_batch(subject: &impl Subject) {
    let store = subject.open(ledger_policy());
    let wallets: Vec<_> = (0..40).rev().map(|n| Wallet::of(&format!("order-{n}"))).collect();
    decided(&store, wallets.iter().step_by(2).map(Wallet::pays).collect()).await;
    let unknown = Reply::Command(CommandReply::NotFound { fenced: false });
    let expected: Vec<_> = [STANDS, unknown].into_iter().cycle().take(wallets.len()).collect();
    let reports = wallets.iter().map(|wallet| wallet.reports(ReportedResult::Failed)).collect();
    assert_eq!(decided(&store, reports).await, expected);
}

/// See the name.
pub async fn batches_that_cross_end_on_both_connections(subject: &impl Subject) {
    let stores = [subject.open(ledger_policy()), subject.open(ledger_policy())];
    for round in 0..20 {
        let wallets: Vec<_> = (0..16).map(|n| Wallet::of(&format!("cross-{round}-{n}"))).collect();
        // Half of the cases are known before, the others are first heard of by both at once.
        for wallet in wallets.iter().step_by(2) {
            paid(&stores[0], wallet).await;
        }
        let forth: Vec<_> = wallets.iter().map(Wallet::is_cancelled).collect();
        let back: Vec<_> = forth.iter().rev().cloned().collect();
        let (forth, back) = tokio::join!(decided(&stores[0], forth), decided(&stores[1], back));
        assert!(forth.iter().chain(&back).all(|outcome| *outcome == CANCELLED));
    }
    assert_eq!(balance(&stores[0], "user-1").await, 0);
}

/// See the name.
pub async fn f47_a_case_first_heard_of_by_two_at_once_is_one_case(subject: &impl Subject) {
    let stores = [subject.open(ledger_policy()), subject.open(ledger_policy())];
    for round in 0..50 {
        let wallet = Wallet::of(&format!("first-{round}"));
        let (pay, cancel) =
            tokio::join!(decided(&stores[0], vec![wallet.pays()]), decided(&stores[1], vec![wallet.is_cancelled()]));
        assert_eq!(cancel, [CANCELLED]);
        let result = decided(&stores[0], vec![wallet.reports(SUCCEEDED)]).await;
        assert_eq!(result, [Reply::Command(CommandReply::Done(Disposition::Reversed))], "after {pay:?}");
    }
    let statement = statement(&stores[0], "user-1").await;
    assert_eq!((statement.entries.len(), statement.balances.into_values().sum::<i128>()), (100, 0));
}

/// See the name.
pub async fn f04_a_thousand_cancels_over_two_connections_credit_once(subject: &impl Subject) {
    let stores = [subject.open(ledger_policy()), subject.open(ledger_policy())];
    let wallet = Wallet::of("thousand");
    paid(&stores[0], &wallet).await;
    let callers = (0..100).map(|n| {
        let (store, cancel) = (Arc::clone(&stores[n % 2]), wallet.is_cancelled());
        tokio::spawn(async move {
            // Whoever is not answered asks again, as Alipay+ does.
            loop {
                let outcomes = store.decide(vec![cancel.clone(); 10]).await;
                if let Ok(outcomes) = outcomes.into_iter().collect::<Result<Vec<_>, _>>() {
                    return outcomes.into_iter().map(|decided| decided.reply).collect::<Vec<_>>();
                }
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap(), [CANCELLED; 10]);
    }
    assert_eq!(statement(&stores[0], "user-1").await.entries.len(), 2);
    assert_eq!(balance(&stores[0], "user-1").await, 0);
}

/// See the name.
pub async fn f34_an_unreadable_case_spoils_only_itself(subject: &impl Subject) {
    one_bad_case(subject, Damage::Unreadable).await;
}

/// See the name.
pub async fn f34_an_unwritable_case_spoils_only_itself(subject: &impl Subject) {
    one_bad_case(subject, Damage::Unwritable).await;
}

async fn one_bad_case(subject: &impl Subject, how: Damage) {
    let store = subject.open(ledger_policy());
    let wallets: Vec<_> = (0..9).map(|n| Wallet::of(&format!("bad-{n}"))).collect();
    for wallet in &wallets {
        paid(&store, wallet).await;
    }
    subject.damage(&wallets[4].id, how).await;
    let outcomes = store.decide(wallets.iter().map(Wallet::is_cancelled).collect()).await;
    for (place, outcome) in outcomes.iter().enumerate() {
        match place {
            4 => assert!(outcome.is_err(), "{outcome:?}"),
            _ => assert_eq!(outcome.clone().map(|decided| decided.reply), Ok(CANCELLED), "{place}"),
        }
    }
    for (place, wallet) in wallets.iter().enumerate().filter(|(place, _)| *place != 4) {
        let file = store.find(&wallet.id).await.unwrap();
        assert_eq!(file.map(|file| file.case.inquiry()), Some(Inquiry::Closed), "{place}");
    }
}

/// See the name.
pub async fn a_report_on_an_unknown_case_leaves_no_trace(subject: &impl Subject) {
    let store = subject.open(ledger_policy());
    let wallet = Wallet::of("unknown");
    let reports = vec![wallet.reports(SUCCEEDED), wallet.refunds("r", 1), wallet.reports_refund("r", SUCCEEDED)];
    assert_eq!(decided(&store, reports).await, [Reply::Command(CommandReply::NotFound { fenced: false }); 3]);
    assert_eq!(store.find(&wallet.id).await, Ok(None));
    assert!(store.check().await.is_ok());
}

/// See the name.
pub async fn lists_come_in_pages_by_id(subject: &impl Subject) {
    let store = subject.open(core_policy());
    let names: Vec<_> = (0..7).map(|n| format!("list-{n}")).collect();
    for name in &names {
        let wallet = Wallet::of(name);
        decided(&store, vec![wallet.is_cancelled()]).await;
        let unsure = Wallet::of(&format!("deferred-{name}"));
        decided(&store, vec![unsure.is_cancelled_by("acquirer-1", Lookup::Failed)]).await;
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

/// See the name.
pub async fn a_statement_sums_all_and_shows_a_page(subject: &impl Subject) {
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

/// See the name.
pub async fn the_largest_amounts_do_not_overflow_a_balance(subject: &impl Subject) {
    let store = subject.open(ledger_policy());
    for n in 0..3 {
        let wallet = Wallet { amount: i64::MAX, ..Wallet::of(&format!("large-{n}")) };
        paid(&store, &wallet).await;
    }
    assert_eq!(balance(&store, "user-1").await, -3 * i128::from(i64::MAX));
}
