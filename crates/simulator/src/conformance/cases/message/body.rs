//! What stands in the body of cancelPayment and of its answer.

use serde_json::Value;

use crate::conformance::bench::Bench;
use crate::conformance::case::{Case, Needs, Running};
use crate::conformance::rules;
use crate::suite::verdict::check;

/// The members of a good cancel.
const MEMBERS: [&str; 3] = ["acquirerId", "pspId", "paymentRequestId"];

/// A well-signed body like this has to be refused.
fn illegal(t: Bench, body: impl Into<Vec<u8>> + Send + 'static) -> Running {
    Box::pin(async move { t.expect(t.draft_of(body).request()?, "F PARAM_ILLEGAL").await })
}

/// Each of the three members in turn has this JSON instead of its value; `None` leaves it out.
fn each_member_as(t: Bench, value: Option<fn(&str) -> Value>) -> Running {
    Box::pin(async move {
        for member in MEMBERS {
            let mut body: Value = serde_json::from_str(&t.partner().body(&t.id())).unwrap_or_default();
            if let Some(members) = body.as_object_mut() {
                let given = members.remove(member).unwrap_or_default();
                if let Some(value) = value {
                    members.insert(member.to_owned(), value(given.as_str().unwrap_or_default()));
                }
            }
            t.expect(t.draft_of(body.to_string()).request()?, "F PARAM_ILLEGAL").await?;
        }
        Ok(())
    })
}

/// A cancel of this id has to be taken.
fn taken_with_id(t: Bench, id: fn(String) -> String) -> Running {
    Box::pin(async move { t.expect_taken(t.cancel_request(&id(t.id()))?).await })
}

