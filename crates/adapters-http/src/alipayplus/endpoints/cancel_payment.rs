//! `cancelPayment`: message, handler and result.

use actix_web::HttpResponse;
use actix_web::web::Data;
use domain::{AcquirerId, PaymentRequestId, PspId, Rule};
use metrics::histogram;
use serde::Deserialize;
use tracing::info;
use use_cases::{CancelAnswer, OverloadedError, ReceivedCancel, cancel};

use crate::alipayplus::callback::CallbackEndpoint;
use crate::alipayplus::result_codes::{self, ApiResult, MALFORMED_CANCEL, OVERLOADED};
use crate::alipayplus::signed::{Message, Signed};
use crate::json;

/// The body of a `cancelPayment` request: three ids, each of the right form.
#[derive(Debug, PartialEq, Eq)]
pub struct CancelPayment {
    /// Alipay+'s id of the acquirer at whose merchant the payment was made.
    pub acquirer_id: AcquirerId,
    /// Alipay+'s id of the wallet that is meant.
    pub psp_id: PspId,
    /// Alipay+'s id of the payment that is to be cancelled.
    pub payment_request_id: PaymentRequestId,
}

/// The members as they stand in the body.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    acquirer_id: String,
    psp_id: String,
    payment_request_id: String,
}

impl Message for CancelPayment {
    const MALFORMED: ApiResult = MALFORMED_CANCEL;

    fn parse(body: &[u8]) -> Option<Self> {
        let Members { acquirer_id, psp_id, payment_request_id } = json::parse_object(body).ok()?;
        Some(Self {
            acquirer_id: AcquirerId::parse(acquirer_id).ok()?,
            psp_id: PspId::parse(psp_id).ok()?,
            payment_request_id: PaymentRequestId::parse(payment_request_id).ok()?,
        })
    }

    fn psp_id(&self) -> &PspId {
        &self.psp_id
    }
}

pub(super) async fn answer(endpoint: Data<CallbackEndpoint>, signed: Signed<CancelPayment>) -> HttpResponse {
    let Signed { message, arrival, request_time, deadline, context } = signed;
    let CancelPayment { acquirer_id, payment_request_id: id, psp_id: _ } = message;
    let (received_at, arrived) = (arrival.at, arrival.instant);
    let received = ReceivedCancel { id: id.clone(), acquirer_id, received_at, request_time, arrived };
    let ports = &endpoint.callback().ports;
    let answer = cancel(ports, received, deadline).await;
    let rule = answer.ok().and_then(|known| known.rule).map(Rule::name);
    let result = result_of(answer);
    info!(payment_request_id = %id, result_code = result.code.name, rule, "a cancel is answered");
    let response = endpoint.answer(result, &context).await;
    histogram!("rescind_answer_seconds").record(ports.clock.instant().saturating_duration_since(arrival.instant));
    response
}

fn result_of(answer: Result<CancelAnswer, OverloadedError>) -> ApiResult {
    match answer {
        Ok(known) => result_codes::of_answer(known.answer),
        Err(OverloadedError) => OVERLOADED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Option<[String; 3]> {
        let CancelPayment { acquirer_id, psp_id, payment_request_id } = CancelPayment::parse(body.as_bytes())?;
        Some([acquirer_id.to_string(), psp_id.to_string(), payment_request_id.to_string()])
    }

    #[test]
    fn order_spacing_escapes_and_unknown_members_do_not_matter() {
        let deepest = format!("{}{}", "[".repeat(120), "]".repeat(120));
        for body in [
            r#"{"acquirerId":"a","pspId":"p","paymentRequestId":"r"}"#.to_owned(),
            "\n{\"paymentRequestId\" : \"\\u0072\",\r\n\t\"pspId\": \"p\", \"acquirerId\": \"a\"}\n".to_owned(),
            r#"{"x":{"y":[1,-1,1.5,true,null,"é",{"y":{}}],"z":""},"acquirerId":"a","pspId":"p","paymentRequestId":"r","é":1}"#
                .to_owned(),
            format!(r#"{{"acquirerId":"a","pspId":"p","paymentRequestId":"r","deep":{deepest}}}"#),
        ] {
            assert_eq!(ids(&body), Some(["a", "p", "r"].map(str::to_owned)), "{body}");
        }
    }

    #[test]
    fn each_of_the_three_ids_must_be_an_identifier_in_a_string() {
        let (long, longest) = (format!("\"{}\"", "9".repeat(65)), format!("\"{}\"", "9".repeat(64)));
        for name in ["acquirerId", "pspId", "paymentRequestId"] {
            let with = |value: &str| {
                let member = |other| format!("\"{other}\":{}", if other == name { value } else { "\"1\"" });
                format!("{{{},{},{}}}", member("acquirerId"), member("pspId"), member("paymentRequestId"))
            };
            assert!(ids(&with(&longest)).is_some());
            for bad in [
                "null",
                "1",
                "1.5",
                "true",
                "[]",
                "[\"1\"]",
                "{}",
                "\"\"",
                "\" \"",
                "\"1 \"",
                "\".\"",
                "\"..\"",
                "\"\\u0000\"",
                "\"1\\u0000\"",
                "\"1\\n\"",
                "\"\\u00e9\"",
                "\"é\"",
                "\"\\ud800\"",
                &long,
            ] {
                assert_eq!(ids(&with(bad)), None, "{name}: {bad}");
            }
            assert_eq!(ids(&with("\"1\"").replace(name, "other")), None, "{name} is missing");
            assert_eq!(ids(&with("\"1\"").replace(name, &name.to_uppercase())), None, "{name} in capitals");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_illegal() {
        let good = r#""acquirerId":"a","pspId":"p","paymentRequestId":"r""#;
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for bad in [
            String::new(),
            " ".into(),
            "null".into(),
            "[]".into(),
            "\"acquirerId\"".into(),
            "{}".into(),
            format!("{{{good}"),
            format!("{{{good}}}}}"),
            format!("{{{good}}}{{}}"),
            format!("{{{good},}}"),
            format!("[{{{good}}}]"),
            format!("\u{feff}{{{good}}}"),
            format!("{{{good}}}\0"),
            format!("{{{good},\"pspId\":\"p\"}}"),
            format!("{{{good},\"psp\\u0049d\":\"p\"}}"),
            format!("{{{good},\"x\":1,\"x\":1}}"),
            format!("{{{good},\"x\":[{{\"y\":{{\"z\":1,\"z\":2}}}}]}}"),
            format!("{{{good},\"x\":{deep}}}"),
            format!("{{{good},\"x\":1e999}}"),
            format!("{{{good},\"x\":01}}"),
            format!("{{{good},\"x\":NaN}}"),
            format!("{{{good},\"x\":\"\t\"}}"),
            format!("{{{good},/**/\"x\":1}}"),
            good.replace('"', "'"),
        ] {
            assert_eq!(ids(&bad), None, "{bad}");
        }
        for bytes in [b"\xff".as_slice(), b"\xc3", b"\xed\xa0\x80"] {
            let body = [b"{", good.as_bytes(), b",\"x\":\"", bytes, b"\"}"].concat();
            assert_eq!(CancelPayment::parse(&body), None, "{bytes:?}");
        }
    }
}
