//! What an inquiry is answered, on every store: from the case as it is now, without a trace.

use std::sync::Arc;

use domain::{
    AcquirerId, Action, Answer, CancelReply, FailureReason, InquiryReply, InquiryRule, Lookup, PaidPayment, PayResult, PaymentId,
    PaymentInquiry, PaymentsKind, Policy, Reply, ReportedResult,
};

use crate::testing::contracts::store::{CANCELLED, Damage, STANDS, SUCCEEDED, Subject, decided, paid};
use crate::testing::{Wallet, core_policy, ledger_policy, moment};
use crate::{CancellationStore, ReceivedCommand};

const CLOSED: InquiryReply = InquiryReply::Answered(InquiryRule::Cancelled);
const NEVER_RECEIVED: InquiryReply = InquiryReply::Answered(InquiryRule::NeverReceived);
const PENDING: InquiryReply = InquiryReply::Answered(InquiryRule::CancelPending);

fn inquiry_by(acquirer: &str, wallet: &Wallet) -> PaymentInquiry {
    let acquirer_id = AcquirerId::parse(acquirer).unwrap();
    PaymentInquiry { id: wallet.id.clone(), acquirer_id, lookup: Lookup::NotYet, at: moment(0) }
}

async fn inquired(store: &Arc<dyn CancellationStore>, wallet: &Wallet) -> InquiryReply {
    store.inquire(vec![inquiry_by("acquirer-1", wallet)]).await.remove(0).unwrap()
}

/// A payment of a [`Wallet`] that succeeded.
fn paid_as(payment_id: Option<&str>) -> InquiryReply {
    let payment_id = payment_id.map(|id| PaymentId::parse(id).unwrap());
    InquiryReply::Answered(InquiryRule::Paid(PaidPayment { payment_id, paid_at: moment(0), amount: Wallet::yen(1000) }))
}

fn fails(wallet: &Wallet, reason: Option<FailureReason>) -> ReceivedCommand {
    let result = ReportedResult::Failed;
    wallet.does(Action::Result(PayResult { result, completed_at: moment(1), payment_id: None, fee: None, reason }))
}

