//! Where closed days are kept, and how a day comes to account for its cases.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{Case, ClearingDay, DayClosing, DayStatement, PaymentRequestId, RefundRequestId};

use crate::{Page, UnavailableError};

/// The days that are closed, and the cases that each of them accounts for. The same cases as a [`crate::CancellationStore`] keeps, under
/// the same locks.
///
/// A day is closed in steps, so that no cancel waits for a whole day of payments: [`assign_to_day`](Self::take_in) takes in a few cases at a
/// time, [`close`](Self::close) ends it at once. Any number of processes may close the same day.
#[async_trait]
pub trait SettlementStore: Send + Sync {
    /// The day as it was closed; `None` while it is open, whatever it has taken in already.
    async fn closed_day(&self, day: ClearingDay) -> Result<Option<ClosedDay>, UnavailableError>;

    /// What the closing of `day` takes in, by the days that are closed now: see [`DayClosing`].
    async fn closing(&self, day: ClearingDay) -> Result<DayClosing, UnavailableError>;

    /// Takes in at most `limit` of the cases that are due and stand after `after`, in the order of their completion, as
    /// [`domain::Action::Settle`] decides it for each under its case's lock, in one transaction.
    ///
    /// - What is taken in MUST be durable, and all of a step or nothing of it.
    /// - A closed day MUST NOT take in anything: the check and the step are one transaction, and steps of one day wait for each other.
    /// - A case that refuses, or that cannot be read, MUST end the step without anything being taken in.
    async fn assign_to_day(&self, closing: &DayClosing, step: &Step) -> Result<StepOutcome, UnavailableError>;

    /// One page of the cases that the day accounts for, by the payment or by a refund, in the order of their ids. One that cannot be read
    /// is [`UnavailableError`]: nobody may take the rest for all.
    async fn accounted(&self, day: ClearingDay, page: &Page) -> Result<Vec<Case>, UnavailableError>;

    /// Closes the day with its statement, provided that it is open and that nothing was taken in since `revision`; says whether it did.
    async fn close(&self, closed: &ClosedDay, revision: i64) -> Result<bool, UnavailableError>;

    /// The days before `day` that are open and would take something in, the earliest first: something completed on them that no day
    /// accounts for, or became known of the closed days right before them.
    async fn open_before(&self, day: ClearingDay) -> Result<Vec<ClearingDay>, UnavailableError>;

    /// The cases of these ids as last committed, in any order; unknown ones are left out.
    async fn find_all(&self, ids: &[PaymentRequestId]) -> Result<Vec<Case>, UnavailableError>;

    /// The cases that have refunds of these ids, in any order.
    async fn find_refunded(&self, ids: &[RefundRequestId]) -> Result<Vec<Case>, UnavailableError>;
}

/// A day that is closed. Nothing of it changes any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedDay {
    /// What it settles and what it leaves out.
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

/// The place of a case among those that are due: they are taken in in the order of their completion.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DuePosition {
    /// When the payment, or the first of the refunds that are due, completed.
    pub completed_at: DateTime<Utc>,
    /// The case.
    pub id: PaymentRequestId,
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// These were taken in.
    Taken {
        /// The position of the last of them; `None` where nothing was due any more.
        last: Option<DuePosition>,
        /// Changes whenever the day takes something in.
        revision: i64,
    },
    /// A case must not be taken in yet, so nothing was.
    Blocked {
        /// The case.
        id: PaymentRequestId,
        /// Why.
        why: &'static str,
    },
    /// The day is closed.
    Closed,
}
