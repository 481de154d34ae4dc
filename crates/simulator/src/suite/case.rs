//! What a case is: data and code in one place.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::transcript::Transcript;
use super::verdict::Verdict;

/// One thing that has to be done right by what is looked at. `B` is what the case works with.
pub(crate) struct Case<B> {
    /// In lower case with hyphens; no other case has it.
    pub(crate) name: &'static str,
    pub(crate) needs: Needs,
    /// What goes over the wire.
    pub(crate) sends: &'static str,
    /// What has to be done.
    pub(crate) expects: &'static str,
    pub(crate) because: &'static Rule,
    pub(crate) run: fn(B) -> Running,
}

/// What a case works with; clones share everything.
pub(crate) trait Stage: Clone {
    /// The exchanges of this case.
    fn transcript(&self) -> &Transcript;

    /// Why a case that needs this cannot run here; nothing where it can.
    fn lacks(&self, needs: Needs) -> Option<String>;
}

/// A case under way.
pub(crate) type Running = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// What a case needs besides what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Callback,
    /// A driver that makes payments and sees the money.
    Driver,
    /// An address for inquiries.
    Inquiries,
    /// The same, and a driver that makes payments.
    InquiriesAndDriver,
    /// Payments that can be made at a core, and a witness of their money.
    Witness,
    /// The same, and a command that kills the core and starts it again.
    Restart,
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
    /// The contract that this project has with wallet cores says so.
    Contract,
}

/// Part of a suite: those of a wallet, and then those of a wallet core.
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
    Inquiry,
    Once,
    Fence,
    Lost,
    Bodies,
    Refunds,
    Amounts,
    Identifiers,
    Many,
    Lookup,
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
            Self::Inquiry => "inquiry",
            Self::Once => "once",
            Self::Fence => "fence",
            Self::Lost => "lost",
            Self::Bodies => "bodies",
            Self::Refunds => "refunds",
            Self::Amounts => "amounts",
            Self::Identifiers => "identifiers",
            Self::Many => "many",
            Self::Lookup => "lookup",
        }
    }
}

impl Basis {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::Measured => "client libraries",
            Self::Inferred => "inferred",
            Self::Contract => "contract of the wallet core",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.says, self.page, self.basis.name())
    }
}
