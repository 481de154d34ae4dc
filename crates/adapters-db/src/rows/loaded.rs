//! The rows of some cases, as they were loaded together.

use std::collections::BTreeMap;

use domain::Case;
use tracing::error;

use super::{CaseRow, DeferralRow, InconsistentRowError, ReceiptRow, RefundRow, ResolutionRow, ReversalRow};

/// The rows of some cases, in any order.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoadedRows {
    pub(crate) cases: Vec<CaseRow<'static>>,
    pub(crate) refunds: Vec<RefundRow<'static>>,
    pub(crate) reversals: Vec<ReversalRow<'static>>,
    pub(crate) deferrals: Vec<DeferralRow<'static>>,
    pub(crate) receipts: Vec<ReceiptRow<'static>>,
    pub(crate) resolutions: Vec<ResolutionRow<'static>>,
}

/// A case as loaded.
#[derive(Debug)]
pub(crate) struct LoadedCase {
    pub(crate) id: String,
    pub(crate) bucket: i16,
    /// The number of its timeline's last line.
    pub(crate) last_event: i32,
    /// Whether its reversal has a row of its own.
    pub(crate) has_reversal_row: bool,
    /// The case itself, if its rows can be read.
    pub(crate) case: Result<Case, InconsistentRowError>,
}

impl LoadedRows {
    /// The cases that the rows speak of. A row that says the impossible spoils its own case only.
    pub(crate) fn into_cases(self) -> Vec<LoadedCase> {
        let mut refunds: BTreeMap<_, Vec<RefundRow<'_>>> = BTreeMap::new();
        for refund in self.refunds {
            refunds.entry(refund.payment_request_id.clone()).or_default().push(refund);
        }
        let mut reversals: BTreeMap<_, _> =
            self.reversals.into_iter().map(|reversal| (reversal.payment_request_id.clone(), reversal)).collect();
        let mut deferrals: BTreeMap<_, _> =
            self.deferrals.into_iter().map(|deferral| (deferral.payment_request_id.clone(), deferral)).collect();
        let mut receipts: BTreeMap<_, Vec<ReceiptRow<'_>>> = BTreeMap::new();
        for receipt in self.receipts {
            receipts.entry(receipt.payment_request_id.clone()).or_default().push(receipt);
        }
        let mut resolutions: BTreeMap<_, _> =
            self.resolutions.into_iter().map(|resolution| (resolution.payment_request_id.clone(), resolution)).collect();
        let case = |row: CaseRow<'_>| {
            let (id, bucket, last_event) = (row.payment_request_id.clone().into_owned(), row.bucket, row.last_event);
            let mut refunds = refunds.remove(id.as_str()).unwrap_or_default();
            refunds.sort_by_key(|refund| refund.place);
            let reversal = reversals.remove(id.as_str());
            let has_reversal_row = reversal.is_some();
            let receipts = receipts.remove(id.as_str()).unwrap_or_default();
            let waiting = (deferrals.remove(id.as_str()), receipts);
            // Whatever was recorded after it made it void.
            let resolution = resolutions.remove(id.as_str()).filter(|resolution| resolution.number == last_event);
            let case = row.into_case(refunds, reversal, waiting).and_then(|case| {
                let resolution = resolution.map(|resolution| resolution.resolution()).transpose()?;
                Ok(Case { resolution, ..case })
            });
            LoadedCase { bucket, last_event, has_reversal_row, case, id }
        };
        self.cases.into_iter().map(case).collect()
    }

    /// The cases that can be read. One that cannot must not hide the others from those who act on them: `consequence` is logged.
    pub(crate) fn into_readable(self, consequence: &'static str) -> Vec<Case> {
        let readable = |LoadedCase { id, case, .. }: LoadedCase| {
            let logged = case.inspect_err(|inconsistent| {
                error!(payment_request_id = %id, error = %inconsistent, "a case cannot be read: {consequence} (repair its rows)");
            });
            logged.ok()
        };
        self.into_cases().into_iter().filter_map(readable).collect()
    }
}
