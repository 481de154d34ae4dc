//! The lines of Alipay+'s files, each of which comes once.

use std::path::Path;
use std::sync::Arc;

use domain::SummaryAmount;
use ports::{ClearingFile, ClearingFormat, FileColumn, FileLine, MalformedFileError};

use crate::content::OnRead;
use crate::head::{self, Head, Summary};
use crate::records::Records;
use crate::values::transaction;

/// What some files end with.
const END: &str = "<END>";

/// The lines of one file, in its order.
pub(crate) struct Lines {
    records: Records,
    format: Arc<ClearingFormat>,
    head: Head,
    summary: Summary,
    counted: u64,
    ended: bool,
    failed: bool,
}

impl Lines {
    /// Opens a file and finds its columns.
    pub(crate) fn open(path: &Path, format: Arc<ClearingFormat>, on_read: OnRead) -> Result<Self, MalformedFileError> {
        let mut records = Records::open(path, format.allows_line_breaks, on_read)?;
        let (head, summary) = head::find(&mut records, &format.columns)?;
        Ok(Self { records, format, head, summary, counted: 0, ended: false, failed: false })
    }

    fn next_line(&mut self) -> Result<Option<FileLine>, MalformedFileError> {
        if self.ended || !self.records.advance()? {
            return self.end(false).map(|()| None);
        }
        if self.records.record.len() == 1 && self.records.record.get(0) == Some(END) {
            if self.records.advance()? {
                return Err(self.records.malformed(None, format!("there is more after {END}, which ends a file")));
            }
            return self.end(true).map(|()| None);
        }
        let (has, wants) = (self.records.record.len(), self.head.width);
        if has != wants {
            let index = has.min(wants);
            let column = FileColumn { index, name: if has < wants { "missing" } else { "without a name" }.to_owned() };
            let why = format!("the line has {has} columns and not {wants}; the file may be cut off");
            return Err(self.records.malformed(Some(column), why));
        }
        self.counted += 1;
        let line = transaction(&self.records, &self.head, &self.format);
        Ok(Some(line.map_or_else(FileLine::Unreadable, FileLine::Listed)))
    }

    fn end(&mut self, by_mark: bool) -> Result<(), MalformedFileError> {
        let whole = self.ended || by_mark || self.records.last_line_ends();
        self.ended = true;
        match (&self.summary.total, self.records.empty) {
            (Some((total, name)), _) if *total != self.counted => {
                let why = format!("{name} says {total} lines and there are {}; the file may be cut off", self.counted);
                Err(self.records.malformed(None, why))
            }
            (None, Some(empty)) => {
                let why = format!(
                    "the line is empty, and no {} says how many lines there are: one may be lost",
                    self.format.columns.total_count
                );
                self.records.line = empty;
                Err(self.records.malformed(None, why))
            }
            // A line that is cut off in its last column has as many of them as it should.
            (total, _) if !whole && (total.is_none() || self.head.reads_the_last()) => {
                let why = format!(
                    "the last line is not ended, and nothing says that it is whole, such as {END}; the file may be cut off"
                );
                Err(self.records.malformed(None, why))
            }
            (Some(_) | None, _) => Ok(()),
        }
    }
}

impl Iterator for Lines {
    type Item = Result<FileLine, MalformedFileError>;

    /// An error is the last: what follows it is not known to be a line.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.next_line().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl ClearingFile for Lines {
    fn lists_amounts(&self) -> bool {
        self.head.amount.is_some()
    }

    fn summary_amount(&self) -> Option<SummaryAmount> {
        self.summary.net
    }
}
