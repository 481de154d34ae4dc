//! What bytes mean, read independently of how Rescind reads them.

use std::collections::BTreeMap;

use serde_json::Value;
use testkit::{CLIENT_ID, PATH, PSP_ID};

use super::request::Request;

/// What a properly signed body asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing that the API knows.
    Illegal,
    /// A cancel for another wallet.
    OtherPsp,
    /// A cancel of a payment, by this acquirer.
    Cancel { id: String, acquirer: String },
}

/// Reads a body with `serde_json::Value`, and counts members to find doubled ones.
pub(crate) fn meaning(body: &[u8]) -> Meaning {
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return Meaning::Illegal };
    if members_kept(&value) != members_written(body) {
        return Meaning::Illegal;
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| is_identifier(text)).map(str::to_owned);
    match (text("acquirerId"), text("pspId"), text("paymentRequestId")) {
        (Some(_), Some(psp), Some(_)) if psp != PSP_ID => Meaning::OtherPsp,
        (Some(acquirer), Some(_), Some(id)) => Meaning::Cancel { id, acquirer },
        (_, _, _) => Meaning::Illegal,
    }
}

fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.chars().all(|c| ('!'..='~').contains(&c)) && ![".", ".."].contains(&text)
}

fn members_kept(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.len() + members.values().map(members_kept).sum::<usize>(),
        Value::Array(items) => items.iter().map(members_kept).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// How many strings with a colon behind them stand in a valid JSON text.
fn members_written(json: &[u8]) -> usize {
    let (mut count, mut bytes) = (0, json.iter());
    let mut after_string = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                while let Some(inside) = bytes.next().filter(|inside| **inside != b'"') {
                    if *inside == b'\\' {
                        bytes.next();
                    }
                }
                after_string = true;
            }
            b':' if after_string => {
                count += 1;
                after_string = false;
            }
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => after_string = false,
        }
    }
    count
}

/// Whether bytes that came of a signed request may still be taken for it: method, path, the three headers and the body say the
/// same. It reads leniently, so that only what cannot be the same is told apart.
pub(crate) fn says_the_same(sent: &[u8], signed: &Request) -> bool {
    let (lines, body) = head_and_body(sent);
    let Some((first, lines)) = lines.split_first() else { return false };
    let mut headers: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let name = String::from_utf8_lossy(line[..colon].trim_ascii()).to_lowercase();
        headers.entry(name).or_default().push(line.get(colon + 1..).unwrap_or_default().trim_ascii());
    }
    let all = |name: &str| headers.get(name).map(Vec::as_slice).unwrap_or_default();
    let [client_id] = all("client-id") else { return false };
    let [time] = all("request-time") else { return false };
    let [signature] = all("signature") else { return false };
    // A length is digits, however many zeros come first.
    let length = |value: &&[u8]| std::str::from_utf8(value).ok()?.parse::<usize>().ok();
    let whole =
        body.starts_with(&signed.body) && all("content-length").iter().any(|value| length(value) == Some(signed.body.len()));
    let in_chunks = !all("transfer-encoding").is_empty() && head_and_body(&signed.chunked()).1 == body;
    request_line(first).is_some_and(|(method, uri)| method == "POST" && uri == PATH)
        && *client_id == CLIENT_ID.as_bytes()
        && *time == signed.value("Request-Time")
        && raw_signature(signature).is_some_and(|raw| Some(raw) == raw_signature(&signed.value("Signature")))
        && (whole || in_chunks)
}

/// All lines that could be taken for a request's first, as method and URI.
pub(crate) fn request_lines(sent: &[u8]) -> Vec<(String, String)> {
    sent.split(|byte| *byte == b'\n').filter_map(request_line).collect()
}

/// A request line's method, and the path and query of its target.
fn request_line(line: &[u8]) -> Option<(String, String)> {
    let line = std::str::from_utf8(line.trim_ascii()).ok()?;
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let (method, target) = (words.next()?, words.next()?);
    words.next().filter(|version| version.starts_with("HTTP/"))?;
    let uri = if target.starts_with('/') {
        target
    } else {
        let (_, host_and_path) = target.split_once("://")?;
        &host_and_path[host_and_path.find('/')?..]
    };
    let uri = uri.split_once('#').map_or(uri, |(uri, _)| uri);
    Some((method.to_owned(), uri.to_owned()))
}

fn head_and_body(mut sent: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut lines = Vec::new();
    while let Some(end) = sent.iter().position(|byte| *byte == b'\n') {
        let line = sent[..end].trim_ascii();
        sent = &sent[end + 1..];
        if line.is_empty() && !lines.is_empty() {
            return (lines, sent);
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
    (lines, b"")
}

/// The bytes of a `Signature` header's signature in base64 of the standard alphabet, unpadded.
fn raw_signature(header: &[u8]) -> Option<Vec<u8>> {
    let member = header.split(|byte| *byte == b',').rfind(|member| member.trim_ascii().starts_with(b"signature"))?;
    let value = &member[member.iter().position(|byte| *byte == b'=')? + 1..];
    let mut raw = Vec::new();
    let mut rest = value.trim_ascii();
    while let [first, others @ ..] = rest {
        let encoded = (*first == b'%').then(|| u8::from_str_radix(std::str::from_utf8(others.get(..2)?).ok()?, 16).ok());
        let (byte, used) = encoded.flatten().map_or((*first, 1), |byte| (byte, 3));
        raw.push(match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        });
        rest = &rest[used..];
    }
    raw.truncate(raw.iter().rposition(|byte| *byte != b'=')? + 1);
    Some(raw)
}

#[test]
fn a_doubled_member_is_found_by_counting() {
    for (json, written) in [
        ("{}", 0),
        (r#"{"a":":\":","b" : [{"c":"}"},"d"]}"#, 3),
        (r#"{"a":1,"a":2}"#, 2),
        (r#"{"a\\":"\\","\"":{"":{}}}"#, 3),
        (r#"[":", "x"]"#, 0),
    ] {
        assert_eq!(members_written(json.as_bytes()), written, "{json}");
    }
    let of = |tail: &str| meaning(format!(r#"{{"acquirerId":"a","pspId":"{PSP_ID}","paymentRequestId":"r"{tail}}}"#).as_bytes());
    assert_eq!(of(r#","x":{"y":1}"#), Meaning::Cancel { id: "r".to_owned(), acquirer: "a".to_owned() });
    assert_eq!(of(r#","psp\u0049d":"x""#), Meaning::Illegal);
    assert_eq!(of(r#","x":{"y":1,"y":1}"#), Meaning::Illegal);
}
