//! A file that is there whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A temporary file in the folder of the wanted one; it takes the name once all of it is on the disk. Dropped before, it is removed.
pub(crate) struct AtomicFile {
    content: BufWriter<NamedTempFile>,
    path: PathBuf,
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl AtomicFile {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let content = BufWriter::new(NamedTempFile::new_in(folder_of(path))?);
        Ok(Self { content, path: path.to_owned() })
    }

    /// Puts it in place of the file that has the name.
    pub(crate) fn keep(self) -> io::Result<()> {
        let file = self.content.into_inner().map_err(IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        // The name is on the disk when its folder is.
        File::open(folder_of(&self.path))?.sync_all()
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.content.flush()
    }
}
