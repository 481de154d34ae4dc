//! Amounts and currencies.

use crate::certify::bench::CoreBench;
use crate::certify::case::{Case, Needs};
use crate::certify::rules;
use crate::suite::verdict::Verdict;

/// Each of these is paid and reversed by an account of its own.
async fn each_is_back(t: &CoreBench, amounts: &[(i64, &'static str)]) -> Verdict {
    for (amount, currency) in amounts {
        let paid = t.purchase().with(|purchase| (purchase.amount, purchase.currency) = (*amount, currency));
        t.debit(&paid).await?;
        t.reverse(&paid).await?.is("done")?;
        t.is_back_once(&paid).await?;
    }
    Ok(())
}

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "odd-amounts",
        needs: Needs::Witness,
        sends: "payments of 1, 7, 99, 101, 12345 and 1000001",
        expects: "each is back to the smallest unit",
        because: &rules::EXACT,
        run: |t| {
            Box::pin(async move {
                each_is_back(&t, &[(1, "JPY"), (7, "JPY"), (99, "JPY"), (101, "JPY"), (12_345, "JPY"), (1_000_001, "JPY")]).await
            })
        },
    },
    Case {
        name: "large-amounts",
        needs: Needs::Witness,
        sends: "payments of 9007199254740993, which no floating-point number holds, and of 9223372036854775807",
        expects: "each is back to the smallest unit",
        because: &rules::EXACT,
        run: |t| {
            Box::pin(async move {
                each_is_back(&t, &[(2_147_483_648, "JPY"), (9_007_199_254_740_993, "JPY"), (i64::MAX, "JPY")]).await
            })
        },
    },
    Case {
        name: "other-currencies",
        needs: Needs::Witness,
        sends: "payments in currencies with two, three and no decimal places",
        expects: "each is back in the currency in which it was paid",
        because: &rules::EXACT,
        run: |t| Box::pin(async move { each_is_back(&t, &[(1_999, "USD"), (1, "KWD"), (50_000, "IDR"), (1_500, "VND")]).await }),
    },
    Case {
        name: "two-currencies-of-one-account",
        needs: Needs::Witness,
        sends: "two payments of one account in two currencies, both reversed",
        expects: "each is back in its own currency",
        because: &rules::EXACT,
        run: |t| {
            Box::pin(async move {
                let first = t.paid().await?;
                let account = first.account.clone();
                let second = t.purchase().with(|purchase| (purchase.account, purchase.currency) = (account, "USD"));
                t.debit(&second).await?;
                for paid in [&first, &second] {
                    t.reverse(paid).await?.is("done")?;
                }
                t.is_back_once(&first).await?;
                t.is_back_once(&second).await
            })
        },
    },
];
