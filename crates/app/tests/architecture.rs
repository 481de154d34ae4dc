//! Tidiness as a test: the crates' edges, the sizes of functions and files, the one clock, the one place that names adapters.
//! Every check is a function over a tree of texts. It runs on the real tree and on the same tree with a violation planted in
//! it, so that each check is known to bite.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Paths from the repository's root, with their texts.
type Tree = BTreeMap<String, String>;

/// What is wrong, one sentence each; empty where nothing is.
type Check = fn(&Tree) -> Vec<String>;

/// Which of our crates each may use. `ports` lends its suites and adapters in memory (feature `testing`) to tests only.
///
/// `testkit` is for tests only. The simulator looks at a wallet from outside: it uses none of them, and none uses it.
const EDGES: [(&str, &[&str]); 10] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("use-cases", &["domain", "ports"]),
    ("adapters-http", &["domain", "ports", "use-cases"]),
    ("adapters-db", &["domain", "ports"]),
    ("adapters-wallet-core", &["domain", "ports"]),
    ("adapters-keys", &["domain", "ports"]),
    ("testkit", &["domain", "ports", "use-cases", "adapters-http", "adapters-db", "adapters-wallet-core", "adapters-keys"]),
    (
        "app",
        &["domain", "ports", "use-cases", "adapters-http", "adapters-db", "adapters-wallet-core", "adapters-keys", "testkit"],
    ),
    ("simulator", &[]),
];

/// Libraries that only these crates may use.
const KEPT_IN: [(&str, &[&str]); 5] = [
    ("diesel", &["adapters-db"]),
    ("libsqlite3-sys", &["adapters-db"]),
    ("actix", &["adapters-http", "app", "simulator"]),
    ("serde", &["adapters-http", "adapters-db", "adapters-wallet-core", "adapters-keys", "app", "testkit", "simulator"]),
    ("aws-lc-rs", &["adapters-keys", "app", "simulator"]),
];

/// Every check, with a file that breaks it and nothing else.
const CHECKS: [(&str, Check, &str, &str); 27] = [
    (
        "crates use only the crates below them",
        crate_edges,
        "crates/ports/Cargo.toml",
        "[dependencies]\nuse-cases.workspace = true\n",
    ),
    (
        "adapters never depend on each other",
        crate_edges,
        "crates/adapters-db/Cargo.toml",
        "[dependencies.adapters-http]\npath = \"x\"\n",
    ),
    (
        "tests keep the edges too",
        crate_edges,
        "crates/adapters-db/Cargo.toml",
        "[dev-dependencies]\nuse-cases = { workspace = true }\n",
    ),
    (
        "the simulator shares no code with what it looks at",
        crate_edges,
        "crates/simulator/Cargo.toml",
        "[dependencies]\nadapters-keys.workspace = true\n",
    ),
    ("nobody depends on the simulator", crate_edges, "crates/app/Cargo.toml", "[dev-dependencies]\nsimulator.workspace = true\n"),
    ("a new crate has its edges named here", crate_edges, "crates/adapters-new/Cargo.toml", "[dependencies]\n"),
    (
        "no crate is lent to a program for testing",
        testing_is_for_tests,
        "crates/app/Cargo.toml",
        "[dependencies]\nports = { workspace = true, features = [\"testing\"] }\n",
    ),
    (
        "the testkit is part of no program",
        testing_is_for_tests,
        "crates/app/Cargo.toml",
        "[dependencies.testkit]\nworkspace = true\n",
    ),
    (
        "the testkit is used only where an edge says so",
        crate_edges,
        "crates/use-cases/Cargo.toml",
        "[dev-dependencies]\ntestkit.workspace = true\n",
    ),
    (
        "the domain uses the calendar only",
        domain_libraries,
        "crates/domain/Cargo.toml",
        "[dependencies]\nchrono.workspace = true\nuuid = \"1\"\n",
    ),
    (
        "libraries stay in their crates",
        libraries_in_place,
        "crates/ports/Cargo.toml",
        "[dependencies]\nserde_json.workspace = true\n",
    ),
    ("every crate takes the workspace's lints", lints_everywhere, "crates/ports/Cargo.toml", "[package]\nname = \"ports\"\n"),
    (
        "the domain does no I/O",
        domain_does_no_io,
        "crates/domain/src/planted.rs",
        "fn read() -> bool {\n    std::fs::exists(\"x\").is_ok()\n}\n",
    ),
    ("functions have at most 70 lines", short_functions, "crates/app/tests/planted.rs", "long"),
    ("files have at most 300 lines of code", short_files, "crates/ports/src/planted.rs", "long"),
    (
        "the system's clock is read in one place",
        one_clock,
        "crates/ports/src/planted.rs",
        "fn a() {\n    let _ = Utc::now();\n    let _ = Utc :: now();\n}\n",
    ),
    (
        "no other clock is read",
        one_clock,
        "crates/app/src/planted.rs",
        "fn a() {\n    let _ = std::time::SystemTime::now();\n}\n",
    ),
    (
        "the testkit's callers have one clock too",
        one_clock,
        "crates/testkit/src/planted.rs",
        "fn a() {\n    let _ = Utc::now();\n}\n",
    ),
    ("only the wiring names a concrete adapter", adapters_in_wiring, "crates/app/src/planted.rs", "use adapters_db::Database;\n"),
    ("a migration goes up and down", migrations_in_pairs, "migrations/sqlite/00000000000009_planted/up.sql", "select 1;\n"),
    (
        "a migration's keywords are lower case",
        lower_case_sql,
        "migrations/postgres/00000000000009_planted/up.sql",
        "CREATE table a (b text);\n",
    ),
    ("pages name no path of one machine", no_machine_paths, "docs/planted.md", "See /home/ann/rescind.\n"),
    (
        "a failure of the field has a test, or a reason why it cannot happen",
        failures_have_tests,
        "docs/decisions.md",
        "# Decisions\n\nF29 is mentioned.\n",
    ),
    (
        "what has a test can happen",
        failures_have_tests,
        "crates/app/tests/planted.rs",
        "#[test]\nfn f29_coupons_are_given_back() {}\n",
    ),
    (
        "a failure's number is one of the list",
        failures_have_tests,
        "crates/app/tests/planted.rs",
        "/// Guards against F48.\n#[test]\nfn planted() {}\n",
    ),
    (
        "what is worst is played with a fault at every call",
        played_with_every_fault,
        "crates/app/tests/app/faults/poison.rs",
        "undisturbed!(f23_a_poisoned_reversal_delays_no_other, poison_beside_others);\n",
    ),
    ("no file outlives its reason", no_leftovers, "crates/domain/proptest-regressions/planted.txt", "cc 00\n"),
];

