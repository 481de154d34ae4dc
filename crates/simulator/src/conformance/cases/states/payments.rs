//! What becomes of a payment, whatever its status.

use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;
use crate::suite::verdict::check;

pub(crate) static PAYMENTS: &[Case] = &[
    Case {
        name: "paid-payment",
        needs: Needs::Driver,
        sends: "a cancel of a payment that has succeeded",
        expects: "S, and the full amount is back",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "authorization",
        needs: Needs::Driver,
        sends: "a cancel of an authorization",
        expects: "S, and what was held is released",
        because: &rules::AUTHORIZATION,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment().with(|payment| payment.authorization = true).paid().await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "smallest-amount",
        needs: Needs::Driver,
        sends: "a cancel of a payment of 1 in a currency with three decimal places",
        expects: "S, and exactly 1 is back",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment().with(|payment| (payment.amount, payment.currency) = (1, "KWD")).paid().await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "largest-amount",
        needs: Needs::Driver,
        sends: "a cancel of a payment of 9007199254740993, which no floating-point number holds",
        expects: "S, and exactly that is back",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment().with(|payment| (payment.amount, payment.currency) = (9_007_199_254_740_993, "IDR"));
                let payment = payment.paid().await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "payment-in-progress",
        needs: Needs::Driver,
        sends: "a cancel of a payment that has no result yet",
        expects: "S, and nothing moves",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.cancelled().await?;
                payment.is_untouched().await
            })
        },
    },
    Case {
        name: "failed-payment",
        needs: Needs::Driver,
        sends: "a cancel of a payment that has failed",
        expects: "S, and nothing moves",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.reported("F", "stands").await?;
                payment.cancelled().await?;
                payment.is_untouched().await
            })
        },
    },
    Case {
        name: "payment-that-was-never-received",
        needs: Needs::Callback,
        sends: "a cancel of a payment that nobody has heard of",
        expects: "S, or what the contract says instead",
        because: &rules::NEVER_RECEIVED,
        run: |t| Box::pin(async move { t.expect_taken(t.cancel_request(&t.id())?).await }),
    },
    Case {
        name: "payment-that-comes-after-its-cancel",
        needs: Needs::Driver,
        sends: "a cancel, and then the announcement of its payment",
        expects: "the wallet is told closed, and Alipay+ the same answer as before",
        because: &rules::NEVER_RECEIVED,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment();
                t.expect_taken(t.cancel_request(payment.id())?).await?;
                payment.announced("closed").await?;
                t.expect_taken(t.cancel_request(payment.id())?).await?;
                payment.is_untouched().await
            })
        },
    },
    Case {
        name: "success-after-the-cancel",
        needs: Needs::Driver,
        sends: "a cancel of a payment in progress, and then its success",
        expects: "the wallet is told reversed, and the money is back",
        because: &rules::LATE_SUCCESS,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.cancelled().await?;
                payment.reported("S", "reversed").await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "success-after-failure-and-cancel",
        needs: Needs::Driver,
        sends: "a cancel of a failed payment, and then a success of it",
        expects: "the wallet is told reversed, and the money is back",
        because: &rules::LATE_SUCCESS,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.reported("F", "stands").await?;
                payment.cancelled().await?;
                payment.reported("S", "reversed").await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "success-of-a-payment-that-came-too-late",
        needs: Needs::Driver,
        sends: "a cancel, then the announcement, then a success all the same",
        expects: "closed, then reversed, and the money is back",
        because: &rules::LATE_SUCCESS,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment();
                t.expect_taken(t.cancel_request(payment.id())?).await?;
                payment.announced("closed").await?;
                payment.reported("S", "reversed").await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "success-told-again-and-again",
        needs: Needs::Driver,
        sends: "a cancel of a payment in progress, and then its success three times",
        expects: "reversed three times, and the money is back once",
        because: &rules::LATE_SUCCESS,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.cancelled().await?;
                for _ in 0..3 {
                    payment.reported("S", "reversed").await?;
                }
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "late-success-and-another-cancel",
        needs: Needs::Driver,
        sends: "a cancel, the late success, and the cancel again",
        expects: "S both times, and the money is back once",
        because: &rules::LATE_SUCCESS,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.cancelled().await?;
                payment.reported("S", "reversed").await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "failure-after-the-cancel",
        needs: Needs::Driver,
        sends: "a cancel of a payment in progress, and then its failure",
        expects: "S again, and nothing moves",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.cancelled().await?;
                payment.reported("F", "stands").await?;
                payment.cancelled().await?;
                payment.is_untouched().await
            })
        },
    },
    Case {
        name: "announcement-repeated-after-the-cancel",
        needs: Needs::Driver,
        sends: "a cancel of a payment in progress, and then its announcement again",
        expects: "the wallet is told closed",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.cancelled().await?;
                payment.announced("closed").await
            })
        },
    },
    Case {
        name: "not-everything-is-cancelled",
        needs: Needs::Driver,
        sends: "nothing but a payment that succeeds",
        expects: "nothing of it goes back: what is not cancelled stays",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                t.expect_taken(t.cancel_request(&t.id())?).await?;
                paid.is_kept().await
            })
        },
    },
    Case {
        name: "inquiry-after-the-cancel",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment, and then its inquiry",
        expects: "F ORDER_IS_CLOSED",
        because: &rules::CLOSED,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.cancelled().await?;
                let found = t.driver()?.inquiry(&payment.payment).await?;
                check(found == "F ORDER_IS_CLOSED", || format!("the inquiry says {found}"))
            })
        },
    },
    Case {
        name: "inquiry-after-a-cancel-without-payment",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was never received, and then its inquiry",
        expects: "F ORDER_IS_CLOSED",
        because: &rules::CLOSED,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment();
                t.expect_taken(t.cancel_request(payment.id())?).await?;
                let found = t.driver()?.inquiry(&payment.payment).await?;
                check(found == "F ORDER_IS_CLOSED", || format!("the inquiry says {found}"))
            })
        },
    },
];
