//! The docs, and the language of comments and messages.

use super::Rule;
use super::source_text::line_of;
use super::tree::Tree;

/// How many words a sentence may have.
const LONGEST: usize = 40;

/// What readers of English as a second language read twice.
const AVOIDED: [&str; 4] = ["whoever", "whatever there", "told of", "what is owed"];

/// Where the avoided words are written down.
const HERE: &str = "crates/app/tests/app/tidy/";

pub(super) const RULES: [Rule; 7] = [
    Rule {
        is: "pages name no path of one machine",
        check: no_machine_paths,
        planted: &[("docs/planted.md", "See /home/ann/rescind.\n")],
    },
    Rule { is: "no sentence has over 40 words", check: short_sentences, planted: &[("docs/planted.md", "wordy")] },
    Rule {
        is: "a list's item or a table's cell is a sentence of its own",
        check: short_sentences,
        planted: &[("docs/planted.md", "cells")],
    },
    Rule { is: "pages avoid some words", check: plain_pages, planted: &[("docs/planted.md", "Ask WHOEVER knows.\n")] },
    Rule {
        is: "also where a line ends in between",
        check: plain_pages,
        planted: &[("docs/planted.md", "Take whatever\nthere may be.\n")],
    },
    Rule {
        is: "comments avoid them too",
        check: plain_sources,
        planted: &[("crates/ports/src/planted.rs", "//! What the wallet is told\n//! of a payment.\n")],
    },
    Rule {
        is: "and so do messages",
        check: plain_sources,
        planted: &[("crates/ports/src/planted.rs", "const A: &str = \"whoever it is\";\n")],
    },
];

fn pages(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.files().filter(|(path, _)| path.ends_with(".md")).map(|(path, text)| (path, text.whole()))
}

fn no_machine_paths(tree: &Tree) -> Vec<String> {
    let homes = ["/home/", "/root/", "/Users/", "/work/", "C:\\"];
    let named =
        pages(tree).flat_map(|(path, text)| homes.iter().filter(|home| text.contains(**home)).map(move |home| (path, home)));
    named.map(|(path, home)| format!("{path}: a path of one machine, {home}…")).collect()
}

fn short_sentences(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, text) in pages(tree) {
        for (line, block) in blocks(text) {
            for sentence in sentences(&block) {
                let words = sentence.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
                if words > LONGEST {
                    let begins: Vec<_> = sentence.split_whitespace().take(8).collect();
                    wrong.push(format!("{path}:{line}: a sentence has {words} words: {} …", begins.join(" ")));
                }
            }
        }
    }
    wrong
}

fn plain_pages(tree: &Tree) -> Vec<String> {
    let files = tree.files().filter(|(path, _)| path.ends_with(".md") || path.starts_with("docs/"));
    files.flat_map(|(path, text)| avoided(path, text.whole())).collect()
}

fn plain_sources(tree: &Tree) -> Vec<String> {
    let sources = tree.sources().filter(|(path, _)| !path.starts_with(HERE));
    sources.flat_map(|(path, text)| avoided(path, text.whole())).collect()
}

/// Where the avoided words stand, also across lines.
fn avoided(path: &str, text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let words: Vec<_> = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty()).collect();
    let place = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    let mut wrong = vec![];
    for avoided in AVOIDED {
        let sought: Vec<_> = avoided.split(' ').collect();
        let found = words.windows(sought.len()).filter(|words| **words == sought[..]);
        // Nothing but space and the marks of a comment may stand in between.
        let together = found.filter(|words| {
            let between = &text[place(words[0])..place(words[words.len() - 1])];
            between.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "/!*#>".contains(c))
        });
        wrong.extend(together.map(|words| format!("{path}:{}: {avoided:?} is avoided", line_of(&text, place(words[0])))));
    }
    wrong
}

// ---- Reading Markdown ----

/// Paragraphs, list items and table cells with their first lines. Headings and what stands in fences are left out.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = vec![];
    let (mut is_fenced, mut is_open) = (false, false);
    for (number, line) in (1..).zip(page.lines()) {
        let text = line.trim_start_matches([' ', '>']).trim_end();
        if text.starts_with("```") || text.starts_with("~~~") {
            (is_fenced, is_open) = (!is_fenced, false);
        } else if is_fenced || text.is_empty() || text.starts_with('#') {
            is_open = false;
        } else if text.starts_with('|') {
            found.extend(cells(text).into_iter().map(|cell| (number, cell)));
            is_open = false;
        } else if is_open && !begins_item(text) {
            found.iter_mut().next_back().into_iter().for_each(|(_, block)| block.extend([" ", text]));
        } else {
            found.push((number, text.to_owned()));
            is_open = true;
        }
    }
    found
}

fn begins_item(text: &str) -> bool {
    let numbered = text.trim_start_matches(|c: char| c.is_ascii_digit());
    ["- ", "* ", "+ "].iter().any(|mark| text.starts_with(mark)) || numbered.len() < text.len() && numbered.starts_with(". ")
}

/// A table's cells; a bar in code or behind a backslash divides none.
fn cells(row: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let (mut is_code, mut is_escaped) = (false, false);
    for c in row.chars() {
        match c {
            '|' if !is_code && !is_escaped => found.push(String::new()),
            _ => found.iter_mut().next_back().into_iter().for_each(|cell| cell.push(c)),
        }
        is_code ^= c == '`';
        is_escaped = c == '\\';
    }
    found
}

/// Splits at full stops, question marks and exclamation marks; code in a line counts as one word, a link as its text.
fn sentences(block: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut rest = block;
    while let Some(first) = rest.chars().next() {
        let (length, shown) = match first {
            '`' => code_span(rest),
            ']' if rest.starts_with("](") => (rest.find(')').map_or(rest.len(), |end| end + 1), ""),
            _ => (first.len_utf8(), &rest[..first.len_utf8()]),
        };
        let behind = &rest[length..];
        found.iter_mut().next_back().into_iter().for_each(|sentence| sentence.push_str(shown));
        let closes = behind.trim_start_matches([')', '"', '*', '_', '”']);
        let next = closes.trim_start();
        let begins = next.starts_with(|c: char| !c.is_lowercase());
        if ['.', '!', '?'].contains(&first) && closes.len() > next.len() && begins {
            found.push(String::new());
        }
        rest = behind;
    }
    found
}

/// The length of code in a line, and the one word that it counts as.
fn code_span(text: &str) -> (usize, &'static str) {
    let marks = text.len() - text.trim_start_matches('`').len();
    let end = text[marks..].find(&text[..marks]).map(|end| marks + end + marks);
    (end.unwrap_or(marks), if end.is_some() { "code" } else { "" })
}
