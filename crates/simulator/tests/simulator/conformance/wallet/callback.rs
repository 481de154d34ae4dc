//! What Alipay+ calls: right unless the wallet has a fault.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::core;
use super::faults::Fault;
use super::rules::{Answer, NOT_EXIST};
use super::{CLIENT, INQUIRY_PATH, PATH, PSP, Served};

const LARGEST: usize = 64 * 1024;

/// Everything that is posted to any path.
pub(crate) async fn answer(request: HttpRequest, payload: web::Payload, served: web::Data<Served>) -> HttpResponse {
    let inquires = request.path() == INQUIRY_PATH;
    if request.path() != PATH && !inquires {
        return HttpResponse::NotFound().finish();
    }
    let Ok(Ok(body)) = payload.to_bytes_limited(LARGEST).await else {
        return HttpResponse::PayloadTooLarge().force_close().finish();
    };
    if served.wallet.has(Fault::AnswersLate) {
        actix_web::rt::time::sleep(Duration::from_secs(9)).await;
    }
    if inquires {
        return inquired(&served, &request, &body).await;
    }
    let said = match at_the_door(&served, &request, &body) {
        Ok(_) if served.wallet.has(Fault::DoesNotKnowOneInForty) && served.cancels.fetch_add(1, Ordering::Relaxed) % 40 == 39 => {
            ("U", "UNKNOWN_EXCEPTION")
        }
        Ok((id, acquirer)) => {
            let answer = served.wallet.cancel(&id, &acquirer).await;
            if let Some(core) = served.core.as_deref().filter(|_| answer.0 == "S") {
                core::gives_back(core, &id);
            }
            answer
        }
        Err(refusal) => {
            let id =
                serde_json::from_slice::<Value>(&body).ok().and_then(|body| Some(body["paymentRequestId"].as_str()?.to_owned()));
            if let Some(id) = id.filter(|_| served.wallet.has(Fault::RemembersRefusalsOfMessages)) {
                served.wallet.remember(&id, refusal);
            }
            if refusal.1 == "PARAM_ILLEGAL" && served.wallet.has(Fault::BreaksOnIllegalJson) {
                return HttpResponse::InternalServerError().finish();
            }
            refusal
        }
    };
    signed(&served, &request, said, &body)
}

/// Answers an inquiry. A result of the call is alone where there is no payment.
async fn inquired(served: &Served, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    if served.wallet.has(Fault::InquiresLate) {
        actix_web::rt::time::sleep(Duration::from_secs(6)).await;
    }
    let (answer, paid) = match at_the_door(served, request, body) {
        Ok((id, acquirer)) => served.wallet.inquire(&id, &acquirer),
        Err(refusal) => return signed(served, request, refusal, body),
    };
    if answer == NOT_EXIST {
        return signed(served, request, answer, body);
    }
    let result = |(status, code): Answer| serde_json::json!({ "resultStatus": status, "resultCode": code, "resultMessage": "See the code" });
    let mut said = serde_json::json!({ "result": result(("S", "SUCCESS")), "paymentResult": result(answer) });
    if let Some((amount, currency)) = paid {
        said["paymentTime"] = served.wallet.now().to_rfc3339().into();
        said["paymentAmount"] = serde_json::json!({ "value": amount.to_string(), "currency": currency });
    }
    signed_text(served, request, answer, said.to_string())
}

fn at_the_door(served: &Served, request: &HttpRequest, body: &[u8]) -> Result<(String, String), Answer> {
    let wallet = &served.wallet;
    let headers = request.headers();
    if request.method() != "POST" && !wallet.has(Fault::TakesAnyMethod) {
        return Err(("F", "METHOD_NOT_SUPPORTED"));
    }
    if header(headers, "content-type").is_some_and(|kind| !is_json(kind)) {
        return Err(("F", "MEDIA_TYPE_NOT_ACCEPTABLE"));
    }
    if !headers.get_all("client-id").any(|id| id == CLIENT) {
        return Err(("F", "INVALID_CLIENT"));
    }
    let claim = header(headers, "signature").and_then(|claim| Claim::parse(claim, wallet.has(Fault::ReadsPlusAsSpace)));
    let claim = claim.ok_or(("F", "INVALID_SIGNATURE"))?;
    if claim.version.is_some_and(|version| version != "1") && !wallet.has(Fault::IgnoresTheKeyVersion) {
        return Err(("F", "KEY_NOT_FOUND"));
    }
    if ["client-id", "request-time", "signature"].iter().any(|name| headers.get_all(*name).count() != 1) {
        return Err(("F", "PARAM_ILLEGAL"));
    }
    let time = header(headers, "request-time").unwrap_or_default();
    let layout = if wallet.has(Fault::VerifiesAnotherLayout) { without_spaces(body) } else { body.to_vec() };
    let text = text(&uri(served, request), request.method().as_str(), time, &layout);
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &served.alipayplus_key);
    let tells_anybody = wallet.has(Fault::TellsAnybody) && request.path() == INQUIRY_PATH;
    if key.verify(&text, &claim.signature).is_err() && !wallet.has(Fault::VerifiesNothing) && !tells_anybody {
        return Err(("F", "INVALID_SIGNATURE"));
    }
    let members = serde_json::from_slice::<Members>(body).ok();
    let members =
        members.filter(|members| !members.twice || wallet.has(Fault::TakesTheLastOfTwo)).ok_or(("F", "PARAM_ILLEGAL"))?;
    let id = |name: &str| {
        let text = members.found.get(name).and_then(Value::as_str);
        let fits = |text: &&str| (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        text.filter(fits).map(str::to_owned).ok_or(("F", "PARAM_ILLEGAL"))
    };
    let (acquirer, psp, id) = (id("acquirerId")?, id("pspId")?, id("paymentRequestId")?);
    if psp != PSP && !wallet.has(Fault::IgnoresThePsp) {
        return Err(("F", "ACCESS_DENIED"));
    }
    Ok((id, acquirer))
}

