//! `rescind settlement check`: compares Alipay+'s files with the record. It reads, and changes nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use domain::{ClearingDay, Scope};
use use_cases::{MissingSearch, ReconcileError, ReconcileRequest, Reconciliation, reconcile};

use super::report::Report;
use crate::output::{CliError, print_error, print_line};
use crate::settings::Settings;
use crate::wiring;

/// A file cannot be read for certain, so nothing is compared.
const MALFORMED: u8 = 2;
/// A cancelled payment is in the files.
const GATE_FAILED: u8 = 3;

/// What is to be checked.
#[derive(Args)]
pub(crate) struct CheckArgs {
    /// Transaction detail and fee files of Alipay+'s, as they were delivered or compressed by gzip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The clearing day whose statement has to be in the files [default: the one that most of the files' payments and refunds are of]
    #[arg(long, value_name = "DAY", value_parser = ClearingDay::parse)]
    day: Option<ClearingDay>,
    /// Writes all findings to this CSV file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Writes all findings to this JSON file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Compares the files with the record.
pub(crate) async fn check(settings: Settings, args: CheckArgs) -> Result<ExitCode, CliError> {
    let CheckArgs { files, day, csv, json } = args;
    let mut report = Report::of(&files);
    let ports = wiring::reconciliation_ports(&settings, (csv.as_deref(), json.as_deref()), report.on_read())?;
    let scope = if settings.core.payments.is_some() { Scope::CancelledOnly } else { Scope::Everything };
    let request = ReconcileRequest { files, day, scope };
    let reconciled = reconcile(ports, &request, &mut report).await;
    let found = report.finish();
    match reconciled {
        Ok(reconciliation) => {
            print_line(summary(&reconciliation, request.files.len(), &found).trim_end())?;
            let fails = reconciliation.totals.fails_the_gate();
            Ok(if fails { ExitCode::from(GATE_FAILED) } else { ExitCode::SUCCESS })
        }
        Err(ReconcileError::Malformed(malformed)) => {
            print_error(&CliError::new(malformed.to_string()));
            Ok(ExitCode::from(MALFORMED))
        }
        Err(ReconcileError::Unavailable(unavailable)) => {
            Err(CliError::new(format!("the database cannot be asked: {unavailable}")))
        }
        Err(ReconcileError::Disk(error)) => Err(wiring::check_failure(&error)),
    }
}

fn summary(Reconciliation { totals, missing }: &Reconciliation, files: usize, found: &str) -> String {
    let agrees = if found.is_empty() { "nothing is found" } else { "this is found" };
    format!("{} lines of {files} files are compared, and {agrees}\n{found}{}", totals.lines, where_missing(missing))
}

/// Says where what settled and is in no file was looked for.
fn where_missing(search: &MissingSearch) -> String {
    let (sentence, others) = match search {
        MissingSearch::CancelledOnly => {
            ("the wallet core keeps the payments: only cancelled ones were looked for\n".to_owned(), &[][..])
        }
        MissingSearch::NoAmounts => {
            ("no file tells what settles, so what settled and is missing was not looked for\n".to_owned(), &[][..])
        }
        MissingSearch::NoDay => {
            let sentence = "the files name no day, so what settled and is missing was not looked for; --day names one\n";
            (sentence.to_owned(), &[][..])
        }
        MissingSearch::OpenDay { day, others } => {
            (format!("{day} is not closed here, so what settled and is missing was not looked for\n"), &others[..])
        }
        MissingSearch::ClosedDay { day, others } => {
            (format!("the statement of {day} was looked for in the files\n"), &others[..])
        }
    };
    if others.is_empty() {
        return sentence;
    }
    let named: Vec<_> = others.iter().map(ClearingDay::to_string).collect();
    format!("{sentence}something is of {}, which was not looked for; --day names one day\n", named.join(", "))
}
