//! Answers to cancels: each has to be signed by the wallet and to say something.

use std::collections::HashMap;

use super::drive::Reader;
use super::tally::{Kind, Tally};
use crate::alipayplus::AlipayPlus;
use crate::wire::Response;

/// How many answers are remembered at most.
const REMEMBERED: usize = 4096;

/// Reads answers to cancels. Within one second a wallet's answers repeat byte for byte, signature included: bytes that were verified
/// are not verified again.
pub(super) struct SignedAnswers<'a> {
    alipayplus: &'a AlipayPlus,
    verified: HashMap<Vec<u8>, Kind>,
    /// Why the first answer that Alipay+ could not use is of no use.
    pub(super) first_unusable: Option<String>,
}

impl<'a> SignedAnswers<'a> {
    pub(super) fn of(alipayplus: &'a AlipayPlus) -> Self {
        Self { alipayplus, verified: HashMap::new(), first_unusable: None }
    }
}

impl Reader for &mut SignedAnswers<'_> {
    fn read(&mut self, _: usize, received: &mut Vec<u8>, tally: &mut Tally) -> Result<Option<Kind>, String> {
        if let Some(kind) = self.verified.get(received) {
            received.clear();
            return Ok(Some(*kind));
        }
        let bytes = received.clone();
        let Some(response) = Response::take(received, false)? else { return Ok(None) };
        let uri = &self.alipayplus.dialer.target().uri;
        match self.alipayplus.read(("POST", uri), &response) {
            Ok(answer) => {
                let kind = tally.kind(&format!("{} {}", answer.status, answer.code));
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