fn signed(served: &Served, request: &HttpRequest, (status, code): Answer, body: &[u8]) -> HttpResponse {
    let wallet = &served.wallet;
    let mut message = if status == "S" { "Success".to_owned() } else { "See the code".to_owned() };
    if wallet.has(Fault::RepeatsTheRequest) {
        message = format!("About {}", String::from_utf8_lossy(body).replace('"', "'"));
    }
    let more = if wallet.has(Fault::AddsToTheResult) { r#","cancelTime":"now""# } else { "" };
    let answer = format!(r#"{{"result":{{"resultCode":"{code}","resultStatus":"{status}","resultMessage":"{message}"}}{more}}}"#);
    signed_text(served, request, (status, code), answer)
}

fn signed_text(served: &Served, request: &HttpRequest, (status, _): Answer, answer: String) -> HttpResponse {
    let wallet = &served.wallet;
    let time = "2026-03-01T12:00:00+08:00";
    let layout = if wallet.has(Fault::SignsOtherBytes) { format!("{answer}\n") } else { answer.clone() };
    let text = text(&uri(served, request), request.method().as_str(), time, layout.as_bytes());
    let mut signature = vec![0; served.key.public_modulus_len()];
    served.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &text, &mut signature).unwrap();
    let base64 = STANDARD.encode(signature);
    let value =
        if wallet.has(Fault::WritesRawBase64) { base64 } else { utf8_percent_encode(&base64, NON_ALPHANUMERIC).to_string() };
    let mut response = HttpResponse::Ok();
    response.insert_header(("client-id", CLIENT)).insert_header(("response-time", time)).content_type("application/json");
    let leaves_out = wallet.has(Fault::SignsNothing) || (wallet.has(Fault::SignsSuccessOnly) && status != "S");
    if !leaves_out {
        response.insert_header(("signature", format!("algorithm=RSA256,keyVersion=1,signature={value}")));
    }
    let mut response = response.body(answer);
    response.head_mut().set_camel_case_headers(wallet.has(Fault::SpellsHeadersInCapitals));
    response
}

fn uri(served: &Served, request: &HttpRequest) -> String {
    let uri = request.uri();
    let forgets = served.wallet.has(Fault::ForgetsTheQuery);
    if forgets { uri.path().to_owned() } else { uri.path_and_query().map_or(String::new(), ToString::to_string) }
}

fn text(uri: &str, method: &str, time: &str, body: &[u8]) -> Vec<u8> {
    [format!("{method} {uri}\n{CLIENT}.{time}.").as_bytes(), body].concat()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_json(kind: &str) -> bool {
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// The same text without spaces and line ends, which none of the ids has.
fn without_spaces(body: &[u8]) -> Vec<u8> {
    body.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect()
}

/// What a `Signature` header says.
struct Claim<'a> {
    version: Option<&'a str>,
    signature: Vec<u8>,
}

impl<'a> Claim<'a> {
    fn parse(header: &'a str, plus_is_space: bool) -> Option<Self> {
        let members: BTreeMap<_, _> = header.split(',').map(|member| member.trim().split_once('=')).collect::<Option<_>>()?;
        let value = members.get("signature")?;
        let value = if plus_is_space { value.replace('+', " ") } else { (*value).to_owned() };
        let base64 = percent_decode_str(&value).decode_utf8().ok()?.replace('-', "+").replace('_', "/");
        let signature = STANDARD_NO_PAD.decode(base64.trim_end_matches('=')).ok().filter(|signature| !signature.is_empty())?;
        members.get("algorithm").filter(|name| name.eq_ignore_ascii_case("RSA256"))?;
        Some(Self { version: members.get("keyVersion").copied(), signature })
    }
}

/// The members of an object, and whether one of them is there twice.
#[derive(Default)]
struct Members {
    found: BTreeMap<String, Value>,
    twice: bool,
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Members::default();
                while let Some((name, value)) = map.next_entry::<String, Value>().map_err(A::Error::custom)? {
                    members.twice |= members.found.insert(name, value).is_some();
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reading)
    }
}
