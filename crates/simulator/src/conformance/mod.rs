//! `alipayplus-sim conformance`: holds a wallet to the protocol, case by case.

mod bench;
mod case;
mod cases;
mod driver;
mod report;
mod rescind;
mod rules;
mod runner;
mod verdict;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use chrono::{DateTime, FixedOffset, TimeDelta};
use clap::Args;

use crate::alipayplus::{AlipayPlus, PartnerArgs};
use crate::clock::now;
use crate::output::{CommandError, read, say};
use crate::wire::{Dialer, Target};

use bench::{Setting, Terms};
use case::{Case, Group};
use driver::WalletDriver;
use report::Report;
use rescind::{Peer, RescindDriver};

/// The conformance suite.
#[derive(Args, Debug)]
pub(crate) struct ConformanceArgs {
    /// Prints one case a line instead of running any
    #[arg(long, exclusive = true)]
    list: bool,
    #[command(flatten)]
    partner: Option<PartnerArgs>,
    /// The wallet API, by which cases make payments and see the money [default: none; such cases are not run]
    #[arg(long, value_name = "URL", requires = "wallet_token_file")]
    wallet_api: Option<String>,
    /// Lines of NAME ROLE TOKEN; the first with the role pay is used
    #[arg(long, value_name = "FILE", requires = "wallet_api")]
    wallet_token_file: Option<PathBuf>,
    /// The stand-in for the wallet core, where the money is there: cases debit it, and payments' reversals say what is back
    #[arg(long, value_name = "URL", requires = "wallet_api")]
    wallet_core: Option<String>,
    /// The stand-in's bearer token
    #[arg(long, value_name = "FILE", requires = "wallet_core")]
    wallet_core_token_file: Option<PathBuf>,
    /// The time at the wallet now, in RFC 3339, where its clock is not this machine's
    #[arg(long, value_name = "TIME")]
    wallet_clock: Option<DateTime<FixedOffset>>,
    /// What the contract says of a payment that was never received
    #[arg(long, value_name = "CODE", default_value = "SUCCESS", value_parser = ["SUCCESS", "ORDER_NOT_EXIST"])]
    never_received: String,
    /// What the contract says outside of the cancellable period
    #[arg(long, value_name = "CODE", default_value = "PROCESS_FAIL")]
    period_over: String,
    /// Runs only this group, or the case with this name; may be given again
    #[arg(long, value_name = "GROUP")]
    only: Vec<String>,
    /// Writes the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Writes a report for people, one HTML file that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Runs the suite, or lists it. Succeeds where all that ran passed.
pub(crate) async fn run(args: ConformanceArgs) -> Result<ExitCode, CommandError> {
    let Some(partner) = &args.partner else {
        let width = cases::all().map(|(_, case)| case.name.len()).max().unwrap_or_default();
        for (group, case) in cases::all() {
            say(format_args!("{:<12} {:<width$}  {}", group.name(), case.name, case.sends))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let chosen = chosen(&args.only)?;
    let setting = Setting {
        partner: AlipayPlus::new(partner)?,
        driver: args.driver(partner)?,
        terms: args.terms(),
        run: format!("sim{:x}", now().timestamp_micros()),
        clock_ahead: args.wallet_clock.map_or_else(TimeDelta::zero, |at| at.to_utc() - now()),
        next: AtomicU32::new(1),
    };
    let begun = now();
    let results = runner::run(&Arc::new(setting), &chosen).await;
    let report = Report::new(partner, begun, results);
    say(report.table())?;
    report.write(args.junit.as_deref(), args.html.as_deref())?;
    Ok(if report.passes() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl ConformanceArgs {
    fn driver(&self, partner: &PartnerArgs) -> Result<Option<Box<dyn WalletDriver>>, CommandError> {
        let (Some(api), Some(tokens)) = (&self.wallet_api, &self.wallet_token_file) else { return Ok(None) };
        let tokens = String::from_utf8_lossy(&read(tokens)?).into_owned();
        let dialer = |url: &str| Dialer::new(Target::parse(url)?, partner.ca_file.as_deref());
        let core = match &self.wallet_core {
            Some(core) => Some(Peer { dialer: dialer(core)?, token: self.core_token()? }),
            None => None,
        };
        Ok(Some(Box::new(RescindDriver::new(dialer(api)?, &tokens, core)?)))
    }

    fn core_token(&self) -> Result<Option<String>, CommandError> {
        let token = self.wallet_core_token_file.as_deref().map(read).transpose()?;
        Ok(token.map(|token| String::from_utf8_lossy(&token).trim().to_owned()))
    }

    fn terms(&self) -> Terms {
        let never_received = if self.never_received == "SUCCESS" { "S SUCCESS" } else { "F ORDER_NOT_EXIST" };
        Terms { never_received: never_received.to_owned(), period_over: format!("F {}", self.period_over) }
    }
}

/// The cases that were asked for, in the suite's order.
fn chosen(only: &[String]) -> Result<Vec<(Group, &'static Case)>, CommandError> {
    let fits = |group: Group, case: &Case, wanted: &str| group.name() == wanted || case.name == wanted;
    if let Some(unknown) = only.iter().find(|wanted| !cases::all().any(|(group, case)| fits(group, case, wanted))) {
        return Err(CommandError::new(format!("there is no group or case {unknown:?}; --list shows them")));
    }
    let chosen = cases::all().filter(|(group, case)| only.is_empty() || only.iter().any(|wanted| fits(*group, case, wanted)));
    Ok(chosen.collect())
}
