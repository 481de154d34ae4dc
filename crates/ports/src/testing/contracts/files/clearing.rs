//! The promises of [`ClearingFileReader`]. What an adapter takes for malformed, and how it says so, is for its own tests.

use std::path::PathBuf;
use std::sync::Arc;

use domain::{ClearingDay, Currency, Listed, ListedAmount, ListedKind, RefundRequestId};

use crate::testing::{id, moment};
use crate::{ClearingFileReader, FileLine, ListedLine, MalformedFileError};

/// A reader, and the place where its files are delivered.
pub trait ClearingSubject: Send + Sync {
    /// The adapter under test.
    fn reader(&self) -> Arc<dyn ClearingFileReader>;

    /// Puts a file of that name in its place and returns its path.
    fn deliver(&self, name: &str, file: &Delivery) -> PathBuf;

    /// The path of a file that is not there.
    fn nowhere(&self) -> PathBuf;
}

/// What a delivered file has to list.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its transactions. Their numbers are those that the file gives them.
    pub lines: Vec<ListedLine>,
    /// Whether it has a column for what settles.
    pub lists_amounts: bool,
    /// Whether the file ends within its last transaction.
    pub is_cut_off: bool,
    /// The index of a line whose id has to be one that nobody can have.
    pub unreadable: Option<usize>,
}

fn amount(minor: i64) -> Option<ListedAmount> {
    Some(ListedAmount { minor, currency: Currency::parse("JPY").unwrap() })
}

fn line(name: &str, amount: Option<ListedAmount>) -> ListedLine {
    let listed = Listed { kind: ListedKind::Payment, amount, fee: None };
    ListedLine { number: 0, id: Some(id(name)), listed, day: None, other_type: None }
}

fn refund_line(refund: &str, payment: Option<&str>) -> ListedLine {
    let kind = ListedKind::Refund(RefundRequestId::parse(refund).unwrap());
    ListedLine { id: payment.map(id), listed: Listed { kind, amount: amount(-200), fee: None }, ..line("x", None) }
}

/// Whatever a line can say.
fn delivery() -> Delivery {
    let with_fee = |of: ListedLine, fee| ListedLine { listed: Listed { fee, ..of.listed }, ..of };
    let other = line("b", amount(5));
    let lines = vec![
        ListedLine { day: Some(ClearingDay::of(moment(0))), ..line("b", amount(1000)) },
        with_fee(line("a", amount(i64::MAX)), amount(0)),
        with_fee(line("c-1:x.y", None), amount(3)),
        refund_line("r1", Some("a")),
        refund_line("r2", None),
        ListedLine {
            listed: Listed { kind: ListedKind::Other, ..other.listed },
            other_type: Some("DISPUTE".to_owned()),
            ..other
        },
        line("b", amount(1000)),
    ];
    Delivery { lines, lists_amounts: true, is_cut_off: false, unreadable: None }
}

fn without_numbers(lines: &[ListedLine]) -> Vec<ListedLine> {
    lines.iter().map(|line| ListedLine { number: 0, ..line.clone() }).collect()
}

fn read(subject: &impl ClearingSubject, file: &Delivery) -> (bool, Vec<Result<FileLine, MalformedFileError>>) {
    let path = subject.deliver("items.csv", file);
    let lines = subject.reader().open(&path).unwrap();
    (lines.lists_amounts(), lines.take(1_000).collect())
}

/// What a line lists, where it does.
fn listed(line: Result<FileLine, MalformedFileError>) -> ListedLine {
    match line.unwrap() {
        FileLine::Listed(line) => line,
        FileLine::Unreadable(why) => panic!("{why}"),
    }
}