// ---- The checks ----

fn crate_edges(tree: &Tree) -> Vec<String> {
    let ours: BTreeSet<_> = EDGES.iter().map(|(name, _)| *name).collect();
    let mut wrong = vec![];
    for (path, name, text) in manifests(tree) {
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            wrong.push(format!("{path}: nothing says what the crate {name} may depend on"));
            continue;
        };
        // A crate's tests may use the crate itself with another feature.
        for Dependency { name: used, .. } in dependencies(text).into_iter().filter(|used| !used.for_tests || used.name != name) {
            if (ours.contains(used.as_str()) || used.starts_with("adapters-")) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{path}: {name} must not depend on {used}"));
            }
        }
    }
    wrong
}

fn testing_is_for_tests(tree: &Tree) -> Vec<String> {
    let lends = |dependency: &Dependency| {
        dependency.name == "testkit" || dependency.name == "ports" && dependency.line.contains("\"testing\"")
    };
    let wrong = |(path, _, text): (&String, &str, &str)| {
        let lent = dependencies(text).iter().any(|dependency| !dependency.for_tests && lends(dependency));
        lent.then(|| format!("{path}: the testkit and the feature testing are for dev-dependencies"))
    };
    manifests(tree).filter_map(wrong).collect()
}

fn domain_libraries(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, _, text) in manifests(tree).filter(|(_, name, _)| *name == "domain") {
        for Dependency { name, for_tests, .. } in dependencies(text) {
            let allowed = ["chrono", "chrono-tz"].contains(&name.as_str()) || (for_tests && name == "proptest");
            if !allowed {
                wrong.push(format!("{path}: the domain must not depend on {name}"));
            }
        }
    }
    wrong
}

fn libraries_in_place(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, name, text) in manifests(tree) {
        for Dependency { name: used, .. } in dependencies(text) {
            let kept = KEPT_IN.iter().find(|(library, _)| used == *library || is_part_of(&used, library));
            if kept.is_some_and(|(_, places)| !places.contains(&name)) {
                wrong.push(format!("{path}: {used} has no place in {name}"));
            }
        }
    }
    wrong
}

