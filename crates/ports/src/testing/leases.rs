//! The promises of a store about what is due and what waits; `contract` lists them.

use std::sync::Arc;

use domain::{Action, Answer, AttemptEnd, CancelReply, Jitter, Lookup, Reply, ReversalOutcome};

use super::contract::{Damage, Subject, decided};
use super::{Wallet, core_policy, id, moment};
use crate::{Backlog, CancellationStore};

/// Owes money for `count` cases, a second apart; their first attempt is leased to nobody.
async fn owing(store: &Arc<dyn CancellationStore>, prefix: &str, count: i64) -> Vec<Wallet> {
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

/// Long after everything is due, and later with every step.
fn much_later(step: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(7_000_000_000 + step, 0).unwrap()
}

async fn claimed(store: &Arc<dyn CancellationStore>, limit: u32) -> Vec<(String, u32)> {
    let claims = store.lease_due(much_later(0), limit).await.unwrap();
    claims.into_iter().map(|claim| (claim.request.id.to_string(), claim.attempt)).collect()
}

/// See the name.
pub async fn what_is_due_is_claimed_once_the_earliest_first(subject: &impl Subject) {
    let store = subject.open(core_policy());
    owing(&store, "due", 5).await;
    assert_eq!(store.lease_due(moment(0), 10).await, Ok(vec![]), "nothing is due before its time");
    let mut first = claimed(&store, 3).await;
    first.sort();
    assert_eq!(first, [("due-0".to_owned(), 2), ("due-1".to_owned(), 2), ("due-2".to_owned(), 2)]);
    let mut rest = claimed(&store, 3).await;
    rest.sort();
    assert_eq!(rest, [("due-3".to_owned(), 2), ("due-4".to_owned(), 2)]);
    assert_eq!(claimed(&store, 3).await, []);
}

/// See the name.
pub async fn f14_a_lease_that_ended_is_claimed_again(subject: &impl Subject) {
    let store = subject.open(core_policy());
    let wallet = Wallet::of("lease");
    assert_eq!(
        decided(&store, vec![wallet.is_cancelled()]).await,
        [Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) })]
    );
    assert_eq!(store.lease_due(moment(2), 10).await, Ok(vec![]), "the cancel's own attempt is leased for three seconds");
    assert_eq!(claimed(&store, 10).await, [("lease".to_owned(), 2)]);
    let late = Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome: ReversalOutcome::Done, jitter: Jitter(0) });
    assert_eq!(decided(&store, vec![wallet.does(late)]).await, [Reply::Attempt(Answer::Pending)], "a late close is ignored");
    let done = Action::CompleteAttempt(AttemptEnd { attempt: 2, outcome: ReversalOutcome::Done, jitter: Jitter(0) });
    assert_eq!(decided(&store, vec![wallet.does(done)]).await, [Reply::Attempt(Answer::Cancelled)]);
    assert_eq!(claimed(&store, 10).await, []);
}

/// See the name.
pub async fn two_workers_never_claim_the_same_attempt(subject: &impl Subject) {
    let stores = [subject.open(core_policy()), subject.open(core_policy())];
    owing(&stores[0], "shared", 40).await;
    let mut all = Vec::new();
    while all.len() < 40 {
        let (one, other) = tokio::join!(claimed(&stores[0], 7), claimed(&stores[1], 7));
        all.extend(one.into_iter().chain(other));
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 40, "{all:?}");
    assert!(all.iter().all(|(_, attempt)| *attempt == 2), "{all:?}");
}

/// See the name. The unreadable one has been due for longest.
pub async fn f34_an_unreadable_case_that_is_due_holds_up_no_other(subject: &impl Subject) {
    let store = subject.open(core_policy());
    let wallets = owing(&store, "swept", 5).await;
    // Its account is what is damaged.
    decided(&store, vec![wallets[4].pays()]).await;
    subject.damage(&id("swept-0"), Damage::Unreadable).await;
    let mut all = store.lease_due(moment(3600), 3).await.unwrap();
    all.extend(store.lease_due(moment(3600), 3).await.unwrap());
    let mut claimed: Vec<_> = all.iter().map(|claim| (claim.request.id.as_str(), claim.attempt)).collect();
    claimed.sort_unstable();
    assert_eq!(claimed, [("swept-1", 2), ("swept-2", 2), ("swept-3", 2), ("swept-4", 2)]);
}

/// See the name.
pub async fn the_backlog_counts_what_waits(subject: &impl Subject) {
    let store = subject.open(core_policy());
    assert_eq!(store.backlog().await, Ok(Backlog::default()));
    let wallets = owing(&store, "open", 3).await;
    decided(&store, vec![Wallet::of("unsure").is_cancelled_by("acquirer-1", Lookup::Failed)]).await;
    let oldest_open = Some((id("open-0"), moment(0)));
    assert_eq!(store.backlog().await, Ok(Backlog { deferred: 1, open: 3, parked: 0, oldest_open }));
    assert_eq!(claimed(&store, 3).await.len(), 3);
    let outcomes =
        [ReversalOutcome::Done, ReversalOutcome::Impossible("closed".to_owned()), ReversalOutcome::Unknown("timeout".to_owned())];
    for (wallet, outcome) in wallets.iter().rev().zip(outcomes) {
        decided(&store, vec![wallet.does(Action::CompleteAttempt(AttemptEnd { attempt: 2, outcome, jitter: Jitter(0) }))]).await;
    }
    let oldest_open = Some((id("open-2"), moment(2)));
    assert_eq!(store.backlog().await, Ok(Backlog { deferred: 1, open: 1, parked: 1, oldest_open }));
}
