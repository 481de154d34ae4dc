//! What of reading the contract leaves to the adapter: what it says of a malformed file, and how many bytes were read.

use std::fs;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use adapters_files::AlipayplusFiles;
use domain::ClearingDay;
use flate2::Compression;
use flate2::write::GzEncoder;
use ports::{ClearingFileReader, ClearingFormat, FileLine, ListedLine, MalformedFileError, SlashedDates};

use crate::format;

const HEAD: &str = "transactionRequestId,transactionTime,settlementAmountValue,settlementCurrency\n";

/// All that is read of a file of these bytes, and the error that ends it.
fn read(bytes: impl AsRef<[u8]>, format: ClearingFormat) -> (Vec<FileLine>, Option<MalformedFileError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("items.csv");
    fs::write(&path, bytes).unwrap();
    match AlipayplusFiles::new(format, |_| ()).open(&path) {
        Ok(lines) => {
            let (lines, errors): (Vec<_>, Vec<_>) = lines.partition(Result::is_ok);
            (lines.into_iter().map(Result::unwrap).collect(), errors.into_iter().map(Result::unwrap_err).next())
        }
        Err(error) => (vec![], Some(error)),
    }
}

/// The error that a file of these bytes ends with, or its first unreadable line, without the file's path.
fn error_of(bytes: impl AsRef<[u8]>) -> String {
    let (lines, error) = read(bytes, format());
    let unreadable = lines.into_iter().filter_map(|line| match line {
        FileLine::Unreadable(why) => Some(why),
        FileLine::Listed(_) => None,
    });
    let error = unreadable.chain(error).next().unwrap();
    error.to_string().split_once(", ").unwrap().1.to_owned()
}

/// What the one line of a file with this time lists.
fn line_at(time: &str, slashed_dates: SlashedDates) -> Option<ListedLine> {
    let (lines, _) = read(format!("{HEAD}a,{time},1,JPY\n"), ClearingFormat { slashed_dates, ..format() });
    match lines.into_iter().next() {
        Some(FileLine::Listed(line)) => Some(line),
        Some(FileLine::Unreadable(_)) | None => None,
    }
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
        assert_eq!(error_of(format!("{HEAD}{line}\n")), sentence);
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
    let reader = AlipayplusFiles::new(format(), move |bytes| {
        counter.fetch_add(bytes, Ordering::Relaxed);
    });
    assert_eq!(reader.open(&path).unwrap().filter(Result::is_ok).count(), 20_000);
    assert_eq!(read.load(Ordering::Relaxed), path.metadata().unwrap().len());
}

#[test]
fn times_are_read_as_files_have_them() {
    for (time, day) in [
        ("2026-03-01T09:15:00+08:00", "2026-03-01"),
        ("2026-03-01T23:15:00.123Z", "2026-03-02"),
        ("2026-03-01 09:15:00+08:00", "2026-03-01"),
        ("2026-03-01T16:30:00+0000", "2026-03-02"),
        ("2026-03-01T23:59:59", "2026-03-01"),
        ("2026-03-01 23:59:59", "2026-03-01"),
        ("2026/03/01 23:59:59", "2026-03-01"),
        ("20260301235959", "2026-03-01"),
        ("20260301 23:59:59", "2026-03-01"),
    ] {
        let line = line_at(time, SlashedDates::YearFirst).unwrap_or_else(|| panic!("{time}"));
        assert_eq!(line.day, Some(ClearingDay::parse(day).unwrap()), "{time}");
    }
    let slashed = |dates| line_at("03/01/2026 09:15:00", dates).map(|line| line.day.unwrap().to_string());
    let (month, day) = (slashed(SlashedDates::MonthFirst), slashed(SlashedDates::DayFirst));
    assert_eq!((month.as_deref(), day.as_deref()), (Some("2026-03-01"), Some("2026-01-03")));
    for time in ["03/01/2026 09:15:00", "2026/3/1 9:15", "2026-03-01", "1 March", "46082.39", "2026-02-30 00:00:00", "20260301"] {
        assert_eq!(line_at(time, SlashedDates::YearFirst), None, "{time}");
    }
}

/// An editor or a spreadsheet puts it there, and it swallows what stands behind it up to the next one.
#[test]
fn f84_a_stray_quote_never_hides_a_line() {
    for (line, sentence) in [
        ("\"a,,1,JPY", "line 2, column 1 (transactionRequestId): the quote before the field is not closed in its line"),
        ("a,,1,\"JPY", "line 2, column 4 (settlementCurrency): the quote before the field is not closed in its line"),
        ("a,,1,JPY\"", "line 2, column 4 (settlementCurrency): a quote stands within the field"),
        ("a,\"\"x,1,JPY", "line 2, column 2 (transactionTime): a quote stands within the field"),
        ("=\"a\",,1,JPY", "line 2, column 1 (transactionRequestId): a quote stands within the field"),
    ] {
        let error = error_of(format!("{HEAD}{line}\nb,,1,JPY\nc,\"\",1,JPY\n"));
        assert!(error.starts_with(sentence), "{line}: {error}");
    }
    let never = error_of(format!("{HEAD}a,\"b,1,JPY\n"));
    assert_eq!(never, "line 2, column 2 (transactionTime): the quote before the field is never closed; the file may be cut off");
}