fn is_part_of(used: &str, library: &str) -> bool {
    used.strip_prefix(library).is_some_and(|rest| rest.starts_with(['-', '_']))
}

fn lints_everywhere(tree: &Tree) -> Vec<String> {
    let takes =
        |text: &str| text.lines().skip_while(|line| line.trim() != "[lints]").nth(1).map(str::trim) == Some("workspace = true");
    let wrong = manifests(tree).filter(|(_, _, text)| !takes(text));
    wrong.map(|(path, _, _)| format!("{path}: the workspace's lints are not taken")).collect()
}

fn domain_does_no_io(tree: &Tree) -> Vec<String> {
    let banned =
        ["std::fs", "std::net", "std::env", "std::io", "std::process", "std::thread", "std::time", "println!", "eprintln!"];
    let mut wrong = vec![];
    for (path, text) in sources(tree).filter(|(path, _)| path.starts_with("crates/domain/src/")) {
        let code = code_only(text);
        wrong.extend(banned.iter().filter(|word| code.contains(**word)).map(|word| format!("{path}: {word} in the domain")));
    }
    wrong
}

fn short_functions(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, text) in sources(tree) {
        for Function { name, line, lines } in functions(&code_only(text)) {
            if lines > 70 {
                wrong.push(format!("{path}:{line}: {name} has {lines} lines"));
            }
        }
    }
    wrong
}

fn short_files(tree: &Tree) -> Vec<String> {
    let size = |text: &str| without_test_modules(&code_only(text)).lines().filter(|line| !line.trim().is_empty()).count();
    let files = sources(tree).filter(|(path, _)| path.contains("/src/")).map(|(path, text)| (path, size(text)));
    files.filter(|(_, lines)| *lines > 300).map(|(path, lines)| format!("{path} has {lines} lines of code")).collect()
}

fn one_clock(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    let mut places: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
    for (path, text) in sources(tree).filter(|(path, _)| path.contains("/src/")) {
        let code: String = without_test_modules(&code_only(text)).chars().filter(|c| !c.is_whitespace()).collect();
        // The simulator is a program of its own, and the testkit's callers are outside of ours.
        let apart = ["crates/simulator/", "crates/testkit/"].into_iter().find(|place| path.starts_with(*place));
        places.entry(apart).or_default().extend(code.matches("Utc::now").map(|_| path.clone()));
        for other in ["Local::now", "SystemTime::now"] {
            wrong.extend(code.matches(other).map(|_| format!("{path}: {other} is no clock of ours")));
        }
    }
    let too_many = places.into_values().filter(|places| places.len() > 1);
    wrong.extend(too_many.map(|places| format!("Utc::now is called in {}", places.join(", "))));
    wrong
}

fn adapters_in_wiring(tree: &Tree) -> Vec<String> {
    let wires = |path: &str| ["wiring.rs", "wiring/", "demo.rs", "demo/"].iter().any(|place| path.starts_with(place));
    let mut wrong = vec![];
    for (path, text) in sources(tree) {
        let names = words(&code_only(text)).any(|(_, word)| word.starts_with("adapters_"));
        if names && path.strip_prefix("crates/app/src/").is_some_and(|place| !wires(place)) {
            wrong.push(format!("{path}: only the wiring and the demo name an adapter"));
        }
    }
    wrong
}

fn migrations_in_pairs(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for path in tree.keys().filter(|path| path.starts_with("migrations/")) {
        let Some((folder, file)) = path.rsplit_once('/') else { continue };
        let other = match file {
            "up.sql" => "down.sql",
            "down.sql" => "up.sql",
            _ => {
                wrong.push(format!("{path}: a migration is up.sql and down.sql"));
                continue;
            }
        };
        if !tree.contains_key(&format!("{folder}/{other}")) {
            wrong.push(format!("{folder}: {other} is missing"));
        }
    }
    wrong
}

fn lower_case_sql(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, text) in tree.iter().filter(|(path, _)| path.starts_with("migrations/")) {
        for (number, line) in (1..).zip(sql_only(text).lines()) {
            if line.bytes().any(|b| b.is_ascii_uppercase()) {
                wrong.push(format!("{path}:{number}: SQL is written in lower case"));
            }
        }
    }
    wrong
}

fn no_machine_paths(tree: &Tree) -> Vec<String> {
    let homes = ["/home/", "/root/", "/Users/", "/work/", "C:\\"];
    let pages = tree.iter().filter(|(path, _)| path.ends_with(".md"));
    let named = pages.flat_map(|(path, text)| homes.iter().filter(|home| text.contains(**home)).map(move |home| (path, home)));
    named.map(|(path, home)| format!("{path}: a path of one machine, {home}…")).collect()
}

