//! A case of this suite.

use super::bench::CoreBench;

pub(crate) use crate::suite::case::Needs;

/// One thing that a wallet core has to do right.
pub(crate) type Case = crate::suite::case::Case<CoreBench>;
