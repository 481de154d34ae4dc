//! Good signatures in every form that is in use.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::conformance::bench::Bench;
use crate::conformance::case::{Case, Needs, Running};
use crate::conformance::rules;
use crate::signature::encode;

/// A cancel whose header is written like this has to be taken.
fn written(t: Bench, write: fn(u32, &[u8]) -> String) -> Running {
    Box::pin(async move { t.expect_taken(t.draft(&t.id()).written(write).request()?).await })
}

/// A cancel with a `Request-Time` like this has to be taken: it is signed as it is sent.
fn timed(t: Bench, form: fn(&Bench) -> String) -> Running {
    Box::pin(async move {
        let time = form(&t);
        t.expect_taken(t.draft(&t.id()).with(|parts| parts.time.clone_from(&time)).request()?).await
    })
}

/// A cancel with a body laid out like this has to be taken.
fn laid_out(t: Bench, layout: fn(&str) -> String) -> Running {
    Box::pin(async move {
        let body = layout(&t.partner().body(&t.id()));
        t.expect_taken(t.draft_of(body).request()?).await
    })
}

/// The three members, each on a line of its own.
fn indented(body: &str) -> String {
    body.replace("\":\"", "\": \"").replace("\",\"", "\",\n   \"").replace('{', "{\n   ").replace('}', "\n}")
}

