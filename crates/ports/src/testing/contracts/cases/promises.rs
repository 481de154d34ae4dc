//! What was told is never taken back, on every store.

use std::sync::Arc;

use domain::{
    AccountId, AcquirerId, Action, Answer, AttemptEnd, CancelReply, CommandReply, CorePayment, Disposition, Inquiry, Jitter,
    Lookup, PayResult, Payment, PaymentId, PaymentKind, PaymentStatus, RefundedElsewhere, Reply, ReportedResult, ReversalOutcome,
    ReversalState, Told,
};

use crate::testing::contracts::store::{CANCELLED, Subject, decided};
use crate::testing::{Wallet, core_policy, moment};
use crate::{CancellationStore, CaseFile, Decided, ReceivedCommand};

const U: Reply = Reply::Attempt(Answer::Pending);
const S: Reply = Reply::Attempt(Answer::Cancelled);

const fn done(disposition: Disposition) -> Reply {
    Reply::Command(CommandReply::Done(disposition))
}

contract! {
    #[doc(hidden)]
    ($) __cases_promises! in (cases::promises)

    /// A core that says `partly-refunded` after S parks the reversal, and S stays.
    async fn f48_a_part_refunded_after_s_is_parked_and_s_stays(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = cancelled(&store, "after-s").await;
        assert_eq!(ended(&store, &wallet, (1, ReversalOutcome::NothingToDo)).await, S);
        assert_eq!(decided(&store, vec![wallet.pays(), wallet.reports(ReportedResult::Succeeded)]).await, [done(Disposition::Closed), done(Disposition::Reversed)]);
        leased(&store, 2).await;
        let parked = parking(&store, &wallet, (2, ReversalOutcome::PartlyRefunded(None))).await;
        assert_eq!((parked.reply, parked.parks), (S, true));
        let case = file(&store, &wallet).await.case;
        assert!(parked_for(&case).contains("refunds gave a part"), "{case:#?}");
        assert_eq!((case.inquiry(), case.refunded_elsewhere), (Inquiry::Closed, Some(RefundedElsewhere::Part)));
        assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [CANCELLED]);
    }

    /// `closed` is recorded by the commit that tells it, and goes on being told.
    async fn f53_what_the_wallet_heard_is_told_for_ever(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = cancelled(&store, "told").await;
        assert_eq!(file(&store, &wallet).await.case.told, None);
        assert_eq!(decided(&store, vec![wallet.pays()]).await, [done(Disposition::Closed)]);
        let told = file(&store, &wallet).await.case;
        assert_eq!((told.told, told.inquiry()), (Some(Told::Closed), Inquiry::InProcess));
        assert_eq!(parking(&store, &wallet, (1, ReversalOutcome::PartlyRefunded(None))).await.reply, U);
        let success = wallet.reports(ReportedResult::Succeeded);
        assert_eq!(decided(&store, vec![wallet.pays(), success]).await, [done(Disposition::Closed), done(Disposition::Reversed)]);
        let after = file(&store, &wallet).await.case;
        assert_eq!((after.told, after.inquiry()), (Some(Told::Closed), Inquiry::InProcess));
        assert!(!parked_for(&after).is_empty());
    }

    /// A payment that is announced after its cancel was answered S, because refunds had given everything back, is closed.
    async fn f48_a_payment_announced_after_it_was_already_refunded_is_closed(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = cancelled(&store, "refunded").await;
        assert_eq!(ended(&store, &wallet, (1, ReversalOutcome::FullyRefunded)).await, S);
        assert_eq!(file(&store, &wallet).await.case.inquiry(), Inquiry::Closed);
        let success = wallet.reports(ReportedResult::Succeeded);
        assert_eq!(decided(&store, vec![wallet.pays(), success]).await, [done(Disposition::Closed), done(Disposition::Reversed)]);
        let case = file(&store, &wallet).await.case;
        assert_eq!((case.inquiry(), case.refunded_elsewhere), (Inquiry::Closed, Some(RefundedElsewhere::All)));
        assert_eq!(leased(&store, 2).await, 1, "the core is asked again");
    }

    /// `nothing-to-do` of a success is asked once more, 2 s later, and then parked.
    async fn f57_nothing_to_do_of_a_success_is_asked_once_more_and_then_parked(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = paid_and_cancelled(&store, "denied").await;
        assert_eq!(ended(&store, &wallet, (1, ReversalOutcome::NothingToDo)).await, U);
        assert_eq!(leased(&store, 1).await, 0, "not before 2 s have gone by");
        assert_eq!(leased(&store, 2).await, 1);
        let parked = parking(&store, &wallet, (2, ReversalOutcome::NothingToDo)).await;
        assert_eq!((parked.reply, parked.parks), (U, true));
        assert!(parked_for(&file(&store, &wallet).await.case).contains("known to have succeeded"));
    }

    /// A lookup that names another amount than the one before defers the cancel, and one that agrees decides it.
    async fn f58_a_changed_amount_is_doubt_until_the_core_agrees_again(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = Wallet::of("changed");
        let looks = |amount, refund_running| wallet.is_cancelled_by("acquirer-1", found(amount, moment(0), refund_running));
        let pending = Reply::Cancel(CancelReply::Answered(Answer::Pending));
        assert_eq!(decided(&store, vec![looks(1000, true), looks(999, false), looks(999, false)]).await, [pending; 3]);
        let deferred = file(&store, &wallet).await.case;
        assert_eq!(deferred.cancellation.and_then(|known| known.state.defer_reason()).map(domain::DeferReason::as_str), Some("contradiction"));
        assert_eq!(deferred.payment.map(|payment| payment.amount.minor()), Some(1000), "the first answer stands");
        let leased = Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) });
        assert_eq!(decided(&store, vec![looks(1000, false)]).await, [leased]);
    }

    /// A lookup with a moment that cannot be is doubt, and leaves no payment behind.
    async fn f62_a_moment_that_cannot_be_is_doubt(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = Wallet::of("zero");
        let year = 366 * 24 * 3600 + 1;
        let cancel = wallet.is_cancelled_by("acquirer-1", found(1000, moment(-year), false));
        assert_eq!(decided(&store, vec![cancel]).await, [Reply::Cancel(CancelReply::Answered(Answer::Pending))]);
        let case = file(&store, &wallet).await.case;
        assert_eq!((case.payment.clone(), case.inquiry()), (None, Inquiry::InProcess));
    }

    /// What the core said of refunds counts when the wallet wants one.
    async fn f49_what_the_core_said_of_refunds_is_counted(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let part = paid_and_cancelled(&store, "part").await;
        let amount = paid_and_cancelled(&store, "amount").await;
        let outcome = |refunded| ReversalOutcome::PartlyRefunded(refunded);
        let _ = ended(&store, &part, (1, outcome(None))).await;
        let _ = ended(&store, &amount, (1, outcome(Some(Wallet::yen(400))))).await;
        let elsewhere = Reply::Command(CommandReply::RefundedElsewhere);
        let wanted = vec![part.refunds("r1", 1), amount.refunds("r1", 601), amount.refunds("r2", 600)];
        assert_eq!(decided(&store, wanted).await, [elsewhere, elsewhere, done(Disposition::Proceed)]);
        assert_eq!(file(&store, &amount).await.case.refunded_elsewhere, Some(RefundedElsewhere::Amount(400)));
    }

    /// Nothing is denied that nobody could look up.
    async fn f52_an_inquiry_denies_nothing_in_doubt(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = Wallet::of("doubt");
        decided(&store, vec![wallet.is_cancelled_by("acquirer-1", Lookup::Failed("the core is away".to_owned()))]).await;
        assert_eq!(file(&store, &wallet).await.case.inquiry(), Inquiry::InProcess);
    }

    /// A success after a failure takes the new payment id, and the core is told that one.
    async fn f60_a_success_after_a_failure_takes_the_new_payment_id(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = Wallet::of("again");
        let reports = |result, id: &str| {
            let payment_id = PaymentId::parse(id).ok();
            wallet.does(Action::Result(PayResult { result, completed_at: moment(1), payment_id, fee: None, reason: None }))
        };
        let (failed, succeeded) = (ReportedResult::Failed, ReportedResult::Succeeded);
        let reported = vec![wallet.pays(), reports(failed, "A"), reports(succeeded, "B"), reports(succeeded, "A")];
        let replies = decided(&store, reported).await;
        assert_eq!(replies[..3], [done(Disposition::Proceed), done(Disposition::Stands), done(Disposition::Stands)]);
        assert!(matches!(replies[3], Reply::Command(CommandReply::Conflict(_))), "one payment does not succeed twice");
        decided(&store, vec![wallet.is_cancelled()]).await;
        let request = file(&store, &wallet).await.case.reversal_request();
        assert_eq!(request.and_then(|request| request.payment_id), PaymentId::parse("B").ok());
    }

    /// A repeat whose moment a database cut is the same payment.
    async fn f61_a_moment_that_was_cut_is_the_same_payment(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = Wallet { at: moment(0) + chrono::TimeDelta::microseconds(-1_544), ..Wallet::of("cut") };
        let cut = Wallet { at: moment(0) + chrono::TimeDelta::milliseconds(-2), ..wallet.clone() };
        let proceed = done(Disposition::Proceed);
        assert_eq!(decided(&store, vec![wallet.pays(), cut.pays(), wallet.pays()]).await, [proceed; 3]);
        assert_eq!(file(&store, &wallet).await.case.payment.map(|payment| payment.initiated_at), Some(wallet.at), "the first stands");
    }

    /// An operator parks what is open and not leased, and ends it.
    async fn f54_an_operator_ends_what_never_ends_by_itself(subject: &impl Subject) {
        let store = subject.open(core_policy());
        let wallet = paid_and_cancelled(&store, "never").await;
        let park = || wallet.does(Action::Park { note: "status 500 for ever".to_owned(), by: "ann".to_owned() });
        assert!(matches!(decided(&store, vec![park()]).await[..], [Reply::Command(CommandReply::Conflict(_))]), "an attempt is running");
        assert_eq!(ended(&store, &wallet, (1, ReversalOutcome::Unknown("status 500".to_owned()))).await, U);
        assert_eq!(decided(&store, vec![park()]).await, [done(Disposition::Parked)]);
        let parked = file(&store, &wallet).await;
        assert_eq!(parked_for(&parked.case), "status 500 for ever");
        assert_eq!(parked.timeline.last().and_then(|line| line.details.get("by")).map(String::as_str), Some("ann"));
        let resolve = Action::Resolve { note: "paid by hand".to_owned(), by: "bob".to_owned() };
        assert_eq!(decided(&store, vec![wallet.does(resolve), wallet.is_cancelled()]).await, [done(Disposition::Resolved), CANCELLED]);
    }
}

