//! The ports that days are closed with, and that Alipay+'s files are compared with.

use std::io;
use std::path::Path;
use std::sync::Arc;

use adapters_files::{AlipayplusFiles, CsvStatements, DiskSorter, FindingFiles};
use use_cases::{ReconciliationPorts, SettlementPorts};

use super::{database_failure, deployment_policy, open};
use crate::clock::SystemClock;
use crate::output::CliError;
use crate::settings::Settings;

/// The ports that days are closed with.
pub(crate) fn settlement_ports(settings: &Settings) -> Result<SettlementPorts, CliError> {
    let database = open(settings)?;
    database.check_deployment(&deployment_policy(settings)).map_err(database_failure)?;
    let policy = settings.policy.clone();
    let (cases, days) = (database.store(policy.clone()), database.settlements(policy.clone()));
    Ok(SettlementPorts { cases, days, statements: Arc::new(CsvStatements), clock: Arc::new(SystemClock), policy })
}

/// The ports of one check, which writes its findings to these files and calls `on_read` with the number of bytes that it read.
pub(crate) fn reconciliation_ports(
    settings: &Settings,
    (csv, json): (Option<&Path>, Option<&Path>),
    on_read: impl Fn(u64) + Send + Sync + 'static,
) -> Result<ReconciliationPorts, CliError> {
    let database = open(settings)?;
    database.check_migrated().map_err(database_failure)?;
    let findings = FindingFiles::create(csv, json).map_err(|error| check_failure(&error))?;
    Ok(ReconciliationPorts {
        days: database.settlements(settings.policy.clone()),
        reader: Arc::new(AlipayplusFiles::new(settings.settlement.format.clone(), on_read)),
        sorter: Box::new(DiskSorter::default()),
        findings: Box::new(findings),
    })
}

/// The disk does not take what a check sorts or finds.
pub(crate) fn check_failure(error: &io::Error) -> CliError {
    CliError::new(format!("the check cannot be written down: {error}"))
}
