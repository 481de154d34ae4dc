//! Names: one for each type in the workspace, and `Error` at the end of errors.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use super::source_text::{end_of_block, line_of, words};
use super::tree::{Tree, crate_of};

/// Names that two types may have, with the reason.
const SHARED: [(&str, &str); 0] = [];

/// What is given back as an `Err` and is not called an error, with the reason.
const NOT_CALLED_ERRORS: [(&str, &str); 2] = [
    ("Rejection", "what the callback does not take: an answer for Alipay+ and nothing that went wrong here"),
    ("CommandReply", "a refusal is a reply, with which a rule leaves early"),
];

pub(super) const RULES: [Rule; 5] = [
    Rule {
        is: "no type outside of its file has the name of another",
        check: type_names_once,
        planted: &[("crates/ports/src/planted.rs", "pub(super) enum PaymentKind {}\n")],
    },
    Rule {
        is: "an alias is a type",
        check: type_names_once,
        planted: &[("crates/app/src/planted.rs", "pub(crate) type Money = u8;\n")],
    },
    Rule {
        is: "so is what a macro makes",
        check: type_names_once,
        planted: &[("crates/ports/src/planted.rs", "pub struct AcquirerId;\n")],
    },
    Rule {
        is: "an error's name ends in Error",
        check: errors_are_called_errors,
        planted: &[("crates/ports/src/planted.rs", "struct Broken;\nimpl std::error::Error for Broken {}\n")],
    },
    Rule {
        is: "what a function fails with is an error",
        check: errors_are_called_errors,
        planted: &[(
            "crates/ports/src/planted.rs",
            "struct Trouble;\nfn a() -> Result<Vec<(u8, u8)>, Trouble> {\n    Ok(vec![])\n}\n",
        )],
    },
];

// ---- Types ----

const KINDS: [&str; 5] = ["struct", "enum", "trait", "type", "union"];

fn type_names_once(tree: &Tree) -> Vec<String> {
    let makers = type_makers(tree);
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (path, text) in tree.crate_sources().filter(|(path, _)| crate_of(path) != "simulator") {
        let code = text.shipped();
        for (place, name) in visible_types(code).into_iter().chain(made_types(code, &makers)) {
            places.entry(name).or_default().push(format!("{path}:{}", line_of(code, place)));
        }
    }
    let twice = places.into_iter().filter(|(name, places)| places.len() > 1 && !SHARED.iter().any(|(shared, _)| shared == name));
    twice.map(|(name, places)| format!("{name} is the name of {} types: {}", places.len(), places.join(", "))).collect()
}

/// The types that can be named outside of their module, with their places.
fn visible_types(code: &str) -> Vec<(usize, &str)> {
    let is_visible = |kind: usize| {
        let before = code[..kind].trim_end();
        // Behind `pub`, or behind the brackets of `pub(…)`.
        let within = before.strip_suffix(')').and_then(|before| before.rsplit_once('('));
        within.map_or(before, |(before, _)| before).ends_with("pub")
    };
    types(code).filter(|(kind, _, _)| is_visible(*kind)).map(|(_, place, name)| (place, name)).collect()
}

/// Every type that is declared: the place of the declaration, and the name with its place.
fn types(code: &str) -> impl Iterator<Item = (usize, usize, &str)> {
    let pairs = words(code).zip(words(code).skip(1)).filter(|((_, kind), _)| KINDS.contains(kind));
    let declared = pairs.filter(|((kind_at, kind), (place, name))| {
        code[kind_at + kind.len()..*place].trim().is_empty() && name.starts_with(char::is_uppercase)
    });
    declared.map(|((kind, _), (place, name))| (kind, place, name))
}

