//! The straight functions between the endpoints and the ports.
//!
//! Every command goes through [`Lanes`]: while one batch is being committed the next one gathers by itself. The work belongs to the
//! lane: a caller that goes away, or whose patience ends, changes nothing about it.

mod answered;
mod cancel;
mod commits;
mod doubtful_receipts;
mod feed;
mod lanes;
mod operator;
mod ports;
mod received_cancel;
mod request_times;
mod restore;
mod reversal;
mod settlement;
mod stable_hash;
mod wallet_commands;

pub use cancel::{CancelAnswer, OverloadedError, cancel};
pub use commits::NoCommits;
pub use feed::{FeedReaders, ReadFeedError};
pub use lanes::{LaneSettings, Lanes, SubmitError};
pub use operator::operate;
pub use ports::{Core, Ports};
pub use received_cancel::ReceivedCancel;
pub use request_times::RequestTimes;
pub use restore::watch_history;
pub use reversal::run_worker;
pub use settlement::{
    CloseDayError, MissingSearch, ReconcileError, ReconcileRequest, Reconciliation, ReconciliationObserver, ReconciliationPorts,
    SettlementPorts, WriteStatementError, close_day, reconcile, write_statement,
};
pub use wallet_commands::submit;
