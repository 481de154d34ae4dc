//! The three ids that name a payment, which is all that `cancelPayment` and `inquiryPayment` say.

use domain::{AcquirerId, PaymentRequestId, PspId};
use serde::Deserialize;

use crate::json;

/// Three ids, each of the right form.
#[derive(Debug, PartialEq, Eq)]
pub struct PaymentIds {
    /// Alipay+'s id of the acquirer at whose merchant the payment was made.
    pub acquirer_id: AcquirerId,
    /// Alipay+'s id of the wallet that is meant.
    pub psp_id: PspId,
    /// Alipay+'s id of the payment that is meant.
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

impl PaymentIds {
    /// `None` unless the body is one JSON object with the three ids. Members of other names are ignored.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let Members { acquirer_id, psp_id, payment_request_id } = json::parse_object(body).ok()?;
        Some(Self {
            acquirer_id: AcquirerId::parse(acquirer_id).ok()?,
            psp_id: PspId::parse(psp_id).ok()?,
            payment_request_id: PaymentRequestId::parse(payment_request_id).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Option<[String; 3]> {
        let PaymentIds { acquirer_id, psp_id, payment_request_id } = PaymentIds::parse(body.as_bytes())?;
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
            assert_eq!(PaymentIds::parse(&body), None, "{bytes:?}");
        }
    }
}
