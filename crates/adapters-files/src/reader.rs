//! Alipay+'s clearing files on a disk.

use std::path::Path;
use std::sync::Arc;

use ports::{ClearingFile, ClearingFileReader, ClearingFormat, MalformedFileError};

use crate::content::OnRead;
use crate::lines::Lines;

/// Reads Alipay+'s transaction detail and fee files, as they were delivered or compressed by gzip.
pub struct AlipayplusFiles {
    format: Arc<ClearingFormat>,
    on_read: OnRead,
}

impl AlipayplusFiles {
    /// A reader of files that are written like this. It calls `on_read` with the number of bytes that each read took from a file,
    /// before they are unpacked.
    #[must_use]
    pub fn new(format: ClearingFormat, on_read: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { format: Arc::new(format), on_read: Arc::new(on_read) }
    }
}

impl ClearingFileReader for AlipayplusFiles {
    fn open(&self, path: &Path) -> Result<Box<dyn ClearingFile>, MalformedFileError> {
        Ok(Box::new(Lines::open(path, Arc::clone(&self.format), Arc::clone(&self.on_read))?))
    }
}
