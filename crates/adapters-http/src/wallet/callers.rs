//! Who may use the wallet API.

use std::fmt;
use std::future::{Ready, ready};
use std::sync::{Arc, PoisonError, RwLock};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use subtle::ConstantTimeEq;

use super::problem::ApiError;
use crate::rejection_budget::RejectionBudgets;

const SHORTEST_TOKEN: usize = 16;

/// The bearer tokens that are accepted. Clones share them.
#[derive(Clone)]
pub struct Tokens(Arc<RwLock<Vec<Grant>>>);

#[derive(Clone)]
struct Grant {
    caller: Caller,
    token: String,
}

/// What a caller may do.
/// Each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Support and reports: may look at everything, and change nothing.
    Read,
    /// The wallet's pay flow: may record.
    Pay,
    /// May decide about what is open, deferred or parked.
    Operator,
}

/// A caller that may record. A handler that takes it answers every other caller 403.
#[derive(Debug)]
pub(crate) struct RecordingCaller(pub(crate) Caller);

/// A caller with the role operator. A handler that takes it answers every other caller 403.
#[derive(Debug)]
pub(crate) struct Operator(pub(crate) Caller);

/// Who calls, in any role: may look. A handler that takes it answers a caller without a known token 401.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Tokens {
    /// Reads lines of `NAME ROLE TOKEN`; ROLE is `read`, `pay` or `operator`. Blank lines and lines that begin with `#` are ignored.
    ///
    /// # Errors
    /// One sentence that names the line; it never shows a token.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut grants = Vec::new();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !is_blank(line)) {
            let grant = Grant::parse(line).and_then(|grant| grant.unless_duplicate(&grants));
            grants.push(grant.map_err(|problem| format!("line {number}: {problem}"))?);
        }
        if grants.is_empty() {
            return Err("there is no token, so no caller could record a payment".to_owned());
        }
        Ok(Self(Arc::new(RwLock::new(grants))))
    }

    /// Accepts the tokens of `next` from now on, and only them.
    pub fn exchange(&self, next: &Self) {
        let next = next.read(Clone::clone);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// Compares every token in constant time, so that the time taken reveals only the length of a token.
    fn caller(&self, token: &[u8]) -> Option<Caller> {
        let matches = |grant: &Grant| bool::from(grant.token.as_bytes().ct_eq(token));
        let found = |grants: &Vec<Grant>| {
            let found = grants.iter().fold(None, |found, grant| if matches(grant) { Some(&grant.caller) } else { found });
            found.cloned()
        };
        self.read(found)
    }

    fn read<T>(&self, look: impl FnOnce(&Vec<Grant>) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read(|grants| f.debug_list().entries(grants.iter().map(|grant| &grant.caller)).finish())
    }
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

impl Grant {
    fn parse(line: &str) -> Result<Self, String> {
        let words: Vec<_> = line.split_whitespace().collect();
        let [name, role, token] = words[..] else {
            return Err(format!("has {} words, but should be NAME ROLE TOKEN", words.len()));
        };
        let role = match role {
            "read" => Role::Read,
            "pay" => Role::Pay,
            "operator" => Role::Operator,
            _ => return Err("the role must be read, pay or operator".to_owned()),
        };
        if token.len() < SHORTEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("the token must be at least {SHORTEST_TOKEN} visible ASCII characters"));
        }
        Ok(Self { caller: Caller { name: name.to_owned(), role }, token: token.to_owned() })
    }

    fn unless_duplicate(self, others: &[Self]) -> Result<Self, String> {
        if others.iter().any(|known| known.caller.name == self.caller.name) {
            return Err(format!("the name {:?} appears twice; each caller needs its own name", self.caller.name));
        }
        if others.iter().any(|known| known.token == self.token) {
            return Err("the token appears twice; each caller needs its own token".to_owned());
        }
        Ok(self)
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::of(request).ok_or_else(|| refuse(request, ApiError::unauthorized())))
    }
}

impl Caller {
    /// Who calls, where the token is known.
    pub(crate) fn of(request: &HttpRequest) -> Option<Self> {
        request.app_data::<web::Data<Tokens>>()?.caller(bearer_token(request)?)
    }

