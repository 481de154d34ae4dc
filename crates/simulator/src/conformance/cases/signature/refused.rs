//! Signatures that are not good ones.

use crate::conformance::bench::{Bench, Parts};
use crate::conformance::case::{Case, Needs, Running};
use crate::conformance::rules;
use crate::keys::SigningKey;
use crate::signature::{encode, header};

/// A cancel that is signed over something else than what is sent has to be refused.
fn signed_over(t: Bench, change: fn(&mut Parts)) -> Running {
    Box::pin(async move { t.expect(t.draft(&t.id()).signed_as(change).request()?, "F INVALID_SIGNATURE").await })
}

/// A cancel whose header is written like this has to be answered this.
fn written(t: Bench, write: fn(u32, &[u8]) -> String, answer: &'static str) -> Running {
    Box::pin(async move { t.expect(t.draft(&t.id()).written(write).request()?, answer).await })
}

/// A good cancel without one of its headers has to be answered this.
fn without(t: Bench, name: &'static str, answer: &'static str) -> Running {
    Box::pin(async move { t.expect(t.cancel_request(&t.id())?.without(name), answer).await })
}

/// A good cancel with one of its headers twice has to be refused.
fn doubled(t: Bench, name: &'static str) -> Running {
    Box::pin(async move {
        let request = t.cancel_request(&t.id())?;
        let value = request.header(name).unwrap_or_default().to_owned();
        t.expect(request.with(name, &value), "F PARAM_ILLEGAL").await
    })
}

