//! What a run prints: the same bytes for the same request, whichever store it ran on.

use std::collections::BTreeMap;
use std::fmt;

use crate::faults::FaultKind;
use crate::recorder::Recorder;
use crate::terms::RunRequest;
use crate::violations::Violation;

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    /// What it was asked for.
    pub seed: u64,
    /// How many days it had.
    pub days: u32,
    /// What was counted, by its name.
    pub counts: BTreeMap<&'static str, u64>,
    /// How often each fault happened.
    pub faults: BTreeMap<FaultKind, u64>,
    /// The first finding of each kind, with how many there are.
    pub found: Vec<(Violation, u64)>,
    /// The digest of the trace.
    pub digest: u64,
}

impl RunReport {
    pub(crate) fn of(request: &RunRequest, recorder: &Recorder) -> Self {
        Self {
            seed: request.seed,
            days: request.days,
            counts: recorder.counts(),
            faults: recorder.fault_counts(),
            found: recorder.found(),
            digest: recorder.digest(),
        }
    }

    /// The findings that are not known until they are mended.
    pub fn unknown(&self) -> impl Iterator<Item = &(Violation, u64)> {
        self.found.iter().filter(|(violation, _)| violation.kind.known().is_none())
    }
}

impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} days {}", self.seed, self.days)?;
        for (what, count) in &self.counts {
            writeln!(f, "  {count:>9} {what}")?;
        }
        let faults: u64 = self.faults.values().sum();
        writeln!(f, "  {faults:>9} faults")?;
        for (kind, count) in &self.faults {
            writeln!(f, "  {count:>9} fault {}", kind.name())?;
        }
        for (violation, count) in &self.found {
            let known = violation.kind.known().map_or(String::new(), |failure| format!(" (known until mended: {failure})"));
            writeln!(f, "  {count:>9} VIOLATION {}{known}", violation.kind.name())?;
            writeln!(f, "            first on day {} about {}: {}", violation.day, violation.about, violation.text)?;
        }
        writeln!(f, "trace {:016x}", self.digest)
    }
}
