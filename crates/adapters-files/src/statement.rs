//! Statements as CSV files, digested as they are written.

use std::io::{self, Write};
use std::path::Path;

use domain::StatementRow;
use ports::{STATEMENT_COLUMNS, StatementFile, StatementWriter, statement_fields};
use sha2::{Digest, Sha256};

use crate::atomic_file::AtomicFile;

/// Writes statements to files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct CsvStatements;

impl StatementWriter for CsvStatements {
    fn digest_only(&self) -> io::Result<Box<dyn StatementFile>> {
        Ok(Box::new(CsvStatement::begin(None)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn StatementFile>> {
        Ok(Box::new(CsvStatement::begin(Some(AtomicFile::create(path)?))?))
    }
}

struct CsvStatement {
    lines: csv::Writer<DigestingFile>,
}

impl CsvStatement {
    fn begin(file: Option<AtomicFile>) -> io::Result<Self> {
        let mut lines = csv::Writer::from_writer(DigestingFile { file, digest: Sha256::new() });
        lines.write_record(STATEMENT_COLUMNS)?;
        Ok(Self { lines })
    }
}

impl StatementFile for CsvStatement {
    fn add(&mut self, row: &StatementRow) -> io::Result<()> {
        Ok(self.lines.write_record(statement_fields(row))?)
    }

    fn digest(&mut self) -> io::Result<String> {
        self.lines.flush()?;
        let digest = self.lines.get_ref().digest.clone().finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn keep(self: Box<Self>) -> io::Result<()> {
        let written = self.lines.into_inner().map_err(csv::IntoInnerError::into_error)?;
        written.file.map_or(Ok(()), AtomicFile::keep)
    }
}

/// Digests what goes to the file, or what would.
struct DigestingFile {
    file: Option<AtomicFile>,
    digest: Sha256,
}

impl Write for DigestingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.as_mut().map_or(Ok(bytes.len()), |file| file.write(bytes))?;
        self.digest.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), AtomicFile::flush)
    }
}
