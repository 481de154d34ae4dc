//! `rescind settlement export`: closes a day and writes its statement to a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use domain::{ClearingDay, Currency, DayStatement, ExclusionReason};
use ports::{ClosedDay, UnavailableError};
use use_cases::{close_day, write_statement};

use crate::output::{CliError, print_line};
use crate::settings::Settings;
use crate::wiring;

/// How many open days are named.
const NAMED: usize = 5;

/// Closes the day, if it is open, and writes its statement. The file is there whole or not at all.
pub(crate) async fn export(settings: Settings, day: ClearingDay, out: &Path) -> Result<ExitCode, CliError> {
    if settings.core.payments.is_some() {
        return Err(CliError::new(
            "payments.kind is \"core\": the wallet core keeps the payments and knows what settles, so there is no statement here; \
             `rescind settlement check` finds cancelled payments in Alipay+'s files all the same",
        ));
    }
    let ports = wiring::settlement_ports(&settings)?;
    let closed = close_day(&ports, day).await;
    let closed = closed.map_err(|why| CliError::new(format!("the day {day} is not closed: {why}")))?;
    let written = write_statement(&ports, &closed, out).await;
    written.map_err(|why| CliError::new(format!("the day {day} is closed, but {} is not written: {why}", out.display())))?;
    let open = ports.days.open_before(day).await;
    print_line(summary(&closed, &open, out).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn summary(closed: &ClosedDay, open: &Result<Vec<ClearingDay>, UnavailableError>, out: &Path) -> String {
    let ClosedDay { statement, closed_at: _, digest } = closed;
    let DayStatement { day, payments, refunds, fees, excluded } = statement;
    let mut text = format!("the day {day} is closed: {} payments and {} refunds settle", payments.count, refunds.count);
    let late = payments.late + refunds.late;
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{}", if late > 0 { format!(", {late} of them late") } else { String::new() });
    let mut line = |what: &str, sums: &BTreeMap<Currency, i128>| {
        for (currency, sum) in sums {
            let _ = writeln!(text, "  {what:<10} {sum} {currency}");
        }
    };
    line("payments", &payments.amounts);
    line("refunds", &refunds.amounts);
    line("fees", fees);
    for (reason, excluded) in excluded {
        let why = match reason {
            ExclusionReason::Cancelled => "cancelled",
            ExclusionReason::MoneyNotBack => "cancelled, and the money is not back yet",
        };
        let _ = writeln!(text, "left out: {} {why}", excluded.totals.count);
    }
    text.push_str(&still_open(open));
    let _ = writeln!(text, "{digest}  {}", out.display());
    text
}

/// The days that a failed timer left open: no other command tells of them.
fn still_open(open: &Result<Vec<ClearingDay>, UnavailableError>) -> String {
    let open = match open {
        Ok(open) if open.is_empty() => return String::new(),
        Ok(open) => open,
        Err(why) => return format!("whether a day before it is still open is not known: {why}\n"),
    };
    let named: Vec<_> = open.iter().take(NAMED).map(ClearingDay::to_string).collect();
    let more = open.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("still open, with something to settle: {}{more}\n", named.join(", "))
}
