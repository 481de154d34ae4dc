//! The verdict on a wallet: each case ends with one, and each step of a case may end it early.

use crate::output::Failure;

/// How a case ends.
pub(crate) type Verdict = Result<(), Stop>;

/// Why a case did not reach its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The wallet did something wrong: what, in a sentence.
    Wrong(String),
    /// It cannot be found out here: why.
    NotRun(String),
}

impl Stop {
    /// Something that the wallet did wrong.
    pub(crate) fn wrong<T>(what: impl Into<String>) -> Result<T, Self> {
        Err(Self::Wrong(what.into()))
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::NotRun(failure.to_string())
    }
}

/// Nothing where `holds`, and otherwise what is wrong.
pub(crate) fn check(holds: bool, wrong: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Stop::Wrong(wrong())) }
}