#[test]
fn f84_a_line_break_within_a_field_is_read_only_where_a_setting_allows_it() {
    let file = "note,transactionRequestId,settlementAmountValue,settlementCurrency\n\"one\ntwo\",a,1,JPY\nx,b,2,JPY\n";
    let (lines, error) = read(file, format());
    let error = error.unwrap().to_string();
    assert!(
        lines.is_empty() && error.contains("column 1 (note): the quote before the field is not closed in its line"),
        "{error}"
    );
    assert!(error.ends_with("(settlement.line_breaks allows fields of several lines)"), "{error}");
    let (lines, error) = read(file, ClearingFormat { allows_line_breaks: true, ..format() });
    assert_eq!((lines.len(), error), (2, None));
    let numbers: Vec<_> = lines.iter().map(|line| if let FileLine::Listed(line) = line { line.number } else { 0 }).collect();
    assert_eq!(numbers, [2, 4], "a record is named by the line it begins in");
    let (_, error) = read(&file[..file.len() - 20], ClearingFormat { allows_line_breaks: true, ..format() });
    assert!(error.is_some());
    let open = format!("{HEAD}a,\"{}\",1,JPY\n", "\n".repeat(101));
    let (_, error) = read(open, ClearingFormat { allows_line_breaks: true, ..format() });
    assert!(error.unwrap().why.ends_with("is not closed for many lines"));
}

/// A file without line ends must not fill the memory.
#[test]
fn a_line_without_end_is_an_error() {
    assert_eq!(error_of(format!("{HEAD}{}", "a".repeat(1_000_000))), "line 2: the line has more than 65536 bytes");
}

#[test]
fn f83_an_id_that_a_spreadsheet_changed_is_told_with_its_column() {
    for (id, why) in [
        ("2.02611E+25", "is a number as a spreadsheet shortens it, and not an id"),
        ("'20260301", "has a character that no id of Alipay+'s has there"),
        ("`20260301", "has a character that no id of Alipay+'s has there"),
        ("20260301.0", "is a number with a decimal point, and not an id"),
        ("NaN", "is what programs write for a missing value"),
    ] {
        let expected = format!("line 2, column 1 (transactionRequestId): {id:?} {why}");
        assert_eq!(error_of(format!("{HEAD}{id},,1,JPY\nb,,1,JPY\n")), expected);
    }
    let formula = error_of(format!("{HEAD}\"=\"\"2026\"\"\",,1,JPY\n"));
    assert!(formula.ends_with("has a character that no id of Alipay+'s has there"), "{formula}");
}

#[test]
fn a_file_that_is_no_csv_is_told_what_it_is() {
    let gbk = [HEAD.as_bytes(), b"a,\xc9\xcc\xbb\xa7,1,JPY\n"].concat();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(b"PK\x03\x04").unwrap();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(HEAD.bytes().flat_map(|byte| [byte, 0])).collect();
    for (bytes, sentence) in [
        (b"PK\x03\x04rest".to_vec(), "the file is not CSV but a ZIP archive or an Excel workbook: "),
        (packed.finish().unwrap(), "the file is not CSV but a ZIP archive or an Excel workbook: "),
        (vec![0xd0, 0xcf, 0x11, 0xe0, 0xa1], "the file is not CSV but an old Excel workbook: "),
        (utf16, "the file is not CSV but text in UTF-16: "),
        (b"%PDF-1.7".to_vec(), "the file is not CSV but a PDF document: "),
        (
            gbk,
            "column 2 (transactionTime): this is not text in UTF-8; it looks like GBK, which `iconv -f GB18030 -t UTF-8` turns",
        ),
        ([HEAD.as_bytes(), b"a,\xe9,1,JPY\n"].concat(), "column 2 (transactionTime): this is not text in UTF-8"),
    ] {
        let error = error_of(&bytes);
        assert!(error.contains(sentence), "{sentence}: {error}");
    }
}

/// A capture or a void has an id of its own, and names its payment beside it.
#[test]
fn f85_what_is_neither_payment_nor_refund_is_read_with_its_word() {
    let head = "transactionRequestId,originalTransactionRequestId,transactionType,settlementAmountValue,settlementCurrency\n";
    let lines = "c1,p1,CAPTURE,5,JPY\np2,,VOID,5,JPY\np3,,payment,5,JPY\np4,,SALE,5,JPY\nr1,p1,Back,5,JPY\np5,,,5,JPY\n";
    let types = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let format = ClearingFormat { payment_types: types(&["PAYMENT", "SALE"]), refund_types: types(&["BACK"]), ..format() };
    let (lines, error) = read(format!("{head}{lines}"), format);
    assert_eq!(error, None);
    let read: Vec<_> = lines
        .into_iter()
        .map(|line| match line {
            FileLine::Listed(line) => (line.id.unwrap().to_string(), line.other_type.unwrap_or_default()),
            FileLine::Unreadable(why) => (String::new(), why.within_line()),
        })
        .collect();
    let of = |id: &str, word: &str| (id.to_owned(), word.to_owned());
    let empty = of("", "column 3 (transactionType): \"\" is not a type, such as PAYMENT");
    assert_eq!(read, [of("p1", "CAPTURE"), of("p2", "VOID"), of("p3", ""), of("p4", ""), of("p1", ""), empty]);
}

/// An editor that empties a line leaves a file that is one line short.
#[test]
fn f84_an_empty_line_is_a_lost_one_unless_the_lines_are_counted() {
    for lines in ["a,,1,JPY\n\nb,,1,JPY\n", "a,,1,JPY\n\n", "a,,1,JPY\n\n<END>\n"] {
        let sentence = "line 3: the line is empty, and no totalCount says how many lines there are: one may be lost";
        assert_eq!(error_of(format!("{HEAD}{lines}")), sentence);
        let count = lines.matches("JPY").count();
        let (read, error) = read(format!("totalCount\n{count}\n\n{HEAD}{lines}"), format());
        assert_eq!((read.len(), error), (count, None));
    }
}
