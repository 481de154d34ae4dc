//! A request in the making: what is sent and what is signed can be made to differ.

use chrono::{DateTime, Utc};

use crate::alipayplus::AlipayPlus;
use crate::clock::request_time;
use crate::keys::SigningKey;
use crate::signature::{Content, encode, header};
use crate::suite::verdict::CaseError;
use crate::wire::Request;

/// The five parts that a signature covers.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) client_id: String,
    pub(crate) time: String,
    pub(crate) body: Vec<u8>,
}

/// Writes a `Signature` header from the key's version and the raw signature.
type Write<'a> = Box<dyn Fn(u32, &[u8]) -> String + Send + 'a>;

/// A request that is yet to be signed.
pub(crate) struct Draft<'a> {
    partner: &'a AlipayPlus,
    key: &'a SigningKey,
    sent: Parts,
    signed: Parts,
    write: Write<'a>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(partner: &'a AlipayPlus, at: DateTime<Utc>, body: Vec<u8>) -> Self {
        let sent = Parts {
            method: "POST".to_owned(),
            uri: partner.dialer.target().uri.clone(),
            client_id: partner.client_id.clone(),
            time: request_time(at),
            body,
        };
        let write = Box::new(|version, signature: &[u8]| header(version, &encode(signature)));
        Self { partner, key: &partner.key, signed: sent.clone(), sent, write }
    }

    /// Changes what is sent and signed.
    pub(crate) fn with(mut self, change: impl Fn(&mut Parts)) -> Self {
        change(&mut self.sent);
        change(&mut self.signed);
        self
    }

    /// Changes what is signed only.
    pub(crate) fn signed_as(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(&mut self.signed);
        self
    }

    /// Signs with another key.
    pub(crate) fn signed_with(mut self, key: &'a SigningKey) -> Self {
        self.key = key;
        self
    }

    /// Writes the `Signature` header in another way.
    pub(crate) fn written(mut self, write: impl Fn(u32, &[u8]) -> String + Send + 'a) -> Self {
        self.write = Box::new(write);
        self
    }

    /// The signed request.
    pub(crate) fn request(self) -> Result<Request, CaseError> {
        let Parts { method, uri, client_id, time, body } = &self.signed;
        let text = Content { method, uri, client_id, time, body }.text();
        let signature = (self.write)(self.partner.key_version, &self.key.sign(&text)?);
        let Parts { method, uri, client_id, time, body } = self.sent;
        let request = Request::new(&method, &uri, &self.partner.dialer.target().authority, body);
        let request = request.with("Content-Type", "application/json; charset=UTF-8").with("Client-Id", &client_id);
        Ok(request.with("Request-Time", &time).with("Signature", &signature))
    }
}
