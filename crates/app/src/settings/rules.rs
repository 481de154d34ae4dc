//! `[cancellable_period]` and `[results]`: what decisions depend on.

use std::time::Duration;

use chrono::TimeDelta;
use domain::{CancellablePeriod, FundsKind, NeverReceived, OtherAcquirer, PaymentsKind, PeriodOver, Policy, Results};

use super::core::CoreSection;
use super::section::{Kind, Section, SettingError};
use super::values::{GRACE, TIME_OF_DAY, ZONE};

/// What an attempt's lease lasts beyond the attempt's own timeout: its end has to be committed too.
const LEASED_LONGER: Duration = Duration::from_secs(1);

const NEVER_RECEIVED: Kind<NeverReceived> = Kind::new("\"SUCCESS\" or \"ORDER_NOT_EXIST\"", |text| match text {
    "SUCCESS" => Some(NeverReceived::Success),
    "ORDER_NOT_EXIST" => Some(NeverReceived::OrderNotExist),
    _ => None,
});

const PERIOD_OVER: Kind<PeriodOver> = Kind::new("\"PROCESS_FAIL\" or \"CANCEL_WINDOW_EXCEED\"", |text| match text {
    "PROCESS_FAIL" => Some(PeriodOver::ProcessFail),
    "CANCEL_WINDOW_EXCEED" => Some(PeriodOver::CancelWindowExceed),
    _ => None,
});

const OTHER_ACQUIRER: Kind<OtherAcquirer> = Kind::new("\"PARAM_ILLEGAL\" or \"ignore\"", |text| match text {
    "PARAM_ILLEGAL" => Some(OtherAcquirer::ParamIllegal),
    "ignore" => Some(OtherAcquirer::Ignore),
    _ => None,
});

/// Reads the sections; `core` says where the money is, and how long an attempt to give it back may take. `four_eyes` is the wallet API's.
pub(super) fn read(root: &mut Section, core: &CoreSection, four_eyes: bool) -> Result<Policy, SettingError> {
    let funds = if core.funds.is_some() { FundsKind::Http } else { FundsKind::Ledger };
    let lease = TimeDelta::from_std(core.attempt + LEASED_LONGER).unwrap_or(TimeDelta::MAX);
    let payments = if core.payments.is_some() { PaymentsKind::Core } else { PaymentsKind::Recorded };
    Ok(Policy { period: period(root)?, funds, payments, lease, four_eyes, results: results(root)? })
}

fn period(root: &mut Section) -> Result<CancellablePeriod, SettingError> {
    let mut section = root.table_or_empty("cancellable_period")?;
    let period = CancellablePeriod {
        closes_next_day_at: section.or("closes_next_day_at", "00:30", &TIME_OF_DAY)?,
        zone: section.or("zone", "Asia/Shanghai", &ZONE)?,
        grace: section.or("grace", "0s", &GRACE)?,
    };
    root.end(section)?;
    Ok(period)
}

fn results(root: &mut Section) -> Result<Results, SettingError> {
    let mut section = root.table_or_empty("results")?;
    let results = Results {
        never_received: section.or("never_received", "SUCCESS", &NEVER_RECEIVED)?,
        period_over: section.or("period_over", "PROCESS_FAIL", &PERIOD_OVER)?,
        other_acquirer: section.or("other_acquirer", "PARAM_ILLEGAL", &OTHER_ACQUIRER)?,
    };
    root.end(section)?;
    Ok(results)
}
