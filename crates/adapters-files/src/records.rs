//! The records of a CSV file, each with its line for an error that names it.

use std::fmt;
use std::io::{self, BufRead};
use std::path::Path;

use csv::StringRecord;
use ports::{FileColumn, MalformedFileError};

use crate::content::{self, OnRead, encoding_of};
use crate::fields::{FieldError, split};

/// How many bytes a record may have, so that a file without line ends does not fill the memory.
const LONGEST: usize = 1 << 16;
/// How many lines a record may have, where it may have several.
const MOST_LINES: u64 = 100;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file's records, one at a time.
pub(crate) struct Records {
    file: String,
    content: Box<dyn BufRead + Send>,
    allows_line_breaks: bool,
    /// The bytes of the record, without the end of its line.
    bytes: Vec<u8>,
    /// The record that was read last.
    pub(crate) record: StringRecord,
    /// The line it begins in.
    pub(crate) line: u64,
    /// How many lines were read.
    lines: u64,
    /// Whether the line that was read last has an end.
    last_line_ends: bool,
    /// The names of the columns, once they are known.
    pub(crate) names: Vec<String>,
    /// The first of the empty lines that were passed over.
    pub(crate) empty: Option<u64>,
}

impl Records {
    pub(crate) fn open(path: &Path, allows_line_breaks: bool, on_read: OnRead) -> Result<Self, MalformedFileError> {
        let file = path.display().to_string();
        let content = content::open(path, on_read);
        let content = content.map_err(|why| MalformedFileError { file: file.clone(), line: 1, column: None, why })?;
        Ok(Self {
            file,
            content,
            allows_line_breaks,
            bytes: Vec::new(),
            record: StringRecord::new(),
            line: 1,
            lines: 0,
            last_line_ends: true,
            names: Vec::new(),
            empty: None,
        })
    }

    /// Reads the next record that is not empty; `false` at the file's end.
    pub(crate) fn advance(&mut self) -> Result<bool, MalformedFileError> {
        loop {
            self.bytes.clear();
            if !self.read_line()? {
                // What is missing would stand there.
                self.line = if self.last_line_ends { self.lines + 1 } else { self.line };
                return Ok(false);
            }
            if !self.bytes.is_empty() {
                self.line = self.lines;
                return self.take_apart().map(|()| true);
            }
            self.empty = self.empty.or(Some(self.lines));
        }
    }

    /// Adds a line to the record's bytes; `false` where there is none.
    fn read_line(&mut self) -> Result<bool, MalformedFileError> {
        let begins_at = self.bytes.len();
        let ends = self.read_to_end_of_line();
        let ends = ends.map_err(|error| {
            self.line = self.lines + 1;
            self.malformed(None, format!("the file cannot be read on and may be cut off: {error}"))
        })?;
        if !ends && self.bytes.len() == begins_at {
            return Ok(false);
        }
        self.lines += 1;
        self.last_line_ends = ends;
        if self.lines == 1 && self.bytes.starts_with(BYTE_ORDER_MARK) {
            self.bytes.drain(..BYTE_ORDER_MARK.len());
        }
        if self.bytes.len() > LONGEST {
            self.line = self.lines;
            return Err(self.malformed(None, format!("the line has more than {LONGEST} bytes")));
        }
        Ok(true)
    }

    /// Whether the line has an end: `\n`, `\r\n` or `\r`. A line that is too long is left where it is too long.
    fn read_to_end_of_line(&mut self) -> io::Result<bool> {
        loop {
            let buffer = self.content.fill_buf()?;
            if buffer.is_empty() || self.bytes.len() > LONGEST {
                return Ok(false);
            }
            let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let Some(end) = end else {
                let length = buffer.len();
                self.bytes.extend_from_slice(buffer);
                self.content.consume(length);
                continue;
            };
            self.bytes.extend_from_slice(&buffer[..end]);
            let is_return = buffer[end] == b'\r';
            self.content.consume(end + 1);
            if is_return && self.content.fill_buf()?.first() == Some(&b'\n') {
                self.content.consume(1);
            }
            return Ok(true);
        }
    }

    /// Makes the record of its bytes.
    fn take_apart(&mut self) -> Result<(), MalformedFileError> {
        loop {
            let text = match std::str::from_utf8(&self.bytes) {
                Ok(text) => text,
                Err(error) => return Err(self.not_utf8(error.valid_up_to())),
            };
            match split(text, &mut self.record) {
                Ok(()) if self.bytes.contains(&0) => return Err(self.malformed(None, "the line is not text")),
                Ok(()) => return Ok(()),
                Err(FieldError::Stray(index)) => {
                    let why = "a quote stands within the field; one that belongs to it is written twice, in a field in quotes";
                    return Err(self.malformed(Some(self.column(index)), why));
                }
                Err(FieldError::Open(index)) => self.read_on(index)?,
            }
        }
    }

    /// Adds the next line to a record with an open quote, if that may be.
    fn read_on(&mut self, index: usize) -> Result<(), MalformedFileError> {
        let at_end = !self.last_line_ends || self.content.fill_buf().is_ok_and(<[u8]>::is_empty);
        let why = if at_end {
            "the quote before the field is never closed; the file may be cut off"
        } else if self.lines - self.line >= MOST_LINES {
            "the quote before the field is not closed for many lines"
        } else if !self.allows_line_breaks {
            "the quote before the field is not closed in its line (settlement.line_breaks allows fields of several lines)"
        } else {
            self.bytes.push(b'\n');
            return self.read_line().map(|_| ());
        };
        Err(self.malformed(Some(self.column(index)), why))
    }

    /// Whether the file's last line is ended; to be asked at its end.
    pub(crate) fn last_line_ends(&self) -> bool {
        self.last_line_ends
    }

    fn not_utf8(&self, valid: usize) -> MalformedFileError {
        let index = self.bytes[..valid].iter().filter(|byte| **byte == b',').count();
        self.malformed(Some(self.column(index)), encoding_of(&self.bytes))
    }

    fn column(&self, index: usize) -> FileColumn {
        FileColumn { index, name: self.names.get(index).map_or("of any name", String::as_str).to_owned() }
    }

    /// What the record has in a column.
    pub(crate) fn text(&self, column: &FileColumn) -> &str {
        self.record.get(column.index).unwrap_or_default()
    }

    pub(crate) fn malformed(&self, column: Option<FileColumn>, why: impl Into<String>) -> MalformedFileError {
        MalformedFileError { file: self.file.clone(), line: self.line, column, why: why.into() }
    }

    /// What the record has in that column, and why it cannot be used.
    pub(crate) fn wrong(&self, column: &FileColumn, why: impl fmt::Display) -> MalformedFileError {
        self.malformed(Some(column.clone()), format!("{:?} {why}", self.text(column)))
    }
}
