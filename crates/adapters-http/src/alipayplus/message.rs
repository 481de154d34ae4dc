//! The body of a `cancelPayment` request.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use domain::{AcquirerId, PaymentRequestId, PspId};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The three ids, each of the right form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CancelMessage {
    pub(super) acquirer_id: AcquirerId,
    pub(super) psp_id: PspId,
    pub(super) payment_request_id: PaymentRequestId,
}

impl CancelMessage {
    /// `None` unless the body is one JSON object with the three members as identifiers in strings. Members of other names are
    /// passed over. A member that stands twice in any object makes the body illegal: two readers would not agree on it.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let Ok(Json::Object(members)) = serde_json::from_slice(body) else { return None };
        let text = |name| match members.get(name) {
            Some(Json::Text(text)) => Some(text.as_str()),
            Some(Json::Object(_) | Json::Other) | None => None,
        };
        Some(Self {
            acquirer_id: AcquirerId::parse(text("acquirerId")?).ok()?,
            psp_id: PspId::parse(text("pspId")?).ok()?,
            payment_request_id: PaymentRequestId::parse(text("paymentRequestId")?).ok()?,
        })
    }
}

/// JSON without doubled members at any level; what a message has no use for is checked and dropped.
enum Json {
    Object(BTreeMap<String, Json>),
    Text(String),
    Other,
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strict)
    }
}

struct Strict;

impl<'de> Visitor<'de> for Strict {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without doubled members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = BTreeMap::new();
        while let Some(name) = map.next_key()? {
            match members.entry(name) {
                Entry::Vacant(free) => free.insert(map.next_value()?),
                Entry::Occupied(_) => return Err(A::Error::custom("a member stands twice")),
            };
        }
        Ok(Json::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        while seq.next_element::<Json>()?.is_some() {}
        Ok(Json::Other)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Option<[String; 3]> {
        let CancelMessage { acquirer_id, psp_id, payment_request_id } = CancelMessage::parse(body.as_bytes())?;
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
            assert_eq!(CancelMessage::parse(&body), None, "{bytes:?}");
        }
    }
}