contract! {
    #[doc(hidden)]
    ($) __cases_inquiries! in (cases::inquiries)

    /// Each step of a payment is answered as it is.
    async fn an_inquiry_is_answered_from_the_case_as_it_is(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let wallet = Wallet::of("steps");
        assert_eq!(inquired(&store, &wallet).await, NEVER_RECEIVED);
        decided(&store, vec![wallet.pays()]).await;
        assert_eq!(inquired(&store, &wallet).await, InquiryReply::Answered(InquiryRule::InProgress));
        let payment_id = PaymentId::parse("P-1").ok();
        let result = PayResult { result: SUCCEEDED, completed_at: moment(0), payment_id, fee: None, reason: None };
        assert_eq!(decided(&store, vec![wallet.does(Action::Result(result))]).await, [STANDS]);
        assert_eq!(inquired(&store, &wallet).await, paid_as(Some("P-1")));
        decided(&store, vec![wallet.refunds("r1", 400)]).await;
        let waits = Reply::Cancel(CancelReply::Answered(Answer::Pending));
        assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [waits]);
        assert_eq!(inquired(&store, &wallet).await, PENDING);
        decided(&store, vec![wallet.reports_refund("r1", ReportedResult::Failed)]).await;
        assert_eq!(inquired(&store, &wallet).await, CLOSED);
    }

    /// The reason of a failure is kept, and gone once the payment succeeds.
    async fn an_inquiry_tells_the_reason_of_a_failure(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let reasons = FailureReason::ALL.iter().map(|reason| Some(*reason)).chain([None]);
        for (number, reason) in (0..).zip(reasons) {
            let wallet = Wallet::of(&format!("failed-{number}"));
            assert_eq!(decided(&store, vec![wallet.pays(), fails(&wallet, reason)]).await[1], STANDS);
            assert_eq!(inquired(&store, &wallet).await, InquiryReply::Answered(InquiryRule::Failed(reason)));
            decided(&store, vec![wallet.reports(SUCCEEDED)]).await;
            assert_eq!(inquired(&store, &wallet).await, paid_as(None), "the reason is gone");
        }
    }

    /// Whatever anybody was told before is seen, by any process.
    async fn f39_an_inquiry_sees_every_commit_that_was_told(subject: &impl Subject) {
        let (deciding, inquiring) = (subject.open(ledger_policy()), subject.open(ledger_policy()));
        for number in 0..60 {
            let wallet = Wallet::of(&format!("told-{number}"));
            paid(&deciding, &wallet).await;
            assert_eq!(inquired(&inquiring, &wallet).await, paid_as(None));
            assert_eq!(decided(&deciding, vec![wallet.is_cancelled()]).await, [CANCELLED]);
            assert_eq!(inquired(&inquiring, &wallet).await, CLOSED);
        }
    }

    /// One reply for each inquiry, in their order, also where a batch names a case twice, or one that nobody knows.
    async fn replies_to_inquiries_come_in_the_order_of_the_batch(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let [first, second, unknown] = ["b", "a", "c"].map(Wallet::of);
        paid(&store, &first).await;
        decided(&store, vec![second.is_cancelled()]).await;
        let own = |wallet| inquiry_by("acquirer-1", wallet);
        let batch = vec![own(&first), own(&unknown), own(&second), own(&first), inquiry_by("acquirer-2", &first)];
        let replies: Vec<_> = store.inquire(batch).await.into_iter().map(Result::unwrap).collect();
        let strange = InquiryReply::Answered(InquiryRule::DifferentAcquirer);
        assert_eq!(replies, [paid_as(None), NEVER_RECEIVED, CLOSED, paid_as(None), strange]);
        assert_eq!(store.inquire(vec![]).await, []);
    }

    /// An inquiry opens no case and adds no line.
    async fn an_inquiry_leaves_no_trace(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let (unknown, known) = (Wallet::of("unknown"), Wallet::of("known"));
        paid(&store, &known).await;
        let before = store.find(&known.id).await.unwrap();
        assert_eq!((inquired(&store, &unknown).await, inquired(&store, &known).await), (NEVER_RECEIVED, paid_as(None)));
        assert_eq!((store.find(&unknown.id).await.unwrap(), store.find(&known.id).await.unwrap()), (None, before));
    }

    /// A case that says the impossible is unavailable, and the others of its batch are answered.
    async fn a_damaged_case_costs_no_other_inquiry_its_reply(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let [good, damaged] = ["good", "damaged"].map(Wallet::of);
        for wallet in [&good, &damaged] {
            paid(&store, wallet).await;
        }
        subject.damage(&damaged.id, Damage::Unreadable).await;
        let replies = store.inquire(vec![inquiry_by("acquirer-1", &damaged), inquiry_by("acquirer-1", &good)]).await;
        assert!(replies[0].is_err(), "{replies:?}");
        assert_eq!(replies[1], Ok(paid_as(None)));
    }

    /// Where the core keeps the payments, the store says what has to be looked up.
    async fn a_payment_at_the_core_is_looked_up_unless_the_record_is_enough(subject: &impl Subject) {
        let store = subject.open(Policy { payments: PaymentsKind::Core, ..core_policy() });
        let wallet = Wallet::of("at-core");
        assert_eq!(inquired(&store, &wallet).await, InquiryReply::LookUp);
        let looked_up = |lookup| PaymentInquiry { lookup, ..inquiry_by("acquirer-1", &wallet) };
        let replies = store.inquire(vec![looked_up(Lookup::Failed("no answer".to_owned())), looked_up(Lookup::Recorded)]).await;
        assert_eq!(replies, [Ok(InquiryReply::Answered(InquiryRule::InDoubt)), Ok(NEVER_RECEIVED)]);
        decided(&store, vec![wallet.is_cancelled()]).await;
        assert_eq!(inquired(&store, &wallet).await, PENDING);
    }
}
