//! What a run comes to: a table for the terminal, JUnit XML for machines, and one HTML file for people.

use std::fmt::Write as _;
use std::path::Path;

use askama::Template;
use chrono::{DateTime, Utc};

use super::case::Group;
use super::runner::Outcome;
use super::verdict::CaseError;
use crate::alipayplus::PartnerArgs;
use crate::clock::ZONE;
use crate::output::CommandError;

/// A finished run.
pub(super) struct Report {
    target: String,
    client_id: String,
    psp_id: String,
    acquirer_id: String,
    /// When it began, for people.
    begun: String,
    /// When it began, for machines.
    timestamp: String,
    groups: Vec<GroupReport>,
}

/// A group's outcomes.
struct GroupReport {
    group: Group,
    cases: Vec<CaseReport>,
}

/// A case's outcome in words.
struct CaseReport {
    group: &'static str,
    outcome: Outcome,
}

/// For machines.
#[derive(Template)]
#[template(path = "junit.xml")]
struct Junit<'a> {
    report: &'a Report,
}

/// For people.
#[derive(Template)]
#[template(path = "report.html")]
struct Html<'a> {
    report: &'a Report,
}

impl Report {
    pub(super) fn new(partner: &PartnerArgs, begun: DateTime<Utc>, outcomes: Vec<Outcome>) -> Self {
        let mut groups: Vec<GroupReport> = Vec::new();
        for outcome in outcomes {
            let case = CaseReport { group: outcome.group.name(), outcome };
            match groups.last_mut().filter(|last| last.group == case.outcome.group) {
                Some(last) => last.cases.push(case),
                None => groups.push(GroupReport { group: case.outcome.group, cases: vec![case] }),
            }
        }
        Self {
            target: partner.target.clone(),
            client_id: partner.client_id.clone(),
            psp_id: partner.psp_id.clone(),
            acquirer_id: partner.acquirer_id.clone(),
            begun: begun.with_timezone(&ZONE).format("%-d %B %Y, %H:%M:%S (UTC+8)").to_string(),
            timestamp: begun.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            groups,
        }
    }

    /// Whether all that ran passed, and something did.
    pub(super) fn passes(&self) -> bool {
        self.failed() == 0 && self.passed() > 0
    }

    /// What is printed at the end.
    pub(super) fn table(&self) -> String {
        let mut table = String::new();
        for case in self.cases().filter(|case| !case.passed()) {
            // Writing to a text cannot fail.
            let _ = writeln!(table, "{:<8} {} {}: {}", case.word(), case.group, case.name(), case.why());
        }
        if !table.is_empty() {
            table.push('\n');
        }
        let _ = writeln!(table, "{:<12} {:>6} {:>6} {:>7}", "group", "passed", "failed", "not run");
        for group in &self.groups {
            let [passed, failed, not_run] = [group.passed(), group.failed(), group.not_run()];
            let _ = writeln!(table, "{:<12} {passed:>6} {failed:>6} {not_run:>7}", group.name());
        }
        let _ = write!(table, "{:<12} {:>6} {:>6} {:>7}", "all", self.passed(), self.failed(), self.not_run());
        table
    }

    /// Writes the files that were asked for.
    pub(super) fn write(&self, junit: Option<&Path>, html: Option<&Path>) -> Result<(), CommandError> {
        let failed = |error: askama::Error| CommandError::new(format!("the report cannot be made: {error}"));
        if let Some(file) = junit {
            write(file, &without_controls(&Junit { report: self }.render().map_err(failed)?))?;
        }
        if let Some(file) = html {
            write(file, &Html { report: self }.render().map_err(failed)?)?;
        }
        Ok(())
    }

    fn cases(&self) -> impl Iterator<Item = &CaseReport> {
        self.groups.iter().flat_map(|group| &group.cases)
    }

    fn failures(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases().filter(|case| case.failed())
    }

    fn passed(&self) -> usize {
        self.groups.iter().map(GroupReport::passed).sum()
    }

    fn failed(&self) -> usize {
        self.groups.iter().map(GroupReport::failed).sum()
    }

    fn not_run(&self) -> usize {
        self.groups.iter().map(GroupReport::not_run).sum()
    }

    fn count(&self) -> usize {
        self.cases().count()
    }

    fn seconds(&self) -> String {
        format!("{:.1}", self.groups.iter().map(GroupReport::time).sum::<f64>())
    }
}

impl GroupReport {
    fn name(&self) -> &'static str {
        self.group.name()
    }

    fn passed(&self) -> usize {
        self.cases.iter().filter(|case| case.passed()).count()
    }

    fn failed(&self) -> usize {
        self.cases.iter().filter(|case| case.failed()).count()
    }

    fn not_run(&self) -> usize {
        self.cases.iter().filter(|case| case.skipped()).count()
    }

    fn time(&self) -> f64 {
        self.cases.iter().map(|case| case.outcome.took.as_secs_f64()).sum()
    }

    fn seconds(&self) -> String {
        format!("{:.3}", self.time())
    }
}

impl CaseReport {
    fn name(&self) -> &'static str {
        self.outcome.case.name
    }

    fn passed(&self) -> bool {
        self.outcome.verdict.is_ok()
    }

    fn failed(&self) -> bool {
        matches!(self.outcome.verdict, Err(CaseError::Wrong(_)))
    }

    fn skipped(&self) -> bool {
        matches!(self.outcome.verdict, Err(CaseError::NotRun(_)))
    }

    fn word(&self) -> &'static str {
        match self.outcome.verdict {
            Ok(()) => "passed",
            Err(CaseError::Wrong(_)) => "failed",
            Err(CaseError::NotRun(_)) => "not run",
        }
    }

    /// What was wrong, or why it did not run.
    fn why(&self) -> &str {
        match &self.outcome.verdict {
            Ok(()) => "",
            Err(CaseError::Wrong(why) | CaseError::NotRun(why)) => why,
        }
    }

    fn seconds(&self) -> String {
        format!("{:.3}", self.outcome.took.as_secs_f64())
    }
}

/// XML has no way to write control characters.
fn without_controls(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

fn write(file: &Path, text: &str) -> Result<(), CommandError> {
    std::fs::write(file, text).map_err(|error| CommandError::new(format!("{} cannot be written: {error}", file.display())))
}
