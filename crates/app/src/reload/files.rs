//! How files look, by which it is seen that they have changed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files, and how each of them looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Files(BTreeMap<PathBuf, Option<Look>>);

/// What tells one content of a file from another without reading it. Links are followed. A new file under the old name has another
/// inode, and setting the time of modification back changes the time of change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: [i64; 2],
    changed: [i64; 2],
}

impl Files {
    /// The files at these paths, as they look now.
    pub(super) fn at<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self(paths.into_iter().map(|path| (path.to_owned(), Look::at(path))).collect())
    }

    /// The same files, as they look now.
    pub(super) fn again(&self) -> Self {
        Self::at(self.0.keys().map(PathBuf::as_path))
    }

    /// Those of these paths, as they looked.
    pub(super) fn only<'a>(&self, paths: impl IntoIterator<Item = &'a Path>) -> Self {
        Self(paths.into_iter().map(|path| (path.to_owned(), self.0.get(path).cloned().flatten())).collect())
    }
}

impl Look {
    /// `None` where nothing can be seen.
    fn at(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: [found.mtime(), found.mtime_nsec()],
            changed: [found.ctime(), found.ctime_nsec()],
        })
    }
}
