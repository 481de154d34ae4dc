//! Where closed days are kept, and how cases are assigned to a day.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{Case, ClearingDay, DayClosing, DayStatement, PaymentRequestId, RefundRequestId};

use crate::{Page, UnavailableError};

/// The days that are closed, and the cases that each of them accounts for. The cases are those of a [`crate::CancellationStore`],
/// under the same locks.
///
/// A day is closed in steps, so that no cancel waits for a whole day of payments. [`assign_to_day`](Self::assign_to_day) assigns a
/// few cases at a time, [`close`](Self::close) ends the day. Any number of processes may close the same day.
#[async_trait]
pub trait SettlementStore: Send + Sync {
    /// The day as it was closed; `None` while it is open, also where cases are assigned to it already.
    async fn closed_day(&self, day: ClearingDay) -> Result<Option<ClosedDay>, UnavailableError>;

    /// Which days the closing of `day` accounts for, by the days that are closed now: see [`DayClosing`].
    async fn closing(&self, day: ClearingDay) -> Result<DayClosing, UnavailableError>;

    /// Assigns to the day at most `limit` of the cases that are due and stand after `after`, in the order of their completion. Each
    /// is decided by [`domain::Action::Settle`] under its case's lock, and all in one transaction.
    ///
    /// - `Ok` MUST mean that the step is durable. A step MUST be recorded as a whole or not at all.
    /// - No case MUST be assigned to a closed day: the check and the step are one transaction, and steps of one day wait for each
    ///   other.
    /// - A case that refuses, or that cannot be read, MUST end the step, and no case of the step is assigned.
    /// - Where the store's own clock is behind `step.at`, it MUST count instead: a fast clock settles nothing that can still be cancelled.
    async fn assign_to_day(&self, closing: &DayClosing, step: &Step) -> Result<StepOutcome, UnavailableError>;

    /// One page of the cases that the day accounts for, by the payment or by a refund, in the order of their ids. A case that cannot
    /// be read makes the page [`UnavailableError`], so that nobody takes the rest for all.
    async fn accounted(&self, day: ClearingDay, page: &Page) -> Result<Vec<Case>, UnavailableError>;

    /// Closes the day with its statement, provided that it is open and that no case was assigned since `revision`. The answer says
    /// whether it was closed.
    async fn close(&self, closed: &ClosedDay, revision: i64) -> Result<bool, UnavailableError>;

    /// The open days before `day` that have something to account for, the earliest first. It completed on them, or on the closed days
    /// right before them, and no day accounts for it.
    async fn open_before(&self, day: ClearingDay) -> Result<Vec<ClearingDay>, UnavailableError>;

    /// The cases of these ids as last committed, in any order; unknown ones are left out.
    async fn find_all(&self, ids: &[PaymentRequestId]) -> Result<Vec<Case>, UnavailableError>;

    /// The cases that have refunds of these ids, in any order.
    async fn find_refunded(&self, ids: &[RefundRequestId]) -> Result<Vec<Case>, UnavailableError>;
}

/// A day that is closed. Nothing of it changes any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedDay {
    /// What it settles and what it excludes.
    pub statement: DayStatement,
    /// When it was closed.
    pub closed_at: DateTime<Utc>,
    /// The SHA-256 of the statement's file, in small hexadecimal digits.
    pub digest: String,
}

/// One step of a closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The moment of the closing.
    pub at: DateTime<Utc>,
    /// Where the step before ended; `None` begins at the beginning.
    pub after: Option<DuePosition>,
    /// How many cases at most.
    pub limit: u32,
}

/// The place of a case among those that are due: they are assigned in the order of their completion.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuePosition {
    /// When the payment, or the first of the refunds that are due, completed.
    pub completed_at: DateTime<Utc>,
    /// Orders cases that completed at the same moment.
    pub id: PaymentRequestId,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// The cases that were due are assigned.
    Taken {
        /// The position of the last of them; `None` where no case was due any more.
        last: Option<DuePosition>,
        /// Changes with every step that assigns a case.
        revision: i64,
    },
    /// A case must not be assigned yet, so none was.
    Blocked {
        /// The case that stopped the step.
        id: PaymentRequestId,
        /// What has to end first, in words for an operator.
        why: &'static str,
    },
    /// The day is closed.
    Closed,
}
