//! What is due and what waits.

use std::sync::Arc;

use domain::{Action, Answer, AttemptEnd, CancelReply, Jitter, Lookup, Reply, ReversalOutcome};

use crate::testing::contracts::store::{Damage, Subject, decided};
use crate::testing::{Wallet, core_policy, id, moment};
use crate::{Backlog, CancellationStore};

contract! {
    #[doc(hidden)]
    ($) __cases_leases! in (cases::leases)

    /// Leases go to the reversals that have been due for longest, and each reversal is leased once.
    async fn what_is_due_is_leased_once_the_earliest_first(subject: &impl Subject) {
        let store = subject.open(core_policy());
        opened(&store, "due", 5).await;
        assert_eq!(store.lease_due(moment(0), 10).await, Ok(vec![]), "nothing is due before its time");
        let mut first = leased(&store, 3).await;
        first.sort();
        assert_eq!(first, [("due-0".to_owned(), 2), ("due-1".to_owned(), 2), ("due-2".to_owned(), 2)]);
        let mut rest = leased(&store, 3).await;
        rest.sort();
        assert_eq!(rest, [("due-3".to_owned(), 2), ("due-4".to_owned(), 2)]);
        assert_eq!(leased(&store, 3).await, []);
    }

    /// A lease is exclusive until it ends; then the reversal is leased again, under the next number.
    async fn f14_a_lease_that_ended_is_given_again(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = Wallet::of("lease");
        assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) })]);
        assert_eq!(store.lease_due(moment(2), 10).await, Ok(vec![]), "the cancel's own attempt is leased for three seconds");
        assert_eq!(leased(&store, 10).await, [("lease".to_owned(), 2)]);
        let late = Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome: ReversalOutcome::Done, jitter: Jitter(0) });
        assert_eq!(
            decided(&store, vec![wallet.does(late)]).await,
            [Reply::Attempt(Answer::Pending)],
            "the end of an older attempt is ignored"
        );
        let done = Action::CompleteAttempt(AttemptEnd { attempt: 2, outcome: ReversalOutcome::Done, jitter: Jitter(0) });
        assert_eq!(decided(&store, vec![wallet.does(done)]).await, [Reply::Attempt(Answer::Cancelled)]);
        assert_eq!(leased(&store, 10).await, []);
    }

    /// A clock was an hour fast, and its process was killed in an attempt. Once the clock is right, nobody waits out its hour.
    async fn f56_a_lease_of_a_clock_that_was_set_back_is_over(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let fast = Wallet { at: moment(3_600), ..Wallet::of("fast") };
        assert_eq!(decided(&store, vec![fast.is_cancelled()]).await, [Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) })]);
        let leased = store.lease_due(moment(0), 10).await.unwrap();
        assert_eq!(leased.iter().map(|lease| lease.attempt).collect::<Vec<_>>(), [2], "an hour is longer than a lease's three seconds");
        assert_eq!(store.lease_due(moment(0), 10).await, Ok(vec![]), "and the new lease is one of three seconds");
    }

    /// The same for the wait after an attempt that failed while the clock was fast.
    async fn f56_a_wait_of_a_clock_that_was_set_back_is_over(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let fast = Wallet { at: moment(3_600), ..Wallet::of("fast") };
        let outcome = ReversalOutcome::Unknown("timeout".to_owned());
        let failed = Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome, jitter: Jitter(0) });
        decided(&store, vec![fast.is_cancelled(), fast.does(failed)]).await;
        let leased = store.lease_due(moment(0), 10).await.unwrap();
        assert_eq!(leased.iter().map(|lease| lease.attempt).collect::<Vec<_>>(), [2], "an hour is longer than any wait");
    }

    /// Clocks of two processes may differ by five seconds. So much longer than its term a lease may seem.
    async fn f56_a_clock_five_seconds_behind_takes_no_lease_away(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let of_now = Wallet { at: moment(100), ..Wallet::of("of-now") };
        decided(&store, vec![of_now.is_cancelled()]).await;
        assert_eq!(store.lease_due(moment(95), 10).await, Ok(vec![]));
        let repeated = Wallet { at: moment(95), ..of_now.clone() }.is_cancelled();
        assert_eq!(decided(&store, vec![repeated]).await, [Reply::Cancel(CancelReply::ReversalPending { attempt: None })]);
        let repeated = Wallet { at: moment(94), ..of_now.clone() }.is_cancelled();
        assert_eq!(decided(&store, vec![repeated]).await, [Reply::Cancel(CancelReply::ReversalPending { attempt: Some(2) })]);
    }

    /// A case that another connection has locked is passed over.
    async fn two_workers_never_lease_the_same_attempt(subject: &impl Subject) {
        let stores = [subject.open(core_policy()), subject.open(core_policy())];
        opened(&stores[0], "shared", 40).await;
        let mut all = Vec::new();
        while all.len() < 40 {
            let (one, other) = tokio::join!(leased(&stores[0], 7), leased(&stores[1], 7));
            all.extend(one.into_iter().chain(other));
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40, "{all:?}");
        assert!(all.iter().all(|(_, attempt)| *attempt == 2), "{all:?}");
    }

    /// A case that cannot be read is passed over, also where it has been due for longest.
    async fn f34_an_unreadable_case_that_is_due_holds_up_no_other(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallets = opened(&store, "swept", 5).await;
        // The damage is done to its account, so it needs one.
        decided(&store, vec![wallets[4].pays()]).await;
        subject.damage(&id("swept-0"), Damage::Unreadable).await;
        let mut all = store.lease_due(moment(3600), 3).await.unwrap();
        all.extend(store.lease_due(moment(3600), 3).await.unwrap());
        let mut leased: Vec<_> = all.iter().map(|lease| (lease.request.id.as_str(), lease.attempt)).collect();
        leased.sort_unstable();
        assert_eq!(leased, [("swept-1", 2), ("swept-2", 2), ("swept-3", 2), ("swept-4", 2)]);
    }

    /// The backlog counts deferred, open and parked cases, and names the reversal that was opened first.
    async fn the_backlog_counts_what_waits(subject: &impl Subject) {
        let store = subject.open(core_policy());
        assert_eq!(store.backlog().await, Ok(Backlog::default()));
        let wallets = opened(&store, "open", 3).await;
        decided(&store, vec![Wallet::of("unsure").is_cancelled_by("acquirer-1", Lookup::Failed("no answer".to_owned()))]).await;
        let oldest_open = Some((id("open-0"), moment(0)));
        let oldest_deferred = Some((id("unsure"), moment(0)));
        let backlog = Backlog { deferred: 1, open: 3, parked: 0, oldest_open, oldest_deferred: oldest_deferred.clone() };
        assert_eq!(store.backlog().await, Ok(backlog));
        assert_eq!(leased(&store, 3).await.len(), 3);
        let outcomes = [
            ReversalOutcome::Done,
            ReversalOutcome::Impossible("closed".to_owned()),
            ReversalOutcome::Unknown("timeout".to_owned()),
        ];
        for (wallet, outcome) in wallets.iter().rev().zip(outcomes) {
            decided(&store, vec![wallet.does(Action::CompleteAttempt(AttemptEnd { attempt: 2, outcome, jitter: Jitter(0) }))]).await;
        }
        let oldest_open = Some((id("open-2"), moment(2)));
        assert_eq!(store.backlog().await, Ok(Backlog { deferred: 1, open: 1, parked: 1, oldest_open, oldest_deferred }));
    }
}

