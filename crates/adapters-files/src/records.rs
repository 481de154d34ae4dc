//! The records of a CSV file, perhaps compressed, each with its line for an error that names it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Read};
use std::path::Path;
use std::sync::Arc;

use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use ports::{FileColumn, MalformedFileError};

/// What a compressed file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Called with the number of bytes that each read took from a file.
pub(crate) type OnRead = Arc<dyn Fn(u64) + Send + Sync>;

/// What is read after a file's last byte, as a line of its own: a quote that was never closed swallows it.
const END_MARK: &[u8] = b"\n\0\n";
/// The record that it makes.
const END_RECORD: &str = "\0";

/// A file's bytes, the last of which is kept.
struct Content {
    bytes: Box<dyn Read + Send>,
    last: Option<u8>,
}

impl Read for Content {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.bytes.read(to)?;
        self.last = to[..length].last().copied().or(self.last);
        Ok(length)
    }
}

/// A file that reports each read.
struct Counted {
    file: File,
    on_read: OnRead,
}

impl Read for Counted {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(to)?;
        (self.on_read)(length as u64);
        Ok(length)
    }
}

/// A file's records, one at a time.
pub(crate) struct Records {
    file: String,
    reader: csv::Reader<Chain<Content, &'static [u8]>>,
    /// The record that was read last.
    pub(crate) record: StringRecord,
    /// The line it begins in.
    pub(crate) line: u64,
}

impl Records {
    pub(crate) fn open(path: &Path, on_read: OnRead) -> Result<Self, MalformedFileError> {
        let file = path.display().to_string();
        let content = plain_or_unpacked(path, on_read).map_err(|error| MalformedFileError {
            file: file.clone(),
            line: 1,
            column: None,
            why: format!("the file cannot be read: {error}"),
        })?;
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Content { bytes: content, last: None }.chain(END_MARK));
        Ok(Self { file, reader, record: StringRecord::new(), line: 1 })
    }

    /// Reads the next record that is not blank; `false` at the file's end.
    pub(crate) fn advance(&mut self) -> Result<bool, MalformedFileError> {
        let before = self.line;
        self.line = self.reader.position().line();
        match self.reader.read_record(&mut self.record) {
            Ok(true) if self.record.len() == 1 && self.record.get(0) == Some(END_RECORD) => {
                if !self.last_line_ends() {
                    self.line = before;
                }
                self.at_end()
            }
            Ok(true) => {
                self.line = self.record.position().map_or(self.line, csv::Position::line);
                Ok(true)
            }
            Ok(false) => {
                self.line = before;
                Err(self.malformed(None, "a quote is never closed; the file may be cut off"))
            }
            Err(error) => {
                self.line = error.position().map_or(self.line, csv::Position::line);
                if let csv::ErrorKind::Utf8 { err, .. } = error.kind() {
                    return Err(self.not_text(err.field()));
                }
                Err(self.malformed(None, format!("the file cannot be read on and may be cut off: {error}")))
            }
        }
    }

    fn at_end(&mut self) -> Result<bool, MalformedFileError> {
        match self.reader.read_record(&mut self.record) {
            Ok(false) => Ok(false),
            Ok(true) | Err(_) => Err(self.malformed(None, "the line is not text")),
        }
    }

    /// Whether the file's last line is ended; to be asked at its end.
    pub(crate) fn last_line_ends(&self) -> bool {
        matches!(self.reader.get_ref().get_ref().0.last, None | Some(b'\n' | b'\r'))
    }

    fn not_text(&self, index: usize) -> MalformedFileError {
        let column = FileColumn { index, name: "of any name".to_owned() };
        self.malformed(Some(column), "this is not text in UTF-8")
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

fn plain_or_unpacked(path: &Path, on_read: OnRead) -> io::Result<Box<dyn Read + Send>> {
    let mut file = BufReader::with_capacity(1 << 16, Counted { file: File::open(path)?, on_read });
    let packed = file.fill_buf()?.starts_with(&GZIP);
    Ok(if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}
