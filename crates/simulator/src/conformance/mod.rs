//! `alipayplus-sim conformance`: holds a wallet to the protocol, case by case.

mod bench;
mod case;
mod cases;
mod driver;
mod rescind;
mod rules;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use chrono::{DateTime, FixedOffset, TimeDelta};
use clap::Args;

use crate::alipayplus::{AlipayPlus, InquiryArgs, Partner, PartnerArgs};
use crate::clock::now;
use crate::output::{CommandError, say};
use crate::peer::{Peer, only_token, pay_token};
use crate::suite::case::Group;
use crate::suite::report::{Report, Subject};
use crate::suite::runner;
use crate::witness::Witness;

use bench::{Bench, Setting, Terms};
use case::Case;
use rescind::RescindDriver;

/// How a reader of the report knows that a case is right.
const NOTE: &str = "Each case says what it sends, what the wallet has to do, and which line of the protocol says so. A line is \
     documented on the named page of Alipay+'s documents, observed in its client libraries, or inferred where the page is silent.";

/// The conformance suite.
#[derive(Args, Debug)]
pub(crate) struct ConformanceArgs {
    /// Prints one case a line instead of running any
    #[arg(long, exclusive = true)]
    list: bool,
    #[command(flatten)]
    partner: Option<PartnerArgs>,
    #[command(flatten)]
    inquiries: InquiryArgs,
    /// The wallet API, by which cases make payments and see the money [default: none; such cases are not run]
    #[arg(long, value_name = "URL", requires = "wallet_token_file")]
    wallet_api: Option<String>,
    /// Lines of NAME ROLE TOKEN; the first with the role pay is used
    #[arg(long, value_name = "FILE", requires = "wallet_api")]
    wallet_token_file: Option<PathBuf>,
    /// The wallet core, where the money is there: cases debit it and see what it booked, by its two routes for tests
    #[arg(long, value_name = "URL", requires = "wallet_api")]
    wallet_core: Option<String>,
    /// The core's bearer token
    #[arg(long, value_name = "FILE", requires = "wallet_core")]
    wallet_core_token_file: Option<PathBuf>,
    /// The journal of the stand-in for the wallet core: what it booked is read there, and not asked for
    #[arg(long, value_name = "FILE", requires = "wallet_core")]
    wallet_core_journal: Option<PathBuf>,
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

/// Runs the suite, or lists it. Ends with 1 where a case failed, with 3 where none failed and one was not run.
pub(crate) async fn run(args: ConformanceArgs) -> Result<ExitCode, CommandError> {
    let Some(partner) = &args.partner else {
        let width = cases::all().map(|(_, case)| case.name.len()).max().unwrap_or_default();
        for (group, case) in cases::all() {
            say(format_args!("{:<12} {:<width$}  {}", group.name(), case.name, case.sends))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let (partner, chosen) = (&args.inquiries.of(partner.partner()?), chosen(&args.only)?);
    let subject = args.subject(partner)?;
    let driver = args.driver(partner)?;
    let run = format!("sim{:x}", now().timestamp_micros());
    if let Some(witness) = args.witness(partner)? {
        witness.answers(&format!("{run}-nobody")).await?;
    }
    let setting = Arc::new(Setting {
        partner: AlipayPlus::new(partner)?,
        inquirer: AlipayPlus::of_inquiries(partner)?,
        driver: driver.map(|driver| Box::new(driver) as Box<_>),
        terms: args.terms(),
        run,
        clock_ahead: args.wallet_clock.map_or_else(TimeDelta::zero, |at| at.to_utc() - now()),
        next: AtomicU32::new(1),
    });
    let begun = now();
    let results = runner::run(|| Bench::new(Arc::clone(&setting)), &chosen).await;
    let report = Report::new(subject, begun, results);
    say(report.table())?;
    report.write(args.junit.as_deref(), args.html.as_deref())?;
    Ok(report.code())
}

impl ConformanceArgs {
    fn driver(&self, partner: &Partner) -> Result<Option<RescindDriver>, CommandError> {
        let Some(witness) = self.witness(partner)? else { return Ok(None) };
        let core = self.wallet_core.as_deref().map(|core| self.core(core, partner)).transpose()?;
        Ok(self.api(partner)?.map(|api| RescindDriver::new(api, core, witness)))
    }

    fn api(&self, partner: &Partner) -> Result<Option<Peer>, CommandError> {
        let (Some(api), Some(tokens)) = (&self.wallet_api, &self.wallet_token_file) else { return Ok(None) };
        Peer::new(api, Some(pay_token(tokens)?), partner.ca_file.as_deref()).map(Some)
    }

    fn core(&self, url: &str, partner: &Partner) -> Result<Peer, CommandError> {
        Peer::new(url, only_token(self.wallet_core_token_file.as_deref())?, partner.ca_file.as_deref())
    }

    /// Who says where the money is.
    fn witness(&self, partner: &Partner) -> Result<Option<Witness>, CommandError> {
        Ok(match (&self.wallet_core_journal, &self.wallet_core) {
            (Some(journal), _) => Some(Witness::Journal(journal.clone())),
            (None, Some(core)) => Some(Witness::Core(self.core(core, partner)?)),
            (None, None) => self.api(partner)?.map(Witness::Ledger),
        })
    }

    fn terms(&self) -> Terms {
        let never_received = if self.never_received == "SUCCESS" { "S SUCCESS" } else { "F ORDER_NOT_EXIST" };
        Terms { never_received: never_received.to_owned(), period_over: format!("F {}", self.period_over) }
    }

    /// What the report says of the run.
    fn subject(&self, partner: &Partner) -> Result<Subject, CommandError> {
        let or = |value: &Option<String>, none: &str| value.clone().unwrap_or_else(|| none.to_owned());
        let clock = self.wallet_clock.map_or_else(|| "this machine's".to_owned(), |at| at.to_rfc3339());
        let witness = self.witness(partner)?.map_or_else(|| "none: cases of money are not run".to_owned(), |it| it.name());
        let file = |file: &PathBuf| file.display().to_string();
        let facts = vec![
            ("Wallet", partner.target.clone()),
            ("Inquired at", or(&partner.inquiry_target, "nowhere: cases of inquiries are not run")),
            ("Client-Id", partner.client_id.clone()),
            ("pspId", partner.psp_id.clone()),
            ("acquirerId", partner.acquirer_id.clone()),
            ("Signed with", format!("{}, keyVersion {}", file(&partner.key), partner.key_version)),
            ("Verified with", file(&partner.wallet_key)),
            ("Trusted authorities", partner.ca_file.as_ref().map_or_else(|| "the system's".to_owned(), file)),
            ("Driven by", or(&self.wallet_api, "nobody: only the callback is seen")),
            ("Payments debited at", or(&self.wallet_core, "the wallet")),
            ("Money seen at", witness),
            ("Wallet's clock", clock),
            ("Never received", self.terms().never_received),
            ("Period over", self.terms().period_over),
            ("Only", if self.only.is_empty() { "every case".to_owned() } else { self.only.join(", ") }),
        ];
        Ok(Subject {
            suite: "conformance",
            title: "Conformance of a wallet's cancelPayment and inquiryPayment",
            note: NOTE,
            facts,
        })
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
