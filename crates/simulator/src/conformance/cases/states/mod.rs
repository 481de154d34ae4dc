//! Payments in every state, and refunds beside them.

mod payments;
mod refunds;

pub(super) use payments::PAYMENTS;
pub(super) use refunds::REFUNDS;
