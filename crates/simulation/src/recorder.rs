//! What a run leaves behind: its trace, its counts and its findings.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::faults::{FaultKind, FaultStreams};
use crate::random::{FNV_BASIS, fnv};
use crate::violations::{Violation, ViolationKind, Violations};

/// Locks what only one thread uses. A checker that panicked leaves it as it was.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared by all deployments of a run.
#[derive(Debug)]
pub(crate) struct Recorder {
    faults: Mutex<FaultStreams>,
    violations: Mutex<Violations>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    trace: Mutex<Trace>,
}

#[derive(Debug)]
struct Trace {
    file: Option<BufWriter<File>>,
    digest: u64,
    line: String,
    day: u32,
}

impl Recorder {
    /// Records the faults of these kinds, and the trace also to a file where there is one.
    pub(crate) fn new(faults: FaultStreams, file: Option<File>) -> Self {
        let trace = Trace { file: file.map(BufWriter::new), digest: FNV_BASIS, line: String::new(), day: 0 };
        Self { faults: Mutex::new(faults), violations: Mutex::default(), counts: Mutex::default(), trace: Mutex::new(trace) }
    }

    /// A line of the trace.
    pub(crate) fn trace(&self, at: DateTime<Utc>, what: fmt::Arguments<'_>) {
        let Trace { file, digest, line, day: _ } = &mut *lock(&self.trace);
        line.clear();
        // Into a text, so that it cannot fail.
        let _ = writeln!(line, "{} {what}", at.format("%m-%d %H:%M:%S%.6f"));
        *digest = fnv(*digest, line.as_bytes());
        if let Some(file) = file {
            // A trace that cannot be written is shorter than its digest says.
            let _ = file.write_all(line.as_bytes());
        }
    }

    /// The digest of the whole trace so far.
    pub(crate) fn digest(&self) -> u64 {
        let mut trace = lock(&self.trace);
        if let Some(file) = &mut trace.file {
            let _ = file.flush();
        }
        trace.digest
    }

    /// The next day begins.
    pub(crate) fn begin_day(&self) -> u32 {
        let mut trace = lock(&self.trace);
        trace.day += 1;
        trace.day
    }

    /// Counts something.
    pub(crate) fn count(&self, what: &'static str) {
        self.count_many(what, 1);
    }

    /// Counts several of something.
    pub(crate) fn count_many(&self, what: &'static str, many: u64) {
        *lock(&self.counts).entry(what).or_default() += many;
    }

    /// Everything that was counted.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.counts).clone()
    }

    /// Lets faults happen, or not.
    pub(crate) fn turn_faults(&self, on: bool) {
        lock(&self.faults).turn(on);
    }

    /// Whether this fault happens here: a number that says how.
    pub(crate) fn strikes(&self, kind: FaultKind) -> Option<u64> {
        lock(&self.faults).strikes(kind)
    }

    /// How often each kind of fault happened.
    pub(crate) fn fault_counts(&self) -> BTreeMap<FaultKind, u64> {
        lock(&self.faults).counts()
    }

    /// Records a finding.
    pub(crate) fn violates(&self, at: DateTime<Utc>, kind: ViolationKind, (about, text): (&str, String)) {
        let day = lock(&self.trace).day;
        self.trace(at, format_args!("VIOLATION {} {about}: {text}", kind.name()));
        let violation = Violation { kind, day, about: about.to_owned(), text };
        lock(&self.violations).add(violation);
    }

    /// The first finding of each kind with how many there are.
    pub(crate) fn found(&self) -> Vec<(Violation, u64)> {
        lock(&self.violations).found()
    }
}
