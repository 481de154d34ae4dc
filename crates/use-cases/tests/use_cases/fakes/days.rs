//! A store of which one call fails.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use domain::{Case, ClearingDay, DayClosing, PaymentRequestId, RefundRequestId};
use ports::testing::MemoryStore;
use ports::{ClosedDay, Page, SettlementStore, Step, StepOutcome, UnavailableError};

/// Fails one of its calls, before or after it was done.
pub(crate) struct FailsOnce {
    kept: MemoryStore,
    calls: AtomicUsize,
    failing: usize,
    after: bool,
}

impl FailsOnce {
    /// Fails the call of that number, counted from 0.
    pub(crate) fn at(kept: &MemoryStore, failing: usize, after: bool) -> Self {
        Self { kept: kept.clone(), calls: AtomicUsize::new(0), failing, after }
    }

    async fn call<T>(&self, work: impl Future<Output = Result<T, UnavailableError>> + Send) -> Result<T, UnavailableError> {
        let fails = self.calls.fetch_add(1, Ordering::Relaxed) == self.failing;
        let failed = || UnavailableError::because("the connection is lost");
        if fails && !self.after {
            return Err(failed());
        }
        let done = work.await;
        if fails { Err(failed()) } else { done }
    }
}

#[async_trait]
impl SettlementStore for FailsOnce {
    async fn closed_day(&self, day: ClearingDay) -> Result<Option<ClosedDay>, UnavailableError> {
        self.call(self.kept.closed_day(day)).await
    }

    async fn closing(&self, day: ClearingDay) -> Result<DayClosing, UnavailableError> {
        self.call(self.kept.closing(day)).await
    }

    async fn assign_to_day(&self, closing: &DayClosing, step: &Step) -> Result<StepOutcome, UnavailableError> {
        // Small steps, so that a day has several.
        let step = Step { limit: 2, ..step.clone() };
        self.call(self.kept.assign_to_day(closing, &step)).await
    }

    async fn accounted(&self, day: ClearingDay, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        let page = Page { limit: 2, ..page.clone() };
        self.call(self.kept.accounted(day, &page)).await
    }

    async fn close(&self, closed: &ClosedDay, revision: i64) -> Result<bool, UnavailableError> {
        self.call(self.kept.close(closed, revision)).await
    }

    async fn open_before(&self, day: ClearingDay) -> Result<Vec<ClearingDay>, UnavailableError> {
        self.call(self.kept.open_before(day)).await
    }

    async fn find_all(&self, ids: &[PaymentRequestId]) -> Result<Vec<Case>, UnavailableError> {
        self.call(self.kept.find_all(ids)).await
    }

    async fn find_refunded(&self, ids: &[RefundRequestId]) -> Result<Vec<Case>, UnavailableError> {
        self.call(self.kept.find_refunded(ids)).await
    }
}
