//! Well-signed messages that mean to be read in two ways, or to be too much.

use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;
use crate::signature::header;
use crate::suite::verdict::check;

pub(crate) static TRICKS: &[Case] = &[
    Case {
        name: "signature-of-eight-kilobytes",
        needs: Needs::Callback,
        sends: "a Signature header of eight kilobytes",
        expects: "F INVALID_SIGNATURE, or HTTP 4xx",
        because: &rules::INVALID_SIGNATURE,
        run: |t| {
            Box::pin(async move {
                let request = t.draft(&t.id()).written(|version, _| header(version, &"A".repeat(8192))).request()?;
                let reply = t.send(&request).await?;
                match reply.response.status {
                    400..500 => Ok(()),
                    _ => t.comes_to(&reply, "F INVALID_SIGNATURE").await,
                }
            })
        },
    },
    Case {
        name: "head-without-end",
        needs: Needs::Callback,
        sends: "a head of two megabytes",
        expects: "no answer, or HTTP 4xx, and a good cancel is taken afterwards",
        because: &rules::HTTP,
        run: |t| {
            Box::pin(async move {
                let request = t.cancel_request(&t.id())?;
                let endless = (0..2048).fold(request, |request, n| request.with(&format!("X-{n}"), &"a".repeat(1000)));
                if let Ok(reply) = t.send(&endless).await {
                    let status = reply.response.status;
                    check((400..500).contains(&status), || format!("HTTP {status}"))?;
                }
                t.expect_taken(t.cancel_request(&t.id())?).await
            })
        },
    },
    Case {
        name: "two-lengths",
        needs: Needs::Driver,
        sends: "a good cancel of a paid payment with two different Content-Length headers",
        expects: "no S, and nothing moves",
        because: &rules::ONE_READING,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?.with("Content-Length", "5");
                if let Ok(reply) = t.send(&request).await {
                    check(reply.answer().is_ok_and(|answer| answer.status == "F") || reply.response.status >= 400, || {
                        format!("HTTP {}: {:?}", reply.response.status, reply.answer().map(|answer| answer.brief()))
                    })?;
                }
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "length-and-chunks",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment with Content-Length and Transfer-Encoding, each of which frames another body",
        expects: "no S, and nothing moves",
        because: &rules::ONE_READING,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?.with("Transfer-Encoding", "chunked");
                let bytes = [request.head().as_bytes(), b"0\r\n\r\n", &request.body].concat();
                if let Ok(reply) = t.send_bytes(&request, &bytes).await {
                    check(!reply.answer().is_ok_and(|answer| answer.status == "S"), || "it was answered S".to_owned())?;
                }
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "other-path",
        needs: Needs::Driver,
        sends: "a good cancel of a paid payment to the path with /other behind it, signed with it",
        expects: "no S, and nothing moves",
        because: &rules::SIGNED_TEXT,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.draft(payment.id()).with(|parts| parts.uri.push_str("/other")).request()?;
                let reply = t.send(&request).await?;
                check(!reply.answer().is_ok_and(|answer| answer.status == "S"), || "it was answered S".to_owned())?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "id-that-is-a-statement",
        needs: Needs::Driver,
        sends: "a cancel of a paymentRequestId that means all of them to a careless database",
        expects: "the cancel is taken, and a paid payment keeps its money",
        because: &rules::EXACT_IDS,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                for id in ["'or'1'='1'--", "%", "_", "*"] {
                    t.send(&t.cancel_request(id)?).await?.answer()?;
                }
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "id-with-a-null-byte",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment's id with \\u0000 behind it",
        expects: "F PARAM_ILLEGAL, and nothing moves",
        because: &rules::EXACT_IDS,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let id = payment.id();
                let body = t.partner().body(id).replace(id, &format!("{id}\\u0000"));
                t.expect(t.draft_of(body).request()?, "F PARAM_ILLEGAL").await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "id-that-only-looks-the-same",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment's id in full-width letters",
        expects: "F PARAM_ILLEGAL, and nothing moves",
        because: &rules::EXACT_IDS,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c);
                let id: String = payment.id().chars().map(wide).collect();
                t.expect(t.cancel_request(&id)?, "F PARAM_ILLEGAL").await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "id-with-a-space-behind-it",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment's id with a space behind it",
        expects: "F PARAM_ILLEGAL, and nothing moves",
        because: &rules::EXACT_IDS,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                t.expect(t.cancel_request(&format!("{} ", payment.id()))?, "F PARAM_ILLEGAL").await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "two-ids-in-one-cancel",
        needs: Needs::Driver,
        sends: "a body that names two paid payments, one after the other",
        expects: "F PARAM_ILLEGAL, and nothing moves",
        because: &rules::ONE_READING,
        run: |t| {
            Box::pin(async move {
                let (first, second) = (t.paid().await?, t.paid().await?);
                let member = format!(r#"{{"paymentRequestId":"{}","#, first.id());
                let body = t.partner().body(second.id()).replacen('{', &member, 1);
                t.expect(t.draft_of(body).request()?, "F PARAM_ILLEGAL").await?;
                first.is_kept().await?;
                second.is_kept().await
            })
        },
    },
];
