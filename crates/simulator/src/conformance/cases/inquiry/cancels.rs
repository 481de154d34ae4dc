//! What a cancel changes about an inquiry's answer: before, during and after it.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use chrono::TimeDelta;

use super::{CLOSED, PAID, RUNNING};
use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;
use crate::suite::verdict::{Verdict, check};

/// How often inquiries and a cancel meet.
const ROUNDS: usize = 8;

/// What was sent after the S is closed. What was sent before may be anything that was true, and is never true again after it was
/// closed.
fn in_order(answered: Instant, heard: &[(Instant, String)]) -> Verdict {
    let mut was_closed = false;
    for (sent, brief) in heard {
        let may_be_open = *sent < answered && !was_closed && [PAID, RUNNING].contains(&brief.as_str());
        let is_doubt = brief == "no payment: U UNKNOWN_EXCEPTION";
        check(may_be_open || is_doubt || brief == CLOSED, || {
            let when = if *sent < answered { "beside a cancel" } else { "after S" };
            format!("an inquiry {when} is answered {brief}{}", if was_closed { ", after one was closed" } else { "" })
        })?;
        was_closed |= brief == CLOSED;
    }
    let last = heard.last().map_or("nothing", |(_, brief)| brief);
    check(was_closed, || format!("the last inquiry, which was sent after S, is answered {last}"))
}

pub(crate) static CANCELS: &[Case] = &[
    Case {
        name: "cancelled-payment-is-closed",
        needs: Needs::InquiriesAndDriver,
        sends: "a cancel of a paid payment, and then its inquiry",
        expects: "payment F ORDER_IS_CLOSED",
        because: &rules::CLOSED,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                paid.is_inquired(PAID).await?;
                paid.cancelled().await?;
                paid.is_inquired(CLOSED).await
            })
        },
    },
    Case {
        name: "cancelled-in-progress-is-closed",
        needs: Needs::InquiriesAndDriver,
        sends: "a cancel of a payment in progress, and then its inquiry",
        expects: "payment F ORDER_IS_CLOSED",
        because: &rules::CLOSED,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.cancelled().await?;
                payment.is_inquired(CLOSED).await
            })
        },
    },
    Case {
        name: "cancelled-after-a-failure-is-closed",
        needs: Needs::InquiriesAndDriver,
        sends: "a cancel of a failed payment, and then its inquiry",
        expects: "payment F ORDER_IS_CLOSED",
        because: &rules::CLOSED,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.reported("F", "stands").await?;
                payment.cancelled().await?;
                payment.is_inquired(CLOSED).await
            })
        },
    },
    Case {
        name: "fence-is-closed",
        needs: Needs::Inquiries,
        sends: "a cancel of a payment that was never received, and then its inquiry",
        expects: "payment F ORDER_IS_CLOSED",
        because: &rules::CLOSED,
        run: |t| {
            Box::pin(async move {
                let id = t.id();
                t.expect_taken(t.cancel_request(&id)?).await?;
                t.expect_asked(t.inquiry_draft(&id)?.request()?, CLOSED).await
            })
        },
    },
    Case {
        name: "fence-stays-closed-when-it-is-announced",
        needs: Needs::InquiriesAndDriver,
        sends: "a cancel, then the payment's announcement, and an inquiry after each",
        expects: "payment F ORDER_IS_CLOSED both times",
        because: &rules::CLOSED,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment();
                t.expect_taken(t.cancel_request(payment.id())?).await?;
                payment.is_inquired(CLOSED).await?;
                payment.announced("closed").await?;
                payment.is_inquired(CLOSED).await
            })
        },
    },
    Case {
        name: "late-success-stays-closed",
        needs: Needs::InquiriesAndDriver,
        sends: "a cancel of a payment in progress, then its success, and an inquiry after each",
        expects: "payment F ORDER_IS_CLOSED both times",
        because: &rules::CLOSED,
        run: |t| {
            Box::pin(async move {
                let payment = t.in_progress().await?;
                payment.cancelled().await?;
                payment.is_inquired(CLOSED).await?;
                payment.reported("S", "reversed").await?;
                payment.is_inquired(CLOSED).await
            })
        },
    },
    Case {
        name: "refused-cancel-leaves-it-paid",
        needs: Needs::InquiriesAndDriver,
        sends: "a cancel of a payment of two days ago, and then its inquiry",
        expects: "the cancel is refused, and the payment is S SUCCESS",
        because: &rules::INQUIRED,
        run: |t| {
            Box::pin(async move {
                let long_ago = t.now() - TimeDelta::days(2);
                let paid = t.payment().with(|payment| payment.initiated_at = long_ago.to_rfc3339()).paid().await?;
                paid.cancel_is(&t.terms().period_over.clone()).await?;
                paid.is_inquired(PAID).await
            })
        },
    },
    Case {
        name: "deferred-cancel-is-not-closed",
        needs: Needs::InquiriesAndDriver,
        sends: "a cancel while a refund is running, and an inquiry",
        expects: "payment U PAYMENT_IN_PROCESS",
        because: &rules::NOT_BEFORE,
        run: |t| {
            Box::pin(async move {
                let paid = t.paid().await?;
                let refund = paid.refund(500, "proceed").await?;
                paid.cancel_is("U UNKNOWN_EXCEPTION").await?;
                paid.is_inquired(RUNNING).await?;
                paid.refund_ended(&refund, "F").await
            })
        },
    },
    Case {
        name: "inquiries-beside-a-cancel",
        needs: Needs::InquiriesAndDriver,
        sends: "inquiries without a pause beside a cancel of a paid payment, several rounds",
        expects: "paid or not known before S, closed after it, and never again anything else",
        because: &rules::NOT_BEFORE,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let paid = t.paid().await?;
                    let over = Arc::new(OnceLock::new());
                    let cancelling = async { paid.cancelled().await.map(|_| *over.get_or_init(Instant::now)) };
                    let asking = t.inquire_until(paid.id(), || over.get().is_some());
                    let (cancelled, heard) = tokio::join!(cancelling, asking);
                    in_order(cancelled?, &heard?)?;
                }
                Ok(())
            })
        },
    },
];
