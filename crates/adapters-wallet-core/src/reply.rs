//! What came back of a call, or why nothing did.

use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

use reqwest::{Response, StatusCode};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A reply's longest body in bytes; a longer one is outside of the contract and is not read.
const LONGEST_BODY: usize = 64 * 1024;

/// Why a call's end is not known. For logs and timelines: one short line, and never a body or a credential.
#[derive(Debug)]
pub(crate) struct CallError {
    text: String,
    ends_connection: bool,
}

impl CallError {
    /// What came back is outside of the contract, or is not whole.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: one_line(text.as_ref(), 200), ends_connection: true }
    }

    /// The core has said, within the contract, that it does not know yet.
    pub(crate) fn in_contract(text: impl AsRef<str>) -> Self {
        Self { ends_connection: false, ..Self::new(text) }
    }

    /// Whether the connection may lead to something that is not the core.
    pub(crate) fn ends_connection(&self) -> bool {
        self.ends_connection
    }

    /// Why there is no reply, or not all of it. Only the cause at the root is quoted: the libraries' outer texts name URLs.
    pub(crate) fn without_reply(error: &reqwest::Error) -> Self {
        let mut cause: &dyn Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let text = if error.is_timeout() {
            if error.is_connect() { "timeout while connecting".to_owned() } else { "timeout".to_owned() }
        } else if error.is_connect() {
            format!("no connection: {cause}")
        } else if error.is_body() || error.is_decode() {
            format!("the answer broke off: {cause}")
        } else {
            format!("no answer: {cause}")
        };
        // Where no connection was made there is none to end.
        Self { ends_connection: !error.is_connect(), ..Self::new(text) }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `text` without control characters and with at most `longest` characters.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect::<String>().trim().to_owned()
}

/// A reply whose body is still to be read.
#[derive(Debug)]
pub(crate) struct CoreReply {
    response: Response,
}

impl CoreReply {
    pub(crate) fn new(response: Response) -> Self {
        Self { response }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The reply's status is not in the contract.
    pub(crate) fn unexpected(&self) -> CallError {
        CallError::new(format!("status {}", self.status().as_u16()))
    }

    /// The reply's body as the contract has it: one JSON object, to its end. Members beyond the contract are left aside, so that
    /// a core may say more. A member that stands twice is refused, because it may say two things.
    pub(crate) async fn object<T: DeserializeOwned>(self) -> Result<T, CallError> {
        let status = self.status().as_u16();
        let body = self.body().await?;
        if let Some(instead) = instead_of_json(&body) {
            return Err(CallError::new(format!("status {status} with {instead}")));
        }
        serde_json::from_slice(&body).map(|CoreObject(members)| members).map_err(|error| {
            // The parser's own text would quote the body.
            let place = format!("line {}, column {}", error.line(), error.column());
            CallError::new(format!("status {status} without the contract's body: wrong at {place}"))
        })
    }

    /// A 404 means that the core has never heard of the payment, but only where its body is empty or a JSON object. A page comes from a
    /// proxy, a balancer or a wrong address, and they do not know.
    pub(crate) async fn absence(self) -> Result<(), CallError> {
        let body = self.body().await?;
        let of_the_core = body.trim_ascii().is_empty() || serde_json::from_slice::<CoreObject<IgnoredAny>>(&body).is_ok();
        if of_the_core {
            Ok(())
        } else {
            Err(CallError::new(
                "status 404 with a page in its body, which is not the core's own: look at the proxy and at the address",
            ))
        }
    }

    async fn body(mut self) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        while let Some(part) = self.response.chunk().await.map_err(|error| CallError::without_reply(&error))? {
            if body.len() + part.len() > LONGEST_BODY {
                return Err(CallError::new(format!("status {} with more than {LONGEST_BODY} bytes", self.status().as_u16())));
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}

/// What stands where JSON should, in words for an operator; `None` where nothing of it is plain at the first byte.
fn instead_of_json(body: &[u8]) -> Option<&'static str> {
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    if body.starts_with(BYTE_ORDER_MARK) {
        return Some("a byte order mark before the JSON, which the core has to leave out");
    }
    match body.trim_ascii_start().first() {
        Some(b'<') => Some("a page in its body, which is not the core's own: look at the proxy and at the address"),
        Some(_) | None => None,
    }
}

/// A JSON object, where serde's own derived code would take an array of the members' values as well.
#[derive(Debug)]
pub(crate) struct CoreObject<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for CoreObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}
