//! Networks and callers that fail half-way.

use std::time::Duration;

use tokio::time::sleep;

use crate::conformance::bench::{Bench, Staged, lost};
use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;
use crate::suite::verdict::Verdict;

/// How long a wallet has to notice that a caller hung up, before it is looked at.
const NOTICED: Duration = Duration::from_millis(200);

/// Where requests are cut: everywhere in the head and the body, in steps of so many bytes.
const STEP: usize = 48;

/// After whatever went before, a good cancel of a paid payment does what it always does.
async fn all_is_well(t: &Bench) -> Verdict {
    comes_back(&t.paid().await?).await
}

async fn comes_back(payment: &Staged) -> Verdict {
    payment.cancelled().await?;
    payment.is_back_once().await
}

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "caller-hangs-up-before-the-answer",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment whose caller hangs up at once, and then the retry",
        expects: "S, and the money is back once",
        because: &rules::RETRIES,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                t.send_and_hang_up(&request, usize::MAX).await?;
                comes_back(&payment).await
            })
        },
    },
    Case {
        name: "callers-hang-up-again-and-again",
        needs: Needs::Driver,
        sends: "twenty cancels of a paid payment whose callers all hang up, and then a retry",
        expects: "S, and the money is back once",
        because: &rules::RETRIES,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                for _ in 0..20 {
                    t.send_and_hang_up(&request, usize::MAX).await?;
                }
                comes_back(&payment).await
            })
        },
    },
    Case {
        name: "half-a-body",
        needs: Needs::Driver,
        sends: "a cancel that ends in the middle of its body",
        expects: "nothing happens; a whole one is then taken",
        because: &rules::HALF_A_REQUEST,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                t.send_and_hang_up(&request, request.bytes().len() - 20).await?;
                sleep(NOTICED).await;
                payment.is_kept().await?;
                comes_back(&payment).await
            })
        },
    },
    Case {
        name: "half-a-head",
        needs: Needs::Driver,
        sends: "a cancel that ends in the middle of its Signature header",
        expects: "nothing happens; a whole one is then taken",
        because: &rules::HALF_A_REQUEST,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                t.send_and_hang_up(&request, request.head().len() / 2).await?;
                sleep(NOTICED).await;
                payment.is_kept().await?;
                comes_back(&payment).await
            })
        },
    },
    Case {
        name: "cut-anywhere",
        needs: Needs::Driver,
        sends: "a cancel that is cut off at every forty-eighth byte in turn, and then a whole one",
        expects: "S, and the money is back once",
        because: &rules::HALF_A_REQUEST,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                for bytes in (1..request.bytes().len()).step_by(STEP) {
                    t.send_and_hang_up(&request, bytes).await?;
                }
                comes_back(&payment).await
            })
        },
    },
    Case {
        name: "one-byte-at-a-time",
        needs: Needs::Driver,
        sends: "a good cancel whose every byte is a packet of its own",
        expects: "S, and the money is back",
        because: &rules::HTTP,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                let mut connection = t.connect().await?;
                let exchange = async {
                    for byte in request.bytes() {
                        connection.send(&[byte]).await.map_err(lost)?;
                    }
                    t.receive(&mut connection, &request).await
                };
                t.within_patience(&request, exchange).await?.answer()?;
                comes_back(&payment).await
            })
        },
    },
    Case {
        name: "body-that-comes-late",
        needs: Needs::Driver,
        sends: "a good cancel whose body follows its head after a second",
        expects: "an answer within 8 s, and the money is back",
        because: &rules::IN_TIME,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                let mut connection = t.connect().await?;
                let exchange = async {
                    connection.send(request.head().as_bytes()).await.map_err(lost)?;
                    sleep(Duration::from_secs(1)).await;
                    connection.send(&request.body).await.map_err(lost)?;
                    t.receive(&mut connection, &request).await
                };
                t.within_patience(&request, exchange).await?.answer()?;
                comes_back(&payment).await
            })
        },
    },
    Case {
        name: "content-length-that-is-too-long",
        needs: Needs::Driver,
        sends: "a cancel whose Content-Length promises more than comes, and then the end",
        expects: "nothing happens",
        because: &rules::HALF_A_REQUEST,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let mut request = t.cancel_request(payment.id())?;
                let longer = (request.body.len() + 10).to_string();
                request = request.without("Content-Length").with("Content-Length", &longer);
                t.send_and_hang_up(&request, usize::MAX).await?;
                sleep(NOTICED).await;
                payment.is_kept().await?;
                comes_back(&payment).await
            })
        },
    },
    Case {
        name: "content-length-that-is-too-short",
        needs: Needs::Driver,
        sends: "a cancel whose Content-Length cuts its body short",
        expects: "F INVALID_SIGNATURE, and nothing happens",
        because: &rules::SIGNED_TEXT,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                let shorter = (request.body.len() - 10).to_string();
                let request = request.without("Content-Length").with("Content-Length", &shorter);
                t.expect(request, "F INVALID_SIGNATURE").await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "not-http-at-all",
        needs: Needs::Driver,
        sends: "two kilobytes of noise, and then a good cancel on another connection",
        expects: "S, and the money is back",
        because: &rules::HTTP,
        run: |t| {
            Box::pin(async move {
                let mut connection = t.connect().await?;
                let noise: Vec<u8> = (0..2048_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
                // The wallet may hang up at any byte of it.
                let _ = connection.send(&noise).await;
                all_is_well(&t).await
            })
        },
    },
    Case {
        name: "callers-that-say-nothing",
        needs: Needs::Driver,
        sends: "two hundred connections on which nothing is sent, and then a good cancel",
        expects: "an answer within 8 s, and the money is back",
        because: &rules::IN_TIME,
        run: |t| {
            Box::pin(async move {
                let mut silent = Vec::new();
                for _ in 0..200 {
                    silent.push(t.connect().await?);
                }
                all_is_well(&t).await?;
                drop(silent);
                Ok(())
            })
        },
    },
    Case {
        name: "callers-that-never-finish",
        needs: Needs::Driver,
        sends: "a hundred requests that stop in their heads, and then a good cancel",
        expects: "an answer within 8 s, and the money is back",
        because: &rules::IN_TIME,
        run: |t| {
            Box::pin(async move {
                let request = t.cancel_request(&t.id())?;
                let half = &request.head().into_bytes()[..100];
                let mut unfinished = Vec::new();
                for _ in 0..100 {
                    let mut connection = t.connect().await?;
                    connection.send(half).await.map_err(lost)?;
                    unfinished.push(connection);
                }
                all_is_well(&t).await?;
                drop(unfinished);
                Ok(())
            })
        },
    },
    Case {
        name: "storm-of-cancels",
        needs: Needs::Callback,
        sends: "three hundred cancels of as many unknown payments from sixty-four connections",
        expects: "each is answered within 8 s, none with F",
        because: &rules::IN_TIME,
        run: |t| {
            Box::pin(async move {
                let mut left = 300_usize;
                while left > 0 {
                    let now = left.min(64);
                    left -= now;
                    let requests = (0..now).map(|_| t.cancel_request(&t.id())).collect::<Result<_, _>>()?;
                    let (replies, _) = t.at_once(requests, vec![]).await?;
                    t.all_come_to(&replies, &t.terms().never_received).await?;
                }
                Ok(())
            })
        },
    },
];
