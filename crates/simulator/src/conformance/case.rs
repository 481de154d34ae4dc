//! What a case is: data and code in one place.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::bench::Bench;
use super::verdict::Verdict;

/// One thing that a wallet has to do right.
pub(crate) struct Case {
    /// In lower case with hyphens; no other case has it.
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    /// What goes over the wire.
    pub(crate) sends: &'static str,
    /// What the wallet has to do.
    pub(crate) expects: &'static str,
    pub(crate) because: &'static Rule,
    pub(crate) run: fn(Bench) -> Running,
}

/// A case under way.
pub(crate) type Running = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// What a case needs besides the callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Callback,
    /// A driver that makes payments and sees the money.
    Driver,
}

/// What the protocol says, and how that is known.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) basis: Basis,
    /// The public page, without the common beginning of its address.
    pub(crate) page: &'static str,
    pub(crate) says: &'static str,
}

/// How a rule is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The page says so.
    Documented,
    /// Alipay+'s own client libraries behave so.
    Measured,
    /// The page leaves it open; it follows from what it says elsewhere, or is the safest reading.
    Inferred,
}

/// Part of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    Signature,
    Message,
    Idempotency,
    States,
    Period,
    Races,
    Faults,
    Security,
}

impl Group {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Message => "message",
            Self::Idempotency => "idempotency",
            Self::States => "states",
            Self::Period => "period",
            Self::Races => "races",
            Self::Faults => "faults",
            Self::Security => "security",
        }
    }
}

impl Basis {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Measured => "client libraries",
            Self::Inferred => "inferred",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.says, self.page, self.basis.name())
    }
}
