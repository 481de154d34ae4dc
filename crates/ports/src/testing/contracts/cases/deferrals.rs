//! Cancels that wait until their payment is looked up, or until an operator decides.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::{
    AcquirerId, Action, Answer, CancelReply, Case, CommandReply, CorePayment, DeferReason, Disposition, Jitter, Lookup,
    LookupAttempt, LookupEnd, PaymentStatus, Refusal, Reply,
};

use crate::testing::contracts::store::{CANCELLED, Subject, decided, events};
use crate::testing::{Wallet, core_policy, id, moment};
use crate::{Backlog, CancellationStore, LeasedLookup, Page, ReceivedCommand, ReversalFilter};

contract! {
    #[doc(hidden)]
    ($) __cases_deferrals! in (cases::deferrals)

    /// The receipt is durable before anybody has asked the wallet core, and decides however late the rest comes.
    async fn f55_a_receipt_is_kept_before_the_payment_is_known(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let (in_time, after_the_end) = (Wallet::of("r"), Wallet { at: moment(2 * 24 * 3600), ..Wallet::of("r") });
        assert_eq!(decided(&store, vec![in_time.is_cancelled_by("acquirer-1", Lookup::NotYet)]).await, [LOOK_UP]);
        let store = subject.open(core_policy());
        assert_eq!(decided(&store, vec![after_the_end.is_cancelled_by("acquirer-1", Lookup::NotYet)]).await, [LOOK_UP]);
        let kept = case(&store, "r").await;
        assert_eq!(kept.received_from(&acquirer("acquirer-1")), Some(moment(0)));
        assert_eq!(kept.defer_reason(), Some(DeferReason::LookupFailed));
        assert_eq!(decided(&store, vec![after_the_end.is_cancelled_by("acquirer-1", found(&in_time))]).await, [leased(1)]);
        assert_eq!(case(&store, "r").await.cancellation.map(|known| known.first_received_at), Some(moment(0)));
    }

    /// Each acquirer that asks has a receipt of its own, until it is known whose payment it is.
    async fn f51_each_acquirer_keeps_its_own_receipt(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let (first, second) = (Wallet::of("r"), Wallet { at: moment(5), ..Wallet::of("r") });
        let not_yet = |wallet: &Wallet, acquirer| wallet.is_cancelled_by(acquirer, Lookup::NotYet);
        assert_eq!(decided(&store, vec![not_yet(&first, "acquirer-2"), not_yet(&second, "acquirer-1")]).await, [LOOK_UP; 2]);
        assert_eq!(decided(&store, vec![not_yet(&second, "acquirer-3"), not_yet(&first, "acquirer-3")]).await, [LOOK_UP; 2]);
        let kept = case(&store, "r").await;
        let of = |name: &str| kept.received_from(&acquirer(name));
        let receipts = ["acquirer-1", "acquirer-2", "acquirer-3", "acquirer-4"].map(of);
        assert_eq!(receipts, [Some(moment(5)), Some(moment(0)), Some(moment(0)), None]);
        let lookup = second.does(Action::DecideDeferred(LookupEnd { lookup: found(&first), attempt: LookupAttempt::FIRST }));
        assert_eq!(decided(&store, vec![lookup]).await, [leased(1)]);
        let kept = case(&store, "r").await;
        let cancellation = kept.cancellation.clone().map(|known| (known.acquirer_id.to_string(), known.first_received_at));
        assert_eq!(cancellation, Some(("acquirer-1".to_owned(), moment(5))));
        assert_eq!((kept.receipts, kept.deferral), (vec![], None));
        let strange = Reply::Cancel(CancelReply::Answered(Answer::Refused(Refusal::DifferentRequest)));
        assert_eq!(decided(&store, vec![not_yet(&second, "acquirer-2")]).await, [strange]);
    }

    /// A lookup is leased to one at a time, the earliest due first.
    async fn f72_a_lookup_is_leased_once_and_the_earliest_first(subject: &impl Subject) {
        let store = subject.open(core_policy());
        for (name, at) in [("later", 2), ("sooner", 1)] {
            assert_eq!(decided(&store, vec![fails(&Wallet { at: moment(at), ..Wallet::of(name) })]).await, [U]);
        }
        assert_eq!(store.lease_lookups(moment(1), 10).await, Ok(vec![]));
        let leased = |names: &[&str]| Ok(names.iter().map(|name| LeasedLookup { id: id(name), attempt: 2 }).collect());
        assert_eq!(store.lease_lookups(moment(10), 1).await, leased(&["sooner"]));
        assert_eq!(store.lease_lookups(moment(10), 10).await, leased(&["later"]));
        assert_eq!(store.lease_lookups(moment(10), 10).await, Ok(vec![]), "both are leased");
        let after_the_lease = moment(10) + core_policy().lease;
        assert_eq!(store.lease_lookups(after_the_lease, 10).await, leased(&["later", "sooner"]));
    }

    /// A clock that was fast for a moment leaves no lookup alone until its time has come.
    async fn f56_a_lookup_that_waits_longer_than_any_wait_is_due(subject: &impl Subject) {
        let store = subject.open(core_policy());
        assert_eq!(decided(&store, vec![fails(&Wallet { at: moment(3_600), ..Wallet::of("fast") })]).await, [U]);
        assert_eq!(store.lease_lookups(moment(3_590), 10).await, Ok(vec![]));
        assert_eq!(store.lease_lookups(moment(0), 10).await, Ok(vec![LeasedLookup { id: id("fast"), attempt: 2 }]));
    }

    /// What waits for long is due soon, spread evenly, and nothing becomes due later.
    async fn f72_all_that_waits_becomes_due_within_a_time(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let soon = Wallet::of("soon");
        assert_eq!(decided(&store, vec![fails(&soon)]).await, [U]);
        for n in 0..4 {
            let wallet = Wallet::of(&format!("slow-{n}"));
            for number in 1..=9 {
                let attempt = LookupAttempt { number, jitter: Jitter(0) };
                let lookup = Lookup::Failed("no answer".to_owned());
                let end = wallet.does(Action::DecideDeferred(LookupEnd { lookup, attempt }));
                let first = (number == 1).then(|| fails(&wallet));
                decided(&store, first.into_iter().chain([end]).collect()).await;
            }
        }
        let within = TimeDelta::seconds(10);
        assert_eq!(store.hasten_lookups(moment(1), within, 3).await, Ok(3));
        assert_eq!(store.hasten_lookups(moment(1), within, 3).await, Ok(1));
        assert_eq!(store.hasten_lookups(moment(1), within, 3).await, Ok(0));
        let due_at = |case: Case| case.lookup_due_at().unwrap();
        assert!(due_at(case(&store, "soon").await) < moment(1));
        for n in 0..4 {
            let due_at = due_at(case(&store, &format!("slow-{n}")).await);
            assert!((moment(1)..moment(11)).contains(&due_at), "{due_at}");
        }
    }

    /// Nobody but an operator decides about what is parked. It is in the list of the parked, and in no other.
    async fn f54_a_parked_cancel_waits_for_its_operator(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = Wallet::of("parked");
        decided(&store, vec![fails(&wallet), fails(&Wallet::of("waits"))]).await;
        let park = || wallet.does(Action::Park { note: "the core answers 500".to_owned(), by: "ann".to_owned() });
        assert_eq!(decided(&store, vec![park()]).await, [Reply::Command(CommandReply::Done(Disposition::Parked))]);
        let decided_by_lookup = wallet.does(Action::DecideDeferred(LookupEnd { lookup: found(&wallet), attempt: LookupAttempt::FIRST }));
        assert_eq!(decided(&store, vec![wallet.is_cancelled_by("acquirer-1", found(&wallet)), decided_by_lookup]).await, [U; 2]);
        assert_eq!(lists(&store).await, (vec!["waits".to_owned()], vec!["parked".to_owned()]));
        let backlog = Backlog { deferred: 1, parked: 1, oldest_deferred: Some((id("waits"), moment(0))), ..Backlog::default() };
        assert_eq!(store.backlog().await, Ok(backlog));
        assert_eq!(store.lease_lookups(moment(3600), 10).await.map(|leased| leased.len()), Ok(1));

        let retried = Wallet { at: moment(60), ..wallet.clone() }.does(Action::Retry);
        assert_eq!(decided(&store, vec![retried]).await, [Reply::Command(CommandReply::Done(Disposition::Reopened))]);
        assert_eq!(case(&store, "parked").await.lookup_due_at(), Some(moment(60)), "due at once");
        let resolve = || wallet.does(Action::Resolve { note: "paid by hand".to_owned(), by: "ann".to_owned() });
        assert!(matches!(decided(&store, vec![resolve()]).await[..], [Reply::Command(CommandReply::Conflict(_))]));
        decided(&store, vec![park()]).await;
        assert_eq!(decided(&store, vec![resolve()]).await, [Reply::Command(CommandReply::Done(Disposition::Resolved))]);
        assert_eq!(decided(&store, vec![wallet.is_cancelled_by("acquirer-1", Lookup::NotYet)]).await, [CANCELLED]);
        assert_eq!(lists(&store).await, (vec!["waits".to_owned()], vec![]));
        let timeline = events(&store, &wallet.id).await;
        let core_spoke = ["cancel-received", "deferred", "reversal-parked", "payment-recorded", "succeeded"];
        assert_eq!(timeline[..5], core_spoke, "what the core says is recorded, and decides nothing");
        assert_eq!(timeline[5..], ["reversal-opened", "reversal-parked", "reversal-resolved", "cancelled"]);
    }
}

