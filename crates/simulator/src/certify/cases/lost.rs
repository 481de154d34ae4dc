//! Answers that are lost, late, or never given because the core was killed.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::many_at_once;
use crate::certify::bench::TIMEOUT;
use crate::certify::case::{Case, Needs};
use crate::certify::rules;
use crate::suite::verdict::check;

/// For how long a core is watched that may still be at work for callers who have gone.
const WATCHED: Duration = Duration::from_secs(6);
/// How many reversals are under way when the core is killed.
const UNDER_WAY: usize = 32;

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "answer-is-lost",
        needs: Needs::Witness,
        sends: "a reversal whose caller hangs up at once, ten times, and then once more to the end",
        expects: "the money is back once",
        because: &rules::LOST,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                for _ in 0..10 {
                    t.hang_up(&paid).await?;
                }
                t.reverse(&paid).await?.is_one_of(&["done", "already-done"])?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "answer-after-the-timeout",
        needs: Needs::Witness,
        sends: "a reversal that is asked again whenever its answer is late, and a look at the books afterwards",
        expects: "what was late has no effect of its own: the money is back once",
        because: &rules::LOST,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                t.reverse(&paid).await?.is_one_of(&["done", "already-done"])?;
                sleep(TIMEOUT.max(WATCHED)).await;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "killed-right-after-the-answer",
        needs: Needs::Restart,
        sends: "a reversal, and the core is killed as soon as it has said done",
        expects: "after its start the money is back",
        because: &rules::DURABLE,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                t.reverse(&paid).await?.is("done")?;
                t.restart().await?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "asked-again-after-a-kill",
        needs: Needs::Restart,
        sends: "a reversal, a kill of the core some seconds later, and the reversal again",
        expects: "already-done; the money is back once",
        because: &rules::NEVER_FORGOTTEN,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                t.reverse(&paid).await?.is("done")?;
                sleep(TIMEOUT).await;
                t.restart().await?;
                t.reverse(&paid).await?.is("already-done")?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "debited-after-a-kill",
        needs: Needs::Restart,
        sends: "the reversal of a payment that was never seen, a kill of the core, and the debit",
        expects: "the debit is refused, or given back",
        because: &rules::NEVER_FORGOTTEN,
        run: |t| {
            Box::pin(async move {
                let late = t.purchase();
                t.reverse_unknown(&late.id).await?.is_one_of(&["nothing-to-do", "already-done"])?;
                sleep(TIMEOUT).await;
                t.restart().await?;
                t.tell(&late, json!({ "status": "S" })).await?;
                let money = t.money(&late).await?;
                check(money.taken == money.given_back, || format!("{} taken and {} given back", money.taken, money.given_back))
            })
        },
    },
    Case {
        name: "killed-during-the-call",
        needs: Needs::Restart,
        sends: "thirty-two reversals, a kill of the core in the middle of them, and each asked until its answer is known",
        expects: "the money of each is back once",
        because: &rules::DURABLE,
        run: |t| {
            Box::pin(async move {
                let t = &t;
                let mut paid = Vec::new();
                for _ in 0..UNDER_WAY {
                    paid.push(t.paid().await?);
                }
                let reversals =
                    many_at_once(&paid, |paid| async move { t.reverse(paid).await?.is_one_of(&["done", "already-done"]) });
                let (reversed, restarted) = tokio::join!(reversals, t.restart());
                restarted?;
                reversed?;
                for paid in &paid {
                    t.is_back_once(paid).await?;
                }
                Ok(())
            })
        },
    },
];