/// The macros that make types with a name that they are given.
fn type_makers(tree: &Tree) -> BTreeSet<&str> {
    let makes = |body: &str| {
        words(body).zip(words(body).skip(1)).any(|((_, kind), (at, _))| KINDS.contains(&kind) && body[..at].ends_with('$'))
    };
    let mut makers = BTreeSet::new();
    for (_, text) in tree.crate_sources() {
        for (behind, _) in text.shipped().match_indices("macro_rules!") {
            let rest = &text.shipped()[behind + "macro_rules!".len()..];
            let (Some((_, name)), Some(end)) = (words(rest).next(), end_of_block(rest, 0)) else { continue };
            if makes(&rest[..end]) {
                makers.insert(name);
            }
        }
    }
    makers
}

/// The types that are made by such macros: what begins in capitals directly in their brackets, and stands first there, or behind
/// an attribute or another one.
fn made_types<'a>(code: &'a str, makers: &BTreeSet<&str>) -> Vec<(usize, &'a str)> {
    let mut found = vec![];
    let calls = words(code).filter(|(place, word)| makers.contains(word) && code[place + word.len()..].starts_with('!'));
    for (place, name) in calls {
        let (from, mut depth) = (place + name.len() + 1, 0_usize);
        for (at, b) in code.bytes().enumerate().skip(from) {
            match b {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' if depth == 1 => break,
                b')' | b']' | b'}' => depth -= 1,
                _ if depth == 1 && b.is_ascii_uppercase() && code[..at].trim_end().ends_with(['(', '{', '}', ']', ',', ';']) => {
                    found.extend(words(&code[at..]).next().map(|(_, word)| (at, word)));
                }
                _ => {}
            }
        }
    }
    found
}

// ---- Errors ----

fn errors_are_called_errors(tree: &Tree) -> Vec<String> {
    let ours: BTreeSet<_> = tree.crate_sources().flat_map(|(_, text)| types(text.shipped())).map(|(_, _, name)| name).collect();
    let mut places: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (path, text) in tree.crate_sources() {
        let code = text.shipped();
        for name in implementors(code).into_iter().chain(failures(code)) {
            if ours.contains(name) && !name.ends_with("Error") {
                places.entry((name, crate_of(path))).or_default().insert(path);
            }
        }
    }
    let is_needed = |other: &str| places.keys().any(|(name, _)| *name == other);
    let unneeded = NOT_CALLED_ERRORS.iter().filter(|(other, _)| !is_needed(other));
    let mut wrong: Vec<_> = unneeded.map(|(other, _)| format!("{other} needs no exception any more")).collect();
    for ((name, _), places) in places.iter().filter(|((name, _), _)| !NOT_CALLED_ERRORS.iter().any(|(other, _)| other == name)) {
        let places: Vec<_> = places.iter().copied().collect();
        wrong.push(format!("{name} is an error and is not called one: {}", places.join(", ")));
    }
    wrong
}

/// What implements `Error`, `ResponseError` or another error's trait.
fn implementors(code: &str) -> Vec<&str> {
    const FOR: &str = "Error for ";
    code.match_indices(FOR).filter_map(|(place, _)| Some(words(&code[place + FOR.len()..]).next()?.1)).collect()
}

/// What stands second in a `Result`, by its last name.
fn failures(code: &str) -> Vec<&str> {
    let mut found = vec![];
    for (place, _) in words(code).filter(|(place, word)| *word == "Result" && code[place + word.len()..].starts_with('<')) {
        let inside = &code[place + "Result<".len()..];
        let (mut depth, mut second) = (0_usize, None);
        for (at, b) in inside.bytes().enumerate() {
            match b {
                b'<' | b'(' | b'[' => depth += 1,
                b'>' if inside[..at].ends_with('-') => {}
                b'>' | b')' | b']' if depth == 0 => {
                    let from: Option<usize> = second;
                    found.extend(from.and_then(|from| last_name(&inside[from..at])));
                    break;
                }
                b'>' | b')' | b']' => depth -= 1,
                b',' if depth == 0 => second = Some(at + 1),
                _ => {}
            }
        }
    }
    found
}

/// The last name of a path, before its generic arguments.
fn last_name(path: &str) -> Option<&str> {
    let path = path.split('<').next()?;
    words(path).last().map(|(_, word)| word)
}
