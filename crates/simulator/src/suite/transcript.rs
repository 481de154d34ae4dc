//! What was said in a case, for the report.

use std::sync::{Arc, Mutex, PoisonError};

use crate::wire::{Request, Response};

/// How many exchanges are kept, and how much of each side.
const MOST: usize = 4;
const LONGEST: usize = 1_500;

/// One request and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) sent: String,
    pub(crate) received: String,
}

/// The last exchanges of a case; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcript(Arc<Mutex<Kept>>);

#[derive(Debug, Clone, Default)]
struct Kept {
    last: Vec<Exchange>,
    before: usize,
}

impl Transcript {
    pub(crate) fn answered(&self, request: &Request, response: &Response) {
        self.add(request, shown(&response.head(), &response.body));
    }

    pub(crate) fn failed(&self, request: &Request, why: &str) {
        self.add(request, format!("({why})"));
    }

    /// The last exchanges, and how many there were before them.
    pub(crate) fn kept(&self) -> (Vec<Exchange>, usize) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (kept.last.clone(), kept.before)
    }

    fn add(&self, request: &Request, received: String) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.last.len() == MOST {
            kept.last.remove(0);
            kept.before += 1;
        }
        kept.last.push(Exchange { sent: shown(&without_token(request).head(), &request.body), received });
    }
}

/// A report is sent on; a token is not.
fn without_token(request: &Request) -> Request {
    match request.header("Authorization") {
        Some(_) => request.clone().without("Authorization").with("Authorization", "Bearer (not shown)"),
        None => request.clone(),
    }
}

fn shown(head: &str, body: &[u8]) -> String {
    let whole = format!("{}{}", head.replace("\r\n", "\n"), String::from_utf8_lossy(body));
    match whole.char_indices().nth(LONGEST) {
        None => whole,
        Some((at, _)) => format!("{}… ({} bytes in all)", &whole[..at], head.len() + body.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let transcript = Transcript::default();
        let request = Request::new("GET", "/accounts/a", "core", "").with("Authorization", "Bearer secret");
        transcript.failed(&request, "no answer");
        let (kept, _) = transcript.kept();
        assert!(kept[0].sent.contains("Authorization: Bearer (not shown)") && !kept[0].sent.contains("secret"), "{kept:?}");
    }
}
