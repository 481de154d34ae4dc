//! Log messages: what happened, in one short line.

use super::Rule;
use super::source_text::{line_of, literals, words};
use super::tree::Tree;

/// How many characters a message may have.
const LONGEST: usize = 160;

const fn message(is: &'static str, planted: &'static [(&'static str, &'static str)]) -> Rule {
    Rule { is, check: short_messages, planted }
}

pub(super) const RULES: [Rule; 3] = [
    message(
        "a log message begins in lower case",
        &[("crates/ports/src/planted.rs", "fn a() {\n    tracing::warn!(b = \"C\", \"Not begun\");\n}\n")],
    ),
    message(
        "a log message has no full stop",
        &[("crates/ports/src/planted.rs", "fn a() {\n    info!(\n        %b,\n        \"not begun.\"\n    );\n}\n")],
    ),
    message("a log message is one short line", &[("crates/ports/src/planted.rs", "long message")]),
];

fn short_messages(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, text) in tree.crate_sources() {
        let (code, whole) = (text.shipped(), text.whole());
        for (place, _) in words(code).filter(|(place, word)| is_log(word) && code[place + word.len()..].starts_with("!(")) {
            let Some(message) = message_of(&code[place..], &whole[place..]) else { continue };
            let is_plain =
                !message.starts_with(char::is_uppercase) && !message.ends_with('.') && message.chars().count() <= LONGEST;
            if !is_plain {
                wrong.push(format!("{path}:{}: not one short line in lower case: {message:?}", line_of(code, place)));
            }
        }
    }
    wrong
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
