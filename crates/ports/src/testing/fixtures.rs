//! Words for tests: policies, ids, moments, and a wallet that speaks in commands.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use domain::{
    AccountId, AcquirerId, Action, Cancel, CancellablePeriod, ClearingDay, Command, Currency, FundsKind, Lookup, Money,
    NeverReceived, OtherAcquirer, PayResult, Payment, PaymentKind, PaymentRequestId, PaymentStatus, PaymentsKind, PeriodOver,
    Policy, RefundRequest, RefundRequestId, RefundResult, Reply, ReportedResult, Results,
};
use sha2::{Digest, Sha256};

use super::memory::timer_instant;
use crate::{Decided, ReceivedCommand, UnavailableError};

/// The default settings, with the embedded ledger.
#[must_use]
pub fn ledger_policy() -> Policy {
    let results = Results {
        never_received: NeverReceived::Success,
        period_over: PeriodOver::ProcessFail,
        other_acquirer: OtherAcquirer::ParamIllegal,
    };
    let closes_next_day_at = NaiveTime::from_hms_opt(0, 30, 0).unwrap_or_default();
    let zone = "Asia/Shanghai".parse().unwrap_or_default();
    let period = CancellablePeriod { closes_next_day_at, zone, grace: TimeDelta::zero() };
    Policy {
        period,
        funds: FundsKind::Ledger,
        payments: PaymentsKind::Recorded,
        lease: TimeDelta::seconds(3),
        four_eyes: false,
        results,
    }
}

/// The default settings, with a wallet core.
#[must_use]
pub fn core_policy() -> Policy {
    Policy { funds: FundsKind::Http, ..ledger_policy() }
}

/// A moment of a day whose period is long over by any real clock: `seconds` after noon at UTC+8 of 2026-03-01.
#[must_use]
pub fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_337_600 + seconds, 0).unwrap_or_default()
}

/// So many seconds are a day.
pub(super) const DAY_LONG: i64 = 24 * 60 * 60;

/// The clearing day of [`moment`], or one so many days later.
#[must_use]
pub fn day(later: i64) -> ClearingDay {
    ClearingDay::of(moment(later * DAY_LONG))
}

/// A case's key.
///
/// # Panics
/// Where the text is not an identifier.
#[must_use]
pub fn id(text: &str) -> PaymentRequestId {
    PaymentRequestId::parse(text).unwrap()
}

/// The SHA-256 of `bytes`, in small hexadecimal digits, as `sha256sum` prints it.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The replies alone, without the rules that decided.
#[must_use]
pub fn replies(decided: Vec<Result<Decided, UnavailableError>>) -> Vec<Result<Reply, UnavailableError>> {
    decided.into_iter().map(|decided| decided.map(|decided| decided.reply)).collect()
}

/// Makes the commands on one case: its wallet's, and Alipay+'s cancels.
#[derive(Debug, Clone)]
pub struct Wallet {
    /// The `paymentRequestId` of all its commands.
    pub id: PaymentRequestId,
    /// The account that pays.
    pub account: &'static str,
    /// How much, in yen.
    pub amount: i64,
    /// When the commands are given.
    pub at: DateTime<Utc>,
}

impl Wallet {
    /// 1000 yen from the account `user-1`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self { id: id(text), account: "user-1", amount: 1000, at: moment(0) }
    }

    /// Gives a command with any action.
    #[must_use]
    pub fn does(&self, action: Action) -> ReceivedCommand {
        // Still to come, so that it has not waited, and every store decides it alike.
        let arrived = timer_instant() + Duration::from_secs(86_400);
        ReceivedCommand { command: Command { id: self.id.clone(), at: self.at, action }, arrived }
    }

    pub(super) fn yen(minor: i64) -> Money {
        Money::new(minor, Currency::parse("JPY").unwrap()).unwrap()
    }

    /// Announces the payment.
    #[must_use]
    pub fn pays(&self) -> ReceivedCommand {
        self.announces(PaymentKind::Payment)
    }

    /// Announces a debit or a hold, initiated at [`moment`] 0 or, where it is announced before, then.
    #[must_use]
    pub fn announces(&self, kind: PaymentKind) -> ReceivedCommand {
        self.does(Action::Pay(Payment {
            acquirer_id: AcquirerId::parse("acquirer-1").unwrap(),
            account: AccountId::parse(self.account).unwrap(),
            amount: Self::yen(self.amount),
            settlement_amount: None,
            kind,
            initiated_at: self.at.min(moment(0)),
            payment_id: None,
            status: PaymentStatus::InProgress,
        }))
    }

    /// Reports the payment's result; a success costs a fee of 3 yen.
    #[must_use]
    pub fn reports(&self, result: ReportedResult) -> ReceivedCommand {
        let fee = Some(Self::yen(3)).filter(|_| result == ReportedResult::Succeeded);
        self.does(Action::Result(PayResult { result, completed_at: self.at, payment_id: None, fee }))
    }

    /// Announces a refund of the wallet's own, `minor` in yen.
    #[must_use]
    pub fn refunds(&self, refund: &str, minor: i64) -> ReceivedCommand {
        let id = RefundRequestId::parse(refund).unwrap();
        self.does(Action::Refund(RefundRequest { id, amount: Self::yen(minor) }))
    }

    /// Reports that refund's result.
    #[must_use]
    pub fn reports_refund(&self, refund: &str, result: ReportedResult) -> ReceivedCommand {
        let id = RefundRequestId::parse(refund).unwrap();
        self.does(Action::RefundResult(RefundResult { id, result, completed_at: self.at }))
    }

    /// Alipay+ cancels for the payment's acquirer.
    #[must_use]
    pub fn is_cancelled(&self) -> ReceivedCommand {
        self.is_cancelled_by("acquirer-1", Lookup::Recorded)
    }

    /// Alipay+ cancels for any acquirer, after this lookup at the core.
    #[must_use]
    pub fn is_cancelled_by(&self, acquirer: &str, lookup: Lookup) -> ReceivedCommand {
        self.does(Action::Cancel(Cancel::now(AcquirerId::parse(acquirer).unwrap(), lookup)))
    }
}
