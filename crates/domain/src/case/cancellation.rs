//! What a cancellation was answered and where it stands.

use chrono::{DateTime, Utc};

use crate::AcquirerId;
use crate::spelling::spelled;

/// What Alipay+ is answered. Doubt is always [`Answer::Pending`]: a refusal can only be made from a [`Refusal`], and each of those is
/// a proven, permanent fact.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// S: cancelled, and nothing of the payment is left with the merchant's side.
    Cancelled,
    /// F: refused for good.
    Refused(Refusal),
    /// U: not known yet; Alipay+ asks again.
    Pending,
}

/// An answer that is given again for ever once it is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinalAnswer {
    /// S.
    Cancelled,
    /// F.
    Refused(Refusal),
}

impl From<FinalAnswer> for Answer {
    fn from(answer: FinalAnswer) -> Self {
        match answer {
            FinalAnswer::Cancelled => Self::Cancelled,
            FinalAnswer::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

/// Why a cancel is refused for good. Each carries what was answered where settings choose the code, because the code that was
/// sent is recorded and never derived again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// Another acquirer than the recorded one asks.
    DifferentRequest,
    /// Received outside of the cancellable period, or the payment's day is closed.
    PeriodOver(RefusalCode),
    /// A part of the payment went back by a refund; only a full amount can be cancelled.
    PartlyRefunded,
    /// The payment was never received, and the contract wants F for that.
    NeverReceived,
}

spelled! {
    /// Result codes of Alipay+ that a recorded refusal can have, spelled as on the wire.
    RefusalCode {
        /// An identifier does not fit the record.
        ParamIllegal = "PARAM_ILLEGAL",
        /// The business refuses.
        ProcessFail = "PROCESS_FAIL",
        /// The cancellable period is over.
        CancelWindowExceed = "CANCEL_WINDOW_EXCEED",
        /// The payment was never received.
        OrderNotExist = "ORDER_NOT_EXIST",
    }
}

impl Refusal {
    /// The result code that goes with it.
    #[must_use]
    pub fn code(self) -> RefusalCode {
        match self {
            Self::DifferentRequest => RefusalCode::ParamIllegal,
            Self::PeriodOver(code) => code,
            Self::PartlyRefunded => RefusalCode::ProcessFail,
            Self::NeverReceived => RefusalCode::OrderNotExist,
        }
    }

    /// Its name in timelines and tables.
    #[must_use]
    pub fn name(self) -> RefusalName {
        match self {
            Self::DifferentRequest => RefusalName::DifferentRequest,
            Self::PeriodOver(_) => RefusalName::PeriodOver,
            Self::PartlyRefunded => RefusalName::PartlyRefunded,
            Self::NeverReceived => RefusalName::NeverReceived,
        }
    }
}

/// A cancel that was received for a case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cancellation {
    /// The acquirer that asked first; once it is decided, the one that is answered.
    pub acquirer_id: AcquirerId,
    /// The earliest moment at which a cancel of this acquirer was received; decides about the period, however late a retry comes.
    pub first_received_at: DateTime<Utc>,
    /// Where it stands.
    pub state: CancellationState,
}

/// Where a cancellation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancellationState {
    /// Received, but the rules cannot be applied yet.
    Deferred(DeferReason),
    /// Cancelled; the wallet core has not yet said that the money is back.
    Open {
        /// When it was decided.
        cancelled_at: DateTime<Utc>,
    },
    /// Cancelled and answered.
    Cancelled {
        /// When it was decided.
        cancelled_at: DateTime<Utc>,
        /// What was answered: S, or F `ORDER_NOT_EXIST` for a fence where the contract wants that.
        answer: FinalAnswer,
    },
    /// Refused for good.
    Refused {
        /// Why, and with which code.
        refusal: Refusal,
    },
    /// Answered S, because refunds had given everything back already. Not cancelled: those refunds are in Alipay+'s files.
    AlreadyRefunded {
        /// The wallet core said so of a payment that was never announced: one that is announced later is closed.
        never_seen: bool,
    },
}

