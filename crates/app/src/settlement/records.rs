//! The records of a CSV file, perhaps compressed, with the place of each for whoever has to complain about it.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Chain, Read};
use std::path::Path;

use csv::StringRecord;
use flate2::read::MultiGzDecoder;
use indicatif::ProgressBar;

/// What a compressed file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A file that cannot be read for certain: where, and why.
#[derive(Debug)]
pub(super) struct Malformed {
    file: String,
    line: u64,
    column: Option<Column>,
    why: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        if let Some(Column { place, name }) = &self.column {
            write!(f, ", column {} ({name})", place + 1)?;
        }
        write!(f, ": {}", self.why)
    }
}

/// A column of a file.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Counted from zero.
    pub(super) place: usize,
    pub(super) name: String,
}

/// What is read after a file's last byte, as a line of its own: a quote that was never closed swallows it.
const MARK: &[u8] = b"\n\0\n";
/// The record that it makes.
const MARKED: &str = "\0";

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

/// A file's records, one at a time.
pub(super) struct Records {
    file: String,
    reader: csv::Reader<Chain<Content, &'static [u8]>>,
    /// The record that was read last.
    pub(super) record: StringRecord,
    /// The line it begins in.
    pub(super) line: u64,
}

impl Records {
    pub(super) fn open(path: &Path, bar: &ProgressBar) -> Result<Self, Malformed> {
        let file = path.display().to_string();
        let content = plain_or_unpacked(path, bar).map_err(|error| Malformed {
            file: file.clone(),
            line: 1,
            column: None,
            why: format!("the file cannot be read: {error}"),
        })?;
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Content { bytes: content, last: None }.chain(MARK));
        Ok(Self { file, reader, record: StringRecord::new(), line: 1 })
    }

    /// Reads the next record that is not blank; `false` at the file's end.
    pub(super) fn advance(&mut self) -> Result<bool, Malformed> {
        let before = self.line;
        self.line = self.reader.position().line();
        match self.reader.read_record(&mut self.record) {
            Ok(true) if self.record.len() == 1 && self.record.get(0) == Some(MARKED) => {
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

    fn at_end(&mut self) -> Result<bool, Malformed> {
        match self.reader.read_record(&mut self.record) {
            Ok(false) => Ok(false),
            Ok(true) | Err(_) => Err(self.malformed(None, "it is no text")),
        }
    }

    /// Whether the file's last line is ended; to be asked at its end.
    pub(super) fn last_line_ends(&self) -> bool {
        matches!(self.reader.get_ref().get_ref().0.last, None | Some(b'\n' | b'\r'))
    }

    fn not_text(&self, place: usize) -> Malformed {
        let column = Column { place, name: "of any name".to_owned() };
        self.malformed(Some(column), "it is no text in UTF-8")
    }

    /// What the record has in a column.
    pub(super) fn text(&self, column: &Column) -> &str {
        self.record.get(column.place).unwrap_or_default()
    }

    pub(super) fn malformed(&self, column: Option<Column>, why: impl Into<String>) -> Malformed {
        Malformed { file: self.file.clone(), line: self.line, column, why: why.into() }
    }

    /// What the record has in that column cannot be used.
    pub(super) fn wrong(&self, column: &Column, why: impl fmt::Display) -> Malformed {
        self.malformed(Some(column.clone()), format!("{:?} {why}", self.text(column)))
    }
}

fn plain_or_unpacked(path: &Path, bar: &ProgressBar) -> io::Result<Box<dyn Read + Send>> {
    let mut file = BufReader::with_capacity(1 << 16, bar.wrap_read(File::open(path)?));
    let packed = file.fill_buf()?.starts_with(&GZIP);
    Ok(if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}
