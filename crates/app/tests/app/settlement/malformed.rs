//! Files and lines that cannot be read for certain: where, why, and code 2.

use testkit::{Deployment, TestEngine};

use crate::settlement::checking::{DETAILS, check, details, line, write};

/// What it is, the file, and the sentence about it.
type Bad = (&'static str, Vec<u8>, &'static str);

fn good() -> String {
    line("a", "PAYMENT", "1000")
}

/// A second line, in which one thing is another.
fn instead(from: &str, to: &str) -> Vec<u8> {
    details(&[good(), good().replace(from, to)]).into_bytes()
}

fn wrong_columns() -> Vec<Bad> {
    let unpaired = details(&[good()]).replace("settlementCurrency", "currency").into_bytes();
    let no_text = instead("T-a", "T-?").iter().map(|b| if *b == b'?' { 0xff } else { *b }).collect();
    let nowhere = "line 1, column 1 (transactionRequestId): no line names this column";
    vec![
        ("no such columns", b"tradeNo,outTradeNo\n1,2\n".to_vec(), nowhere),
        ("nothing at all", vec![], nowhere),
        ("blank lines alone", b"\n\n".to_vec(), nowhere),
        (
            "an amount without its currency",
            unpaired,
            "line 3, column 8 (settlementAmountValue): there is no column settlementCurrency beside it",
        ),
        (
            "no amount",
            b"transactionRequestId,x\na,1\n".to_vec(),
            "line 1, column 1 (transactionRequestId): neither settlementAmountValue nor feeAmountValue",
        ),
        (
            "a name twice",
            format!("{DETAILS},transactionTime\n").into_bytes(),
            "line 1, column 5 (transactionTime): another column has the same name",
        ),
        (
            "a count that is none",
            details(&[good()]).replace("\n1,1000,", "\none,1000,").into_bytes(),
            "line 2, column 1 (totalCount): \"one\" is not a number of lines",
        ),
        (
            "a sum that is none",
            details(&[good()]).replace("\n1,1000,", "\n1,10.00,").into_bytes(),
            "line 2, column 2 (netAmountValue): \"10.00\" is not an integer",
        ),
        ("no UTF-8", no_text, "line 5, column 1 (transactionId): this is not text in UTF-8"),
        ("too few columns", instead(",1000,JPY,1000,JPY", ""), "line 5, column 6 (missing): the line has 5 columns and not 9"),
        (
            "too many columns",
            instead(",1000,JPY,1000,JPY", ",1000,JPY,1000,JPY,,"),
            "line 5, column 10 (without a name): the line has 11 columns and not 9",
        ),
    ]
}

fn wrong_values() -> Vec<Bad> {
    let number = |text: &str| instead("1000,JPY,1000", &format!("1000,JPY,{text}"));
    vec![
        ("a decimal point", number("10.00"), "line 5, column 8 (settlementAmountValue): \"10.00\" is not an integer"),
        ("a thousands separator", number("\"1,000\""), "line 5, column 8 (settlementAmountValue): \"1,000\" is not an integer"),
        (
            "too large a number",
            number("9223372036854775808"),
            "line 5, column 8 (settlementAmountValue): \"9223372036854775808\" is not an integer",
        ),
        ("a sign too many", number("--1"), "line 5, column 8 (settlementAmountValue): \"--1\" is not an integer"),
        ("another sign", number("+1"), "line 5, column 8 (settlementAmountValue): \"+1\" is not an integer"),
        ("no number", number(""), "line 5, column 8 (settlementAmountValue): \"\" is not an integer"),
        (
            "neither number nor currency",
            instead("1000,JPY,1000,JPY", "1000,JPY,,"),
            "line 5, column 8 (settlementAmountValue): \"\" is not an amount",
        ),
        (
            "no currency",
            instead("1000,JPY,1000,JPY", "1000,JPY,1000,yen"),
            "line 5, column 9 (settlementCurrency): \"yen\" is not a currency",
        ),
        ("no id", instead("T-a,,a,", "T-a,,,"), "line 5, column 3 (transactionRequestId): \"\" must be 1 to 64"),
        (
            "an id with a space",
            instead("T-a,,a,", "T-a,,a b,"),
            "line 5, column 3 (transactionRequestId): \"a b\" must be 1 to 64",
        ),
        (
            "no time",
            instead("2026-03-01T09:15:00+08:00", "1 March"),
            "line 5, column 5 (transactionTime): \"1 March\" is not a time",
        ),
        (
            "an id as a spreadsheet shortens it",
            instead("T-a,,a,", "T-a,,2.02611E+25,"),
            "line 5, column 3 (transactionRequestId): \"2.02611E+25\" is a number as a spreadsheet shortens it, and not an id",
        ),
    ]
}

