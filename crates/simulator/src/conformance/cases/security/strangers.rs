//! Callers whom Alipay+'s key does not vouch for.

use serde_json::Value;

use crate::conformance::bench::Bench;
use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;
use crate::signature::encode;
use crate::suite::verdict::{CaseError, check};
use crate::wire::Request;

/// A cancel of this payment with a signature over something else.
fn badly_signed(t: &Bench, id: &str) -> Result<Request, CaseError> {
    t.draft(id).signed_as(|signed| signed.body = b"{}".to_vec()).request()
}

pub(crate) static STRANGERS: &[Case] = &[
    Case {
        name: "wrong-signature-moves-no-money",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment with a wrong signature",
        expects: "F INVALID_SIGNATURE, and nothing moves",
        because: &rules::INVALID_SIGNATURE,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                t.expect(badly_signed(&t, payment.id())?, "F INVALID_SIGNATURE").await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "answers-do-not-tell-strangers-what-is-known",
        needs: Needs::Driver,
        sends: "badly signed cancels of a paid, a cancelled and an unknown payment",
        expects: "the same answer to all, word by word",
        because: &rules::NO_GOSSIP,
        run: |t| {
            Box::pin(async move {
                let (paid, cancelled) = (t.paid().await?, t.paid().await?);
                cancelled.cancelled().await?;
                let mut answers = Vec::new();
                for id in [paid.id(), cancelled.id(), &t.id()] {
                    answers.push(t.send(&badly_signed(&t, id)?).await?.response.body);
                }
                check(answers.windows(2).all(|pair| pair[0] == pair[1]), || "the answers differ".to_owned())
            })
        },
    },
    Case {
        name: "answers-repeat-nothing-of-the-request",
        needs: Needs::Callback,
        sends: "a good cancel and refused ones, with a word in them that is nobody's",
        expects: "no answer has the word in it",
        because: &rules::NO_GOSSIP,
        run: |t| {
            Box::pin(async move {
                let word = format!("word{}", t.id().replace('-', ""));
                let body = t.partner().body(&word);
                let foreign = body.replace(&t.partner().psp_id, &word);
                let illegal = body.replace("pspId", &word);
                for body in [body, foreign, illegal] {
                    let reply = t.send(&t.draft_of(body).request()?).await?;
                    let answer = String::from_utf8_lossy(&reply.response.body).into_owned();
                    check(!answer.contains(&word), || format!("the answer is {answer}"))?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "answer-sent-back-as-a-request",
        needs: Needs::Callback,
        sends: "the wallet's own answer and its signature, sent back as a request",
        expects: "F INVALID_SIGNATURE",
        because: &rules::DIRECTION,
        run: |t| {
            Box::pin(async move {
                let reply = t.cancel(&t.id()).await?;
                let named = |name: &str| reply.response.header(name).unwrap_or_default().to_owned();
                let (time, signature) = (named("response-time"), named("signature"));
                let request = t.draft_of(reply.response.body.clone()).request()?;
                let request = request.without("Request-Time").without("Signature").with("Request-Time", &time);
                t.expect(request.with("Signature", &signature), "F INVALID_SIGNATURE").await
            })
        },
    },
    Case {
        name: "client-id-in-other-letters",
        needs: Needs::Callback,
        sends: "a good cancel whose Client-Id is written in other letters, signed with it",
        expects: "F INVALID_CLIENT",
        because: &rules::EXACT_IDS,
        run: |t| {
            Box::pin(async move {
                let turned = |id: &str| {
                    let turn = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
                    id.chars().map(turn).collect::<String>()
                };
                let draft = t.draft(&t.id()).with(|parts| parts.client_id = turned(&parts.client_id));
                t.expect(draft.request()?, "F INVALID_CLIENT").await
            })
        },
    },
    Case {
        name: "client-id-with-markup",
        needs: Needs::Callback,
        sends: "a Client-Id of markup and quotes",
        expects: "F INVALID_CLIENT, and no header repeats it",
        because: &rules::NO_GOSSIP,
        run: |t| {
            Box::pin(async move {
                let markup = "\"><script>alert(1)</script>";
                let request = t.draft(&t.id()).with(|parts| parts.client_id = markup.to_owned()).request()?;
                let reply = t.send(&request).await?;
                let code =
                    serde_json::from_slice::<Value>(&reply.response.body).unwrap_or_default()["result"]["resultCode"].clone();
                check(code == "INVALID_CLIENT", || format!("the code is {code}"))?;
                check(!reply.response.head().contains("<script>"), || "a header repeats it".to_owned())
            })
        },
    },
    Case {
        name: "key-version-that-is-no-number",
        needs: Needs::Callback,
        sends: "good signatures under the keyVersions -1, 1e0 and 99999999999999999999",
        expects: "F KEY_NOT_FOUND",
        because: &rules::KEY_NOT_FOUND,
        run: |t| {
            Box::pin(async move {
                for version in ["-1", "1e0", "99999999999999999999"] {
                    let write = |_, bytes: &[u8]| format!("algorithm=RSA256,keyVersion={version},signature={}", encode(bytes));
                    t.expect(t.draft(&t.id()).written(write).request()?, "F KEY_NOT_FOUND").await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "strangers-do-not-shut-alipayplus-out",
        needs: Needs::Driver,
        sends: "a hundred badly signed cancels, and then a good one of a paid payment",
        expects: "S, and the money is back",
        because: &rules::DUTY,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                for _ in 0..100 {
                    t.send(&badly_signed(&t, payment.id())?).await?;
                }
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
];
