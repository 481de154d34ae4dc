//! What of a statement is the disk's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use adapters_files::CsvStatements;
use ports::StatementWriter;

#[test]
fn what_users_paid_is_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("statement.csv");
    CsvStatements.create(&path).unwrap().keep().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn a_place_that_takes_no_file_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    assert!(CsvStatements.create(&folder.path().join("nowhere").join("statement.csv")).is_err());
    let taken = folder.path().join("statement.csv");
    fs::create_dir(&taken).unwrap();
    assert!(CsvStatements.create(&taken).unwrap().keep().is_err());
    assert!(taken.is_dir());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left over");
}
