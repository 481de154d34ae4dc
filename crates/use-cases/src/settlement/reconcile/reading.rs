//! Reads clearing files into a sorter, and finds the payments of refunds whose lines do not name them.

use std::collections::BTreeMap;
use std::io;

use ::ports::{
    ClearingFile, ClearingFileReader, FileLine, ListedLine, ListedTransaction, LocatedFinding, MalformedFileError,
    SettlementStore, SourceLine, TransactionSorter,
};
use domain::{
    Case, ClearingDay, Finding, LineClass, Listed, ListedKind, Mismatch, NetAmount, PaymentRequestId, Refund, RefundRequestId,
    Scope, examine, not_known,
};

use super::forms::Forms;
use super::other_types::OtherTypes;
use super::{Findings, ReconcileError, ReconcileRequest};

/// How many refunds whose lines do not name their payments are looked up at once.
const LOOKUPS: usize = 1_000;

/// What was read of all files.
pub(super) struct Contents {
    pub(super) sorter: Box<dyn TransactionSorter>,
    pub(super) files: Vec<ReadFile>,
    /// How many transactions all of them have.
    pub(super) lines: u64,
    /// How many of those that settle are of each day.
    pub(super) of_days: BTreeMap<ClearingDay, u64>,
    /// What is neither payment nor refund.
    pub(super) other_types: OtherTypes,
    /// The forms of the payments' ids; of none where every payment is recorded here.
    pub(super) forms: Forms,
}

/// A file that was read.
pub(super) struct ReadFile {
    /// As it was named.
    pub(super) name: String,
    /// Whether it lists what settles; one of fees alone need not have every transaction.
    pub(super) lists_amounts: bool,
}

impl Contents {
    fn push(&mut self, id: PaymentRequestId, file: usize, line: ListedLine) -> io::Result<()> {
        self.sorter.push(ListedTransaction { id, listed: line.listed, file, line: line.number })
    }

    fn count(&mut self, line: &ListedLine, lists_amounts: bool) {
        self.lines += 1;
        if let Some(day) = line.day.filter(|_| lists_amounts && line.listed.kind != ListedKind::Other) {
            *self.of_days.entry(day).or_default() += 1;
        }
        line.other_type.iter().for_each(|word| self.other_types.add(word));
    }
}

/// Reads all files to their ends.
pub(super) async fn read(
    (days, reader): (&dyn SettlementStore, &dyn ClearingFileReader),
    sorter: Box<dyn TransactionSorter>,
    request: &ReconcileRequest,
    found: &mut Findings<'_>,
) -> Result<Contents, ReconcileError> {
    let contents = Contents {
        sorter,
        files: Vec::new(),
        lines: 0,
        of_days: BTreeMap::new(),
        other_types: OtherTypes::default(),
        forms: Forms::default(),
    };
    let mut reading = Reading { days, scope: request.scope, contents, nameless: Vec::new(), found };
    for path in &request.files {
        let lines = reader.open(path)?;
        let name = path.display().to_string();
        reading.contents.files.push(ReadFile { name, lists_amounts: lines.lists_amounts() });
        reading.read_file(lines).await?;
    }
    reading.look_up().await?;
    Ok(reading.contents)
}

struct Reading<'a, 'b> {
    days: &'a dyn SettlementStore,
    scope: Scope,
    contents: Contents,
    /// Refunds whose payments are still to be found, with the indices of their files.
    nameless: Vec<(usize, ListedLine)>,
    found: &'a mut Findings<'b>,
}

impl Reading<'_, '_> {
    /// Reads the file that was opened last.
    async fn read_file(&mut self, mut lines: Box<dyn ClearingFile>) -> Result<(), ReconcileError> {
        let file = self.contents.files.len() - 1;
        let (lists_amounts, mut net) = (lines.lists_amounts(), NetAmount::default());
        for line in lines.by_ref() {
            match line? {
                FileLine::Listed(line) => {
                    net.add(&line.listed);
                    self.contents.count(&line, lists_amounts);
                    self.take(file, line).await?;
                }
                FileLine::Unreadable(why) => {
                    net.add_unreadable();
                    self.contents.lines += 1;
                    self.unreadable(&why)?;
                }
            }
        }
        match lines.summary_amount().filter(|_| lists_amounts).and_then(|summary| net.differs(summary)) {
            Some(differs) => Ok(self.add_of_file(file, &differs)?),
            None => Ok(()),
        }
    }