spelled! {
    /// Why the rules cannot be applied yet.
    DeferReason {
        /// A refund by the wallet has no result.
        RefundRunning = "refund-running",
        /// The payment is not looked up yet, or could not be.
        LookupFailed = "lookup-failed",
        /// The wallet core's lookup contradicts what it said before, or cannot be true.
        Contradiction = "contradiction",
        /// Our clocks and the signed `Request-Time` disagree about the period.
        ClocksDisagree = "clocks-disagree",
    }
}

spelled! {
    /// What the wallet heard when it asked about a closed payment. It is never taken back, whatever the wallet core says later.
    Told {
        /// An announcement was told not to debit.
        Closed = "closed",
        /// A success was told that its money goes back.
        Reversed = "reversed",
    }
}

spelled! {
    /// The name of a [`CancellationState`].
    CancellationStateName {
        /// Received, not decidable yet.
        Deferred = "deferred",
        /// Cancelled, the money is not back yet.
        Open = "open",
        /// Cancelled and answered.
        Cancelled = "cancelled",
        /// Refused for good.
        Refused = "refused",
        /// Answered S, because refunds had given everything back.
        AlreadyRefunded = "already-refunded",
    }
}

spelled! {
    /// The name of a [`Refusal`].
    RefusalName {
        /// Another acquirer asks.
        DifferentRequest = "different-request",
        /// After the cancellable period.
        PeriodOver = "period-over",
        /// A part went back by refunds.
        PartlyRefunded = "partly-refunded",
        /// The payment was never received.
        NeverReceived = "never-received",
    }
}

impl CancellationState {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> CancellationStateName {
        match self {
            Self::Deferred(_) => CancellationStateName::Deferred,
            Self::Open { .. } => CancellationStateName::Open,
            Self::Cancelled { .. } => CancellationStateName::Cancelled,
            Self::Refused { .. } => CancellationStateName::Refused,
            Self::AlreadyRefunded { .. } => CancellationStateName::AlreadyRefunded,
        }
    }

    /// Why it is deferred, if it is.
    #[must_use]
    pub fn defer_reason(&self) -> Option<DeferReason> {
        match self {
            Self::Deferred(reason) => Some(*reason),
            Self::Open { .. } | Self::Cancelled { .. } | Self::Refused { .. } | Self::AlreadyRefunded { .. } => None,
        }
    }
}

impl Cancellation {
    /// When the payment was cancelled, if it is.
    #[must_use]
    pub fn cancelled_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            CancellationState::Open { cancelled_at } | CancellationState::Cancelled { cancelled_at, .. } => Some(cancelled_at),
            CancellationState::Deferred(_) | CancellationState::Refused { .. } | CancellationState::AlreadyRefunded { .. } => {
                None
            }
        }
    }

    /// Whether it waits for a lookup that succeeds and contradicts nothing: nothing is decided about it.
    #[must_use]
    pub fn waits_for_lookup(&self) -> bool {
        match self.state {
            CancellationState::Deferred(DeferReason::LookupFailed | DeferReason::Contradiction) => true,
            CancellationState::Deferred(DeferReason::RefundRunning | DeferReason::ClocksDisagree)
            | CancellationState::Open { .. }
            | CancellationState::Cancelled { .. }
            | CancellationState::Refused { .. }
            | CancellationState::AlreadyRefunded { .. } => false,
        }
    }

    /// Whether it is in doubt which clock is right about the moment at which it was received.
    #[must_use]
    pub fn is_of_doubtful_time(&self) -> bool {
        self.state == CancellationState::Deferred(DeferReason::ClocksDisagree)
    }

    /// The recorded final answer, if there is one.
    #[must_use]
    pub fn final_answer(&self) -> Option<FinalAnswer> {
        match self.state {
            CancellationState::Deferred(_) | CancellationState::Open { .. } => None,
            CancellationState::Cancelled { answer, .. } => Some(answer),
            CancellationState::Refused { refusal } => Some(FinalAnswer::Refused(refusal)),
            CancellationState::AlreadyRefunded { .. } => Some(FinalAnswer::Cancelled),
        }
    }
}