contract! {
    /// Makes a test of each promise of a clearing file reader; `subject` makes a fresh [`ClearingSubject`](crate::testing::contracts::files::clearing::ClearingSubject).
    ($) clearing_file_reader_contract! in (files::clearing)

    /// Nothing of a file is left out, joined or guessed.
    async fn every_transaction_comes_once_in_the_order_of_the_file(subject: &impl ClearingSubject) {
        let file = delivery();
        let (lists_amounts, lines) = read(subject, &file);
        let lines: Vec<_> = lines.into_iter().map(listed).collect();
        assert!(lists_amounts);
        assert_eq!(without_numbers(&lines), without_numbers(&file.lines));
        assert!(lines.is_sorted_by(|one, next| 0 < one.number && one.number < next.number), "{lines:?}");
    }

    /// A check of several cycles opens a file for each.
    async fn a_file_is_read_again_from_its_beginning(subject: &impl ClearingSubject) {
        let path = subject.deliver("items.csv", &delivery());
        let reader = subject.reader();
        let (mut one, two) = (reader.open(&path).unwrap(), reader.open(&path).unwrap());
        let first = one.next();
        assert!(first.is_some());
        let of_two: Vec<_> = two.collect();
        assert_eq!(of_two.len(), delivery().lines.len());
        assert_eq!(first.into_iter().chain(one).collect::<Vec<_>>(), of_two);
    }

    /// A file of fees alone is known as one, or all that settled would be missing in it.
    async fn a_file_of_fees_alone_lists_no_amounts(subject: &impl ClearingSubject) {
        let fee = |name: &str, fee| {
            let of = line(name, None);
            ListedLine { listed: Listed { fee, ..of.listed }, ..of }
        };
        let lines = vec![fee("a", amount(3)), fee("a", amount(0))];
        let file = Delivery { lines, lists_amounts: false, ..delivery() };
        let (lists_amounts, lines) = read(subject, &file);
        assert!(!lists_amounts);
        let lines: Vec<_> = lines.into_iter().map(listed).collect();
        assert_eq!(without_numbers(&lines), file.lines);
    }

    /// A cycle without transactions has its files all the same.
    async fn an_empty_file_is_a_file(subject: &impl ClearingSubject) {
        let (lists_amounts, lines) = read(subject, &Delivery { lines: vec![], ..delivery() });
        assert_eq!((lists_amounts, lines), (true, vec![]));
    }

    /// A file that is cut off must not look as if the rest had not settled.
    async fn a_file_that_is_cut_off_ends_with_an_error_that_names_it(subject: &impl ClearingSubject) {
        let (_, lines) = read(subject, &Delivery { is_cut_off: true, ..delivery() });
        let (last, whole) = lines.split_last().unwrap();
        assert!(whole.iter().all(Result::is_ok) && whole.len() < delivery().lines.len(), "{whole:?}");
        let error = last.as_ref().unwrap_err();
        assert!(error.file.ends_with("items.csv") && error.line > 1, "{error}");
        assert!(error.to_string().starts_with(&format!("{}, line {}", error.file, error.line)), "{error}");
    }

    /// A changed id must not pass for one that is not known, and must not hide the lines behind it.
    async fn a_line_that_cannot_be_read_is_named_and_those_behind_it_are_read(subject: &impl ClearingSubject) {
        let file = Delivery { unreadable: Some(2), ..delivery() };
        let (_, mut lines) = read(subject, &file);
        let FileLine::Unreadable(why) = lines.remove(2).unwrap() else { panic!("{lines:?}") };
        assert!(why.file.ends_with("items.csv") && why.line > 1 && !why.why.is_empty(), "{why}");
        let mut others = file.lines;
        others.remove(2);
        let lines: Vec<_> = lines.into_iter().map(listed).collect();
        assert_eq!(without_numbers(&lines), without_numbers(&others));
    }

    /// The error names the file, because a check may have many.
    async fn a_file_that_is_not_there_is_named(subject: &impl ClearingSubject) {
        let path = subject.nowhere();
        let error = subject.reader().open(&path).err().unwrap();
        assert_eq!((error.file, error.line), (path.display().to_string(), 1));
    }
}
