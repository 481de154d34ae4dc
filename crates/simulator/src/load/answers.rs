//! Answers to cancels and inquiries: each has to be signed by the wallet and to say something.

use std::collections::HashMap;

use super::drive::Reader;
use super::tally::{Kind, Tally};
use crate::alipayplus::AlipayPlus;
use crate::wire::Response;

/// How many answers are remembered at most.
const REMEMBERED: usize = 4096;

/// What an answer says, such as `S SUCCESS`.
pub(super) type Says = fn(alipayplus: &AlipayPlus, uri: &str, response: &Response) -> Result<String, String>;

/// The URI that a request of this number has, whose target is given.
pub(super) type UriOf = fn(target: &str, index: usize) -> String;

/// The same for all of them.
pub(super) fn same(target: &str, _: usize) -> String {
    target.to_owned()
}

/// Each with a query of its own, so that no two answers have one signature.
pub(super) fn numbered(target: &str, index: usize) -> String {
    format!("{target}?{index}")
}

/// What a cancel is answered.
pub(super) fn of_cancel(alipayplus: &AlipayPlus, uri: &str, response: &Response) -> Result<String, String> {
    alipayplus.read(("POST", uri), response).map(|answer| answer.brief())
}

/// What an inquiry says of the payment.
pub(super) fn of_inquiry(alipayplus: &AlipayPlus, uri: &str, response: &Response) -> Result<String, String> {
    alipayplus.read_inquiry(("POST", uri), response).map(|inquired| inquired.brief())
}

/// Reads answers. Within one second a wallet's answers repeat byte for byte, signature included: bytes that were verified
/// are not verified again.
pub(super) struct SignedAnswers<'a> {
    alipayplus: &'a AlipayPlus,
    says: Says,
    uri_of: UriOf,
    verified: HashMap<Vec<u8>, Kind>,
    /// Why the first answer that Alipay+ could not use is of no use.
    pub(super) first_unusable: Option<String>,
}

impl<'a> SignedAnswers<'a> {
    pub(super) fn of(alipayplus: &'a AlipayPlus, (says, uri_of): (Says, UriOf)) -> Self {
        Self { alipayplus, says, uri_of, verified: HashMap::new(), first_unusable: None }
    }
}

impl Reader for &mut SignedAnswers<'_> {
    fn read(&mut self, index: usize, received: &mut Vec<u8>, tally: &mut Tally) -> Result<Option<Kind>, String> {
        if let Some(kind) = self.verified.get(received) {
            received.clear();
            return Ok(Some(*kind));
        }
        let bytes = received.clone();
        let Some(response) = Response::take(received, false)? else { return Ok(None) };
        let uri = (self.uri_of)(&self.alipayplus.dialer.target().uri, index);
        match (self.says)(self.alipayplus, &uri, &response) {
            Ok(said) => {
                let kind = tally.kind(&said);
                if received.is_empty() {
                    if self.verified.len() >= REMEMBERED {
                        self.verified.clear();
                    }
                    self.verified.insert(bytes, kind);
                }
                Ok(Some(kind))
            }
            Err(why) => {
                let kind = tally.kind("unusable");
                self.first_unusable.get_or_insert(why);
                Ok(Some(kind))
            }
        }
    }
}
