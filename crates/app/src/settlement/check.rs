//! `rescind settlement check`: compares Alipay+'s files with the record. It reads, and changes nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use domain::{ClearingDay, GateState, Scope};
use use_cases::{ReconcileError, ReconcileRequest, Reconciliation, reconcile};

use super::report::{Found, Report};
use super::verdict::summary;
use crate::output::{CliError, print_error, print_line};
use crate::settings::Settings;
use crate::wiring;

/// A cancelled payment may be in the files: something cannot be read for certain, or nothing is known of it.
const DOUBT: u8 = 2;
/// A cancelled payment is in the files.
const GATE_FAILED: u8 = 3;
/// Something else was found, and nothing may be.
const NOT_CLEAN: u8 = 4;

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
    /// Ends with code 4 if anything at all is found
    #[arg(long)]
    strict: bool,
}

/// Compares the files with the record.
pub(crate) async fn check(settings: Settings, args: CheckArgs) -> Result<ExitCode, CliError> {
    let CheckArgs { files, day, csv, json, strict } = args;
    let mut report = Report::of(&files);
    let ports = wiring::reconciliation_ports(&settings, (csv.as_deref(), json.as_deref()), report.on_read())?;
    let scope = if settings.core.payments.is_some() { Scope::CancelledOnly } else { Scope::Everything };
    let request = ReconcileRequest { files, day, scope, unknown_lines: settings.settlement.unknown_lines };
    let reconciled = reconcile(ports, &request, &mut report).await;
    let Found { table, unreadable } = report.finish();
    match reconciled {
        Ok(reconciliation) => {
            for line in unreadable {
                print_error(&CliError::new(line));
            }
            print_line(summary(&reconciliation, request.files.len(), &table).trim_end())?;
            Ok(code(&reconciliation, strict))
        }
        Err(ReconcileError::Malformed(malformed)) => {
            print_error(&CliError::new(malformed.to_string()));
            Ok(ExitCode::from(DOUBT))
        }
        Err(ReconcileError::Unavailable(unavailable)) => {
            Err(CliError::new(format!("the database cannot be asked: {unavailable}")))
        }
        Err(ReconcileError::Disk(error)) => Err(wiring::check_failure(&error)),
    }
}

fn code(Reconciliation { totals, missing: _ }: &Reconciliation, strict: bool) -> ExitCode {
    match totals.gate {
        GateState::Failed => ExitCode::from(GATE_FAILED),
        GateState::Doubt => ExitCode::from(DOUBT),
        GateState::Passed if strict && !totals.counts.is_empty() => ExitCode::from(NOT_CLEAN),
        GateState::Passed => ExitCode::SUCCESS,
    }
}