const LOOK_UP: Reply = Reply::Cancel(CancelReply::LookUp { attempt: 1 });
const U: Reply = Reply::Cancel(CancelReply::Answered(Answer::Pending));

fn leased(attempt: u32) -> Reply {
    Reply::Cancel(CancelReply::ReversalPending { attempt: Some(attempt) })
}

fn acquirer(name: &str) -> AcquirerId {
    AcquirerId::parse(name).unwrap()
}

/// The core has the wallet's payment, of the acquirer `acquirer-1`, and it succeeded.
fn found(wallet: &Wallet) -> Lookup {
    let Action::Pay(payment) = wallet.pays().command.action else { panic!("a payment is announced") };
    let status = PaymentStatus::Succeeded { completed_at: moment(0), fee: None };
    let payment = domain::Payment { status, ..payment };
    Lookup::Found(Box::new(CorePayment { payment, refunded: 0, refund_running: false }))
}

fn fails(wallet: &Wallet) -> ReceivedCommand {
    wallet.is_cancelled_by("acquirer-1", Lookup::Failed("no answer".to_owned()))
}

async fn case(store: &Arc<dyn CancellationStore>, name: &str) -> Case {
    store.find(&id(name)).await.unwrap().map(|file| file.case).unwrap()
}

/// The ids of the deferred and of the parked.
async fn lists(store: &Arc<dyn CancellationStore>) -> (Vec<String>, Vec<String>) {
    let page = Page { limit: 10, after: None };
    let ids = |cases: Vec<Case>| cases.into_iter().map(|case| case.id.to_string()).collect::<Vec<_>>();
    let deferred = ids(store.deferred(&page).await.unwrap());
    (deferred, ids(store.reversals(ReversalFilter::Parked, &page).await.unwrap()))
}