pub(crate) static REFUSED: &[Case] = &[
    Case {
        name: "signed-over-another-body",
        needs: Needs::Callback,
        sends: "the signature of another payment's cancel",
        expects: "F INVALID_SIGNATURE",
        because: &rules::SIGNED_TEXT,
        run: |t| signed_over(t, |signed| signed.body = signed.body.iter().rev().copied().collect()),
    },
    Case {
        name: "signed-over-another-path",
        needs: Needs::Callback,
        sends: "a signature over another path",
        expects: "F INVALID_SIGNATURE",
        because: &rules::SIGNED_TEXT,
        run: |t| signed_over(t, |signed| signed.uri.push_str("/other")),
    },
    Case {
        name: "signed-without-the-query",
        needs: Needs::Callback,
        sends: "a target with a query, and a signature over the path alone",
        expects: "F INVALID_SIGNATURE",
        because: &rules::QUERY_SIGNED,
        run: |t| {
            Box::pin(async move {
                let path = t.partner().dialer.target().uri.clone();
                let draft = t.draft(&t.id()).with(|parts| parts.uri.push_str("?a=b"));
                t.expect(draft.signed_as(|signed| signed.uri = path).request()?, "F INVALID_SIGNATURE").await
            })
        },
    },
    Case {
        name: "signed-over-another-method",
        needs: Needs::Callback,
        sends: "a signature over GET",
        expects: "F INVALID_SIGNATURE",
        because: &rules::SIGNED_TEXT,
        run: |t| signed_over(t, |signed| signed.method = "GET".to_owned()),
    },
    Case {
        name: "signed-over-another-client",
        needs: Needs::Callback,
        sends: "a signature over another client's id",
        expects: "F INVALID_SIGNATURE",
        because: &rules::SIGNED_TEXT,
        run: |t| signed_over(t, |signed| signed.client_id.push('2')),
    },
    Case {
        name: "signed-over-another-time",
        needs: Needs::Callback,
        sends: "a signature over another Request-Time",
        expects: "F INVALID_SIGNATURE",
        because: &rules::SIGNED_TEXT,
        run: |t| signed_over(t, |signed| signed.time = "2020-01-01T00:00:00+08:00".to_owned()),
    },
    Case {
        name: "signed-with-a-line-feed-at-the-end",
        needs: Needs::Callback,
        sends: "a signature over the text with one more line feed",
        expects: "F INVALID_SIGNATURE",
        because: &rules::SIGNED_TEXT,
        run: |t| signed_over(t, |signed| signed.body.push(b'\n')),
    },
    Case {
        name: "signed-over-the-same-json-in-another-layout",
        needs: Needs::Callback,
        sends: "a signature over the compact form of the indented body that is sent",
        expects: "F INVALID_SIGNATURE",
        because: &rules::EXACT_BYTES,
        run: |t| {
            Box::pin(async move {
                let body = t.partner().body(&t.id());
                let draft = t.draft_of(body.replace("\":\"", "\" : \""));
                t.expect(draft.signed_as(|signed| signed.body = body.into()).request()?, "F INVALID_SIGNATURE").await
            })
        },
    },
    Case {
        name: "signed-with-another-key",
        needs: Needs::Callback,
        sends: "a signature with a key that is nobody's",
        expects: "F INVALID_SIGNATURE",
        because: &rules::INVALID_SIGNATURE,
        run: |t| {
            Box::pin(async move {
                let stranger = SigningKey::generate()?;
                t.expect(t.draft(&t.id()).signed_with(&stranger).request()?, "F INVALID_SIGNATURE").await
            })
        },
    },
    Case {
        name: "one-bit-of-the-signature-is-wrong",
        needs: Needs::Callback,
        sends: "a good signature but for one bit",
        expects: "F INVALID_SIGNATURE",
        because: &rules::INVALID_SIGNATURE,
        run: |t| {
            let flipped = |version, bytes: &[u8]| {
                let mut bytes = bytes.to_vec();
                bytes[100] ^= 1;
                header(version, &encode(&bytes))
            };
            written(t, flipped, "F INVALID_SIGNATURE")
        },
    },
    Case {
        name: "signature-is-cut-short",
        needs: Needs::Callback,
        sends: "a good signature but for its last byte",
        expects: "F INVALID_SIGNATURE",
        because: &rules::INVALID_SIGNATURE,
        run: |t| written(t, |version, bytes| header(version, &encode(&bytes[1..])), "F INVALID_SIGNATURE"),
    },
    Case {
        name: "signature-is-empty",
        needs: Needs::Callback,
        sends: "a header whose signature has no value",
        expects: "F INVALID_SIGNATURE",
        because: &rules::INVALID_SIGNATURE,
        run: |t| written(t, |version, _| header(version, ""), "F INVALID_SIGNATURE"),
    },
    Case {
        name: "signature-is-no-base64",
        needs: Needs::Callback,
        sends: "a header whose signature is !!!!",
        expects: "F INVALID_SIGNATURE",
        because: &rules::INVALID_SIGNATURE,
        run: |t| written(t, |version, _| header(version, "!!!!"), "F INVALID_SIGNATURE"),
    },
    Case {
        name: "signature-of-another-algorithm",
        needs: Needs::Callback,
        sends: "a good signature that calls itself ECC256",
        expects: "F INVALID_SIGNATURE",
        because: &rules::ONLY_RSA,
        run: |t| {
            let other = |version, bytes: &[u8]| format!("algorithm=ECC256,keyVersion={version},signature={}", encode(bytes));
            written(t, other, "F INVALID_SIGNATURE")
        },
    },
    Case {
        name: "signature-header-is-missing",
        needs: Needs::Callback,
        sends: "a cancel without Signature",
        expects: "F INVALID_SIGNATURE",
        because: &rules::REQUIRED_HEADERS,
        run: |t| without(t, "Signature", "F INVALID_SIGNATURE"),
    },
    Case {
        name: "signature-header-is-doubled",
        needs: Needs::Callback,
        sends: "a good cancel with its Signature twice",
        expects: "F PARAM_ILLEGAL",
        because: &rules::ONE_READING,
        run: |t| doubled(t, "Signature"),
    },
    Case {
        name: "key-version-is-not-known",
        needs: Needs::Callback,
        sends: "a good signature under a keyVersion that nobody has",
        expects: "F KEY_NOT_FOUND",
        because: &rules::KEY_NOT_FOUND,
        run: |t| written(t, |_, bytes| header(987_654, &encode(bytes)), "F KEY_NOT_FOUND"),
    },
    Case {
        name: "client-is-not-known",
        needs: Needs::Callback,
        sends: "a good signature of a client that the wallet does not know",
        expects: "F INVALID_CLIENT",
        because: &rules::INVALID_CLIENT,
        run: |t| {
            Box::pin(async move {
                let draft = t.draft(&t.id()).with(|parts| parts.client_id = "SANDBOX_NOBODY".to_owned());
                t.expect(draft.request()?, "F INVALID_CLIENT").await
            })
        },
    },
    Case {
        name: "client-id-is-missing",
        needs: Needs::Callback,
        sends: "a cancel without Client-Id",
        expects: "F INVALID_CLIENT",
        because: &rules::REQUIRED_HEADERS,
        run: |t| without(t, "Client-Id", "F INVALID_CLIENT"),
    },
    Case {
        name: "client-id-is-doubled",
        needs: Needs::Callback,
        sends: "a good cancel with its Client-Id twice",
        expects: "F PARAM_ILLEGAL",
        because: &rules::ONE_READING,
        run: |t| doubled(t, "Client-Id"),
    },
    Case {
        name: "request-time-is-missing",
        needs: Needs::Callback,
        sends: "a cancel without Request-Time",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_HEADERS,
        run: |t| without(t, "Request-Time", "F PARAM_ILLEGAL"),
    },
    Case {
        name: "request-time-is-doubled",
        needs: Needs::Callback,
        sends: "a good cancel with its Request-Time twice",
        expects: "F PARAM_ILLEGAL",
        because: &rules::ONE_READING,
        run: |t| doubled(t, "Request-Time"),
    },
];
