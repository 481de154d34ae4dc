//! Payments that are looked up. Only for a core whose payments Rescind asks for.

use serde_json::json;

use crate::certify::case::{Case, Needs};
use crate::certify::rules;
use crate::suite::verdict::check;

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "payment-is-found",
        needs: Needs::Witness,
        sends: "payments that succeeded, were cancelled, and are in progress",
        expects: "each is found as it is",
        because: &rules::LOOKUP,
        run: |t| {
            Box::pin(async move {
                let (paid, cancelled, running) = (t.paid().await?, t.paid().await?, t.purchase());
                t.tell(&running, json!({ "status": "U" })).await?;
                t.reverse(&cancelled).await?;
                for (purchase, status) in [(&paid, "S"), (&cancelled, "S"), (&running, "U")] {
                    let (http, found) = t.found(&purchase.id).await?;
                    let fits = http == 200
                        && found["status"] == status
                        && found["account"] == purchase.account.as_str()
                        && found["amount"] == purchase.reversal()["amount"];
                    check(fits, || format!("{} was answered HTTP {http}: {found}", purchase.id))?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "payment-is-not-found",
        needs: Needs::Witness,
        sends: "a payment that the core has never heard of",
        expects: "404 with a JSON object, or with nothing",
        because: &rules::LOOKUP,
        run: |t| {
            Box::pin(async move {
                let (http, found) = t.found(&t.id()).await?;
                check(http == 404 && (found.is_object() || found.is_null()), || format!("it was answered HTTP {http}: {found}"))
            })
        },
    },
];
