//! The failures of the field: each has a test, or a reason why it cannot happen.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::Rule;
use super::source_text::words;
use super::tree::{Text, Tree};

pub(super) const RULES: [Rule; 6] = [
    Rule {
        is: "a failure of the field has a test, or a reason why it cannot happen",
        check: failures_have_tests,
        planted: &[("docs/develop/failures.md", "# Failures\n\nF29 is mentioned.\n")],
    },
    Rule {
        is: "what has a test can happen",
        check: failures_have_tests,
        planted: &[("crates/app/tests/planted.rs", "#[test]\nfn f29_coupons_are_given_back() {}\n")],
    },
    Rule {
        is: "a failure's number is one of the list",
        check: failures_have_tests,
        planted: &[("crates/app/tests/planted.rs", "/// Guards against F96.\n#[test]\nfn planted() {}\n")],
    },
    Rule {
        is: "what is worst is played with a fault at every call",
        check: played_with_every_fault,
        planted: &[(
            "crates/app/tests/app/faults/poison.rs",
            "undisturbed!(f23_a_poisoned_reversal_delays_no_other, poison_beside_others);\n",
        )],
    },
    Rule {
        is: "a failure's tests are on the page that lists them",
        check: failures_are_listed,
        planted: &[("crates/app/tests/planted.rs", "#[test]\nfn f95_planted() {}\n")],
    },
    Rule {
        is: "a test that the page names exists",
        check: failures_are_listed,
        planted: &[(PAGE, "…\n## F01: again\n\n- `f01_nobody_has_written_this`\n")],
    },
];

/// The failures of the field that others met, each of which a test's name (`f03_…`) or the comment above it carries.
const FAILURES: RangeInclusive<u32> = 1..=47;

/// All that are known; those beyond [`FAILURES`] are listed as their tests come.
const KNOWN: RangeInclusive<u32> = 1..=95;

/// The page that lists the failures with their tests, and the reasons of those that cannot happen.
pub(super) const PAGE: &str = "docs/develop/failures.md";

fn failures_have_tests(tree: &Tree) -> Vec<String> {
    let page = tree.get(PAGE).map_or("", Text::whole);
    let (_, listed) = page.split_once("## Failures that cannot happen here").unwrap_or_default();
    let cannot_happen: BTreeSet<_> = listed.lines().filter_map(|line| numbered(line.strip_prefix("- ")?, 'F')).collect();
    let mut wrong = vec![];
    let mut carried = BTreeSet::new();
    for (path, text) in tree.sources() {
        for number in failures_carried(path, text) {
            carried.insert(number);
            if cannot_happen.contains(&number) || !KNOWN.contains(&number) {
                wrong.push(format!("{path}: F{number:02} has a test, but cannot happen, or is no known failure"));
            }
        }
    }
    let missing = FAILURES.filter(|number| !carried.contains(number) && !cannot_happen.contains(number));
    let missing: Vec<_> = missing.map(|number| format!("F{number:02}")).collect();
    if !missing.is_empty() {
        wrong.push(format!("{} has neither a test nor a reason in {PAGE}", missing.join(", ")));
    }
    wrong
}

/// A failure's part of the page names the tests that carry its number in their names: these and no others.
fn failures_are_listed(tree: &Tree) -> Vec<String> {
    let Some(page) = tree.get(PAGE) else { return vec![format!("{PAGE} is missing")] };
    let listed: BTreeSet<_> = page.whole().split("\n## ").flat_map(tests_listed).collect();
    let mut tests: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, text) in tree.sources() {
        for (_, name) in words(text.code()).filter(|(_, word)| carries_number(word)) {
            tests.entry(name).or_insert(path);
        }
    }
    let missing = tests.iter().filter(|(name, _)| !listed.contains(*name));
    let missing = missing.map(|(name, path)| format!("{path}: {PAGE} does not list {name} where its failure is"));
    let unknown = listed.iter().filter(|name| !tests.contains_key(*name));
    missing.chain(unknown.map(|name| format!("{PAGE}: there is no test {name}"))).collect()
}

/// The tests that a part of the page names and that carry the number in its heading.
fn tests_listed(part: &str) -> impl Iterator<Item = &str> {
    let number = numbered(part, 'F');
    words(part).map(|(_, word)| word).filter(move |word| carries_number(word) && number == numbered(word, 'f'))
}

/// Whether a name begins as `f03_` does.
fn carries_number(name: &str) -> bool {
    numbered(name, 'f').is_some() && name.as_bytes().get(3) == Some(&b'_')
}

fn played_with_every_fault(tree: &Tree) -> Vec<String> {
    const FOLDER: &str = "crates/app/tests/app/faults/";
    const WORST: [u32; 13] = [1, 2, 4, 6, 7, 14, 15, 20, 22, 23, 24, 36, 47];
    let mut played = BTreeSet::new();
    for (_, text) in tree.files().filter(|(path, _)| path.starts_with(FOLDER)) {
        let names = text.code().split("on_every_store!(").skip(1).filter_map(|rest| words(rest).next());
        played.extend(names.filter_map(|(_, name)| numbered(name, 'f')));
    }
    let missing = WORST.into_iter().filter(|number| !played.contains(number));
    missing.map(|number| format!("{FOLDER}: no scenario of F{number:02} has a fault at every call")).collect()
}

/// In the names of functions and of modules of tests, and in comments for readers of tests.
fn failures_carried(path: &str, text: &Text) -> BTreeSet<u32> {
    let names = |text: &str| -> BTreeSet<u32> {
        words(text).filter(|(_, word)| carries_number(word)).filter_map(|(_, word)| numbered(word, 'f')).collect()
    };
    // Few files name one at all.
    let in_names = if names(text.whole()).is_empty() { BTreeSet::new() } else { names(text.code()) };
    let for_tests = path.contains("/tests/") || path.contains("/testing/");
    let comments = text.whole().lines().filter(|line| for_tests && line.trim_start().starts_with("///"));
    in_names
        .into_iter()
        .chain(comments.flat_map(words).filter_map(|(_, word)| numbered(word, 'F').filter(|_| word.len() == 3)))
        .collect()
}

/// The two digits behind a letter at the beginning of a text.
fn numbered(text: &str, letter: char) -> Option<u32> {
    let digits = text.strip_prefix(letter)?.get(..2)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}