fn no_leftovers(tree: &Tree) -> Vec<String> {
    let left = |path: &&String| {
        path.contains("proptest-regressions") || [".orig", ".rej", ".bak", "~"].iter().any(|end| path.ends_with(end))
    };
    tree.keys().filter(left).map(|path| format!("{path} is a leftover")).collect()
}

/// The failures of the field that others met, each of which a test's name (`f03_…`) or the comment above it carries.
const FAILURES: std::ops::RangeInclusive<u32> = 1..=47;

fn failures_have_tests(tree: &Tree) -> Vec<String> {
    const REASONS: &str = "docs/decisions.md";
    let page = tree.get(REASONS).map_or("", String::as_str);
    let (_, listed) = page.split_once("## Failures that cannot happen here").unwrap_or_default();
    let cannot_happen: BTreeSet<_> = listed.lines().filter_map(|line| numbered(line.strip_prefix("- ")?, 'F')).collect();
    let mut wrong = vec![];
    let mut carried = BTreeSet::new();
    for (path, text) in sources(tree) {
        for number in failures_carried(path, text) {
            carried.insert(number);
            if cannot_happen.contains(&number) || !FAILURES.contains(&number) {
                wrong.push(format!("{path}: F{number:02} has a test, but cannot happen, or is no known failure"));
            }
        }
    }
    let missing = FAILURES.filter(|number| !carried.contains(number) && !cannot_happen.contains(number));
    let missing: Vec<_> = missing.map(|number| format!("F{number:02}")).collect();
    if !missing.is_empty() {
        wrong.push(format!("{} has neither a test nor a reason in {REASONS}", missing.join(", ")));
    }
    wrong
}

fn played_with_every_fault(tree: &Tree) -> Vec<String> {
    const FOLDER: &str = "crates/app/tests/app/faults/";
    const WORST: [u32; 13] = [1, 2, 4, 6, 7, 14, 15, 20, 22, 23, 24, 36, 47];
    let mut played = BTreeSet::new();
    for (_, text) in tree.iter().filter(|(path, _)| path.starts_with(FOLDER)) {
        let code = code_only(text);
        let names = code.split("on_every_store!(").skip(1).filter_map(|rest| words(rest).next());
        played.extend(names.filter_map(|(_, name)| numbered(name, 'f')));
    }
    let missing = WORST.into_iter().filter(|number| !played.contains(number));
    missing.map(|number| format!("{FOLDER}: no scenario of F{number:02} has a fault at every call")).collect()
}

/// In the names of functions and of modules of tests, and in comments for readers of tests.
fn failures_carried(path: &str, text: &str) -> BTreeSet<u32> {
    let names = |text: &str| -> BTreeSet<u32> {
        let named = words(text).filter(|(_, word)| word.as_bytes().get(3) == Some(&b'_'));
        named.filter_map(|(_, word)| numbered(word, 'f')).collect()
    };
    // Few files name one at all.
    let in_names = if names(text).is_empty() { BTreeSet::new() } else { names(&code_only(text)) };
    let for_tests = path.contains("/tests/") || path.contains("/testing/");
    let comments = text.lines().filter(|line| for_tests && line.trim_start().starts_with("///"));
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

// ---- Reading manifests ----

struct Dependency {
    name: String,
    line: String,
    for_tests: bool,
}

fn manifests(tree: &Tree) -> impl Iterator<Item = (&String, &str, &str)> {
    tree.iter().filter_map(|(path, text)| {
        let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        Some((path, name, text.as_str()))
    })
}

/// What a manifest depends on, whichever of TOML's two forms is used, and for whichever target.
fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = vec![];
    let mut section = String::new();
    for line in manifest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix('[').and_then(|head| head.strip_suffix(']')) {
            section = head.to_owned();
            if let Some((kind, name)) = section.rsplit_once('.').filter(|(kind, _)| kind.ends_with("dependencies")) {
                let for_tests = kind.ends_with("dev-dependencies");
                found.push(Dependency { name: name.to_owned(), line: String::new(), for_tests });
            }
        } else if section.ends_with("dependencies") {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default().trim_matches('"').to_owned();
            found.push(Dependency { name, line: line.to_owned(), for_tests: section.ends_with("dev-dependencies") });
        } else if let Some(last) = found.last_mut().filter(|_| section.contains("dependencies.")) {
            last.line.push_str(line);
        }
    }
    found
}

