//! Log messages: what happened, in one short line, which a page explains.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use super::source_text::{line_of, literals, words};
use super::tree::{Text, Tree};

/// The page that explains every message from `info` up.
const PAGE: &str = "docs/reference/log-events.md";

/// How many characters a message may have.
const LONGEST: usize = 160;

const fn message(is: &'static str, planted: &'static [(&'static str, &'static str)]) -> Rule {
    Rule { is, check: short_messages, planted }
}

pub(super) const RULES: [Rule; 6] = [
    message(
        "a log message begins in lower case",
        &[("crates/ports/src/planted.rs", "fn a() {\n    tracing::warn!(b = \"C\", \"Not begun\");\n}\n")],
    ),
    message(
        "a log message has no full stop",
        &[("crates/ports/src/planted.rs", "fn a() {\n    info!(\n        %b,\n        \"not begun.\"\n    );\n}\n")],
    ),
    message("a log message is one short line", &[("crates/ports/src/planted.rs", "long message")]),
    Rule {
        is: "a log message is on the page that explains it",
        check: messages_are_listed,
        planted: &[("crates/ports/src/planted.rs", "fn a() {\n    tracing::info!(b = \"C\", \"begun\");\n}\n")],
    },
    Rule {
        is: "a message that the page explains is logged",
        check: messages_are_listed,
        planted: &[(PAGE, "…\n| `begun` | INFO | – | – |\n")],
    },
    Rule {
        is: "the page names a message's level",
        check: messages_are_listed,
        planted: &[(PAGE, "…\n| `stopped` | WARN | – | – |\n")],
    },
];

fn short_messages(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, text) in tree.crate_sources() {
        for Logged { place, level: _, message } in logged(text) {
            let is_plain =
                !message.starts_with(char::is_uppercase) && !message.ends_with('.') && message.chars().count() <= LONGEST;
            if !is_plain {
                wrong.push(format!("{path}:{}: not one short line in lower case: {message:?}", line_of(text.code(), place)));
            }
        }
    }
    wrong
}

/// The page has each message of the service with its level, and no other.
fn messages_are_listed(tree: &Tree) -> Vec<String> {
    let mut logged_by: BTreeMap<(String, String), &str> = BTreeMap::new();
    for (path, text) in tree.crate_sources().filter(|(path, _)| !path.starts_with("crates/simulator/")) {
        logged_by.extend(logged(text).into_iter().filter_map(Logged::row).map(|row| (row, path)));
    }
    let cells = |line: &str| {
        let (message, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        Some((message.to_owned(), rest.split(' ').next()?.to_owned()))
    };
    let listed: BTreeSet<_> = tree.get(PAGE).map_or("", Text::whole).lines().filter_map(cells).collect();
    let missing = logged_by.iter().filter(|(row, _)| !listed.contains(row));
    let missing = missing.map(|((message, level), path)| format!("{path}: {PAGE} does not list as {level}: {message}"));
    let unknown = listed.iter().filter(|row| !logged_by.contains_key(row));
    let unknown = unknown.map(|(message, level)| format!("{PAGE}: nothing logs as {level}: {message}"));
    missing.chain(unknown).collect()
}

/// A message with the place of its macro.
struct Logged<'a> {
    place: usize,
    level: &'a str,
    message: &'a str,
}

impl Logged<'_> {
    /// Message and level as the page has them, where it explains the level; `…` stands for what differs.
    fn row(self) -> Option<(String, String)> {
        if ["trace", "debug"].contains(&self.level) {
            return None;
        }
        let mut parts = self.message.split('{');
        let first = parts.next().unwrap_or_default().to_owned();
        let shown = parts.fold(first, |shown, part| shown + "…" + part.split_once('}').map_or(part, |(_, rest)| rest));
        Some((shown, self.level.to_uppercase()))
    }
}

fn logged(text: &Text) -> Vec<Logged<'_>> {
    let (code, whole) = (text.shipped(), text.whole());
    let calls = words(code).filter(|(place, word)| is_log(word) && code[place + word.len()..].starts_with("!("));
    let logged = calls.filter_map(|(place, level)| {
        let message = message_of(&code[place..], &whole[place..])?;
        Some(Logged { place, level, message })
    });
    logged.collect()
}

fn is_log(word: &str) -> bool {
    ["trace", "debug", "info", "warn", "error"].contains(&word)
}

/// The first literal that stands directly in a call's brackets and is not a field's value.
fn message_of<'a>(code: &str, whole: &'a str) -> Option<&'a str> {
    let (mut depth, mut end, mut inside) = (0_usize, code.len(), vec![]);
    for (place, b) in code.bytes().enumerate() {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 1 => {
                end = place;
                break;
            }
            b')' | b']' | b'}' => depth -= 1,
            b's' if depth == 1 => inside.push(place),
            _ => {}
        }
    }
    let is_message = |place: &usize| inside.contains(place) && !code[..*place].trim_end().ends_with('=');
    literals(&whole[..end]).into_iter().find(|(place, _)| is_message(place)).map(|(_, message)| message)
}
