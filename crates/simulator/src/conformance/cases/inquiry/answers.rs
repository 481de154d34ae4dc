//! What an inquiry says of each payment.

use chrono::{DateTime, TimeDelta};
use serde_json::json;

use super::{CLOSED, NOT_EXIST, PAID, RUNNING};
use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;
use crate::suite::verdict::check;

pub(crate) static ANSWERS: &[Case] = &[
    Case {
        name: "inquiry-of-an-unknown-payment",
        needs: Needs::Inquiries,
        sends: "an inquiry about a payment that was never received",
        expects: "F ORDER_NOT_EXIST, and no paymentResult",
        because: &rules::NOT_EXIST,
        run: |t| Box::pin(async move { t.expect_asked(t.inquiry_draft(&t.id())?.request()?, NOT_EXIST).await }),
    },
    Case {
        name: "inquiry-of-a-payment-in-progress",
        needs: Needs::InquiriesAndDriver,
        sends: "an inquiry about a payment in progress",
        expects: "payment U PAYMENT_IN_PROCESS",
        because: &rules::INQUIRED,
        run: |t| Box::pin(async move { t.in_progress().await?.is_inquired(RUNNING).await }),
    },
    Case {
        name: "inquiry-of-a-paid-payment",
        needs: Needs::InquiriesAndDriver,
        sends: "an inquiry about a payment that succeeded",
        expects: "payment S SUCCESS",
        because: &rules::INQUIRED,
        run: |t| Box::pin(async move { t.paid().await?.is_inquired(PAID).await }),
    },
    Case {
        name: "inquiry-names-time-and-amount",
        needs: Needs::InquiriesAndDriver,
        sends: "an inquiry about a payment that succeeded",
        expects: "the payment's time with its zone, and its amount in the smallest unit, as strings",
        because: &rules::PAID_MEMBERS,
        run: |t| {
            Box::pin(async move {
                let paid = t.payment().with(|payment| payment.amount = 9_007_199_254_740_993).paid().await?;
                let body = t.inquire(paid.id()).await?.body;
                let amount = json!({ "value": "9007199254740993", "currency": "JPY" });
                check(body["paymentAmount"] == amount, || format!("its paymentAmount is {}", body["paymentAmount"]))?;
                let time = body["paymentTime"].as_str().unwrap_or_default();
                let off = DateTime::parse_from_rfc3339(time).map(|at| (at.to_utc() - paid.payment.completed_at).abs());
                check(off.is_ok_and(|off| off < TimeDelta::seconds(1)), || format!("its paymentTime is {time:?}"))
            })
        },
    },
    Case {
        name: "inquiry-of-a-held-authorization",
        needs: Needs::InquiriesAndDriver,
        sends: "an inquiry about an authorization that is held",
        expects: "payment S SUCCESS",
        because: &rules::INQUIRED,
        run: |t| {
            Box::pin(
                async move { t.payment().with(|payment| payment.authorization = true).paid().await?.is_inquired(PAID).await },
            )
        },
    },
    Case {
        name: "inquiry-of-a-failed-payment",
        needs: Needs::InquiriesAndDriver,
        sends: "an inquiry about a payment that failed",
        expects: "payment F with a reason, which is not that it is closed",
        because: &rules::INQUIRED,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.reported("F", "stands").await?;
                let found = t.inquire(payment.id()).await?.brief();
                check(found.starts_with("F ") && found != CLOSED, || format!("the inquiry is answered {found}"))
            })
        },
    },
    Case {
        name: "inquiry-repeated",
        needs: Needs::InquiriesAndDriver,
        sends: "the same inquiry three times",
        expects: "the same answer",
        because: &rules::INQUIRED,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                for _ in 0..3 {
                    paid.is_inquired(PAID).await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "inquiries-change-nothing",
        needs: Needs::InquiriesAndDriver,
        sends: "twenty inquiries about a payment that is then announced, paid and cancelled",
        expects: "it goes on as if nobody had asked, and is given back once",
        because: &rules::ONLY_ASKS,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment();
                for _ in 0..20 {
                    payment.is_inquired(NOT_EXIST).await?;
                }
                let paid = payment.paid().await?;
                paid.is_inquired(PAID).await?;
                paid.is_kept().await?;
                paid.cancelled().await?;
                paid.is_back_once().await
            })
        },
    },
];
