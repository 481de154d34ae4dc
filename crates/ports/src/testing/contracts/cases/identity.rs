//! What is the same request, and what the same request is answered.

use domain::{
    Answer, CancelReply, CommandReply, FundsKind, NeverReceived, PeriodOver, Policy, Refusal, RefusalCode, Reply, ReportedResult,
    Results,
};

use crate::testing::contracts::store::{CANCELLED, Subject, balance, decided, paid};
use crate::testing::{Wallet, core_policy, ledger_policy, moment};

/// A month after the payments of a [`Wallet`], whose period is over by then.
const TOO_LATE: i64 = 30 * 24 * 3600;

contract! {
    #[doc(hidden)]
    ($) __cases_identity! in (cases::identity)

    /// A recorded result code is repeated under every later policy.
    async fn f05_a_recorded_code_is_repeated_whatever_the_settings_say(subject: &impl Subject) {
        let store = subject.open(Policy {
            results: Results { never_received: NeverReceived::OrderNotExist, ..ledger_policy().results },
            ..ledger_policy()
        });
        let (cancelled, fence) = (Wallet::of("cancelled"), Wallet::of("fence"));
        let late = Wallet { at: moment(TOO_LATE), ..Wallet::of("late") };
        for wallet in [&cancelled, &late] {
            paid(&store, wallet).await;
        }
        let period_over = Refusal::PeriodOver(RefusalCode::ProcessFail);
        let [refused, unknown] = [period_over, Refusal::NeverReceived].map(|refusal| Reply::Cancel(CancelReply::Answered(Answer::Refused(refusal))));
        let cancels = || [&cancelled, &late, &fence].map(Wallet::is_cancelled).to_vec();
        assert_eq!(decided(&store, cancels()).await, [CANCELLED, refused, unknown]);
        let results = Results { period_over: PeriodOver::CancelWindowExceed, ..ledger_policy().results };
        for funds in [FundsKind::Ledger, FundsKind::Http] {
            let other = subject.open(Policy { funds, results, ..ledger_policy() });
            assert_eq!(decided(&other, cancels()).await, [CANCELLED, refused, unknown]);
        }
    }

    /// Only what Alipay+ calls a payment makes it the same one: not its account, acquirer, amount or moment.
    async fn f46_ids_that_differ_at_all_are_different_cases(subject: &impl Subject) {
        let store = subject.open(ledger_policy());
        let names = ["Key-1", "key-1", "KEY-1", "key-1.", "key-01", "key_1", "%6Bey-1"];
        for name in names {
            paid(&store, &Wallet::of(name)).await;
        }
        for (cancelled, name) in (1..).zip(names) {
            assert_eq!(decided(&store, vec![Wallet::of(name).is_cancelled(); 2]).await, [CANCELLED; 2]);
            assert_eq!(balance(&store, "user-1").await, 1000 * (cancelled - i128::try_from(names.len()).unwrap()), "{name}");
        }
        let with_core = subject.open(core_policy());
        let wallet = Wallet::of("kEy-1");
        assert_eq!(decided(&with_core, vec![wallet.is_cancelled()]).await, [Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) })]);
        let reversal = with_core.find(&wallet.id).await.unwrap().and_then(|file| file.case.reversal_request());
        assert_eq!(reversal.map(|reversal| reversal.id), Some(wallet.id.clone()), "the caller's key, and not one of our own");
        assert_eq!(
            decided(&with_core, vec![wallet.reports(ReportedResult::Succeeded)]).await,
            [Reply::Command(CommandReply::NotFound { fenced: true })]
        );
    }
}
