//! A reversal that comes before its debit, or during it.

use serde_json::json;

use super::many_at_once;
use crate::certify::bench::{CoreBench, Purchase};
use crate::certify::case::{Case, Needs};
use crate::certify::rules;
use crate::suite::verdict::{Verdict, check};

/// How many payments are debited and reversed at the same moment.
const RACES: usize = 60;

/// The debit is refused, or given back: nothing of it stays.
async fn nothing_stays(t: &CoreBench, purchase: &Purchase) -> Verdict {
    let money = t.money(purchase).await?;
    let amount = purchase.amount;
    let fits = money.taken == money.given_back && (money.taken == 0 || (money.taken == amount && money.times == 1));
    check(fits, || format!("of {} there are {} taken and {} given back", purchase.id, money.taken, money.given_back))
}

/// Both at once, and then the reversal once more: nothing of it stays, and done is said where something was taken only.
async fn race(t: &CoreBench, purchase: &Purchase) -> Verdict {
    let (told, ended) = tokio::join!(t.tell(purchase, json!({ "status": "S" })), t.reverse(purchase));
    told?;
    ended?.is_one_of(&["done", "nothing-to-do", "already-done"])?;
    t.reverse(purchase).await?.is_one_of(&["already-done", "nothing-to-do"])?;
    nothing_stays(t, purchase).await
}

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "never-seen",
        needs: Needs::Witness,
        sends: "the reversal of a payment that the core has never heard of, twice",
        expects: "nothing-to-do, then the same or already-done; nothing is booked",
        because: &rules::NOTHING,
        run: |t| {
            Box::pin(async move {
                let unseen = t.purchase();
                t.reverse_unknown(&unseen.id).await?.is_one_of(&["nothing-to-do"])?;
                t.reverse_unknown(&unseen.id).await?.is_one_of(&["nothing-to-do", "already-done"])?;
                t.is_untouched(&unseen).await
            })
        },
    },
    Case {
        name: "reversal-before-the-debit",
        needs: Needs::Witness,
        sends: "the reversal of a payment that was never seen, and then its debit",
        expects: "nothing-to-do; the debit is refused, or given back",
        because: &rules::FENCE,
        run: |t| {
            Box::pin(async move {
                let late = t.purchase();
                t.reverse_unknown(&late.id).await?.is_one_of(&["nothing-to-do", "already-done"])?;
                t.tell(&late, json!({ "status": "S" })).await?;
                nothing_stays(&t, &late).await?;
                t.reverse(&late).await?.is_one_of(&["nothing-to-do", "already-done"])?;
                nothing_stays(&t, &late).await
            })
        },
    },
    Case {
        name: "reversal-of-a-payment-in-progress",
        needs: Needs::Witness,
        sends: "a payment in progress, its reversal, and then its debit",
        expects: "nothing-to-do; the debit is refused, or given back",
        because: &rules::FENCE,
        run: |t| {
            Box::pin(async move {
                let late = t.purchase();
                t.tell(&late, json!({ "status": "U" })).await?;
                t.reverse_unknown(&late.id).await?.is_one_of(&["nothing-to-do", "already-done"])?;
                t.tell(&late, json!({ "status": "S" })).await?;
                nothing_stays(&t, &late).await
            })
        },
    },
    Case {
        name: "failed-payment",
        needs: Needs::Witness,
        sends: "the reversal of a payment that failed",
        expects: "nothing-to-do; nothing is booked",
        because: &rules::NOTHING,
        run: |t| {
            Box::pin(async move {
                let failed = t.purchase();
                t.tell(&failed, json!({ "status": "F" })).await?;
                t.reverse_unknown(&failed.id).await?.is_one_of(&["nothing-to-do", "already-done"])?;
                t.is_untouched(&failed).await
            })
        },
    },
    Case {
        name: "reversal-during-the-debit",
        needs: Needs::Witness,
        sends: "sixty payments, each debited and reversed at the same moment",
        expects: "in either order nothing of them stays debited",
        because: &rules::FENCE,
        run: |t| {
            Box::pin(async move {
                let t = &t;
                let purchases: Vec<_> = (0..RACES).map(|_| t.purchase()).collect();
                many_at_once(&purchases, |purchase| race(t, purchase)).await
            })
        },
    },
];
