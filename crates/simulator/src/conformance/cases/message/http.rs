//! How cancelPayment uses HTTP.

use crate::conformance::bench::{Bench, lost};
use crate::conformance::case::{Case, Needs, Running};
use crate::conformance::rules;
use crate::suite::verdict::check;

/// A good cancel with this `Content-Type`, which is not signed, or without any.
fn typed(t: Bench, media_type: Option<&'static str>, answer: Option<&'static str>) -> Running {
    Box::pin(async move {
        let request = t.cancel_request(&t.id())?.without("Content-Type");
        let request = media_type.map_or(request.clone(), |media_type| request.with("Content-Type", media_type));
        match answer {
            Some(refusal) => t.expect(request, refusal).await,
            None => t.expect_taken(request).await,
        }
    })
}

/// A request with this method, which is signed with it.
fn by_method(t: Bench, method: &'static str) -> Running {
    Box::pin(async move {
        let draft = t.draft(&t.id()).with(|parts| parts.method = method.to_owned());
        t.expect(draft.request()?, "F METHOD_NOT_SUPPORTED").await
    })
}

pub(crate) static HTTP: &[Case] = &[
    Case {
        name: "method-get",
        needs: Needs::Callback,
        sends: "a request with the method GET, signed with it",
        expects: "F METHOD_NOT_SUPPORTED, signed over the request's method",
        because: &rules::POST,
        run: |t| by_method(t, "GET"),
    },
    Case {
        name: "method-put",
        needs: Needs::Callback,
        sends: "a request with the method PUT, signed with it",
        expects: "F METHOD_NOT_SUPPORTED, signed over the request's method",
        because: &rules::POST,
        run: |t| by_method(t, "PUT"),
    },
    Case {
        name: "media-type-is-absent",
        needs: Needs::Callback,
        sends: "a good cancel without Content-Type",
        expects: "the cancel is taken",
        because: &rules::MEDIA_TYPE,
        run: |t| typed(t, None, None),
    },
    Case {
        name: "media-type-without-a-charset",
        needs: Needs::Callback,
        sends: "a good cancel with Content-Type: application/json",
        expects: "the cancel is taken",
        because: &rules::MEDIA_TYPE,
        run: |t| typed(t, Some("application/json"), None),
    },
    Case {
        name: "media-type-in-other-letters",
        needs: Needs::Callback,
        sends: "a good cancel with Content-Type: Application/JSON;charset=utf-8",
        expects: "the cancel is taken",
        because: &rules::MEDIA_TYPE,
        run: |t| typed(t, Some("Application/JSON;charset=utf-8"), None),
    },
    Case {
        name: "media-type-is-not-json",
        needs: Needs::Callback,
        sends: "a good cancel with Content-Type: text/plain",
        expects: "F MEDIA_TYPE_NOT_ACCEPTABLE",
        because: &rules::MEDIA_TYPE,
        run: |t| typed(t, Some("text/plain"), Some("F MEDIA_TYPE_NOT_ACCEPTABLE")),
    },
    Case {
        name: "media-type-of-a-form",
        needs: Needs::Callback,
        sends: "a good cancel with Content-Type: application/x-www-form-urlencoded",
        expects: "F MEDIA_TYPE_NOT_ACCEPTABLE",
        because: &rules::MEDIA_TYPE,
        run: |t| typed(t, Some("application/x-www-form-urlencoded"), Some("F MEDIA_TYPE_NOT_ACCEPTABLE")),
    },
    Case {
        name: "accept-does-not-list-json",
        needs: Needs::Callback,
        sends: "a good cancel with Accept: text/plain,text/xml",
        expects: "the cancel is taken, and answered in JSON",
        because: &rules::ACCEPT,
        run: |t| Box::pin(async move { t.expect_taken(t.cancel_request(&t.id())?.with("Accept", "text/plain,text/xml")).await }),
    },
    Case {
        name: "body-in-chunks",
        needs: Needs::Callback,
        sends: "a good cancel with Transfer-Encoding: chunked, in chunks of one byte",
        expects: "the cancel is taken",
        because: &rules::HTTP,
        run: |t| {
            Box::pin(async move {
                let request = t.cancel_request(&t.id())?.without("Content-Length").with("Transfer-Encoding", "chunked");
                let mut bytes = request.head().into_bytes();
                for byte in &request.body {
                    bytes.extend_from_slice(&[b'1', b'\r', b'\n', *byte, b'\r', b'\n']);
                }
                bytes.extend_from_slice(b"0\r\n\r\n");
                let wanted = t.terms().never_received.clone();
                t.comes_to(&t.send_bytes(&request, &bytes).await?, &wanted).await
            })
        },
    },
    Case {
        name: "client-waits-to-be-told-to-continue",
        needs: Needs::Callback,
        sends: "a good cancel with Expect: 100-continue",
        expects: "the cancel is taken",
        because: &rules::HTTP,
        run: |t| Box::pin(async move { t.expect_taken(t.cancel_request(&t.id())?.with("Expect", "100-continue")).await }),
    },
    Case {
        name: "two-cancels-on-one-connection",
        needs: Needs::Callback,
        sends: "two good cancels after one another on one connection",
        expects: "both are taken",
        because: &rules::HTTP,
        run: |t| {
            Box::pin(async move {
                let mut connection = t.connect().await?;
                let wanted = t.terms().never_received.clone();
                for _ in 0..2 {
                    let request = t.cancel_request(&t.id())?;
                    let exchange = async {
                        connection.send(&request.bytes()).await.map_err(lost)?;
                        t.receive(&mut connection, &request).await
                    };
                    let reply = t.within_patience(&request, exchange).await?;
                    t.comes_to(&reply, &wanted).await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "two-cancels-in-one-packet",
        needs: Needs::Callback,
        sends: "a good cancel and a badly signed one in one piece, before any answer",
        expects: "two answers in the same order",
        because: &rules::HTTP,
        run: |t| {
            Box::pin(async move {
                let good = t.cancel_request(&t.id())?;
                let bad = t.draft(&t.id()).signed_as(|signed| signed.body.clear()).request()?;
                let mut connection = t.connect().await?;
                connection.send(&[good.bytes(), bad.bytes()].concat()).await.map_err(lost)?;
                let wanted = t.terms().never_received.clone();
                let first = t.within_patience(&good, t.receive(&mut connection, &good)).await?;
                let second = t.within_patience(&bad, t.receive(&mut connection, &bad)).await?;
                t.comes_to(&first, &wanted).await?;
                t.comes_to(&second, "F INVALID_SIGNATURE").await
            })
        },
    },
    Case {
        name: "body-is-far-too-long",
        needs: Needs::Callback,
        sends: "a body of one megabyte",
        expects: "HTTP 413, or the connection is closed",
        because: &rules::TOO_LARGE,
        run: |t| {
            Box::pin(async move {
                let request = t.draft_of(vec![b' '; 1024 * 1024]).request()?;
                match t.send(&request).await {
                    Ok(reply) => check(reply.response.status == 413, || format!("HTTP {}", reply.response.status)),
                    Err(_hung_up) => t.expect_taken(t.cancel_request(&t.id())?).await,
                }
            })
        },
    },
];
