//! The straight functions between the doors and the ports.
//!
//! Every door's command goes through [`Lanes`]: while one batch is being committed the next one gathers by itself. The work
//! belongs to the lane: a caller that goes away, or whose patience ends, changes nothing about it.

mod cancel;
mod lanes;
mod payments;
mod ports;
mod reversals;
mod settlement;

pub use cancel::{CancelReply, ReceivedCancel, cancel};
pub use lanes::{LaneSettings, Lanes, SubmitError};
pub use payments::{CommandReply, submit};
pub use ports::{Core, Ports};
pub use reversals::work;
pub use settlement::{
    CloseDayError, MissingSearch, ReconcileError, ReconcileRequest, Reconciliation, ReconciliationObserver, ReconciliationPorts,
    SettlementPorts, WriteStatementError, close_day, reconcile, write_statement,
};
