//! The two files of findings, byte for byte.

use std::collections::BTreeMap;
use std::fs;

use adapters_files::FindingFiles;
use domain::{Currency, Finding, GateState, ListedAmount, Mismatch, RefundRequestId};
use ports::testing::id;
use ports::{FindingTotals, FindingsWriter, LineCounts, LocatedFinding, SourceLine};
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
    files.write(&LocatedFinding { id: None, finding: &unknown, source, why: None }).unwrap();
    let cancelled = Finding { mismatch: Mismatch::CancelledButPresent, refund: None, recorded: None, listed };
    let payment = id("p1");
    files.write(&LocatedFinding { id: Some(&payment), finding: &cancelled, source: None, why: None }).unwrap();
    let unreadable = Finding { mismatch: Mismatch::Unreadable, refund: None, recorded: None, listed: None };
    let why = Some("column 1 (id): \"x\" is none");
    files.write(&LocatedFinding { id: None, finding: &unreadable, source, why }).unwrap();
    let counts = BTreeMap::from([(Mismatch::Unknown, 1), (Mismatch::CancelledButPresent, 1), (Mismatch::Unreadable, 1)]);
    let lines = LineCounts { compared: 5, only_looked_at: 2, unknown: 1, unreadable: 1 };
    let other_types = BTreeMap::from([("VOID".to_owned(), 2)]);
    files.keep(&FindingTotals { lines, other_types, counts, gate: GateState::Failed }).unwrap();
    let expected = "finding,paymentRequestId,refundRequestId,listed,recorded,file,line,why\n\
                    unknown,,\"r,1\",-5 JPY,,items.csv,7,\n\
                    cancelled-but-present,p1,,-5 JPY,,,,\n\
                    unreadable,,,,,items.csv,7,\"column 1 (id): \"\"x\"\" is none\"\n";
    assert_eq!(fs::read_to_string(&csv).unwrap(), expected);
    let found: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    let expected = json!({
        "findings": [
            {"finding": "unknown", "refundRequestId": "r,1", "listed": "-5 JPY", "file": "items.csv", "line": "7"},
            {"finding": "cancelled-but-present", "paymentRequestId": "p1", "listed": "-5 JPY"},
            {"finding": "unreadable", "file": "items.csv", "line": "7", "why": "column 1 (id): \"x\" is none"},
        ],
        "counts": {"unknown": 1, "cancelled-but-present": 1, "unreadable": 1}, "lines": 9, "compared": 5, "onlyLookedAt": 2, "unknown": 1,
        "unreadable": 1, "otherTypes": {"VOID": 2}, "gate": "failed",
    });
    assert_eq!(found, expected);
}

#[test]
fn without_paths_nothing_is_written() {
    let mut files = Box::new(FindingFiles::create(None, None).unwrap());
    let finding = Finding { mismatch: Mismatch::Unknown, refund: None, recorded: None, listed: None };
    files.write(&LocatedFinding { id: None, finding: &finding, source: None, why: None }).unwrap();
    let (other_types, counts) = (BTreeMap::new(), BTreeMap::new());
    let totals = FindingTotals { lines: LineCounts::default(), other_types, counts, gate: GateState::Passed };
    assert!(files.keep(&totals).is_ok());
}

#[test]
fn a_folder_that_is_not_there_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nowhere").join("found.csv");
    assert!(FindingFiles::create(Some(&path), None).is_err());
    assert!(FindingFiles::create(None, Some(&path)).is_err());
}
