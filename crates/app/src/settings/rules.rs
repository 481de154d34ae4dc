//! `[payments]`, `[funds]`, `[cancellable_period]` and `[results]`: what decisions depend on.

use chrono::TimeDelta;
use domain::{CancellablePeriod, FundsKind, NeverReceived, OtherAcquirer, PeriodOver, Results, Terms};

use super::section::{Kind, Section, Wrong};
use super::values::{FILE, GRACE, HTTP_URL, TIME_OF_DAY, TIMEOUT, ZONE};

/// Where a case's payment comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PaymentsKind {
    Recorded,
    Core,
}

const FUNDS_KIND: Kind<FundsKind> = Kind::new("\"ledger\"", |text| match text {
    "ledger" => Some(FundsKind::Ledger),
    "http" => Some(FundsKind::Core),
    _ => None,
});

const PAYMENTS_KIND: Kind<PaymentsKind> = Kind::new("\"recorded\"", |text| match text {
    "recorded" => Some(PaymentsKind::Recorded),
    "core" => Some(PaymentsKind::Core),
    _ => None,
});

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

/// Reads the four sections. Files that only a wallet core needs are named, not read.
pub(super) fn read(root: &mut Section) -> Result<Terms, Wrong> {
    let mut payments = root.table_or_empty("payments")?;
    if payments.or("kind", "recorded", &PAYMENTS_KIND)? == PaymentsKind::Core {
        return Err(Wrong::new("payments.kind is \"core\", which is not available in this version; use \"recorded\""));
    }
    wallet_core(&mut payments)?;
    root.end(payments)?;

    let mut funds_section = root.table_or_empty("funds")?;
    let funds = funds_section.or("kind", "ledger", &FUNDS_KIND)?;
    if funds == FundsKind::Core {
        return Err(Wrong::new("funds.kind is \"http\", which is not available in this version; use \"ledger\""));
    }
    let timeout = wallet_core(&mut funds_section)?;
    root.end(funds_section)?;

    Ok(Terms { period: period(root)?, funds, lease: timeout + TimeDelta::seconds(1), results: results(root)? })
}

/// How a wallet core is reached; returns how long one call may take.
fn wallet_core(section: &mut Section) -> Result<TimeDelta, Wrong> {
    section.or("url", "http://127.0.0.1:9090", &HTTP_URL)?;
    let timeout = section.or("timeout", "2s", &TIMEOUT)?;
    for file in ["token_file", "ca_file", "client_certificate_file", "client_key_file"] {
        section.optional(file, &FILE)?;
    }
    TimeDelta::from_std(timeout).map_err(|error| Wrong::new(format!("{} cannot be used: {error}", section.path_of("timeout"))))
}

fn period(root: &mut Section) -> Result<CancellablePeriod, Wrong> {
    let mut section = root.table_or_empty("cancellable_period")?;
    let period = CancellablePeriod {
        closes_next_day_at: section.or("closes_next_day_at", "00:30", &TIME_OF_DAY)?,
        zone: section.or("zone", "Asia/Shanghai", &ZONE)?,
        grace: section.or("grace", "0s", &GRACE)?,
    };
    root.end(section)?;
    Ok(period)
}

fn results(root: &mut Section) -> Result<Results, Wrong> {
    let mut section = root.table_or_empty("results")?;
    let results = Results {
        never_received: section.or("never_received", "SUCCESS", &NEVER_RECEIVED)?,
        period_over: section.or("period_over", "PROCESS_FAIL", &PERIOD_OVER)?,
        other_acquirer: section.or("other_acquirer", "PARAM_ILLEGAL", &OTHER_ACQUIRER)?,
    };
    root.end(section)?;
    Ok(results)
}
