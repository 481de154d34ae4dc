//! A copy of the database's file, made while it is served.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::SqliteConnection;

use crate::backup::Backup;
use crate::file::DatabaseFile;
use crate::settings::DatabaseError;

/// What the copy says of itself.
#[derive(QueryableByName)]
struct Content {
    #[diesel(sql_type = BigInt)]
    cases: i64,
    /// In microseconds since 1970.
    #[diesel(sql_type = Nullable<BigInt>)]
    last: Option<i64>,
}

const CONTENT: &str = "select (select count(*) from cases) as cases, (select max(at) from events) as last";

#[derive(QueryableByName)]
struct Verdict {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// Copies the database as it is at one moment; writers go on meanwhile. The copy has its name once all of it is on the disk and was read.
pub(super) fn back_up(connection: &mut SqliteConnection, out: &Path) -> Result<Backup, DatabaseError> {
    if fs::symlink_metadata(out).is_ok() {
        return Err(DatabaseError(format!("{} is there already: a backup never replaces a file", out.display())));
    }
    let partial = Partial::create(out)?;
    let name = partial.0.to_str().ok_or_else(|| DatabaseError(format!("{} must be UTF-8", out.display())))?;
    let copied = diesel::sql_query("vacuum into ?").bind::<Text, _>(name).execute(connection);
    copied.map_err(|error| DatabaseError(format!("the database could not be copied to {name}: {error}")))?;
    let backup = read_copy(name)?;
    partial.keep(out).map_err(|error| DatabaseError(format!("{} cannot be written: {error}", out.display())))?;
    Ok(backup)
}

/// Reads all of the copy: a disk that returns other bytes than it took is found now and not when the copy is needed.
fn read_copy(name: &str) -> Result<Backup, DatabaseError> {
    let failed = |error: &dyn std::fmt::Display| DatabaseError(format!("the copy {name} cannot be read: {error}"));
    let mut copy = SqliteConnection::establish(&DatabaseFile::address(name)).map_err(|error| failed(&error))?;
    let verdicts = diesel::sql_query("pragma integrity_check").load::<Verdict>(&mut copy).map_err(|error| failed(&error))?;
    if let Some(Verdict { integrity_check }) = verdicts.iter().find(|verdict| verdict.integrity_check != "ok") {
        return Err(failed(integrity_check));
    }
    let Content { cases, last } = diesel::sql_query(CONTENT).get_result(&mut copy).map_err(|error| failed(&error))?;
    let last_event_at = last.and_then(DateTime::from_timestamp_micros);
    Ok(Backup { cases: u64::try_from(cases).unwrap_or_default(), last_event_at })
}

/// The copy while it is made; dropped before it is kept, it is removed.
struct Partial(PathBuf);

impl Partial {
    /// Only its owner reads it: accounts and balances stand in it. One that an earlier backup left when it was killed is replaced.
    fn create(out: &Path) -> Result<Self, DatabaseError> {
        let mut name = out.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        let failed = |error: io::Error| DatabaseError(format!("{} cannot be written: {error}", path.display()));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        Ok(Self(path))
    }

    fn keep(self, out: &Path) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        // Unlike a new name, a second one is refused where somebody else took it meanwhile.
        fs::hard_link(&self.0, out)?;
        fs::remove_file(&self.0)?;
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // It is gone where it was kept.
        let _ = fs::remove_file(&self.0);
    }
}
