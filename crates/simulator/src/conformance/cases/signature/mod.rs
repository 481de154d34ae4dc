//! Signatures in both directions.

mod answers;
mod refused;
mod taken;

pub(super) use answers::ANSWERS;
pub(super) use refused::REFUSED;
pub(super) use taken::TAKEN;
