//! The cancels that this process received and about whose moment two clocks disagree.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use domain::{AcquirerId, PaymentRequestId};

/// How many receipts are remembered. Those beyond wait for a repeat, or for the day to close.
const REMEMBERED: usize = 10_000;

/// What the monotonic clock says of them is known here only, and is gone with the process.
#[derive(Debug, Default)]
pub(crate) struct DoubtfulReceipts(Mutex<BTreeMap<PaymentRequestId, DoubtfulReceipt>>);

#[derive(Debug, Clone)]
pub(crate) struct DoubtfulReceipt {
    pub(crate) acquirer_id: AcquirerId,
    pub(crate) arrived: Instant,
}

impl DoubtfulReceipts {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<PaymentRequestId, DoubtfulReceipt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a receipt, unless an earlier one of the case is remembered.
    pub(crate) fn remember(&self, id: PaymentRequestId, receipt: DoubtfulReceipt) {
        let mut remembered = self.lock();
        if remembered.len() < REMEMBERED {
            remembered.entry(id).or_insert(receipt);
        }
    }

    pub(crate) fn take_all(&self) -> BTreeMap<PaymentRequestId, DoubtfulReceipt> {
        std::mem::take(&mut self.lock())
    }
}
