//! A payment is given back, and only once.

use chrono::TimeDelta;

use super::{all_at_once, many_at_once};
use crate::certify::case::{Case, Needs};
use crate::certify::rules;
use crate::clock::{now, request_time};
use crate::suite::verdict::check;

/// How many callers ask for the same reversal at once, and how often that is tried.
const CALLERS: usize = 64;
const ROUNDS: usize = 5;
/// How many other reversals come between two of one payment.
const OTHERS: usize = 300;

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "paid-payment",
        needs: Needs::Witness,
        sends: "the reversal of a payment that was debited",
        expects: "done, and the full amount is back",
        because: &rules::DONE,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                t.is_kept(&paid).await?;
                t.reverse(&paid).await?.is("done")?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "authorization",
        needs: Needs::Witness,
        sends: "the reversal of what is held",
        expects: "done; it is released, and nothing else is taken",
        because: &rules::DONE,
        run: |t| {
            Box::pin(async move {
                let held = t.purchase().with(|purchase| purchase.is_hold = true);
                t.debit(&held).await?;
                t.is_kept(&held).await?;
                t.reverse(&held).await?.is("done")?;
                t.is_back_once(&held).await
            })
        },
    },
    Case {
        name: "only-what-was-asked-for",
        needs: Needs::Witness,
        sends: "two payments of two accounts, and the reversal of the first",
        expects: "the first account has its money back, and the second does not",
        because: &rules::DONE,
        run: |t| {
            Box::pin(async move {
                let (first, second) = (t.paid().await?, t.paid().await?);
                t.reverse(&first).await?.is("done")?;
                t.is_back_once(&first).await?;
                t.is_kept(&second).await
            })
        },
    },
    Case {
        name: "asked-twice",
        needs: Needs::Witness,
        sends: "the same reversal twice",
        expects: "done and then already-done; the money is back once",
        because: &rules::AS_IT_ENDED,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                t.reverse(&paid).await?.is("done")?;
                t.reverse(&paid).await?.is("already-done")?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "asked-by-sixty-four-at-once",
        needs: Needs::Witness,
        sends: "the same reversal from sixty-four connections at once, of five payments",
        expects: "one done at most; the money of each is back once",
        because: &rules::ONCE,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let paid = t.paid().await?;
                    let ended = all_at_once(&t, &vec![paid.clone(); CALLERS]).await?;
                    let done = ended.iter().filter(|ended| ended.outcome == "done").count();
                    check(done <= 1, || format!("{done} of {CALLERS} callers were told done"))?;
                    ended.iter().try_for_each(|ended| ended.is_one_of(&["done", "already-done"]))?;
                    t.is_back_once(&paid).await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "asked-again-much-later",
        needs: Needs::Witness,
        sends: "a reversal, three hundred others, and the first one again",
        expects: "already-done; the money is back once",
        because: &rules::NEVER_FORGOTTEN,
        run: |t| {
            Box::pin(async move {
                let t = &t;
                let paid = t.paid().await?;
                t.reverse(&paid).await?.is("done")?;
                let others: Vec<_> = (0..OTHERS).map(|_| t.purchase()).collect();
                many_at_once(&others, |other| async move { t.reverse_unknown(&other.id).await.map(|_| ()) }).await?;
                t.reverse(&paid).await?.is("already-done")?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "payment-of-last-year",
        needs: Needs::Witness,
        sends: "the reversal of a payment that was initiated three hundred days ago",
        expects: "done, and the money is back",
        because: &rules::NO_PERIOD,
        run: |t| {
            Box::pin(async move {
                let at = request_time(now() - TimeDelta::days(300));
                let paid = t.purchase().with(|purchase| purchase.initiated_at = at);
                t.debit(&paid).await?;
                t.reverse(&paid).await?.is("done")?;
                t.is_back_once(&paid).await
            })
        },
    },
];