fn parked_for(case: &domain::Case) -> &str {
    match case.reversal.as_ref().map(|reversal| &reversal.state) {
        Some(ReversalState::Parked { reason }) => reason,
        Some(ReversalState::Open { .. } | ReversalState::Done { .. }) | None => "",
    }
}

fn found(minor: i64, initiated_at: chrono::DateTime<chrono::Utc>, refund_running: bool) -> Lookup {
    let payment = Payment {
        acquirer_id: AcquirerId::parse("acquirer-1").unwrap(),
        account: AccountId::parse("user-1").unwrap(),
        amount: Wallet::yen(minor),
        settlement_amount: None,
        kind: PaymentKind::Payment,
        initiated_at,
        payment_id: None,
        status: PaymentStatus::Succeeded { completed_at: moment(0), fee: None },
    };
    Lookup::Found(Box::new(CorePayment { payment, refunded: 0, refund_running }))
}

/// A payment that was never announced, whose cancel's attempt is running.
async fn cancelled(store: &Arc<dyn CancellationStore>, name: &str) -> Wallet {
    let wallet = Wallet::of(name);
    let leased = Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) });
    assert_eq!(decided(store, vec![wallet.is_cancelled()]).await, [leased]);
    wallet
}

/// A payment that succeeded, whose cancel's attempt is running.
async fn paid_and_cancelled(store: &Arc<dyn CancellationStore>, name: &str) -> Wallet {
    let wallet = Wallet::of(name);
    decided(store, vec![wallet.pays(), wallet.reports(ReportedResult::Succeeded), wallet.is_cancelled()]).await;
    wallet
}

fn end(wallet: &Wallet, (attempt, outcome): (u32, ReversalOutcome)) -> ReceivedCommand {
    wallet.does(Action::CompleteAttempt(AttemptEnd { attempt, outcome, jitter: Jitter(0) }))
}

async fn ended(store: &Arc<dyn CancellationStore>, wallet: &Wallet, ending: (u32, ReversalOutcome)) -> Reply {
    decided(store, vec![end(wallet, ending)]).await[0]
}

async fn parking(store: &Arc<dyn CancellationStore>, wallet: &Wallet, ending: (u32, ReversalOutcome)) -> Decided {
    store.decide(vec![end(wallet, ending)]).await.pop().unwrap().unwrap()
}

/// How many reversals a worker leases so many seconds after the beginning.
async fn leased(store: &Arc<dyn CancellationStore>, seconds: i64) -> usize {
    store.lease_due(moment(seconds), 10).await.unwrap().len()
}

async fn file(store: &Arc<dyn CancellationStore>, wallet: &Wallet) -> CaseFile {
    store.find(&wallet.id).await.unwrap().unwrap()
}