/// Opens a reversal for each of `count` cases, a second apart; the first attempt failed, and none is leased.
async fn opened(store: &Arc<dyn CancellationStore>, prefix: &str, count: i64) -> Vec<Wallet> {
    let mut wallets: Vec<_> = (0..count).map(|n| Wallet { at: moment(n), ..Wallet::of(&format!("{prefix}-{n}")) }).collect();
    for wallet in &wallets {
        assert_eq!(
            decided(store, vec![wallet.is_cancelled()]).await,
            [Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) })]
        );
        let outcome = ReversalOutcome::Unknown("timeout".to_owned());
        let failed = Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome, jitter: Jitter(0) });
        assert_eq!(decided(store, vec![wallet.does(failed)]).await, [Reply::Attempt(Answer::Pending)]);
    }
    // The latest first by id, so that an order by id is not taken for an order by time.
    wallets.reverse();
    wallets
}

/// The ids and the numbers of attempts that are leased long after everything is due.
async fn leased(store: &Arc<dyn CancellationStore>, limit: u32) -> Vec<(String, u32)> {
    let much_later = chrono::DateTime::from_timestamp(7_000_000_000, 0).unwrap();
    let leases = store.lease_due(much_later, limit).await.unwrap();
    leases.into_iter().map(|lease| (lease.request.id.to_string(), lease.attempt)).collect()
}
