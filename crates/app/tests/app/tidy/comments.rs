//! Doc comments: what they say beyond the name.

use super::Rule;
use super::source_text::words;
use super::tree::Tree;

pub(super) const RULES: [Rule; 4] = [
    Rule {
        is: "a doc comment does not send readers to the name",
        check: docs_say_more_than_the_name,
        planted: &[("crates/ports/src/planted.rs", "/// See the name.\npub fn sum() {}\n")],
    },
    Rule {
        is: "a function's doc comment says more than its name",
        check: docs_say_more_than_the_name,
        planted: &[("crates/ports/src/planted.rs", "/// Close the day.\n#[must_use]\npub async fn close_day() {}\n")],
    },
    Rule {
        is: "so does a type's",
        check: docs_say_more_than_the_name,
        planted: &[("crates/ports/src/planted.rs", "/// A payment command\npub struct PaymentCommand {}\n")],
    },
    Rule {
        is: "and a field's or a variant's",
        check: docs_say_more_than_the_name,
        planted: &[("crates/ports/src/planted.rs", "struct A {\n    /// The day.\n    pub day: u8,\n}\n")],
    },
];

fn docs_say_more_than_the_name(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, text) in tree.sources() {
        let mut comment: Vec<&str> = vec![];
        for (number, line) in (1..).zip(text.whole().lines().map(str::trim)) {
            if let Some(said) = line.strip_prefix("///") {
                comment.push(said);
            } else if !line.starts_with("#[") {
                let said = plain_words(&comment.concat());
                if !said.is_empty() && (said == ["see", "name"] || item_named(line).is_some_and(|name| name_words(name) == said))
                {
                    wrong.push(format!("{path}:{number}: the doc comment only repeats the name: {line}"));
                }
                comment.clear();
            }
        }
    }
    wrong
}

/// The words of a comment in lower case, without articles.
fn plain_words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase);
    words.filter(|word| !["a", "an", "the"].contains(&word.as_str())).collect()
}

/// The name of the item, field or variant that a line begins.
fn item_named(line: &str) -> Option<&str> {
    const BEFORE: [&str; 14] =
        ["pub", "crate", "super", "in", "async", "const", "static", "unsafe", "fn", "struct", "enum", "trait", "type", "mod"];
    words(line).map(|(_, word)| word).find(|word| !BEFORE.contains(word))
}

/// The words of a name, whether it is written with capitals or with underscores.
fn name_words(name: &str) -> Vec<String> {
    let mut found = vec![];
    for part in name.split('_') {
        let is_shouted = !part.contains(char::is_lowercase);
        let mut word = String::new();
        for c in part.chars() {
            if c.is_uppercase() && !is_shouted {
                found.push(std::mem::take(&mut word));
            }
            word.extend(c.to_lowercase());
        }
        found.push(word);
    }
    found.retain(|word| !["", "a", "an", "the"].contains(&word.as_str()));
    found
}