pub(crate) static TAKEN: &[Case] = &[
    Case {
        name: "spaces-behind-the-commas",
        needs: Needs::Callback,
        sends: "a good signature, in a header with a space behind each comma",
        expects: "the cancel is taken",
        because: &rules::HEADER_LIST,
        run: |t| written(t, |version, bytes| format!("algorithm=RSA256, keyVersion={version}, signature={}", encode(bytes))),
    },
    Case {
        name: "members-in-another-order",
        needs: Needs::Callback,
        sends: "a good signature, in a header that begins with it",
        expects: "the cancel is taken",
        because: &rules::HEADER_LIST,
        run: |t| written(t, |version, bytes| format!("signature={},keyVersion={version},algorithm=RSA256", encode(bytes))),
    },
    Case {
        name: "base64-that-is-not-percent-encoded",
        needs: Needs::Callback,
        sends: "a good signature in plain base64, with +, / and = as they are",
        expects: "the cancel is taken",
        because: &rules::ENCODINGS,
        run: |t| {
            written(t, |version, bytes| format!("algorithm=RSA256,keyVersion={version},signature={}", STANDARD.encode(bytes)))
        },
    },
    Case {
        name: "base64-of-the-url-safe-alphabet",
        needs: Needs::Callback,
        sends: "a good signature in base64 with - and _ and without padding",
        expects: "the cancel is taken",
        because: &rules::ENCODINGS,
        run: |t| {
            written(t, |version, bytes| {
                format!("algorithm=RSA256,keyVersion={version},signature={}", URL_SAFE_NO_PAD.encode(bytes))
            })
        },
    },
    Case {
        name: "algorithm-in-lower-case",
        needs: Needs::Callback,
        sends: "a good signature, its algorithm called rsa256",
        expects: "the cancel is taken",
        because: &rules::ALGORITHM,
        run: |t| written(t, |version, bytes| format!("algorithm=rsa256,keyVersion={version},signature={}", encode(bytes))),
    },
    Case {
        name: "no-key-version",
        needs: Needs::Callback,
        sends: "a good signature in a header without keyVersion",
        expects: "the cancel is taken",
        because: &rules::DEFAULT_KEY,
        run: |t| written(t, |_, bytes| format!("algorithm=RSA256,signature={}", encode(bytes))),
    },
    Case {
        name: "request-time-in-milliseconds",
        needs: Needs::Callback,
        sends: "a Request-Time of digits only, milliseconds since 1970",
        expects: "the cancel is taken",
        because: &rules::TIME_OPAQUE,
        run: |t| timed(t, |t| t.now().timestamp_millis().to_string()),
    },
    Case {
        name: "request-time-with-a-long-fraction",
        needs: Needs::Callback,
        sends: "a Request-Time in UTC with seven digits behind the point",
        expects: "the cancel is taken",
        because: &rules::TIME_OPAQUE,
        run: |t| timed(t, |t| t.now().format("%Y-%m-%dT%H:%M:%S.1234567Z").to_string()),
    },
    Case {
        name: "request-time-without-a-colon-in-the-zone",
        needs: Needs::Callback,
        sends: "a Request-Time that ends with +0000",
        expects: "the cancel is taken",
        because: &rules::TIME_OPAQUE,
        run: |t| timed(t, |t| t.now().format("%Y-%m-%dT%H:%M:%S+0000").to_string()),
    },
    Case {
        name: "header-names-in-any-case",
        needs: Needs::Callback,
        sends: "the three headers as CLIENT-ID, request-time and sIGNATURE",
        expects: "the cancel is taken",
        because: &rules::HEADER_CASE,
        run: |t| {
            Box::pin(async move {
                let mut request = t.cancel_request(&t.id())?;
                for (name, _) in &mut request.headers {
                    match name.as_str() {
                        "Client-Id" => *name = "CLIENT-ID".to_owned(),
                        "Request-Time" => *name = "request-time".to_owned(),
                        "Signature" => *name = "sIGNATURE".to_owned(),
                        _ => {}
                    }
                }
                t.expect_taken(request).await
            })
        },
    },
    Case {
        name: "more-headers-than-needed",
        needs: Needs::Callback,
        sends: "the headers Agent-Token, Key-Version, SDK-VERSION and X-sdkVersion as well",
        expects: "the cancel is taken",
        because: &rules::UNKNOWN_HEADERS,
        run: |t| {
            Box::pin(async move {
                let request = t.cancel_request(&t.id())?.with("Agent-Token", "none").with("Key-Version", "9");
                t.expect_taken(request.with("SDK-VERSION", "2.0").with("X-sdkVersion", "2.0")).await
            })
        },
    },
    Case {
        name: "indented-body",
        needs: Needs::Callback,
        sends: "a body indented by three spaces, signed as it is",
        expects: "the cancel is taken",
        because: &rules::EXACT_BYTES,
        run: |t| laid_out(t, indented),
    },
    Case {
        name: "body-with-line-ends-around-it",
        needs: Needs::Callback,
        sends: "a body between CR LF and two line feeds, signed as it is",
        expects: "the cancel is taken",
        because: &rules::EXACT_BYTES,
        run: |t| laid_out(t, |body| format!("\r\n{body}\n\n")),
    },
    Case {
        name: "body-with-escapes",
        needs: Needs::Callback,
        sends: "a body in which every letter a is written \\u0061, signed as it is",
        expects: "the cancel is taken",
        because: &rules::EXACT_BYTES,
        run: |t| laid_out(t, |body| body.replace('a', "\\u0061")),
    },
    Case {
        name: "query-is-signed",
        needs: Needs::Callback,
        sends: "a target with the query ?a=b%20c, signed with it",
        expects: "the cancel is taken",
        because: &rules::QUERY_SIGNED,
        run: |t| {
            Box::pin(
                async move { t.expect_taken(t.draft(&t.id()).with(|parts| parts.uri.push_str("?a=b%20c")).request()?).await },
            )
        },
    },
    Case {
        name: "target-in-absolute-form",
        needs: Needs::Callback,
        sends: "POST http://host/path instead of POST /path, with the path signed",
        expects: "the cancel is taken",
        because: &rules::ABSOLUTE_FORM,
        run: |t| {
            Box::pin(async move {
                let mut request = t.cancel_request(&t.id())?;
                let target = t.partner().dialer.target();
                let scheme = if target.tls { "https" } else { "http" };
                request.target = format!("{scheme}://{}{}", target.authority, request.target);
                t.expect_taken(request).await
            })
        },
    },
];

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn an_indented_body_has_a_line_for_each_member() {
        assert_eq!(indented(r#"{"a":"1","b":"2"}"#), "{\n   \"a\": \"1\",\n   \"b\": \"2\"\n}");
    }
}
