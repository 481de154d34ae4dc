//! What the suites have in common: cases, how they are run, and the report of what became of them.

pub(crate) mod case;
pub(crate) mod report;
pub(crate) mod runner;
pub(crate) mod transcript;
pub(crate) mod verdict;
