//! Bodies that change, and that say something wrong.

use serde_json::json;

use crate::certify::case::{Case, Needs};
use crate::certify::rules;
use crate::suite::verdict::check;

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "another-body-at-the-repeat",
        needs: Needs::Witness,
        sends: "a reversal with the shortest body, and then with the longest",
        expects: "done and then already-done; the money is back once",
        because: &rules::INFORMS,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                t.reverse_unknown(&paid.id).await?.is("done")?;
                t.reverse(&paid).await?.is("already-done")?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "body-that-knows-nothing",
        needs: Needs::Witness,
        sends: "the reversal of a payment that was debited, with nothing-known",
        expects: "done, and the money is back: the core has its own books",
        because: &rules::INFORMS,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                t.reverse_unknown(&paid.id).await?.is("done")?;
                t.is_back_once(&paid).await
            })
        },
    },
    Case {
        name: "body-that-names-another-account",
        needs: Needs::Witness,
        sends: "a reversal whose body names another account, amount and currency",
        expects: "the account that paid has what it paid, and the other has nothing",
        because: &rules::INFORMS,
        run: |t| {
            Box::pin(async move {
                let (paid, other) = (t.paid().await?, t.purchase());
                let mut body = paid.reversal();
                body["account"] = other.account.clone().into();
                body["amount"] = json!({ "value": "999999", "currency": "USD" });
                t.reverse_with(&paid.id, body).await?.is("done")?;
                t.is_back_once(&paid).await?;
                let booked = t.booked(&other.account, 100).await?;
                check(booked.is_empty(), || format!("{} entries are booked on an account that paid nothing", booked.len()))
            })
        },
    },
    Case {
        name: "body-that-claims-a-debit",
        needs: Needs::Witness,
        sends: "the reversal of a payment that was never seen, with a body that says it was debited",
        expects: "nothing-to-do; nothing is booked",
        because: &rules::INFORMS,
        run: |t| {
            Box::pin(async move {
                let unseen = t.purchase();
                t.reverse(&unseen).await?.is_one_of(&["nothing-to-do", "already-done"])?;
                t.is_untouched(&unseen).await
            })
        },
    },
];
