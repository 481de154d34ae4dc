//! Resolutions that take two operators, from two processes at once.

use std::sync::Arc;

use domain::{Action, AttemptEnd, CommandReply, Disposition, Jitter, Policy, Reply, ReversalOutcome};

use crate::CancellationStore;
use crate::testing::contracts::store::{Subject, decided, events, paid};
use crate::testing::{Wallet, core_policy};

const REQUESTED: Reply = Reply::Command(CommandReply::Done(Disposition::Requested));
const RESOLVED: Reply = Reply::Command(CommandReply::Done(Disposition::Resolved));

contract! {
    #[doc(hidden)]
    ($) __cases_four_eyes! in (cases::four_eyes)

    /// Two operators approve at once, from two processes: one of them ends it, and the other one hears so.
    async fn f93_of_two_approvals_at_once_one_ends_it(subject: &impl Subject) {
        let stores = [(); 2].map(|()| subject.open(Policy { four_eyes: true, ..core_policy() }));
        for round in 0..8 {
            let wallet = asked_for(&stores[0], &format!("approved-{round}")).await;
            let approve = |by: &str| vec![wallet.does(Action::Approve { by: by.to_owned() })];
            let [one, other] = [decided(&stores[0], approve("bob")), decided(&stores[1], approve("cleo"))];
            let (one, other) = tokio::join!(one, other);
            let resolved = [one, other].concat().into_iter().filter(|reply| *reply == RESOLVED).count();
            assert_eq!(resolved, 1);
            let names = events(&stores[1], &wallet.id).await;
            assert_eq!(names.iter().filter(|name| *name == "reversal-resolved").count(), 1, "{names:?}");
        }
    }

    /// What one operator asked for is voided by what the other process decided meanwhile.
    async fn f93_a_retry_beside_an_approval_leaves_one_of_them(subject: &impl Subject) {
        let stores = [(); 2].map(|()| subject.open(Policy { four_eyes: true, ..core_policy() }));
        for round in 0..8 {
            let wallet = asked_for(&stores[0], &format!("retried-{round}")).await;
            let retried = decided(&stores[0], vec![wallet.does(Action::Retry { by: "ann".to_owned() })]);
            let approved = decided(&stores[1], vec![wallet.does(Action::Approve { by: "bob".to_owned() })]);
            let (retried, approved) = tokio::join!(retried, approved);
            let is_conflict = |replies: &[Reply]| matches!(replies, [Reply::Command(CommandReply::Conflict(_))]);
            assert!(is_conflict(&retried) != is_conflict(&approved), "{retried:?} and {approved:?}");
            let case = stores[0].find(&wallet.id).await.unwrap().unwrap().case;
            assert_eq!(case.resolution, None);
        }
    }
}

/// A parked reversal of which the operator `ann` says that it was paid by hand.
async fn asked_for(store: &Arc<dyn CancellationStore>, name: &str) -> Wallet {
    let wallet = Wallet::of(name);
    paid(store, &wallet).await;
    let end = AttemptEnd { attempt: 1, outcome: ReversalOutcome::Impossible("closed".to_owned()), jitter: Jitter(0) };
    decided(store, vec![wallet.is_cancelled(), wallet.does(Action::CompleteAttempt(end))]).await;
    let resolve = Action::Resolve { note: "paid by hand".to_owned(), by: "ann".to_owned() };
    assert_eq!(decided(store, vec![wallet.does(resolve)]).await, [REQUESTED]);
    wallet
}
