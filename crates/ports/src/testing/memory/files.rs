//! The settlement's files in memory. Clones share them.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{StatementRow, SummaryAmount};

use crate::testing::sha256;
use crate::{
    ClearingFile, ClearingFileReader, FileLine, FindingTotals, FindingsWriter, ListedLine, ListedTransaction, LocatedFinding,
    MalformedFileError, STATEMENT_COLUMNS, SortedTransactions, StatementFile, StatementWriter, TransactionSorter,
    statement_fields,
};

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Statements, each under its path.
#[derive(Clone, Default)]
pub struct MemoryStatements {
    kept: Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>,
    /// How many bytes a statement may have; `None` where there is room for any.
    room: Option<usize>,
}

impl MemoryStatements {
    /// Takes so many bytes for each statement, as a full disk does.
    #[must_use]
    pub fn with_room(room: usize) -> Self {
        Self { room: Some(room), ..Self::default() }
    }

    /// What is kept: each file's path with its bytes.
    #[must_use]
    pub fn kept(&self) -> Vec<(PathBuf, Vec<u8>)> {
        lock(&self.kept).clone().into_iter().collect()
    }

    fn begin(&self, path: Option<&Path>) -> io::Result<Box<dyn StatementFile>> {
        let mut statement = MemoryStatement { statements: self.clone(), path: path.map(Path::to_owned), bytes: Vec::new() };
        statement.add_line(STATEMENT_COLUMNS.iter())?;
        Ok(Box::new(statement))
    }
}

impl StatementWriter for MemoryStatements {
    fn digest_only(&self) -> io::Result<Box<dyn StatementFile>> {
        self.begin(None)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StatementFile>> {
        self.begin(Some(path))
    }
}

struct MemoryStatement {
    statements: MemoryStatements,
    path: Option<PathBuf>,
    bytes: Vec<u8>,
}

impl MemoryStatement {
    fn add_line(&mut self, fields: impl Iterator<Item = impl AsRef<str>>) -> io::Result<()> {
        let fields: Vec<_> = fields.map(|field| quoted(field.as_ref())).collect();
        self.bytes.extend_from_slice(fields.join(",").as_bytes());
        self.bytes.push(b'\n');
        let room = self.statements.room.filter(|_| self.path.is_some());
        if room.is_some_and(|room| self.bytes.len() > room) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.to_owned() }
}

impl StatementFile for MemoryStatement {
    fn add(&mut self, row: &StatementRow) -> io::Result<()> {
        self.add_line(statement_fields(row).iter())
    }

    fn digest(&mut self) -> io::Result<String> {
        Ok(sha256(&self.bytes))
    }

    fn keep(self: Box<Self>) -> io::Result<()> {
        if let Some(path) = self.path {
            lock(&self.statements.kept).insert(path, self.bytes);
        }
        Ok(())
    }
}

/// Clearing files, each under its path.
#[derive(Clone, Default)]
pub struct MemoryClearingFiles {
    files: Arc<Mutex<BTreeMap<PathBuf, MemoryClearingFile>>>,
}

#[derive(Clone)]
struct MemoryClearingFile {
    lines: VecDeque<FileLine>,
    lists_amounts: bool,
    summary: Option<SummaryAmount>,
    ends_with: Option<MalformedFileError>,
}

impl MemoryClearingFiles {
    /// Puts a file in its place: its transactions, in whose order they get their numbers from 2 on, and whether it lists what settles.
    pub fn deliver(&self, path: &Path, lines: &[ListedLine], lists_amounts: bool) {
        let numbered = lines.iter().zip(2..).map(|(line, number)| FileLine::Listed(ListedLine { number, ..line.clone() }));
        let file = MemoryClearingFile { lines: numbered.collect(), lists_amounts, summary: None, ends_with: None };
        lock(&self.files).insert(path.to_owned(), file);
    }

    /// The same, but for the last transaction, within which the file is cut off.
    pub fn deliver_cut_off(&self, path: &Path, lines: &[ListedLine], lists_amounts: bool) {
        self.deliver(path, &lines[..lines.len().saturating_sub(1)], lists_amounts);
        self.change(path, |file| file.ends_with = Some(malformed(path, lines.len() as u64 + 1, "the line is cut off")));
    }

    /// Makes a line of a delivered file unreadable, the first of which has the index 0.
    pub fn spoil(&self, path: &Path, index: usize) {
        let unreadable = FileLine::Unreadable(malformed(path, index as u64 + 2, "the id is none"));
        self.change(path, |file| file.lines[index] = unreadable);
    }

    /// Puts a summary above a delivered file.
    pub fn summarize(&self, path: &Path, summary: SummaryAmount) {
        self.change(path, |file| file.summary = Some(summary));
    }

    fn change(&self, path: &Path, change: impl FnOnce(&mut MemoryClearingFile)) {
        if let Some(file) = lock(&self.files).get_mut(path) {
            change(file);
        }
    }
}

fn malformed(path: &Path, line: u64, why: &str) -> MalformedFileError {
    MalformedFileError { file: path.display().to_string(), line, column: None, why: why.to_owned() }
}

impl ClearingFileReader for MemoryClearingFiles {
    fn open(&self, path: &Path) -> Result<Box<dyn ClearingFile>, MalformedFileError> {
        match lock(&self.files).get(path) {
            Some(file) => Ok(Box::new(file.clone())),
            None => Err(malformed(path, 1, "the file is not there")),
        }
    }
}

impl ClearingFile for MemoryClearingFile {
    fn lists_amounts(&self) -> bool {
        self.lists_amounts
    }

    fn summary_amount(&self) -> Option<SummaryAmount> {
        self.summary
    }
}

impl Iterator for MemoryClearingFile {
    type Item = Result<FileLine, MalformedFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lines.pop_front().map(Ok).or_else(|| self.ends_with.take().map(Err))
    }
}

/// Sorts in memory, for as many transactions as a test has.
#[derive(Default)]
pub struct MemorySorter(Vec<ListedTransaction>);

impl TransactionSorter for MemorySorter {
    fn push(&mut self, transaction: ListedTransaction) -> io::Result<()> {
        self.0.push(transaction);
        Ok(())
    }

    fn sorted(mut self: Box<Self>) -> io::Result<SortedTransactions> {
        self.0.sort();
        Ok(Box::new(self.0.into_iter().map(Ok)))
    }
}

/// The fields of each finding, and the totals of all.
type KeptFindings = (Vec<[String; 8]>, FindingTotals);

/// Findings by their fields. They are kept together with their totals.
#[derive(Clone, Default)]
pub struct MemoryFindings {
    written: Vec<[String; 8]>,
    kept: Arc<Mutex<Option<KeptFindings>>>,
}

impl MemoryFindings {
    /// All that is kept; `None` where nothing is.
    #[must_use]
    pub fn kept(&self) -> Option<(Vec<[String; 8]>, FindingTotals)> {
        lock(&self.kept).clone()
    }
}

impl FindingsWriter for MemoryFindings {
    fn write(&mut self, finding: &LocatedFinding<'_>) -> io::Result<()> {
        self.written.push(finding.fields());
        Ok(())
    }

    fn keep(self: Box<Self>, totals: &FindingTotals) -> io::Result<()> {
        *lock(&self.kept) = Some((self.written, totals.clone()));
        Ok(())
    }
}
