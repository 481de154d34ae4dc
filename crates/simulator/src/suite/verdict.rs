//! The verdict: each case ends with one, and each step of a case may end it early.

use crate::output::CommandError;

/// How a case ends.
pub(crate) type Verdict = Result<(), CaseError>;

/// Why a case did not reach its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CaseError {
    /// What is looked at did something wrong: what, in a sentence.
    Wrong(String),
    /// It cannot be found out here: why.
    NotRun(String),
}

impl CaseError {
    /// Something that was done wrong.
    pub(crate) fn wrong<T>(what: impl Into<String>) -> Result<T, Self> {
        Err(Self::Wrong(what.into()))
    }
}

impl From<CommandError> for CaseError {
    fn from(failure: CommandError) -> Self {
        Self::NotRun(failure.to_string())
    }
}

/// Nothing where `holds`, and otherwise what is wrong.
pub(crate) fn check(holds: bool, wrong: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(CaseError::Wrong(wrong())) }
}
