//! What a run comes to: a table for the terminal, JUnit XML for machines, and one HTML file for people.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use askama::Template;
use chrono::{DateTime, Utc};

use super::case::Group;
use super::runner::Outcome;
use super::transcript::Exchange;
use super::verdict::CaseError;
use crate::clock::ZONE;
use crate::output::CommandError;

/// How a run ends in which something could not be looked at, and nothing failed.
const NOT_RUN: u8 = 3;

/// What was looked at, and how.
pub(crate) struct Subject {
    /// What the cases' names begin with in JUnit XML.
    pub(crate) suite: &'static str,
    pub(crate) title: &'static str,
    /// How the reader knows that a case is right.
    pub(crate) note: &'static str,
    /// Every option that decided what was found, and who said where the money is.
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// A finished run.
pub(crate) struct Report {
    subject: Subject,
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
    pub(crate) fn new(subject: Subject, begun: DateTime<Utc>, outcomes: Vec<Outcome>) -> Self {
        let mut groups: Vec<GroupReport> = Vec::new();
        for outcome in outcomes {
            let case = CaseReport { group: outcome.group.name(), outcome };
            match groups.last_mut().filter(|last| last.group == case.outcome.group) {
                Some(last) => last.cases.push(case),
                None => groups.push(GroupReport { group: case.outcome.group, cases: vec![case] }),
            }
        }
        Self {
            subject,
            begun: begun.with_timezone(&ZONE).format("%-d %B %Y, %H:%M:%S (UTC+8)").to_string(),
            timestamp: begun.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            groups,
        }
    }

    /// 0 where every case passed, 1 where one failed, 3 where none failed and one was not run.
    pub(crate) fn code(&self) -> ExitCode {
        if self.failed() > 0 {
            ExitCode::FAILURE
        } else if self.not_run() > 0 || self.passed() == 0 {
            ExitCode::from(NOT_RUN)
        } else {
            ExitCode::SUCCESS
        }
    }

    /// The verdict in a sentence, and what it is to the eye: good, bad or none.
    fn verdict(&self) -> (&'static str, String) {
        let (count, passed, failed, not_run) = (self.count(), self.passed(), self.failed(), self.not_run());
        if failed > 0 {
            ("bad", format!("{failed} of {count} cases failed."))
        } else if passed == 0 {
            ("none", "Nothing was found out: no case was run.".to_owned())
        } else if not_run > 0 {
            ("none", format!("No case failed, but {not_run} of {count} were not run."))
        } else {
            ("good", format!("All {passed} cases passed."))
        }
    }

    /// What is printed at the end.
    pub(crate) fn table(&self) -> String {
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
    pub(crate) fn write(&self, junit: Option<&Path>, html: Option<&Path>) -> Result<(), CommandError> {
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

    fn skipped(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases().filter(|case| case.skipped())
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
        self.outcome.name
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

    /// How it is called in the page.
    fn class(&self) -> &'static str {
        match self.outcome.verdict {
            Ok(()) => "passed",
            Err(CaseError::Wrong(_)) => "failed",
            Err(CaseError::NotRun(_)) => "skipped",
        }
    }

    /// The exchanges as text, one after the other.
    fn exchanges(&self) -> String {
        let (last, before) = &self.outcome.exchanges;
        let told = |exchange: &Exchange| format!("---- sent\n{}\n---- received\n{}\n", exchange.sent, exchange.received);
        let first = if *before > 0 { format!("({before} exchanges before these)\n") } else { String::new() };
        std::iter::once(first).chain(last.iter().map(told)).collect()
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
