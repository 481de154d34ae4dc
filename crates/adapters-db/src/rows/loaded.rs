//! The rows of some cases, as they were loaded together.

use std::collections::BTreeMap;

use domain::Case;
use tracing::error;

use super::{CaseRow, InconsistentRowError, RefundRow, ReversalRow};

/// The rows of some cases, in any order.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoadedRows {
    pub(crate) cases: Vec<CaseRow>,
    pub(crate) refunds: Vec<RefundRow>,
    pub(crate) reversals: Vec<ReversalRow>,
}

/// A case as loaded: its id, the number of its timeline's last line, and the case itself, if its rows can be read.
pub(crate) type LoadedCase = (String, i32, Result<Case, InconsistentRowError>);

impl LoadedRows {
    /// The cases that the rows speak of. A row that says the impossible spoils its own case only.
    pub(crate) fn into_cases(self) -> Vec<LoadedCase> {
        let mut refunds: BTreeMap<String, Vec<RefundRow>> = BTreeMap::new();
        for refund in self.refunds {
            refunds.entry(refund.payment_request_id.clone()).or_default().push(refund);
        }
        let mut reversals: BTreeMap<_, _> =
            self.reversals.into_iter().map(|reversal| (reversal.payment_request_id.clone(), reversal)).collect();
        let case = |row: CaseRow| {
            let (id, last_event) = (row.payment_request_id.clone(), row.last_event);
            let mut refunds = refunds.remove(&id).unwrap_or_default();
            refunds.sort_by_key(|refund| refund.place);
            let case = row.into_case(refunds, reversals.remove(&id));
            (id, last_event, case)
        };
        self.cases.into_iter().map(case).collect()
    }

    /// The cases that can be read. One that cannot must not hide the others from those who act on them: `consequence` is logged.
    pub(crate) fn into_readable(self, consequence: &'static str) -> Vec<Case> {
        let readable = |(id, _, case): LoadedCase| {
            let logged = case.inspect_err(|inconsistent| {
                error!(payment_request_id = %id, error = %inconsistent, "a case cannot be read: {consequence} (repair its rows)");
            });
            logged.ok()
        };
        self.into_cases().into_iter().filter_map(readable).collect()
    }
}
