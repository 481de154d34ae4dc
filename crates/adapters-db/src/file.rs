//! The file of a database that is one: where it is, and whether it is still the one that was opened.

use std::fs::{Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::OnceLock;

use ports::UnavailableError;

use crate::settings::DatabaseError;

/// A file and its identity. Connections keep a file that was deleted or moved away, and answer from it what nobody finds again.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    /// As `database.url` names it.
    path: PathBuf,
    /// Device and number of the file, once connections to it are made.
    identity: OnceLock<(u64, u64)>,
}

impl DatabaseFile {
    pub(crate) fn at(path: &str) -> Self {
        Self { path: PathBuf::from(path), identity: OnceLock::new() }
    }

    /// What SQLite opens: the file by its name, and only if it is there. Without a mode SQLite would make it.
    pub(crate) fn address(path: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~');
        let encode = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        // What stands between "//" and the next "/" would be the name of a machine.
        let machine = if path.starts_with('/') { "//" } else { "" };
        format!("file:{machine}{}?mode=rw", path.bytes().map(encode).collect::<String>())
    }

    /// Makes a file that only its owner reads, where there is none: accounts and balances stand in it. Where that fails, SQLite says
    /// why.
    pub(crate) fn make(&self) {
        let _ = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
    }

    /// Refuses a file that is not there, or that nothing was ever written to: a wrong folder, or a volume that is not mounted.
    pub(crate) fn refuse_missing(&self) -> Result<(), DatabaseError> {
        let found = match self.path.metadata() {
            Ok(found) if found.len() > 0 => return Ok(()),
            Ok(_) => "is empty",
            Err(_) if self.folder_is_missing() => return Ok(()),
            Err(_) => "is not there",
        };
        Err(DatabaseError(format!(
            "the database is not migrated: its file {} {found}. If there was one before, look for it: a moved file, another working \
             directory, a volume that is not mounted. `rescind migrate` makes a new one",
            self.path.display()
        )))
    }

    /// Connecting says then that it is the folder.
    fn folder_is_missing(&self) -> bool {
        self.path.parent().is_some_and(|folder| !folder.as_os_str().is_empty() && !folder.exists())
    }

    /// Remembers which file it is, unless that is remembered.
    pub(crate) fn remember(&self) {
        if self.identity.get().is_none()
            && let Ok(found) = self.path.metadata()
        {
            let _ = self.identity.set(identity_of(&found));
        }
    }

    /// Whether the path still leads to the file that connections were made to.
    pub(crate) fn check(&self) -> Result<(), UnavailableError> {
        let path = self.path.display();
        match self.path.metadata() {
            Ok(found) if self.identity.get().is_none_or(|known| *known == identity_of(&found)) => Ok(()),
            Ok(_) => Err(UnavailableError::because(format!(
                "database: another file has taken the place of {path}; put the first one back, or start again on the other one"
            ))),
            Err(error) => Err(UnavailableError::because(format!(
                "database: the file {path} is gone; put it back, or start again on another one ({error})"
            ))),
        }
    }
}

fn identity_of(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_opened_by_its_name_whatever_is_in_it() {
        for (path, address) in [
            ("rescind.db", "file:rescind.db?mode=rw"),
            ("/var/lib/rescind.db", "file:///var/lib/rescind.db?mode=rw"),
            ("a?mode=memory#b%.db", "file:a%3Fmode%3Dmemory%23b%25.db?mode=rw"),
            ("//host/a b.db", "file:////host/a%20b.db?mode=rw"),
            ("ü.db", "file:%C3%BC.db?mode=rw"),
        ] {
            assert_eq!(DatabaseFile::address(path), address);
        }
    }
}
