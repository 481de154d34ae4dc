//! How the wallet signs.

use chrono::DateTime;

use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;
use crate::signature::Claim;
use crate::suite::verdict::{CaseError, check};

pub(crate) static ANSWERS: &[Case] = &[
    Case {
        name: "answer-is-signed",
        needs: Needs::Callback,
        sends: "a good cancel of a payment that was never received",
        expects: "HTTP 200 with a result, signed with the wallet's key over this answer's exact bytes",
        because: &rules::SIGNED_ANSWER,
        run: |t| Box::pin(async move { t.expect_taken(t.cancel_request(&t.id())?).await }),
    },
    Case {
        name: "refusal-is-signed",
        needs: Needs::Callback,
        sends: "a cancel whose signature was made for another body",
        expects: "F INVALID_SIGNATURE, signed like any other answer",
        because: &rules::SIGNED_REFUSAL,
        run: |t| {
            Box::pin(async move {
                let request = t.draft(&t.id()).signed_as(|signed| signed.body = b"{}".to_vec()).request()?;
                t.expect(request, "F INVALID_SIGNATURE").await
            })
        },
    },
    Case {
        name: "answer-repeats-the-client-id",
        needs: Needs::Callback,
        sends: "a good cancel",
        expects: "an answer whose Client-Id is the request's",
        because: &rules::ANSWER_HEADERS,
        run: |t| {
            Box::pin(async move {
                let reply = t.cancel(&t.id()).await?;
                let found = reply.response.header("client-id");
                check(found == Some(&t.partner().client_id), || format!("Client-Id is {found:?}"))
            })
        },
    },
    Case {
        name: "answer-headers-are-in-lower-case",
        needs: Needs::Callback,
        sends: "a good cancel",
        expects: "an answer with the headers client-id, response-time and signature, spelled like that",
        because: &rules::LOWER_CASE,
        run: |t| {
            Box::pin(async move {
                let reply = t.cancel(&t.id()).await?;
                let names: Vec<_> = reply.response.headers().map(|(name, _)| name).collect();
                let missing = ["client-id", "response-time", "signature"].into_iter().find(|name| !names.contains(name));
                check(missing.is_none(), || format!("there is no {} among {}", missing.unwrap_or_default(), names.join(", ")))
            })
        },
    },
    Case {
        name: "answer-signature-header-is-exact",
        needs: Needs::Callback,
        sends: "a good cancel",
        expects: "algorithm=RSA256,keyVersion=N,signature=V in that order, without spaces, V in percent-encoded base64",
        because: &rules::EXACT_HEADER,
        run: |t| {
            Box::pin(async move {
                let reply = t.cancel(&t.id()).await?;
                let header = reply.response.header("signature").unwrap_or_default();
                Claim::parse(header).map_err(|why| CaseError::Wrong(format!("Signature cannot be read: {why}")))?;
                let value = header.rsplit('=').next().unwrap_or_default();
                let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'%';
                check(!header.contains(' ') && value.bytes().all(plain), || format!("Signature is {header}"))
            })
        },
    },
    Case {
        name: "answer-time-is-iso-8601",
        needs: Needs::Callback,
        sends: "a good cancel",
        expects: "a Response-Time with date, time and zone",
        because: &rules::TIME_FORM,
        run: |t| {
            Box::pin(async move {
                let reply = t.cancel(&t.id()).await?;
                let time = reply.response.header("response-time").unwrap_or_default();
                check(DateTime::parse_from_rfc3339(time).is_ok(), || format!("Response-Time is {time:?}"))
            })
        },
    },
    Case {
        name: "answer-is-json",
        needs: Needs::Callback,
        sends: "a good cancel",
        expects: "an answer with the Content-Type application/json",
        because: &rules::ANSWER_HEADERS,
        run: |t| {
            Box::pin(async move {
                let reply = t.cancel(&t.id()).await?;
                let found = reply.response.header("content-type").unwrap_or_default().to_ascii_lowercase();
                check(found.split(';').next() == Some("application/json"), || format!("Content-Type is {found:?}"))
            })
        },
    },
];