    /// The caller, where the role is this one or may do more; `needed` says what would be right.
    fn at_least(self, role: Role, needed: &str) -> Result<Self, ApiError> {
        if self.role >= role { Ok(self) } else { Err(ApiError::forbidden(needed)) }
    }
}

/// Refuses a call without a known token. A peer that makes too many of them is told only that.
pub(crate) fn refuse(request: &HttpRequest, because: ApiError) -> ApiError {
    let budgets = request.app_data::<web::Data<RejectionBudgets>>();
    let is_affordable = budgets.is_none_or(|budgets| budgets.spend(request.peer_addr().map(|peer| peer.ip())));
    if is_affordable { because } else { ApiError::too_many_requests() }
}

impl FromRequest for RecordingCaller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload).into_inner();
        ready(caller.and_then(|caller| caller.at_least(Role::Pay, "a token with the role pay or operator is needed")).map(Self))
    }
}

impl FromRequest for Operator {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Caller::from_request(request, payload).into_inner();
        ready(caller.and_then(|caller| caller.at_least(Role::Operator, "an operator's token is needed")).map(Self))
    }
}

fn bearer_token(request: &HttpRequest) -> Option<&[u8]> {
    let value = request.headers().get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# who calls\n\npayflow pay 0123456789abcdef\n  ops\toperator  fedcba9876543210~  \n";

    #[test]
    fn each_token_names_its_caller_and_role() {
        let tokens = Tokens::parse(GOOD).unwrap();
        let payflow = Caller { name: "payflow".to_owned(), role: Role::Pay };
        let ops = Caller { name: "ops".to_owned(), role: Role::Operator };
        assert_eq!(tokens.caller(b"0123456789abcdef"), Some(payflow));
        assert_eq!(tokens.caller(b"fedcba9876543210~"), Some(ops));
        for unknown in [&b""[..], b"0123456789abcde", b"0123456789abcdef0", b"0123456789ABCDEF", b"payflow"] {
            assert_eq!(tokens.caller(unknown), None);
        }
    }

    #[test]
    fn f26_a_token_counts_until_the_tokens_are_exchanged() {
        let (revoked, kept) = (b"0123456789abcdef", b"fedcba9876543210~");
        let tokens = Tokens::parse(GOOD).unwrap();
        let in_use = tokens.clone();
        tokens.exchange(&Tokens::parse("ops pay fedcba9876543210~\nnew operator 00112233445566778899").unwrap());
        assert_eq!(in_use.caller(revoked), None);
        assert_eq!(in_use.caller(kept).map(|caller| caller.role), Some(Role::Pay), "the role is exchanged too");
        assert_eq!(in_use.caller(b"00112233445566778899").map(|caller| caller.name), Some("new".to_owned()));
    }

    #[test]
    fn a_wrong_line_is_named_and_its_token_is_not_shown() {
        let lines = [
            ("ops operator", "line 6: has 2 words, but should be NAME ROLE TOKEN"),
            ("a pay ffffffffffffffff more", "line 6: has 4 words, but should be NAME ROLE TOKEN"),
            ("a admin ffffffffffffffff", "line 6: the role must be read, pay or operator"),
            ("a pay fffffffffffffff", "line 6: the token must be at least 16 visible ASCII characters"),
            ("a pay ffffffffffffffffé", "line 6: the token must be at least 16 visible ASCII characters"),
            ("ops pay ffffffffffffffff", "line 6: the name \"ops\" appears twice; each caller needs its own name"),
            ("a pay 0123456789abcdef", "line 6: the token appears twice; each caller needs its own token"),
        ];
        for (line, sentence) in lines {
            assert_eq!(Tokens::parse(&format!("{GOOD}#\n{line}\n")).unwrap_err(), sentence);
        }
    }

    #[test]
    fn tokens_stay_out_of_debug_output() {
        let shown = format!("{:?}", Tokens::parse(GOOD).unwrap());
        assert!(shown.contains("payflow") && !shown.contains("0123456789abcdef"), "{shown}");
    }
}
