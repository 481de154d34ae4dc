//! `alipayplus-sim core certify`: attacks the reversals of any wallet core, and looks at what it booked.

mod bench;
mod case;
mod cases;
mod rules;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use clap::{Args, Subcommand};

use crate::clock::now;
use crate::output::{CommandError, say};
use crate::peer::{Peer, only_token};
use crate::suite::case::Group;
use crate::suite::report::{Report, Subject};
use crate::suite::runner;

use bench::{CoreBench, Setting};
use case::Case;

/// How a reader of the report knows that a case is right.
const NOTE: &str = "Each case says what it does to the core and what the core has to do, and quotes the contract that every wallet core \
     has toward Rescind. After each case the accounts are looked at: what the core answered is not believed.";

/// Looks at a wallet core.
#[derive(Subcommand, Debug)]
pub(crate) enum CoreCommand {
    /// Attacks the reversals of a wallet core, and looks at what it booked
    Certify(Box<CertifyArgs>),
}

/// Which core, and how it is reached.
#[derive(Args, Debug)]
pub(crate) struct CertifyArgs {
    /// Prints one case a line instead of running any
    #[arg(long, exclusive = true)]
    list: bool,
    /// The wallet core: what comes before /reversals, and before /payments and /accounts, its two routes for tests
    #[arg(long, value_name = "URL", required_unless_present = "list")]
    core: Option<String>,
    /// A file with the bearer token that the core wants to see
    #[arg(long, value_name = "FILE")]
    core_token_file: Option<PathBuf>,
    /// The only authorities that an HTTPS core's certificate may come from [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Kills the core and starts it again; run by a shell, and the core may answer later than it ends
    #[arg(long, value_name = "COMMAND")]
    restart: Option<String>,
    /// The core serves GET /payments as well, which Rescind asks where payments.kind is core
    #[arg(long)]
    lookups: bool,
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

/// Runs the command that was asked for.
pub(crate) async fn run(command: CoreCommand) -> Result<ExitCode, CommandError> {
    match command {
        CoreCommand::Certify(args) => certify(&args).await,
    }
}

/// Ends with 1 where a case failed, with 3 where none failed and one was not run.
async fn certify(args: &CertifyArgs) -> Result<ExitCode, CommandError> {
    let Some(url) = &args.core else {
        let width = cases::all().map(|(_, case)| case.name.len()).max().unwrap_or_default();
        for (group, case) in cases::all() {
            say(format_args!("{:<12} {:<width$}  {}", group.name(), case.name, case.sends))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let chosen = args.chosen()?;
    let core = Peer::new(url, only_token(args.core_token_file.as_deref())?, args.ca_file.as_deref())?;
    let run = format!("cert{:x}", now().timestamp_micros());
    let setting = Setting { core, run, restart: args.restart.clone(), next: AtomicU32::new(1), lacks: None };
    let setting = Arc::new(setting.with_what_it_lacks().await?);
    let begun = now();
    let results = runner::run(|| CoreBench::new(Arc::clone(&setting)), &chosen).await;
    let report = Report::new(args.subject(url, &setting), begun, results);
    say(report.table())?;
    report.write(args.junit.as_deref(), args.html.as_deref())?;
    Ok(report.code())
}

impl CertifyArgs {
    /// The cases that were asked for, in the suite's order.
    fn chosen(&self) -> Result<Vec<(Group, &'static Case)>, CommandError> {
        let fits = |group: Group, case: &Case, wanted: &str| group.name() == wanted || case.name == wanted;
        if let Some(unknown) = self.only.iter().find(|wanted| !cases::all().any(|(group, case)| fits(group, case, wanted))) {
            return Err(CommandError::new(format!("there is no group or case {unknown:?}; --list shows them")));
        }
        let is_chosen = |group: Group, case: &Case| match self.only.as_slice() {
            [] => group != Group::Lookup || self.lookups,
            only => only.iter().any(|wanted| fits(group, case, wanted)),
        };
        Ok(cases::all().filter(|(group, case)| is_chosen(*group, case)).collect())
    }

    /// What the report says of the run.
    fn subject(&self, url: &str, setting: &Setting) -> Subject {
        let file = |file: &PathBuf| file.display().to_string();
        let witness = setting.lacks.clone().unwrap_or_else(|| "the core (GET /accounts/…)".to_owned());
        let restart = self.restart.clone().unwrap_or_else(|| "no command: cases that kill the core are not run".to_owned());
        let lookups = if self.lookups { "yes" } else { "no: GET /payments is not looked at" };
        let facts = vec![
            ("Core", url.to_owned()),
            ("Token", self.core_token_file.as_ref().map_or_else(|| "none".to_owned(), file)),
            ("Trusted authorities", self.ca_file.as_ref().map_or_else(|| "the system's".to_owned(), file)),
            ("Money seen at", witness),
            ("Restarted by", restart),
            ("Lookups", lookups.to_owned()),
            ("Ids begin with", setting.run.clone()),
            ("Only", if self.only.is_empty() { "every case".to_owned() } else { self.only.join(", ") }),
        ];
        Subject { suite: "certify", title: "Certification of a wallet core", note: NOTE, facts }
    }
}
