//! A case of this suite.

use super::bench::Bench;

pub(crate) use crate::suite::case::{Needs, Running};

/// One thing that a wallet has to do right.
pub(crate) type Case = crate::suite::case::Case<Bench>;