fn wrong_ends() -> Vec<Bad> {
    let cut = |file: String, bytes: usize| file.as_bytes()[..file.len() - bytes].to_vec();
    let last = line("b", "PAYMENT", "1");
    vec![
        (
            "cut off in a line",
            cut(details(&[good(), good()]), 12),
            "line 5, column 8 (missing): the line has 7 columns and not 9; the file may be cut off",
        ),
        (
            "cut off between two lines",
            cut(details(&[good(), last.clone()]), last.len() + 1),
            "line 5: totalCount says 2 lines and there are 1; the file may be cut off",
        ),
        (
            "an open quote",
            instead("T-a,", "\"T-a,"),
            "line 5, column 1 (transactionId): the quote before the field is never closed; the file may be cut off",
        ),
        (
            "cut off in its last column",
            cut(format!("{DETAILS},note\n{},one\n{},two\n", good(), good()), 2),
            "line 3: the last line is not ended, and nothing says that it is whole, such as <END>; the file may be cut off",
        ),
        (
            "cut off in an id in its last column",
            b"totalCount\n2\nsettlementAmountValue,settlementCurrency,transactionRequestId\n1,JPY,a\n1,JPY,b".to_vec(),
            "line 5: the last line is not ended, and nothing says that it is whole, such as <END>; the file may be cut off",
        ),
        (
            "an open quote in its last column",
            cut(details(&[good(), good()]).replace(",JPY\n", ",\"JPY\"\n"), 2),
            "line 5, column 9 (settlementCurrency): the quote before the field is never closed; the file may be cut off",
        ),
        (
            "an open quote in a last column that nobody looks at",
            format!("{DETAILS},note\n{},\"n\n{},n\n", good(), good()).into_bytes(),
            "line 2, column 10 (note): the quote before the field is not closed in its line",
        ),
        ("a line that is no text", format!("{DETAILS}\n\0\n{}\n", good()).into_bytes(), "line 2: the line is not text"),
        (
            "something after the end",
            format!("{}<END>\n{}\n", details(&[]), good()).into_bytes(),
            "line 5: there is more after <END>",
        ),
        (
            "packed and cut off",
            vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab],
            "line 1: the file cannot be read on and may be cut off",
        ),
    ]
}

#[test]
fn a_malformed_file_is_told_with_line_and_column_and_nothing_is_compared() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    for (what, content, sentence) in [wrong_columns(), wrong_ends()].concat() {
        write(&deployment, "items.csv", content);
        let output = check(&deployment, &["items.csv", "--csv", "found.csv", "--json", "found.json"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{what}: {text}");
        assert!(text.starts_with(&format!("rescind: items.csv, {sentence}")), "{what}: {text}");
        assert_eq!(output.stdout, b"", "{what}");
        for file in ["found.csv", "found.json"] {
            assert!(!deployment.dir().join(file).exists(), "{what}");
        }
    }
}

/// What stands in the other lines is compared all the same.
#[test]
fn f83_a_line_that_cannot_be_read_is_told_with_its_column_and_the_others_are_compared() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    for (what, content, sentence) in wrong_values() {
        write(&deployment, "items.csv", content);
        let output = check(&deployment, &["items.csv", "--csv", "found.csv"]);
        let (told, text) = (String::from_utf8(output.stderr).unwrap(), String::from_utf8(output.stdout).unwrap());
        assert_eq!(output.status.code(), Some(2), "{what}: {told}");
        assert!(told.starts_with(&format!("rescind: items.csv, {sentence}")), "{what}: {told}");
        assert!(text.contains("\n0 lines are compared, 0 only looked at, 1 unknown, 1 unreadable\n"), "{what}: {text}");
        let csv = std::fs::read_to_string(deployment.dir().join("found.csv")).unwrap();
        assert!(csv.contains("\nunreadable,,,,,items.csv,5,"), "{what}: {csv}");
    }
}

#[test]
fn of_several_files_the_malformed_one_is_named() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    write(&deployment, "good.csv", details(&[line("a", "PAYMENT", "1")]));
    write(&deployment, "bad.csv", details(&[line("\"", "PAYMENT", "1")]));
    let output = check(&deployment, &["good.csv", "bad.csv"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), text.starts_with("rescind: bad.csv, line 4, column 1 ")), (Some(2), true), "{text}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let output = check(&deployment, &["nowhere.csv"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("rescind: nowhere.csv, line 1: the file cannot be read: "), "{text}");
}
