//! The long run: a year on the store in memory beside a month on SQLite, whose counts have to reach their minimums.

use std::collections::BTreeSet;
use std::fmt;
use std::thread;

use crate::faults::FaultKind;
use crate::report::RunReport;
use crate::terms::{RunRequest, StoreKind};
use crate::{PAYMENTS, simulate};

/// How many days the two runs have.
const DAYS: [(StoreKind, u32); 2] = [(StoreKind::Memory, 365), (StoreKind::Sqlite, 30)];
/// How many cancels, faults, and faults of each kind there are at least.
const LEAST: [(&str, u64); 3] = [("cancels", 1_000_000), ("faults", 200_000), ("faults of each kind", 100)];

/// What came of the long run.
#[derive(Debug)]
pub struct YearReport {
    /// The year and the month.
    pub runs: Vec<RunReport>,
}

/// Lets a year and a month happen at once, each on a thread of its own.
///
/// # Errors
/// A sentence about what the machine did not do.
pub fn simulate_year(seed: u64) -> Result<YearReport, String> {
    let faults: BTreeSet<_> = FaultKind::ALL.iter().copied().collect();
    let begun: Vec<_> = DAYS
        .into_iter()
        .map(|(store, days)| {
            let faults = faults.clone();
            let request = RunRequest { seed, days, store, faults, plant: None, payments: PAYMENTS, trace: None };
            thread::spawn(move || simulate(&request))
        })
        .collect();
    let ended = begun.into_iter().map(|run| run.join().map_err(|_| "a run ended by a panic".to_owned())?);
    Ok(YearReport { runs: ended.collect::<Result<_, String>>()? })
}

impl YearReport {
    /// Which counts are too small, and which findings are not known: nothing where everything is as it must be.
    #[must_use]
    pub fn shortcomings(&self) -> Vec<String> {
        let cancels = self.runs.iter().filter_map(|run| run.counts.get("cancels")).sum();
        let faults = self.runs.iter().flat_map(|run| run.faults.values()).sum();
        let of_kind = |kind: &FaultKind| self.runs.iter().map(|run| run.faults[kind]).sum();
        let rarest = FaultKind::ALL.iter().map(of_kind).min().unwrap_or_default();
        let counted: [u64; 3] = [cancels, faults, rarest];
        let short = LEAST.into_iter().zip(counted).filter(|((_, least), count)| count < least);
        let short = short.map(|((what, least), count)| format!("{count} {what}, and {least} are the least"));
        let unknown = self.runs.iter().flat_map(RunReport::unknown);
        short.chain(unknown.map(|(violation, count)| format!("{count} times {}", violation.kind.name()))).collect()
    }
}

impl fmt::Display for YearReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.runs.iter().try_for_each(|run| write!(f, "{run}"))?;
        for shortcoming in self.shortcomings() {
            writeln!(f, "NOT ENOUGH {shortcoming}")?;
        }
        Ok(())
    }
}
