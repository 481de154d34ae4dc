//! The promises of [`StatementWriter`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{AcquirerId, Currency, Money, PaymentId, RefundRequestId, StatementRow};

use crate::testing::{id, moment, sha256};
use crate::{StatementFile, StatementWriter};

/// A writer, and the place that its files go to.
pub trait StatementSubject: Send + Sync {
    /// The adapter under test.
    fn writer(&self) -> Arc<dyn StatementWriter>;

    /// The path of a file of that name, in a folder that is empty at first.
    fn path(&self, name: &str) -> PathBuf;

    /// What is in the folder: each file's path with its bytes.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)>;
}

fn yen(minor: i64) -> Money {
    Money::new(minor, Currency::parse("JPY").unwrap()).unwrap()
}

fn payment(name: &str) -> StatementRow {
    StatementRow {
        payment_request_id: id(name),
        payment_id: None,
        refund_request_id: None,
        acquirer_id: AcquirerId::parse("acquirer-1").unwrap(),
        completed_at: moment(0),
        amount: yen(1000),
        fee: Some(yen(3)),
    }
}

fn refund(name: &str, refund: &str) -> StatementRow {
    let refund_request_id = Some(RefundRequestId::parse(refund).unwrap());
    StatementRow { refund_request_id, amount: yen(200), fee: None, ..payment(name) }
}

/// Rows that need quotes, have all that a row can have, or only what it must have.
fn rows() -> Vec<StatementRow> {
    let payment_id = Some(PaymentId::parse("\"wallet\",1").unwrap());
    let known = StatementRow { payment_id, completed_at: moment(0) + chrono::TimeDelta::microseconds(5), ..payment("b") };
    vec![payment("a"), refund("a", "r,1"), known, StatementRow { fee: None, amount: yen(i64::MAX), ..payment("c") }]
}

/// The file that the rows have to make.
const EXPECTED: &str = "type,paymentRequestId,paymentId,refundRequestId,acquirerId,completedAt,amountValue,amountCurrency,feeValue,feeCurrency\n\
    PAYMENT,a,,,acquirer-1,2026-03-01T12:00:00+08:00,1000,JPY,3,JPY\n\
    REFUND,a,,\"r,1\",acquirer-1,2026-03-01T12:00:00+08:00,200,JPY,,\n\
    PAYMENT,b,\"\"\"wallet\"\",1\",,acquirer-1,2026-03-01T12:00:00.000005+08:00,1000,JPY,3,JPY\n\
    PAYMENT,c,,,acquirer-1,2026-03-01T12:00:00+08:00,9223372036854775807,JPY,,\n";

fn with_rows(mut file: Box<dyn StatementFile>, rows: &[StatementRow]) -> Box<dyn StatementFile> {
    for row in rows {
        file.add(row).unwrap();
    }
    file
}

fn create(subject: &impl StatementSubject, path: &Path, rows: &[StatementRow]) -> Box<dyn StatementFile> {
    with_rows(subject.writer().create(path).unwrap(), rows)
}

contract! {
    /// Makes a test of each promise of a statement writer; `subject` makes a fresh [`StatementSubject`](crate::testing::contracts::files::statements::StatementSubject).
    ($) statement_writer_contract! in (files::statements)

    /// Accountants' programs read the file, and `sha256sum` has to print the digest.
    async fn a_statement_has_the_documented_bytes(subject: &impl StatementSubject) {
        let path = subject.path("statement.csv");
        let mut file = create(subject, &path, &rows());
        assert_eq!(file.digest().unwrap(), sha256(EXPECTED.as_bytes()));
        file.keep().unwrap();
        assert_eq!(subject.files(), [(path, EXPECTED.as_bytes().to_vec())]);
    }

    /// A day on which nothing settled has a statement too.
    async fn a_statement_without_rows_is_its_header(subject: &impl StatementSubject) {
        let path = subject.path("statement.csv");
        create(subject, &path, &[]).keep().unwrap();
        let header = EXPECTED.split_inclusive('\n').next().unwrap();
        assert_eq!(subject.files(), [(path, header.as_bytes().to_vec())]);
    }

    /// A day is closed with the digest of a file that is written later.
    async fn a_digest_alone_is_that_of_the_file_and_leaves_no_file(subject: &impl StatementSubject) {
        let mut digested = with_rows(subject.writer().digest_only().unwrap(), &rows());
        assert_eq!(digested.digest().unwrap(), sha256(EXPECTED.as_bytes()));
        assert_eq!(digested.digest().unwrap(), sha256(EXPECTED.as_bytes()), "asking changes nothing");
        digested.keep().unwrap();
        assert_eq!(subject.files(), []);
    }

    /// So that rows can be added after the digest was asked for.
    async fn the_digest_follows_the_rows(subject: &impl StatementSubject) {
        let path = subject.path("statement.csv");
        let mut file = create(subject, &path, &rows()[..1]);
        let of_one = file.digest().unwrap();
        let mut file = with_rows(file, &rows()[1..]);
        let of_all = file.digest().unwrap();
        file.keep().unwrap();
        let bytes = &subject.files()[0].1;
        let first: usize = EXPECTED.split_inclusive('\n').take(2).map(str::len).sum();
        assert_eq!((of_one, of_all), (sha256(&bytes[..first]), sha256(bytes)));
    }

    /// An export that fails in the middle must not leave half of a statement under its name, nor take the last one away.
    async fn what_is_not_kept_leaves_nothing_behind(subject: &impl StatementSubject) {
        let path = subject.path("statement.csv");
        drop(create(subject, &path, &rows()));
        assert_eq!(subject.files(), []);
        create(subject, &path, &rows()[..1]).keep().unwrap();
        let before = subject.files();
        let mut other = create(subject, &path, &rows());
        other.digest().unwrap();
        assert!(subject.files().contains(&before[0]), "the file stays as it is until the other is kept");
        drop(other);
        assert_eq!(subject.files(), before);
    }

    /// A day can be exported again.
    async fn what_is_kept_replaces_the_file_of_its_name(subject: &impl StatementSubject) {
        let (path, other) = (subject.path("statement.csv"), subject.path("other.csv"));
        create(subject, &path, &rows()[..1]).keep().unwrap();
        create(subject, &other, &[]).keep().unwrap();
        create(subject, &path, &rows()).keep().unwrap();
        let mut files = subject.files();
        files.sort();
        let paths: Vec<_> = files.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(paths, [other, path]);
        assert_eq!(files[1].1, EXPECTED.as_bytes());
    }
}
