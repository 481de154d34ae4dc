//! What a deployment's settings say about the rules.

use chrono::TimeDelta;

use crate::CancellablePeriod;

/// The settings that decisions depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Until when a payment can be cancelled.
    pub period: CancellablePeriod,
    /// Where the money is.
    pub funds: FundsKind,
    /// Where the payments come from.
    pub payments: PaymentsKind,
    /// How long one attempt to give money back may hold its reversal (wallet core only).
    pub lease: TimeDelta,
    /// Whether a resolution by hand takes two operators.
    pub four_eyes: bool,
    /// Where contracts differ about the answer.
    pub results: Results,
}

/// Where the users' money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FundsKind {
    /// In the embedded ledger: booked in the commit that decides.
    Ledger,
    /// In the wallet core: it is asked after the commit, until it confirms that nothing is left debited or held.
    Http,
}

/// Where a case's payment comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentsKind {
    /// The wallet announces it and reports its result.
    Recorded,
    /// The wallet core is asked for it. It needs [`FundsKind::Http`].
    Core,
}

/// The answers that a contract may word differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Results {
    /// For a payment that was never received.
    pub never_received: NeverReceived,
    /// For a cancel outside of the period.
    pub period_over: PeriodOver,
    /// For a cancel by another acquirer than the recorded one.
    pub other_acquirer: OtherAcquirer,
}

/// What a cancel of a payment that was never received is answered. The fence is recorded in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeverReceived {
    /// S `SUCCESS`.
    Success,
    /// F `ORDER_NOT_EXIST`, where there was nothing to do.
    OrderNotExist,
}

/// The code of a cancel outside of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodOver {
    /// F `PROCESS_FAIL`.
    ProcessFail,
    /// F `CANCEL_WINDOW_EXCEED`.
    CancelWindowExceed,
}

/// What becomes of a cancel by another acquirer than the recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherAcquirer {
    /// F `PARAM_ILLEGAL`.
    ParamIllegal,
    /// The difference is not looked at.
    Ignore,
}
