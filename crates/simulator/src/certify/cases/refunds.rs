//! Payments of which refunds gave something back.

use serde_json::json;

use crate::certify::bench::{CoreBench, Purchase};
use crate::certify::case::{Case, Needs};
use crate::certify::rules;
use crate::money::Money;
use crate::suite::verdict::{CaseError, check};

/// A payment of which refunds gave so much back.
async fn refunded(t: &CoreBench, amount: i64) -> Result<Purchase, CaseError> {
    let paid = t.paid().await?;
    let refunded = json!({ "value": amount.to_string(), "currency": paid.currency });
    let status = t.tell(&paid, json!({ "status": "S", "refunded": refunded })).await?;
    check(status == 200, || format!("the core did not refund {amount} of {}: HTTP {status}", paid.id))?;
    Ok(paid)
}

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "partly-refunded-payment",
        needs: Needs::Witness,
        sends: "the reversal of a payment of which a part was refunded, twice",
        expects: "partly-refunded both times, and nothing moves",
        because: &rules::REFUNDED,
        run: |t| {
            Box::pin(async move {
                let paid = refunded(&t, 400).await?;
                t.reverse(&paid).await?.is("partly-refunded")?;
                t.reverse(&paid).await?.is("partly-refunded")?;
                t.is_where(&paid, Money { taken: paid.amount, given_back: 400, times: 1 }).await
            })
        },
    },
    Case {
        name: "fully-refunded-payment",
        needs: Needs::Witness,
        sends: "the reversal of a payment that was refunded completely, twice",
        expects: "fully-refunded both times, and nothing moves",
        because: &rules::REFUNDED,
        run: |t| {
            Box::pin(async move {
                let paid = refunded(&t, 1_234).await?;
                t.reverse(&paid).await?.is("fully-refunded")?;
                t.reverse(&paid).await?.is("fully-refunded")?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "payment-without-refund",
        needs: Needs::Witness,
        sends: "the reversal of a payment of which nothing was refunded, and the core knows that",
        expects: "done, and the money is back",
        because: &rules::REFUNDED,
        run: |t| {
            Box::pin(async move {
                let paid = refunded(&t, 0).await?;
                t.reverse(&paid).await?.is("done")?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "all-but-the-smallest-part",
        needs: Needs::Witness,
        sends: "the reversal of a payment of which all but 1 was refunded",
        expects: "partly-refunded, and nothing moves",
        because: &rules::REFUNDED,
        run: |t| {
            Box::pin(async move {
                let paid = refunded(&t, 1_233).await?;
                t.reverse(&paid).await?.is("partly-refunded")?;
                t.is_where(&paid, Money { taken: paid.amount, given_back: 1_233, times: 1 }).await
            })
        },
    },
    Case {
        name: "refund-that-runs",
        needs: Needs::Witness,
        sends: "the reversal of a payment with a running refund, which then fails",
        expects: "no final answer while it runs; then done, and the money is back",
        because: &rules::REFUNDED,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                t.tell(&paid, json!({ "status": "S", "refundRunning": true })).await?;
                let request = t.reversal_request(&paid.id, &paid.reversal());
                if let Ok(outcome) = t.ask_once(&request).await? {
                    return CaseError::wrong(format!("while a refund runs, the core said {outcome:?}"));
                }
                t.is_kept(&paid).await?;
                t.tell(&paid, json!({ "status": "S", "refundRunning": false })).await?;
                t.reverse(&paid).await?.is("done")?;
                t.is_back_once(&paid).await
            })
        },
    },
];
