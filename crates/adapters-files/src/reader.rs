//! Alipay+'s clearing files on a disk.

use std::path::Path;
use std::sync::Arc;

use ports::{ClearingFile, ClearingFileReader, ColumnNames, MalformedFileError};

use crate::lines::Lines;
use crate::records::OnRead;

/// Reads Alipay+'s transaction detail and fee files, as they were delivered or compressed by gzip.
pub struct AlipayplusFiles {
    columns: ColumnNames,
    on_read: OnRead,
}

impl AlipayplusFiles {
    /// A reader of files that name their columns like this. It calls `on_read` with the number of bytes that each read took from a file,
    /// before they are unpacked.
    #[must_use]
    pub fn new(columns: ColumnNames, on_read: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { columns, on_read: Arc::new(on_read) }
    }
}

impl ClearingFileReader for AlipayplusFiles {
    fn open(&self, path: &Path) -> Result<Box<dyn ClearingFile>, MalformedFileError> {
        Ok(Box::new(Lines::open(path, &self.columns, Arc::clone(&self.on_read))?))
    }
}
