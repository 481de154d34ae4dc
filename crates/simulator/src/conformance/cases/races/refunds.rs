//! Cancels against refunds of the wallet's own.

use super::{ROUNDS, none_failed, one_of};
use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;
use crate::suite::verdict::check;

pub(crate) static REFUNDS: &[Case] = &[
    Case {
        name: "cancel-against-a-full-refund",
        needs: Needs::Driver,
        sends: "a cancel and a full refund at once; the refund succeeds if it proceeds",
        expects: "S at last, and the money is back once",
        because: &rules::FULL_ONLY,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.paid().await?;
                    let refund = payment.new_refund(1_200);
                    let (replies, told) = t.cancel_at_once(payment.id(), 4, vec![payment.refunding(&refund)]).await?;
                    none_failed(&replies)?;
                    one_of(&told, &["proceed", "refused"])?;
                    if told == ["proceed"] {
                        payment.refund_ended(&refund, "S").await?;
                    }
                    payment.cancelled().await?;
                    payment.is_back_once().await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "cancel-against-a-partial-refund",
        needs: Needs::Driver,
        sends: "a cancel and a refund of a part at once; the refund succeeds if it proceeds",
        expects: "S and everything back, or F PROCESS_FAIL and only the part back",
        because: &rules::FULL_ONLY,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.paid().await?;
                    let refund = payment.new_refund(500);
                    let (replies, told) = t.cancel_at_once(payment.id(), 4, vec![payment.refunding(&refund)]).await?;
                    none_failed(&replies)?;
                    if told == ["proceed"] {
                        payment.refund_ended(&refund, "S").await?;
                        payment.cancel_is("F PROCESS_FAIL").await?;
                        payment.is_kept_but_for(500).await?;
                    } else {
                        payment.cancelled().await?;
                        payment.is_back_once().await?;
                    }
                }
                Ok(())
            })
        },
    },
    Case {
        name: "cancel-against-a-refunds-result",
        needs: Needs::Driver,
        sends: "a cancel and the success of a running full refund at once",
        expects: "S at last, and the money is back once",
        because: &rules::FULL_ONLY,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.paid().await?;
                    let refund = payment.refund(1_200, "proceed").await?;
                    let (replies, _) = t.cancel_at_once(payment.id(), 4, vec![payment.ending(&refund, "S")]).await?;
                    none_failed(&replies)?;
                    payment.cancelled().await?;
                    payment.is_back_once().await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "refunds-against-each-other-and-a-cancel",
        needs: Needs::Driver,
        sends: "four refunds of 500 of 1200 and a cancel at once; those that proceed succeed",
        expects: "never more than 1200 goes back",
        because: &rules::FULL_ONLY,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.paid().await?;
                    let refunds: Vec<_> = (0..4).map(|_| payment.new_refund(500)).collect();
                    let tellings = refunds.iter().map(|refund| payment.refunding(refund)).collect();
                    let (_, told) = t.cancel_at_once(payment.id(), 2, tellings).await?;
                    for (refund, _) in refunds.iter().zip(&told).filter(|(_, told)| *told == "proceed") {
                        payment.refund_ended(refund, "S").await?;
                    }
                    let answer = t.cancel_until_final(payment.id()).await?;
                    let money = payment.money().await?;
                    let whole = answer.status == "S";
                    check(money.given_back <= money.taken && whole == (money.given_back == money.taken), || {
                        format!("{} given back of {} after {}", money.given_back, money.taken, answer.brief())
                    })?;
                }
                Ok(())
            })
        },
    },
];
