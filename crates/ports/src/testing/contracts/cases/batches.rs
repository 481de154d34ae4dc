//! What a batch of commands comes to: order, locks, repeats, and trouble with one case.

use std::sync::Arc;

use domain::{Answer, CancelReply, CommandReply, Disposition, Inquiry, Lookup, Refusal, Reply, ReportedResult};

use crate::testing::contracts::store::{
    CANCELLED, Damage, PROCEED, STANDS, SUCCEEDED, Subject, balance, decided, events, paid, statement,
};
use crate::testing::{Wallet, ledger_policy};

contract! {
    #[doc(hidden)]
    ($) __cases_batches! in (cases::batches)

    /// The first final answer is recorded; a repeat reads it and changes neither the case nor the ledger.
    async fn f03_a_repeat_gets_the_first_answer_and_writes_nothing(subject: &impl Subject) {
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

    /// Each command of a batch is decided on the case as the command before it left it.
    async fn a_paid_case_twice_in_a_batch_is_credited_once(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let wallet = Wallet::of("twice");
        let whole_life = vec![wallet.pays(), wallet.reports(SUCCEEDED), wallet.is_cancelled(), wallet.is_cancelled()];
        assert_eq!(decided(&store, whole_life).await, [PROCEED, STANDS, CANCELLED, CANCELLED]);
        assert_eq!(statement(&store, "user-1").await.entries.len(), 2);
        assert_eq!(balance(&store, "user-1").await, 0);
        let recorded = ["payment-recorded", "succeeded", "cancel-received", "cancelled", "reversal-opened", "reversal-done"];
        assert_eq!(events(&store, &wallet.id).await, recorded);
    }

    /// A case without a row is locked as well, and has one row afterwards.
    async fn f36_a_case_never_seen_twice_in_a_batch_is_one_fence(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let wallet = Wallet::of("fence");
        assert_eq!(decided(&store, vec![wallet.is_cancelled(), wallet.is_cancelled()]).await, [CANCELLED; 2]);
        assert_eq!(events(&store, &wallet.id).await, ["cancel-received", "cancelled"]);
        assert_eq!(decided(&store, vec![wallet.pays()]).await, [Reply::Command(CommandReply::Done(Disposition::Closed))]);
        assert_eq!(decided(&store, vec![wallet.reports(SUCCEEDED)]).await, [Reply::Command(CommandReply::Done(Disposition::Reversed))]);
        assert_eq!(balance(&store, "user-1").await, 0);
    }

    /// A refusal rests on what the same batch has decided just before.
    async fn the_other_acquirer_in_the_same_batch_is_refused(subject: &impl Subject) {
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

    /// Each command has one outcome, at its own place, in every order in which the cases are locked.
    async fn answers_come_in_the_order_of_the_batch(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let wallets: Vec<_> = (0..40).rev().map(|n| Wallet::of(&format!("order-{n}"))).collect();
        decided(&store, wallets.iter().step_by(2).map(Wallet::pays).collect()).await;
        let unknown = Reply::Command(CommandReply::NotFound { fenced: false });
        let expected: Vec<_> = [STANDS, unknown].into_iter().cycle().take(wallets.len()).collect();
        let reports = wallets.iter().map(|wallet| wallet.reports(ReportedResult::Failed)).collect();
        assert_eq!(decided(&store, reports).await, expected);
    }

    /// Two batches that name the same cases in opposite orders do not wait for each other for ever.
    async fn batches_that_cross_end_on_both_connections(subject: &impl Subject) {
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

    /// Two connections that insert the same case at once end with one case and its whole history.
    async fn f47_a_case_first_heard_of_by_two_at_once_is_one_case(subject: &impl Subject) {
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

    /// The money goes back once, however many cancels there are and over however many connections they come.
    async fn f04_a_thousand_cancels_over_two_connections_credit_once(subject: &impl Subject) {
        let stores = [subject.open(ledger_policy()), subject.open(ledger_policy())];
        let wallet = Wallet::of("thousand");
        paid(&stores[0], &wallet).await;
        let callers = (0..100).map(|n| {
            let (store, cancel) = (Arc::clone(&stores[n % 2]), wallet.is_cancelled());
            tokio::spawn(async move {
                // A caller without an answer asks again, as Alipay+ does.
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

    /// A command on a case that cannot be read is unavailable; the others of its batch are decided.
    async fn f34_an_unreadable_case_spoils_only_itself(subject: &impl Subject) {
        one_bad_case(subject, Damage::Unreadable).await;
    }

    /// A command whose case cannot be written is unavailable; the others of its batch are decided.
    async fn f34_an_unwritable_case_spoils_only_itself(subject: &impl Subject) {
        one_bad_case(subject, Damage::Unwritable).await;
    }

    /// A command that opens no case records nothing of an unknown one.
    async fn a_report_on_an_unknown_case_leaves_no_trace(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let wallet = Wallet::of("unknown");
        let reports = vec![wallet.reports(SUCCEEDED), wallet.refunds("r", 1), wallet.reports_refund("r", SUCCEEDED)];
        assert_eq!(decided(&store, reports).await, [Reply::Command(CommandReply::NotFound { fenced: false }); 3]);
        assert_eq!(store.find(&wallet.id).await, Ok(None));
        assert!(store.check().await.is_ok());
    }
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
