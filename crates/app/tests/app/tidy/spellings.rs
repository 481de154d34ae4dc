//! A state is spelled in the domain, once; what stores it or sends it takes the domain's spelling.

use std::collections::BTreeSet;

use super::Rule;
use super::source_text::{line_of, literals};
use super::tree::Tree;

/// What is spelled elsewhere for a reason: where, what (nothing named: all), and why.
const OTHERS: [(&str, &[&str], &str); 8] = [
    ("crates/adapters-db/src/rows/event.rs", &[], "rules that earlier rows have by their numbers, frozen"),
    ("crates/adapters-db/src/rows/reversal.rs", &["release"], "what was taken has words of its own in the column"),
    ("crates/adapters-http/src/wallet/examples.rs", &[], "the contract's examples show what goes over the wire"),
    ("crates/adapters-http/src/wallet/responses/case.rs", &["payment-recorded"], "an attribute takes literals only"),
    (
        "crates/adapters-files/src/findings.rs",
        &["unknown", "unreadable"],
        "classes of lines are counted under names of their own",
    ),
    ("crates/app/src/settings/settlement.rs", &["refused", "allowed", "payment"], "settings have words of their own"),
    ("crates/app/src/settlement/export.rs", &["cancelled"], "a sentence for people"),
    ("crates/app/src/demo/rows.rs", &[], "the demo plays a wallet, which knows the wire only"),
];

pub(super) const RULES: [Rule; 1] = [Rule {
    is: "a state is spelled in the domain only",
    check: spelled_once,
    planted: &[
        ("crates/domain/src/planted.rs", "spelled! { Planted { First = \"all-planted\" } }\n"),
        (
            "crates/ports/src/planted.rs",
            "// \"all-planted\"\nfn a() -> [&'static str; 2] {\n    [\"all-planted\", \"not all-planted\"]\n}\n",
        ),
    ],
}];

fn spelled_once(tree: &Tree) -> Vec<String> {
    let spelled = spellings(tree);
    let (mut wrong, mut needed) = (vec![], BTreeSet::new());
    // The testkit plays the other sides, which know the wire only.
    let others = ["crates/domain/", "crates/simulator/", "crates/testkit/", "crates/ports/src/testing/"];
    for (path, text) in tree.crate_sources().filter(|(path, _)| !others.iter().any(|other| path.starts_with(other))) {
        for (place, literal) in literals(text.whole()) {
            let is_shipped = text.shipped().as_bytes()[place] != b' ';
            if !is_shipped || !spelled.contains(literal) {
                continue;
            }
            match OTHERS.iter().position(|(file, words, _)| path == *file && (words.is_empty() || words.contains(&literal))) {
                Some(other) => _ = needed.insert(other),
                None => wrong.push(format!("{path}:{}: {literal:?} is spelled in the domain", line_of(text.whole(), place))),
            }
        }
    }
    let unneeded = (0..OTHERS.len()).filter(|other| !needed.contains(other)).map(|other| OTHERS[other].0);
    wrong.extend(unneeded.map(|file| format!("{file} needs no exception any more")));
    wrong
}

/// What the domain spells: `State = "text"` and `State => "text"`. Alipay+'s codes, in capitals, are the callback's as well.
pub(super) fn spellings(tree: &Tree) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (_, text) in tree.crate_sources().filter(|(path, _)| path.starts_with("crates/domain/")) {
        for (place, literal) in literals(text.whole()) {
            let before = text.shipped()[..place].trim_end();
            let name = before.strip_suffix('=').map_or("", |name| name.trim_end().rsplit([' ', '\n']).next().unwrap_or_default());
            let is_spelling = before.ends_with("=>") || name.starts_with(char::is_uppercase);
            if is_spelling && literal.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') && literal.len() > 1 {
                found.insert(literal);
            }
        }
    }
    found
}
