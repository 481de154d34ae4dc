//! The promises of a store about what is the same request, and what the same request is told; `contract` lists them.

use domain::{
    Answer, CancelReply, CommandReply, FundsKind, NeverReceived, PeriodOver, Policy, Refusal, RefusalCode, Reply, ReportedResult,
    Results,
};

use super::contract::{CANCELLED, Subject, balance, decided, paid};
use super::{Wallet, core_policy, ledger_policy, moment};

/// A month after the payments of a [`Wallet`], whose period is over by then.
const TOO_LATE: i64 = 30 * 24 * 3600;

/// See the name.
pub async fn f05_a_recorded_code_is_repeated_whatever_the_settings_say(subject: &impl Subject) {
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
    let [refused, unknown] =
        [period_over, Refusal::NeverReceived].map(|refusal| Reply::Cancel(CancelReply::Answered(Answer::Refused(refusal))));
    let asked = || [&cancelled, &late, &fence].map(Wallet::is_cancelled).to_vec();
    assert_eq!(decided(&store, asked()).await, [CANCELLED, refused, unknown]);
    let results = Results { period_over: PeriodOver::CancelWindowExceed, ..ledger_policy().results };
    for funds in [FundsKind::Ledger, FundsKind::Http] {
        let other = subject.open(Policy { funds, results, ..ledger_policy() });
        assert_eq!(decided(&other, asked()).await, [CANCELLED, refused, unknown]);
    }
}

/// Only what Alipay+ calls a payment makes it the same one: not its account, acquirer, amount or moment.
pub async fn f46_ids_that_differ_at_all_are_different_cases(subject: &impl Subject) {
    let store = subject.open(ledger_policy());
    let names = ["Key-1", "key-1", "KEY-1", "key-1.", "key-01", "key_1", "%6Bey-1"];
    for name in names {
        paid(&store, &Wallet::of(name)).await;
    }
    for (cancelled, name) in (1..).zip(names) {
        assert_eq!(decided(&store, vec![Wallet::of(name).is_cancelled(); 2]).await, [CANCELLED; 2]);
        assert_eq!(balance(&store, "user-1").await, 1000 * (cancelled - i128::try_from(names.len()).unwrap()), "{name}");
    }
    let owing = subject.open(core_policy());
    let reversal_request = Wallet::of("kEy-1");
    assert_eq!(
        decided(&owing, vec![reversal_request.is_cancelled()]).await,
        [Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) })]
    );
    let reversal = owing.find(&reversal_request.id).await.unwrap().and_then(|file| file.case.reversal_request());
    assert_eq!(
        reversal.map(|reversal_request| reversal_request.id),
        Some(reversal_request.id.clone()),
        "the caller's key, and none of our own"
    );
    assert_eq!(
        decided(&owing, vec![reversal_request.reports(ReportedResult::Succeeded)]).await,
        [Reply::Command(CommandReply::NotFound { fenced: true })]
    );
}
