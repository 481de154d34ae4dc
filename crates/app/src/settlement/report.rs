//! What people see of a check: how far it is, and a table of what it found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use domain::Mismatch;
use indicatif::{ProgressBar, ProgressStyle};
use ports::{FINDING_COLUMNS, LocatedFinding};
use use_cases::ReconciliationObserver;

/// How many findings of a kind are shown to people.
const SHOWN: u64 = 20;

/// Shows how far a check is, and keeps the first findings of each kind.
pub(super) struct Report {
    counts: BTreeMap<Mismatch, u64>,
    shown: Vec<[String; 8]>,
    unreadable: Vec<String>,
    bar: ProgressBar,
}

/// What was found, for people.
pub(super) struct Found {
    /// The table; empty where nothing was found.
    pub(super) table: String,
    /// Where lines cannot be read, and why: one sentence each.
    pub(super) unreadable: Vec<String>,
}

impl Report {
    /// The report of a check of these files.
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let bytes = files.iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
        let bar = progress(bytes, "reading   {bar:40} {bytes}/{total_bytes}  {eta}");
        Self { counts: BTreeMap::new(), shown: Vec::new(), unreadable: Vec::new(), bar }
    }

    /// Moves the first bar on by the number of bytes that were read.
    pub(super) fn on_read(&self) -> impl Fn(u64) + Send + Sync + 'static {
        let bar = self.bar.clone();
        move |bytes| bar.inc(bytes)
    }

    /// All that is to be shown.
    pub(super) fn finish(self) -> Found {
        self.bar.finish_and_clear();
        Found { table: table(&self.counts, self.shown), unreadable: self.unreadable }
    }
}

impl ReconciliationObserver for Report {
    fn compares(&mut self, lines: u64) {
        self.bar.finish_and_clear();
        self.bar = progress(lines, "comparing {bar:40} {pos}/{len}  {eta}");
    }

    fn compared(&mut self, lines: u64) {
        self.bar.inc(lines);
    }

    fn found(&mut self, finding: &LocatedFinding<'_>) {
        let count = self.counts.entry(finding.finding.mismatch).or_default();
        *count += 1;
        if *count <= SHOWN {
            self.shown.push(finding.fields());
            if let (Some(source), Some(why)) = (finding.source, finding.why) {
                self.unreadable.push(format!("{}, line {}, {why}", source.file, source.line));
            }
        }
    }
}

/// A bar on a terminal, and nothing anywhere else.
fn progress(length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

fn table(counts: &BTreeMap<Mismatch, u64>, mut shown: Vec<[String; 8]>) -> String {
    if counts.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for (mismatch, count) in counts {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{:<22} {count:>9}", mismatch.as_str());
    }
    let order = |name: &str| Mismatch::ALL.iter().position(|mismatch| mismatch.as_str() == name);
    shown.sort_by_key(|fields| order(&fields[0]));
    shown.insert(0, FINDING_COLUMNS.map(str::to_owned));
    let width = |column: usize| shown.iter().map(|fields| fields[column].len()).max().unwrap_or_default();
    // The last column is a sentence, and is printed as one.
    let widths: Vec<_> = (0..FINDING_COLUMNS.len() - 1).map(width).collect();
    text.push('\n');
    for fields in &shown {
        let cells: Vec<_> = fields.iter().zip(&widths).map(|(field, width)| format!("{field:<width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
    if counts.values().any(|count| *count > SHOWN) {
        let _ = writeln!(text, "… only the first {SHOWN} of a kind are shown; --csv and --json write all of them");
    }
    text
}
