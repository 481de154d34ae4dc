//! The days as one process reaches them.

use std::sync::Arc;

use async_trait::async_trait;
use domain::{Case, ClearingDay, DayClosing, PaymentRequestId, RefundRequestId, Settlement};
use ports::{ClosedDay, Page, SettlementStore, Step, StepOutcome, UnavailableError};

use crate::faults::FaultKind;
use crate::life::Life;
use crate::plants::Plant;
use crate::recorder::lock;
use crate::world::World;

/// The days that a process reaches.
pub(crate) struct WatchedDays {
    pub(crate) inner: Arc<dyn SettlementStore>,
    pub(crate) world: Arc<World>,
    pub(crate) life: Life,
}

impl WatchedDays {
    async fn fails(&self, kind: FaultKind) -> Result<(), UnavailableError> {
        self.life.goes_on().await;
        self.world.takes(1, 6).await;
        self.life.goes_on().await;
        let failed = self.world.strikes(kind, &"days");
        failed.map_or(Ok(()), |_| Err(UnavailableError::because("the connection was lost")))
    }
}

/// A bug: what is left out settles.
fn as_settled(mut case: Case) -> Case {
    if let (Some(Settlement::Excluded { day }), Some(at)) = (case.settlement, case.completed_at()) {
        case.settlement = Some(Settlement::Settled { day, at });
    }
    case
}

#[async_trait]
impl SettlementStore for WatchedDays {
    async fn closed_day(&self, day: ClearingDay) -> Result<Option<ClosedDay>, UnavailableError> {
        self.fails(FaultKind::FailedRead).await?;
        self.inner.closed_day(day).await
    }

    async fn closing(&self, day: ClearingDay) -> Result<DayClosing, UnavailableError> {
        self.fails(FaultKind::FailedRead).await?;
        self.inner.closing(day).await
    }

    async fn assign_to_day(&self, closing: &DayClosing, step: &Step) -> Result<StepOutcome, UnavailableError> {
        self.fails(FaultKind::LostBeforeCommit).await?;
        let outcome = self.inner.assign_to_day(closing, step).await?;
        // How many cases a step takes is the store's own affair, and stays out of the trace.
        if let StepOutcome::Taken { last: Some(last), .. } = &outcome {
            lock(&self.world.rules).states(closing, &(last.completed_at, last.id.clone()));
        }
        self.fails(FaultKind::LostAfterCommit).await?;
        Ok(outcome)
    }

    async fn accounted(&self, day: ClearingDay, page: &Page) -> Result<Vec<Case>, UnavailableError> {
        self.fails(FaultKind::FailedRead).await?;
        let cases = self.inner.accounted(day, page).await?;
        if self.world.plant == Some(Plant::StatesCancelled) {
            return Ok(cases.into_iter().map(as_settled).collect());
        }
        Ok(cases)
    }

    async fn close(&self, closed: &ClosedDay, revision: i64) -> Result<bool, UnavailableError> {
        self.fails(FaultKind::LostBeforeCommit).await?;
        let closes = self.inner.close(closed, revision).await?;
        self.world.trace(format_args!("close {} {closes} {}", closed.statement.day, closed.digest));
        self.fails(FaultKind::LostAfterCommit).await?;
        Ok(closes)
    }

    async fn open_before(&self, day: ClearingDay) -> Result<Vec<ClearingDay>, UnavailableError> {
        self.inner.open_before(day).await
    }

    async fn find_all(&self, ids: &[PaymentRequestId]) -> Result<Vec<Case>, UnavailableError> {
        self.inner.find_all(ids).await
    }

    async fn find_refunded(&self, ids: &[RefundRequestId]) -> Result<Vec<Case>, UnavailableError> {
        self.inner.find_refunded(ids).await
    }
}