// ---- Reading Rust and SQL ----

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

fn sources(tree: &Tree) -> impl Iterator<Item = (&String, &String)> {
    tree.iter().filter(|(path, _)| path.starts_with("crates/") && path.ends_with(".rs"))
}

/// The same text, line by line, with comments blank and the insides of literals made harmless.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some(first) = rest.chars().next() {
        let (length, shown) = match first {
            '/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), ' '),
            '/' if rest.starts_with("/*") => (block_comment(rest), ' '),
            '"' => (1 + quoted(&rest[1..]), 's'),
            '\'' => (character(rest), 's'),
            'r' if !after_word && raw_string(rest).is_some() => (raw_string(rest).unwrap_or(1), 's'),
            _ => (first.len_utf8(), first),
        };
        code.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { shown }));
        // A raw string may begin behind its prefix b or c only.
        after_word = (first.is_alphanumeric() || first == '_') && !(!after_word && (first == 'b' || first == 'c'));
        rest = &rest[length..];
    }
    code
}

/// The length of a string's inside with its closing quote.
fn quoted(inside: &str) -> usize {
    let mut escaped = false;
    for (place, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    inside.len()
}

/// The length of a character literal, or of the quote alone where a lifetime or a label begins.
fn character(text: &str) -> usize {
    let mut inside = text[1..].char_indices();
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), Some((place, c))) => {
            let from = 1 + place + c.len_utf8();
            from + text[from..].find('\'').map_or(0, |end| end + 1)
        }
        (Some(_), Some((place, '\''))) => 1 + place + 1,
        (Some(_) | None, Some(_) | None) => 1,
    }
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|b| *b == b'#').count();
    let inside = text.get(1 + hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    inside.find(&end).map(|place| 1 + hashes + 1 + place + end.len())
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut place) = (0_usize, 0);
    while place < text.len() {
        let here = &text.as_bytes()[place..];
        let step = if here.starts_with(b"/*") {
            1
        } else if here.starts_with(b"*/") {
            -1
        } else {
            0
        };
        depth = depth.saturating_add_signed(step);
        place += if step == 0 { 1 } else { 2 };
        if depth == 0 {
            break;
        }
    }
    place
}

/// The words of code, with the places where they begin.
fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let pieces = code.split(move |c| !is_part(c)).filter(|piece| !piece.is_empty());
    pieces.map(move |piece| (piece.as_ptr() as usize - code.as_ptr() as usize, piece))
}

/// The place behind the brace that closes the first one opened at or after `from`; `None` where a semicolon ends it before.
fn end_of_block(code: &str, from: usize) -> Option<usize> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (place, b) in code.bytes().enumerate().skip(from) {
        match b {
            b'{' => braces += 1,
            b'}' if braces == 1 => return Some(place + 1),
            b'}' => braces = braces.saturating_sub(1),
            b'(' | b'[' if braces == 0 => others += 1,
            b')' | b']' if braces == 0 => others = others.saturating_sub(1),
            b';' if braces == 0 && others == 0 => return None,
            _ => {}
        }
    }
    None
}

fn functions(code: &str) -> Vec<Function> {
    let line_of = |place: usize| 1 + code[..place].matches('\n').count();
    let mut found = vec![];
    let mut words = words(code).peekable();
    while let Some((place, word)) = words.next() {
        let Some((named_at, name)) = words.peek().copied().filter(|_| word == "fn") else { continue };
        // `fn(` is a type.
        if code[place + 2..named_at].trim().is_empty()
            && let Some(end) = end_of_block(code, named_at)
        {
            let line = line_of(place);
            found.push(Function { name: name.to_owned(), line, lines: line_of(end) - line + 1 });
        }
    }
    found
}

fn without_test_modules(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::new();
    let mut rest = code;
    while let Some(place) = rest.find(MARK) {
        kept.push_str(&rest[..place]);
        let after = &rest[place..];
        let behind = end_of_block(after, MARK.len()).or_else(|| after.find(';').map(|end| end + 1));
        rest = &after[behind.unwrap_or(after.len())..];
    }
    kept + rest
}

/// SQL with comments and everything in quotes left out.
fn sql_only(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let excluded = match first {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '\'' | '"' => 1 + rest[1..].find(first).map_or(rest.len() - 1, |end| end + 1),
            _ => 0,
        };
        let taken = if excluded == 0 { first.len_utf8() } else { excluded };
        kept.extend(rest[..taken].chars().filter(|c| excluded == 0 || *c == '\n'));
        rest = &rest[taken..];
    }
    kept
}

