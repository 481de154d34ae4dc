//! What a check says to people in the end.

use std::fmt::Write as _;

use domain::{ClearingDay, GateState};
use ports::{FindingTotals, LineCounts};
use use_cases::{MissingSearch, Reconciliation};

/// How many lines there were of each class, what was found (`table`), what was looked for, and what all of it says of the gate.
pub(super) fn summary(Reconciliation { totals, missing }: &Reconciliation, files: usize, table: &str) -> String {
    let FindingTotals { lines, other_types, counts: _, gate } = totals;
    let LineCounts { compared, only_looked_at, unknown, unreadable } = lines;
    let agrees = if table.is_empty() { "nothing is found" } else { "this is found" };
    let mut text = format!("{} lines of {files} files are read, and {agrees}\n{table}", lines.total());
    // Writing to a text cannot fail.
    let _ = writeln!(
        text,
        "{compared} lines are compared, {only_looked_at} only looked at, {unknown} unknown, {unreadable} unreadable"
    );
    if !other_types.is_empty() {
        let words: Vec<_> = other_types.iter().map(|(word, count)| format!("{word} {count}")).collect();
        let _ = writeln!(text, "neither payment nor refund by their type: {}", words.join(", "));
    }
    text.push_str(&where_missing(missing, lines));
    let _ = writeln!(text, "{}", sentence(*gate));
    text
}

fn sentence(gate: GateState) -> &'static str {
    match gate {
        GateState::Passed => "the gate is passed: no line is known to be a cancelled payment",
        GateState::Doubt => {
            "the gate is in doubt: what is unreadable, unknown or listed twice may be a cancelled payment that was changed on the way"
        }
        GateState::Failed => "the gate failed: a cancelled payment is settled, or costs a fee",
    }
}

/// Says where what settled and is in no file was looked for.
fn where_missing(search: &MissingSearch, lines: &LineCounts) -> String {
    let (sentence, others) = match search {
        MissingSearch::CancelledOnly => {
            let unknown = lines.unknown;
            let only = format!(
                "the wallet core keeps the payments: only cancelled ones were looked for, and nothing is known of {unknown} lines\n"
            );
            (only, &[][..])
        }
        MissingSearch::NoAmounts => {
            ("no file tells what settles, so what settled and is missing was not looked for\n".to_owned(), &[][..])
        }
        MissingSearch::NoDay => {
            let sentence = "the files name no day, so what settled and is missing was not looked for; --day names one\n";
            (sentence.to_owned(), &[][..])
        }
        MissingSearch::OpenDay { day, others } => {
            (format!("{day} is not closed here, so what settled and is missing was not looked for\n"), &others[..])
        }
        MissingSearch::ClosedDay { day, others } => {
            (format!("the statement of {day} was looked for in the files\n"), &others[..])
        }
    };
    if others.is_empty() {
        return sentence;
    }
    let named: Vec<_> = others.iter().map(ClearingDay::to_string).collect();
    format!("{sentence}something is of {}, which was not looked for; --day names one day\n", named.join(", "))
}
