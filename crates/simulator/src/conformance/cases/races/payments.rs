//! Cancels against each other and against the payment's own course.

use super::{CALLERS, ROUNDS, none_failed, one_of};
use crate::conformance::bench::Bench;
use crate::conformance::case::{Case, Needs};
use crate::conformance::driver::Payment;
use crate::conformance::rules;
use crate::suite::verdict::{Verdict, check};

/// Cancels many paid payments at once, each from a connection of its own.
async fn many_at_once(t: Bench, change: impl Fn(&mut Payment)) -> Verdict {
    let mut payments = Vec::new();
    for _ in 0..4 * CALLERS {
        payments.push(t.payment().with(&change).paid().await?);
    }
    let requests = payments.iter().map(|payment| t.cancel_request(payment.id())).collect::<Result<_, _>>()?;
    let (replies, _) = t.at_once(requests, vec![]).await?;
    none_failed(&replies)?;
    for payment in payments {
        payment.cancelled().await?;
        payment.is_back_once().await?;
    }
    Ok(())
}

pub(crate) static PAYMENTS: &[Case] = &[
    Case {
        name: "cancel-against-itself",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment from sixteen connections at once",
        expects: "no F, and the money is back once",
        because: &rules::ONE_EFFECT,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.paid().await?;
                    let (replies, _) = t.cancel_at_once(payment.id(), CALLERS, vec![]).await?;
                    none_failed(&replies)?;
                    payment.cancelled().await?;
                    payment.is_back_once().await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "cancel-of-an-unknown-payment-against-itself",
        needs: Needs::Driver,
        sends: "a cancel of a payment that was never received from sixteen connections at once",
        expects: "the same answer to all, and a later payment is told closed",
        because: &rules::ONE_EFFECT,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.payment();
                    let (replies, _) = t.cancel_at_once(payment.id(), CALLERS, vec![]).await?;
                    t.all_come_to(&replies, &t.terms().never_received).await?;
                    payment.announced("closed").await?;
                    payment.is_untouched().await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "cancel-against-its-announcement",
        needs: Needs::Driver,
        sends: "a cancel and the announcement of its payment at once, and then the payment's success",
        expects: "in either order, the success is reversed and the money is back once",
        because: &rules::ONE_EFFECT,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.payment();
                    let (replies, told) =
                        t.cancel_at_once(payment.id(), 4, vec![payment.announcing(), payment.announcing()]).await?;
                    one_of(&told, &["proceed", "closed"])?;
                    replies.iter().try_for_each(|reply| reply.answer().map(|_| ()))?;
                    payment.announced("closed").await?;
                    payment.reported("S", "reversed").await?;
                    payment.is_back_once().await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "cancel-against-a-success",
        needs: Needs::Driver,
        sends: "a cancel and the success of a payment in progress at once",
        expects: "in either order, S and the money is back once",
        because: &rules::ONE_EFFECT,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.in_progress().await?;
                    let (replies, told) =
                        t.cancel_at_once(payment.id(), 4, vec![payment.reporting("S"), payment.reporting("S")]).await?;
                    none_failed(&replies)?;
                    one_of(&told, &["stands", "reversed"])?;
                    payment.cancelled().await?;
                    payment.is_back_once().await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "cancel-against-a-failure",
        needs: Needs::Driver,
        sends: "a cancel and the failure of a payment in progress at once",
        expects: "S, and nothing moves",
        because: &rules::ONE_EFFECT,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.in_progress().await?;
                    let (replies, _) = t.cancel_at_once(payment.id(), 4, vec![payment.reporting("F")]).await?;
                    none_failed(&replies)?;
                    payment.cancelled().await?;
                    payment.is_untouched().await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "cancel-against-a-failure-that-becomes-a-success",
        needs: Needs::Driver,
        sends: "a cancel and a late success of a failed payment at once",
        expects: "S, and the money is back once",
        because: &rules::LATE_SUCCESS,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.in_progress().await?;
                    payment.reported("F", "stands").await?;
                    let (replies, told) = t.cancel_at_once(payment.id(), 4, vec![payment.reporting("S")]).await?;
                    none_failed(&replies)?;
                    one_of(&told, &["stands", "reversed"])?;
                    payment.cancelled().await?;
                    payment.is_back_once().await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "two-acquirers-at-once",
        needs: Needs::Callback,
        sends: "cancels of a payment that was never received for two acquirers at once, eight each",
        expects: "all of one acquirer are answered, all of the other are F PARAM_ILLEGAL",
        because: &rules::OTHER_ACQUIRER,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let id = t.id();
                    let ours = t.cancel_request(&id)?;
                    let acquirer = &t.partner().acquirer_id;
                    let body = t.partner().body(&id).replace(&format!("\"{acquirer}\""), "\"1022188999999999999\"");
                    let theirs = t.draft_of(body).request()?;
                    let requests =
                        (0..CALLERS).map(|caller| if caller % 2 == 0 { ours.clone() } else { theirs.clone() }).collect();
                    let (replies, _) = t.at_once(requests, vec![]).await?;
                    let mut answers = Vec::new();
                    for reply in &replies {
                        answers.push(t.settled(reply).await?);
                    }
                    let count = |parity: usize, brief: &str| {
                        answers.iter().skip(parity).step_by(2).filter(|answer| answer.brief() == brief).count()
                    };
                    let taken = t.terms().never_received.clone();
                    let fair = |winner: usize| {
                        count(winner, &taken) == CALLERS / 2 && count(1 - winner, "F PARAM_ILLEGAL") == CALLERS / 2
                    };
                    check(fair(0) || fair(1), || {
                        format!("the answers are {}", answers.iter().map(|answer| answer.brief()).collect::<Vec<_>>().join(", "))
                    })?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "many-payments-at-once",
        needs: Needs::Driver,
        sends: "cancels of sixty-four paid payments at once",
        expects: "S for each, and each one's money is back once",
        because: &rules::ONE_EFFECT,
        run: |t| Box::pin(async move { many_at_once(t, |_| {}).await }),
    },
    Case {
        name: "many-payments-of-one-user-at-once",
        needs: Needs::Driver,
        sends: "cancels of sixty-four payments from the same account at once",
        expects: "S for each, and each one's money is back once",
        because: &rules::ONE_EFFECT,
        run: |t| {
            Box::pin(async move {
                let account = format!("user-of-{}", t.id());
                many_at_once(t, |payment| payment.account.clone_from(&account)).await
            })
        },
    },
    Case {
        name: "everything-at-once",
        needs: Needs::Driver,
        sends: "eight cancels, two announcements and two successes of one payment at once",
        expects: "S at last; money that was taken is back once",
        because: &rules::ONE_EFFECT,
        run: |t| {
            Box::pin(async move {
                for _ in 0..ROUNDS {
                    let payment = t.in_progress().await?;
                    let tellings =
                        vec![payment.announcing(), payment.reporting("S"), payment.announcing(), payment.reporting("S")];
                    let (replies, told) = t.cancel_at_once(payment.id(), 8, tellings).await?;
                    none_failed(&replies)?;
                    one_of(&told, &["proceed", "closed", "stands", "reversed"])?;
                    payment.cancelled().await?;
                    payment.is_back_once().await?;
                }
                Ok(())
            })
        },
    },
];