pub(crate) static BODY: &[Case] = &[
    Case {
        name: "result-has-its-three-members-only",
        needs: Needs::Callback,
        sends: "a good cancel",
        expects: "a body with nothing but result, and in it resultCode, resultStatus and resultMessage of the right lengths",
        because: &rules::RESULT,
        run: |t| {
            Box::pin(async move {
                let reply = t.cancel(&t.id()).await?;
                let answer = reply.answer()?;
                let body: Value = serde_json::from_slice(&reply.response.body).unwrap_or_default();
                let names = |value: &Value| value.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>());
                let fits = names(&body) == Some(vec!["result".to_owned()])
                    && body["result"].as_object().is_some_and(|members| members.len() == 3)
                    && answer.code.len() <= 64
                    && answer.message.len() <= 256;
                check(fits, || format!("the body is {body}"))
            })
        },
    },
    Case {
        name: "members-are-missing",
        needs: Needs::Callback,
        sends: "a cancel without each of its three members in turn",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| each_member_as(t, None),
    },
    Case {
        name: "members-are-empty",
        needs: Needs::Callback,
        sends: "a cancel with each of its three members in turn an empty string",
        expects: "F PARAM_ILLEGAL",
        because: &rules::STRINGS,
        run: |t| each_member_as(t, Some(|_| "".into())),
    },
    Case {
        name: "members-are-null",
        needs: Needs::Callback,
        sends: "a cancel with each of its three members in turn null",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| each_member_as(t, Some(|_| Value::Null)),
    },
    Case {
        name: "members-are-numbers",
        needs: Needs::Callback,
        sends: "a cancel with each of its three members in turn a number",
        expects: "F PARAM_ILLEGAL",
        because: &rules::STRINGS,
        run: |t| each_member_as(t, Some(|_| 1022.into())),
    },
    Case {
        name: "members-are-lists",
        needs: Needs::Callback,
        sends: "a cancel with each of its three members in turn a list that holds its value",
        expects: "F PARAM_ILLEGAL",
        because: &rules::STRINGS,
        run: |t| each_member_as(t, Some(|given| vec![given].into())),
    },
    Case {
        name: "members-are-too-long",
        needs: Needs::Callback,
        sends: "a cancel with each of its three members in turn of 65 characters",
        expects: "F PARAM_ILLEGAL",
        because: &rules::LENGTH,
        run: |t| each_member_as(t, Some(|_| "9".repeat(65).into())),
    },
    Case {
        name: "id-of-64-characters",
        needs: Needs::Callback,
        sends: "a cancel of a paymentRequestId of exactly 64 characters",
        expects: "the cancel is taken",
        because: &rules::LENGTH,
        run: |t| taken_with_id(t, |id| format!("{id:-<64}")),
    },
    Case {
        name: "id-with-punctuation",
        needs: Needs::Callback,
        sends: "a cancel of a paymentRequestId with quotes, slashes, percent signs and the like",
        expects: "the cancel is taken",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| taken_with_id(t, |id| format!(r#"{id}/../?&%2F"'\#<>"#)),
    },
    Case {
        name: "body-is-empty",
        needs: Needs::Callback,
        sends: "no body at all, well signed",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| illegal(t, ""),
    },
    Case {
        name: "body-is-no-json",
        needs: Needs::Callback,
        sends: "a body that is no JSON, well signed",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| illegal(t, "acquirerId=1&pspId=2&paymentRequestId=3"),
    },
    Case {
        name: "body-is-half-of-a-json",
        needs: Needs::Callback,
        sends: "a body that ends in the middle, well signed",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| {
            let body = t.partner().body(&t.id());
            illegal(t, body[..body.len() - 1].to_owned())
        },
    },
    Case {
        name: "body-is-a-list",
        needs: Needs::Callback,
        sends: "a list of the three values, well signed",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| {
            let (acquirer, psp, id) = (&t.partner().acquirer_id, &t.partner().psp_id, t.id());
            let body = Value::from(vec![acquirer.clone(), psp.clone(), id]).to_string();
            illegal(t, body)
        },
    },
    Case {
        name: "body-is-followed-by-more",
        needs: Needs::Callback,
        sends: "a good body and then another one, well signed as a whole",
        expects: "F PARAM_ILLEGAL",
        because: &rules::ONE_READING,
        run: |t| {
            let body = t.partner().body(&t.id());
            illegal(t, format!("{body}{body}"))
        },
    },
    Case {
        name: "body-is-not-utf-8",
        needs: Needs::Callback,
        sends: "a member with a byte that is no UTF-8, well signed",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| {
            let mut body = t.partner().body(&t.id()).into_bytes();
            let last_of_the_id = body.len() - 3;
            body[last_of_the_id] = 0xff;
            illegal(t, body)
        },
    },
    Case {
        name: "members-nest-without-end",
        needs: Needs::Callback,
        sends: "ten thousand brackets, well signed",
        expects: "F PARAM_ILLEGAL",
        because: &rules::REQUIRED_MEMBERS,
        run: |t| {
            let body = t.partner().body(&t.id()).replacen('{', &format!("{{\"deep\":{},", "[".repeat(10_000)), 1);
            illegal(t, body)
        },
    },
    Case {
        name: "unknown-members",
        needs: Needs::Callback,
        sends: "a good cancel with members that nobody knows",
        expects: "the cancel is taken",
        because: &rules::UNKNOWN_MEMBERS,
        run: |t| {
            Box::pin(async move {
                let known = t.partner().body(&t.id());
                let body = known.replacen('{', r#"{"extendInfo":{"a":[1,null,"é"]},"cancelTime":"","x":null,"#, 1);
                t.expect_taken(t.draft_of(body).request()?).await
            })
        },
    },
    Case {
        name: "members-in-any-order",
        needs: Needs::Callback,
        sends: "a good cancel whose members are in alphabetical order",
        expects: "the cancel is taken",
        because: &rules::UNKNOWN_MEMBERS,
        run: |t| {
            Box::pin(async move {
                let members: Value = serde_json::from_str(&t.partner().body(&t.id())).unwrap_or_default();
                t.expect_taken(t.draft_of(members.to_string()).request()?).await
            })
        },
    },
    Case {
        name: "psp-id-of-another-wallet",
        needs: Needs::Callback,
        sends: "a good cancel with another pspId",
        expects: "F ACCESS_DENIED",
        because: &rules::ACCESS_DENIED,
        run: |t| {
            Box::pin(async move {
                let psp = &t.partner().psp_id;
                let body = t.partner().body(&t.id()).replace(&format!("\"{psp}\""), "\"1022172999999999999\"");
                t.expect(t.draft_of(body).request()?, "F ACCESS_DENIED").await
            })
        },
    },
    Case {
        name: "member-is-there-twice",
        needs: Needs::Callback,
        sends: "a body with paymentRequestId twice, well signed",
        expects: "F PARAM_ILLEGAL",
        because: &rules::ONE_READING,
        run: |t| {
            Box::pin(async move {
                let twice = format!(r#"{{"paymentRequestId":"{}","#, t.id());
                let body = t.partner().body(&t.id()).replacen('{', &twice, 1);
                t.expect(t.draft_of(body).request()?, "F PARAM_ILLEGAL").await
            })
        },
    },
];