// ---- The trees ----

fn the_real_tree() -> Tree {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut tree = Tree::new();
    for part in ["crates", "docs", "migrations", "README.md"] {
        gather(&root, &root.join(part), &mut tree);
    }
    tree
}

fn gather(root: &Path, place: &Path, tree: &mut Tree) {
    if let Ok(folder) = fs::read_dir(place) {
        for entry in folder.flatten() {
            gather(root, &entry.path(), tree);
        }
    } else if let (Ok(text), Ok(path)) = (fs::read_to_string(place), place.strip_prefix(root)) {
        tree.insert(path.to_string_lossy().replace('\\', "/"), text);
    }
}

fn planted(path: &str, text: &str) -> String {
    match (text, path.contains("/tests/")) {
        ("long", true) => format!("fn long() {{\n{}}}\n", "    step();\n".repeat(69)),
        ("long", false) => format!("// Not counted.\n{}", "const A: u8 = 1;\n".repeat(301)),
        (text, _) => text.to_owned(),
    }
}

#[test]
fn the_tree_keeps_every_rule() {
    let tree = the_real_tree();
    let wrong: BTreeSet<_> = CHECKS.iter().flat_map(|(_, check, ..)| check(&tree)).collect();
    assert_eq!(wrong, BTreeSet::new());
}

#[test]
fn every_rule_finds_its_planted_violation() {
    for (rule, check, path, text) in CHECKS {
        let mut tree = the_real_tree();
        let before = check(&tree);
        tree.insert(path.to_owned(), planted(path, text));
        let found: Vec<_> = check(&tree).into_iter().filter(|what| !before.contains(what)).collect();
        assert_eq!(found.len(), 1, "{rule}: {found:?}");
        let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        assert!(found[0].contains(folder), "{rule}: {found:?}");
    }
}

#[test]
fn the_whole_tree_is_looked_at() {
    let tree = the_real_tree();
    for (name, _) in EDGES {
        assert!(tree.contains_key(&format!("crates/{name}/Cargo.toml")), "{name}");
        assert!(sources(&tree).any(|(path, _)| path.starts_with(&format!("crates/{name}/src/"))), "{name}");
    }
    for engine in ["postgres", "sqlite"] {
        assert!(tree.keys().any(|path| path.starts_with(&format!("migrations/{engine}/"))), "{engine}");
    }
    assert!(tree.contains_key("docs/decisions.md"));
    let known = functions(&code_only(&tree["crates/domain/src/decide/mod.rs"]));
    assert!(known.iter().any(|function| function.name == "decide" && function.lines > 10));
}

#[test]
fn limits_are_exact() {
    let fits = format!("fn fits() {{\n{}}}\n", "    step();\n".repeat(68));
    let function = functions(&code_only(&fits));
    assert_eq!(function.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect::<Vec<_>>(), [("fits", 1, 70)]);
    let file = "const A: u8 = 1;\n\n// A comment.\n".repeat(300) + "#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n";
    assert_eq!(short_files(&Tree::from([("crates/a/src/a.rs".to_owned(), file.clone())])), Vec::<String>::new());
    assert_eq!(short_files(&Tree::from([("crates/a/src/a.rs".to_owned(), file + "const B: u8 = 1;\n")])).len(), 1);
}

#[test]
fn literals_and_comments_are_not_code() {
    let text = r##"
        fn a<'a>(x: [u8; 2], f: fn(u8) -> u8) -> &'a str { "} fn no() { \" }"; '{'; '\''; '\u{7d}'; b'}'; 'x: loop { break 'x } }
        /* fn no() { /* } */ { */ // fn no() {
        fn b() { r#"} " fn no() {"#; br"\"; for_r("{") }
        trait C { fn c(&self); fn d() { } }
    "##;
    let names: Vec<_> =
        functions(&code_only(text)).into_iter().map(|function| (function.name, function.line, function.lines)).collect();
    assert_eq!(names, [("a".to_owned(), 2, 1), ("b".to_owned(), 4, 1), ("d".to_owned(), 5, 1)]);
    assert_eq!(code_only(text).lines().count(), text.lines().count());
    assert_eq!(sql_only("select 'A', \"B\" -- C\n/* D */ from e;").trim(), "select ,  \n from e;");
}