    /// A finding about a file as a whole, which stands in its summary.
    fn add_of_file(&mut self, file: usize, finding: &Finding) -> io::Result<()> {
        let source = Some(SourceLine { file: &self.contents.files[file].name, line: 1 });
        self.found.add(&LocatedFinding { id: None, finding, source, why: None })
    }

    fn unreadable(&mut self, line: &MalformedFileError) -> io::Result<()> {
        let finding = Finding { mismatch: Mismatch::Unreadable, refund: None, recorded: None, listed: None };
        let source = Some(SourceLine { file: &line.file, line: line.line });
        self.found.lines.add(LineClass::Unreadable);
        self.found.add(&LocatedFinding { id: None, finding: &finding, source, why: Some(&line.within_line()) })
    }

    async fn take(&mut self, file: usize, line: ListedLine) -> Result<(), ReconcileError> {
        match line.id.clone() {
            Some(id) => {
                if self.scope == Scope::CancelledOnly {
                    self.contents.forms.add(&id);
                }
                self.contents.push(id, file, line)?;
            }
            None => self.nameless.push((file, line)),
        }
        if self.nameless.len() == LOOKUPS { self.look_up().await } else { Ok(()) }
    }

    /// Finds the payments of the refunds that wait. A refund of no known payment is a finding at once: there may be any number of them.
    async fn look_up(&mut self) -> Result<(), ReconcileError> {
        let nameless = std::mem::take(&mut self.nameless);
        let ids: Vec<_> = nameless.iter().filter_map(|(_, line)| refund_of(line).cloned()).collect();
        let cases = self.days.find_refunded(&ids).await?;
        let mut payments: BTreeMap<&RefundRequestId, Vec<&Case>> = BTreeMap::new();
        for (refund, case) in cases.iter().flat_map(|case| case.refunds.iter().map(move |refund| (&refund.id, case))) {
            payments.entry(refund).or_default().push(case);
        }
        for (file, line) in nameless {
            let refund = refund_of(&line);
            let known = refund.and_then(|refund| payments.get_mut(refund));
            match known.and_then(|cases| case_of_refund(cases, &line.listed)) {
                Some(case) => self.contents.push(case.id.clone(), file, line)?,
                None => self.unknown_refund(file, &line)?,
            }
        }
        Ok(())
    }

    fn unknown_refund(&mut self, file: usize, line: &ListedLine) -> io::Result<()> {
        self.found.lines.add(LineClass::Unknown);
        if self.scope == Scope::CancelledOnly {
            return Ok(());
        }
        let source = Some(SourceLine { file: &self.contents.files[file].name, line: line.number });
        self.found.add(&LocatedFinding { id: None, finding: &not_known(&line.listed), source, why: None })
    }
}

fn refund_of(line: &ListedLine) -> Option<&RefundRequestId> {
    match &line.listed.kind {
        ListedKind::Refund(id) => Some(id),
        ListedKind::Payment | ListedKind::Other => None,
    }
}

/// Which of the cases with a refund of that id the line means: refunds of several payments may have the same. It is the one that the
/// line agrees with, or else one that money went back from; the next line of the same id means another.
fn case_of_refund<'a>(cases: &mut Vec<&'a Case>, listed: &Listed) -> Option<&'a Case> {
    let agrees = |case: &&Case| examine(Some(case), listed, Scope::Everything).findings.is_empty();
    let gave_back = |case: &&Case| {
        let is_it = |refund: &Refund| listed.kind == ListedKind::Refund(refund.id.clone()) && refund.completed_at().is_some();
        !case.is_cancelled() && case.refunds.iter().any(is_it)
    };
    let index = cases.iter().position(agrees).or_else(|| cases.iter().position(gave_back)).unwrap_or(0);
    if cases.len() > 1 { Some(cases.remove(index)) } else { cases.first().copied() }
}
