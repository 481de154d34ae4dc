//! What of reading the contract leaves to the adapter: what it says of a malformed file, and how many bytes were read.

use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use adapters_files::AlipayplusFiles;
use flate2::Compression;
use flate2::write::GzEncoder;
use ports::ClearingFileReader;

use crate::column_names;

const HEAD: &str = "transactionRequestId,transactionTime,settlementAmountValue,settlementCurrency\n";

/// The error that a file of that text ends with, without the file's path.
fn error_of(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.csv");
    fs::write(&path, text).unwrap();
    let reader = AlipayplusFiles::new(column_names(), |_| ());
    let error = match reader.open(&path) {
        Ok(lines) => lines.filter_map(Result::err).next().unwrap(),
        Err(error) => error,
    };
    error.to_string().split_once(", ").unwrap().1.to_owned()
}

#[test]
fn an_error_says_where_it_is_what_was_found_and_what_would_be_right() {
    for (line, sentence) in [
        (
            "a,,10.00,JPY",
            "line 2, column 3 (settlementAmountValue): \"10.00\" is not an integer in the currency's smallest unit, such as 1000",
        ),
        ("a,,10,yen", "line 2, column 4 (settlementCurrency): \"yen\" is not a currency of three capital letters, such as JPY"),
        ("a,noon,1,JPY", "line 2, column 2 (transactionTime): \"noon\" is not a time, such as 2026-03-01T09:15:00+08:00"),
    ] {
        assert_eq!(error_of(&format!("{HEAD}{line}\n")), sentence);
    }
    let named = "line 1, column 1 (transactionRequestId): no line names this column (settlement.columns.transaction_request_id); \
                 the first line has tradeNo, amount";
    assert_eq!(error_of("tradeNo,amount\n1,2\n"), named);
}

/// The bytes are those on the disk, before they are unpacked: that is what a person sees the progress of.
#[test]
fn every_byte_that_is_read_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.csv.gz");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let text: String = (0..20_000).map(|n| format!("payment-{n},,{n},JPY\n")).collect();
    packed.write_all(format!("{HEAD}{text}").as_bytes()).unwrap();
    fs::write(&path, packed.finish().unwrap()).unwrap();
    let read = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&read);
    let reader = AlipayplusFiles::new(column_names(), move |bytes| {
        counter.fetch_add(bytes, Ordering::Relaxed);
    });
    assert_eq!(reader.open(&path).unwrap().filter(Result::is_ok).count(), 20_000);
    assert_eq!(read.load(Ordering::Relaxed), path.metadata().unwrap().len());
}
