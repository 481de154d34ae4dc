//! The two files of findings, byte for byte.

use std::collections::BTreeMap;
use std::fs;

use adapters_files::FindingFiles;
use domain::{Currency, Finding, ListedAmount, Mismatch, RefundRequestId};
use ports::testing::id;
use ports::{FindingTotals, FindingsWriter, LocatedFinding, SourceLine};
use serde_json::{Value, json};

#[test]
fn both_files_have_all_that_a_finding_has() {
    let folder = tempfile::tempdir().unwrap();
    let [csv, json] = ["found.csv", "found.json"].map(|name| folder.path().join(name));
    let mut files = Box::new(FindingFiles::create(Some(&csv), Some(&json)).unwrap());
    let listed = Some(ListedAmount { minor: -5, currency: Currency::parse("JPY").unwrap() });
    let refund = Some(RefundRequestId::parse("r,1").unwrap());
    let unknown = Finding { mismatch: Mismatch::Unknown, refund, recorded: None, listed };
    let source = Some(SourceLine { file: "items.csv", line: 7 });
    files.write(&LocatedFinding { id: None, finding: &unknown, source }).unwrap();
    let cancelled = Finding { mismatch: Mismatch::CancelledButPresent, refund: None, recorded: None, listed };
    let payment = id("p1");
    files.write(&LocatedFinding { id: Some(&payment), finding: &cancelled, source: None }).unwrap();
    let counts = BTreeMap::from([(Mismatch::Unknown, 1), (Mismatch::CancelledButPresent, 1)]);
    files.keep(&FindingTotals { lines: 9, counts }).unwrap();
    let expected = "finding,paymentRequestId,refundRequestId,listed,recorded,file,line\n\
                    unknown,,\"r,1\",-5 JPY,,items.csv,7\n\
                    cancelled-but-present,p1,,-5 JPY,,,\n";
    assert_eq!(fs::read_to_string(&csv).unwrap(), expected);
    let found: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let expected = json!({
        "findings": [
            {"finding": "unknown", "refundRequestId": "r,1", "listed": "-5 JPY", "file": "items.csv", "line": "7"},
            {"finding": "cancelled-but-present", "paymentRequestId": "p1", "listed": "-5 JPY"},
        ],
        "counts": {"unknown": 1, "cancelled-but-present": 1}, "lines": 9, "gate": "failed",
    });
    assert_eq!(found, expected);
}

#[test]
fn without_paths_nothing_is_written() {
    let mut files = Box::new(FindingFiles::create(None, None).unwrap());
    let finding = Finding { mismatch: Mismatch::Unknown, refund: None, recorded: None, listed: None };
    files.write(&LocatedFinding { id: None, finding: &finding, source: None }).unwrap();
    assert!(files.keep(&FindingTotals::default()).is_ok());
}

#[test]
fn a_folder_that_is_not_there_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere").join("found.csv");
    assert!(FindingFiles::create(Some(&path), None).is_err());
    assert!(FindingFiles::create(None, Some(&path)).is_err());
}
