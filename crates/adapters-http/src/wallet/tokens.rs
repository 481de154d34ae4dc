//! Who may use the wallet-side API.

use std::fmt;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};
use subtle::ConstantTimeEq;

use super::WalletApi;
use super::problem::Problem;

const SHORTEST_TOKEN: usize = 16;

/// The bearer tokens that are accepted.
pub struct Tokens(Vec<Grant>);

struct Grant {
    caller: Caller,
    token: String,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Record and read: the wallet's pay flow.
    Pay,
    /// All that `pay` may; reversals are an operator's besides.
    Operator,
}

/// Who calls. A handler that takes it is closed to everybody without a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) name: String,
    pub(crate) role: Role,
}

impl Tokens {
    /// Reads lines of `NAME ROLE TOKEN`; ROLE is `pay` or `operator`. Blank lines and lines that begin with `#` are left out.
    ///
    /// # Errors
    /// One sentence that names the line; it never shows a token.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = Self(Vec::new());
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !is_blank(line)) {
            let grant = Grant::parse(line).and_then(|grant| tokens.refuse_double(grant));
            tokens.0.push(grant.map_err(|what| format!("line {number}: {what}"))?);
        }
        Ok(tokens)
    }

    fn refuse_double(&self, new: Grant) -> Result<Grant, String> {
        if self.0.iter().any(|known| known.caller.name == new.caller.name) {
            return Err(format!("the name {:?} stands there twice; each caller needs a name of its own", new.caller.name));
        }
        if self.0.iter().any(|known| known.token == new.token) {
            return Err("the token stands there twice; each caller needs a token of its own".to_owned());
        }
        Ok(new)
    }

    /// Looks at every token in constant time, so that the time taken tells nothing about any of them but its length.
    fn caller(&self, token: &[u8]) -> Option<&Caller> {
        self.0
            .iter()
            .fold(None, |found, grant| if grant.token.as_bytes().ct_eq(token).into() { Some(&grant.caller) } else { found })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|grant| &grant.caller)).finish()
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
            return Err(format!("has {} words where NAME ROLE TOKEN should stand", words.len()));
        };
        let role = match role {
            "pay" => Role::Pay,
            "operator" => Role::Operator,
            _ => return Err("the role must be pay or operator".to_owned()),
        };
        if token.len() < SHORTEST_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!("the token must be at least {SHORTEST_TOKEN} visible ASCII characters"));
        }
        Ok(Self { caller: Caller { name: name.to_owned(), role }, token: token.to_owned() })
    }
}

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let api = request.app_data::<web::Data<WalletApi>>();
        let caller = bearer_token(request).and_then(|token| api?.tokens.caller(token));
        ready(caller.cloned().ok_or_else(Problem::unauthorized))
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
        assert_eq!(tokens.caller(b"0123456789abcdef"), Some(&payflow));
        assert_eq!(tokens.caller(b"fedcba9876543210~"), Some(&ops));
        for unknown in [&b""[..], b"0123456789abcde", b"0123456789abcdef0", b"0123456789ABCDEF", b"payflow"] {
            assert_eq!(tokens.caller(unknown), None);
        }
    }

    #[test]
    fn a_wrong_line_is_named_and_its_token_is_not_shown() {
        let lines = [
            ("ops operator", "line 6: has 2 words where NAME ROLE TOKEN should stand"),
            ("a pay ffffffffffffffff more", "line 6: has 4 words where NAME ROLE TOKEN should stand"),
            ("a admin ffffffffffffffff", "line 6: the role must be pay or operator"),
            ("a pay fffffffffffffff", "line 6: the token must be at least 16 visible ASCII characters"),
            ("a pay ffffffffffffffffé", "line 6: the token must be at least 16 visible ASCII characters"),
            ("ops pay ffffffffffffffff", "line 6: the name \"ops\" stands there twice; each caller needs a name of its own"),
            ("a pay 0123456789abcdef", "line 6: the token stands there twice; each caller needs a token of its own"),
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
