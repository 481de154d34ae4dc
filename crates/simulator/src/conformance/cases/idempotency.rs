//! The same request again, and what only looks like it.

use crate::conformance::bench::{Bench, expected, lost};
use crate::conformance::case::{Case, Needs};
use crate::conformance::rules;
use crate::suite::verdict::{CaseError, Verdict, check};
use crate::wire::Request;

/// A cancel of this payment for an acquirer that is not its own.
fn of_another_acquirer(t: &Bench, id: &str) -> Result<Request, CaseError> {
    let acquirer = &t.partner().acquirer_id;
    let body = t.partner().body(id).replace(&format!("\"{acquirer}\""), "\"1022188999999999999\"");
    t.draft_of(body).request()
}

/// So many cancels after one another have to be answered the same S.
async fn all_succeed(t: &Bench, id: &str, times: usize) -> Verdict {
    t.succeeds(id).await?;
    for _ in 1..times {
        t.comes_to(&t.cancel(id).await?, "S SUCCESS").await?;
    }
    Ok(())
}

pub(crate) static CASES: &[Case] = &[
    Case {
        name: "repeat-gets-the-same-answer",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment, and the same again on another connection",
        expects: "the same status, code and message twice",
        because: &rules::SAME_RESULT,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let first = t.cancel_until_final(payment.id()).await?;
                expected(&first, "S SUCCESS")?;
                let again = t.cancel_until_final(payment.id()).await?;
                expected(&again, "S SUCCESS")?;
                check(first.message == again.message, || format!("{:?} became {:?}", first.message, again.message))
            })
        },
    },
    Case {
        name: "repeat-moves-no-money",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment, ten times",
        expects: "the money goes back once",
        because: &rules::SAME_RESULT,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                all_succeed(&t, payment.id(), 10).await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "hundred-repeats",
        needs: Needs::Driver,
        sends: "a cancel of an authorization, a hundred times",
        expects: "S each time, and what was held is released once",
        because: &rules::NO_TIME_LIMIT,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment().with(|payment| payment.authorization = true).paid().await?;
                all_succeed(&t, payment.id(), 100).await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "same-bytes-again",
        needs: Needs::Driver,
        sends: "the very same bytes twice, as a proxy that repeats would",
        expects: "S both times, and the money goes back once",
        because: &rules::SAME_RESULT,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                for _ in 0..2 {
                    t.send(&request).await?.answer()?;
                }
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "repeat-in-another-layout",
        needs: Needs::Driver,
        sends: "a cancel, and the same with its members in another order, spaced, and with one more",
        expects: "S both times, and the money goes back once",
        because: &rules::NO_TIME_LIMIT,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                payment.cancelled().await?;
                let body = format!(
                    "{{ \"more\": {{}},\n \"paymentRequestId\" : \"{}\", \"pspId\": \"{}\", \"acquirerId\": \"{}\" }}",
                    payment.id(),
                    t.partner().psp_id,
                    t.partner().acquirer_id
                );
                t.expect(t.draft_of(body).request()?, "S SUCCESS").await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "repeat-of-an-unknown-payment",
        needs: Needs::Callback,
        sends: "a cancel of a payment that was never received, three times",
        expects: "the same answer three times",
        because: &rules::SAME_RESULT,
        run: |t| {
            Box::pin(async move {
                let id = t.id();
                for _ in 0..3 {
                    t.expect_taken(t.cancel_request(&id)?).await?;
                }
                Ok(())
            })
        },
    },
    Case {
        name: "other-acquirer-is-refused",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment for another acquirer",
        expects: "F PARAM_ILLEGAL, and nothing moves",
        because: &rules::OTHER_ACQUIRER,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                t.expect(of_another_acquirer(&t, payment.id())?, "F PARAM_ILLEGAL").await?;
                payment.is_kept().await
            })
        },
    },
    Case {
        name: "other-acquirer-settles-nothing",
        needs: Needs::Driver,
        sends: "a cancel for another acquirer, then one for the payment's own",
        expects: "F PARAM_ILLEGAL, then S, and the money goes back once",
        because: &rules::OTHER_ACQUIRER,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                t.expect(of_another_acquirer(&t, payment.id())?, "F PARAM_ILLEGAL").await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "other-acquirer-after-the-cancel",
        needs: Needs::Callback,
        sends: "a cancel of a payment that was never received, then one for another acquirer",
        expects: "the second is F PARAM_ILLEGAL, a repeat of the first is answered as before",
        because: &rules::OTHER_ACQUIRER,
        run: |t| {
            Box::pin(async move {
                let id = t.id();
                t.expect_taken(t.cancel_request(&id)?).await?;
                t.expect(of_another_acquirer(&t, &id)?, "F PARAM_ILLEGAL").await?;
                t.expect_taken(t.cancel_request(&id)?).await
            })
        },
    },
    Case {
        name: "refusal-at-the-door-is-forgotten",
        needs: Needs::Driver,
        sends: "a cancel with a wrong signature, then a good one of the same payment",
        expects: "F INVALID_SIGNATURE, then S, and the money goes back",
        because: &rules::REFUSALS_FORGOTTEN,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let bad = t.draft(payment.id()).signed_as(|signed| signed.body.clear()).request()?;
                t.expect(bad, "F INVALID_SIGNATURE").await?;
                payment.is_kept().await?;
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
    Case {
        name: "foreign-psp-id-is-forgotten",
        needs: Needs::Driver,
        sends: "a cancel with another pspId before the payment is announced",
        expects: "F ACCESS_DENIED; the payment then goes its way",
        because: &rules::REFUSALS_FORGOTTEN,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment();
                let psp = &t.partner().psp_id;
                let body = t.partner().body(payment.id()).replace(&format!("\"{psp}\""), "\"1022172999999999999\"");
                t.expect(t.draft_of(body).request()?, "F ACCESS_DENIED").await?;
                payment.paid().await?.is_kept().await
            })
        },
    },
    Case {
        name: "wrong-signature-leaves-no-trace",
        needs: Needs::Driver,
        sends: "a cancel with a wrong signature before the payment is announced",
        expects: "F INVALID_SIGNATURE; the payment then goes its way",
        because: &rules::REFUSALS_FORGOTTEN,
        run: |t| {
            Box::pin(async move {
                let payment = t.payment();
                let bad = t.draft(payment.id()).signed_as(|signed| signed.time.clear()).request()?;
                t.expect(bad, "F INVALID_SIGNATURE").await?;
                payment.paid().await?.is_kept().await
            })
        },
    },
    Case {
        name: "ids-differ-by-one-letters-case",
        needs: Needs::Driver,
        sends: "a cancel of one of two payments whose ids differ by capital letters",
        expects: "its money goes back, the other's stays",
        because: &rules::EXACT_IDS,
        run: |t| {
            Box::pin(async move {
                let id = t.id();
                let lower = t.payment().with(|payment| payment.payment_request_id = format!("{id}-abc")).paid().await?;
                let upper = t.payment().with(|payment| payment.payment_request_id = format!("{id}-ABC")).paid().await?;
                upper.cancelled().await?;
                upper.is_back_once().await?;
                lower.is_kept().await
            })
        },
    },
    Case {
        name: "payments-of-one-user-are-apart",
        needs: Needs::Driver,
        sends: "a cancel of one of two payments of the same amount from the same account",
        expects: "its money goes back, the other's stays",
        because: &rules::NO_TIME_LIMIT,
        run: |t| {
            Box::pin(async move {
                let first = t.paid().await?;
                let account = first.payment.account.clone();
                let second = t.payment().with(|payment| payment.account = account).paid().await?;
                second.cancelled().await?;
                second.is_back_once().await?;
                first.is_kept().await
            })
        },
    },
    Case {
        name: "retries-that-do-not-wait",
        needs: Needs::Driver,
        sends: "a cancel of a paid payment, repeated twice before the first is answered",
        expects: "the same answer to all, and the money goes back once",
        because: &rules::RETRIES,
        run: |t| {
            Box::pin(async move {
                let payment = t.paid().await?;
                let request = t.cancel_request(payment.id())?;
                let mut connections = Vec::new();
                for _ in 0..3 {
                    let mut connection = t.connect().await?;
                    connection.send(&request.bytes()).await.map_err(lost)?;
                    connections.push(connection);
                }
                for mut connection in connections {
                    t.within_patience(&request, t.receive(&mut connection, &request)).await?.answer()?;
                }
                payment.cancelled().await?;
                payment.is_back_once().await
            })
        },
    },
];
