//! A cancel beside refunds that the wallet makes on its own.

use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;

pub(crate) static REFUNDS: &[Case] = &[
    Case {
        name: "fully-refunded-payment",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was refunded in full",
        expects: "S, and nothing more moves",
        because: &rules::FULL_ONLY,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.refunded(1_200).await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "payment-refunded-in-two-parts",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was refunded in two parts",
        expects: "S, and nothing more moves",
        because: &rules::FULL_ONLY,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.refunded(1_000).await?;
                payment.refunded(200).await?;
                payment.cancelled().await?;
                payment.is_back_in(2).await
            })
        },
    },
    Case {
        name: "partly-refunded-payment",
        needs: Needs::Driver,
        sends: "a cancel of a payment of which a part was refunded",
        expects: "F PROCESS_FAIL, and nothing more moves",
        because: &rules::FULL_ONLY,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.refunded(500).await?;
                payment.cancel_is("F PROCESS_FAIL").await?;
                payment.cancel_is("F PROCESS_FAIL").await?;
                payment.is_kept_but_for(500).await
            })
        },
    },
    Case {
        name: "running-refund",
        needs: Needs::Driver,
        sends: "a cancel while a refund of the wallet's own is running",
        expects: "U UNKNOWN_EXCEPTION, and nothing moves yet",
        because: &rules::RUNNING_REFUND,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.refund(1_200, "proceed").await?;
                payment.cancel_is("U UNKNOWN_EXCEPTION").await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "running-refund-that-fails",
        needs: Needs::Driver,
        sends: "a cancel while a refund is running, and again after the refund has failed",
        expects: "U, then S, and the money is back",
        because: &rules::RUNNING_REFUND,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let refund = payment.refund(1_200, "proceed").await?;
                payment.cancel_is("U UNKNOWN_EXCEPTION").await?;
                payment.refund_ended(&refund, "F").await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "running-refund-of-everything",
        needs: Needs::Driver,
        sends: "a cancel while a full refund is running, and again after it has succeeded",
        expects: "U, then S, and the money is back once",
        because: &rules::RUNNING_REFUND,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let refund = payment.refund(1_200, "proceed").await?;
                payment.cancel_is("U UNKNOWN_EXCEPTION").await?;
                payment.refund_ended(&refund, "S").await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "running-refund-of-a-part",
        needs: Needs::Driver,
        sends: "a cancel while a part is being refunded, and again after that has succeeded",
        expects: "U, then F PROCESS_FAIL, and only the part is back",
        because: &rules::RUNNING_REFUND,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let refund = payment.refund(500, "proceed").await?;
                payment.cancel_is("U UNKNOWN_EXCEPTION").await?;
                payment.refund_ended(&refund, "S").await?;
                payment.cancel_is("F PROCESS_FAIL").await?;
                payment.is_kept_but_for(500).await
            })
        },
    },
    Case {
        name: "refund-after-the-cancel",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment, and then a refund of it",
        expects: "the wallet is told refused, and the money is back once",
        because: &rules::FULL_ONLY,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.cancelled().await?;
                payment.refund(1_200, "refused").await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "second-refund-while-a-cancel-waits",
        needs: Needs::Driver,
        sends: "a cancel while a refund is running, and then another refund",
        expects: "the other refund is told refused",
        because: &rules::FULL_ONLY,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.refund(500, "proceed").await?;
                payment.cancel_is("U UNKNOWN_EXCEPTION").await?;
                payment.refund(500, "refused").await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "failed-refund-is-no-refund",
        needs: Needs::Driver,
        sends: "a cancel of a payment of which a refund has failed",
        expects: "S, and the money is back once",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let refund = payment.refund(500, "proceed").await?;
                payment.refund_ended(&refund, "F").await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
];
