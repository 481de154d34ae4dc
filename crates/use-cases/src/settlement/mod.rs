//! Settlement: days are closed, their statements written, and Alipay+'s clearing files compared with the record.

mod close_day;
mod reconcile;
mod write_statement;

use std::sync::Arc;

use ::ports::{CancellationStore, Clock, SettlementStore, StatementWriter};
use domain::Policy;

pub use close_day::{CloseDayError, close_day};
pub use reconcile::{
    MissingSearch, ReconcileError, ReconcileRequest, Reconciliation, ReconciliationObserver, ReconciliationPorts, reconcile,
};
pub use write_statement::{WriteStatementError, write_statement};

/// The ports that days are closed with.
pub struct SettlementPorts {
    /// Where the cases are kept.
    pub cases: Arc<dyn CancellationStore>,
    /// Where the days are kept.
    pub days: Arc<dyn SettlementStore>,
    /// Where statements are written.
    pub statements: Arc<dyn StatementWriter>,
    /// The process's clock.
    pub clock: Arc<dyn Clock>,
    /// The settings that decide.
    pub policy: Policy,
}

/// How many cases, or transactions, are in memory at once.
const PAGE: u32 = 1_000;
