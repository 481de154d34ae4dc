//! The code: sizes, clocks, what may be named where.

use std::collections::BTreeMap;

use super::Rule;
use super::source_text::{Function, functions, words};
use super::tree::{Text, Tree};

pub(super) const RULES: [Rule; 10] = [
    Rule {
        is: "the domain does no I/O",
        check: domain_does_no_io,
        planted: &[("crates/domain/src/planted.rs", "fn read() -> bool {\n    std::fs::exists(\"x\").is_ok()\n}\n")],
    },
    Rule { is: "functions have at most 70 lines", check: short_functions, planted: &[("crates/app/tests/planted.rs", "long")] },
    Rule { is: "files have at most 300 lines of code", check: short_files, planted: &[("crates/ports/src/planted.rs", "long")] },
    Rule {
        is: "the system's clock is read in one place",
        check: one_clock,
        planted: &[("crates/ports/src/planted.rs", "fn a() {\n    let _ = Utc::now();\n    let _ = Utc :: now();\n}\n")],
    },
    Rule {
        is: "no other clock is read",
        check: one_clock,
        planted: &[("crates/app/src/planted.rs", "fn a() {\n    let _ = std::time::SystemTime::now();\n}\n")],
    },
    Rule {
        is: "the testkit's callers have one clock too",
        check: one_clock,
        planted: &[("crates/testkit/src/planted.rs", "fn a() {\n    let _ = Utc::now();\n}\n")],
    },
    Rule {
        is: "time that decides comes from the clock's port",
        check: ports_of_time_and_chance,
        planted: &[("crates/use-cases/src/planted.rs", "fn a() {\n    let _ = Instant :: now();\n}\n")],
    },
    Rule {
        is: "chance comes from nowhere",
        check: ports_of_time_and_chance,
        planted: &[("crates/adapters-db/src/planted.rs", "fn a() {\n    let _ = std::hash::RandomState::new();\n}\n")],
    },
    Rule {
        is: "only the wiring names a concrete adapter",
        check: adapters_in_wiring,
        planted: &[("crates/app/src/planted.rs", "use adapters_db::Database;\n")],
    },
    Rule {
        is: "no file outlives its reason",
        check: no_leftovers,
        planted: &[("crates/domain/proptest-regressions/planted.txt", "cc 00\n")],
    },
];

fn domain_does_no_io(tree: &Tree) -> Vec<String> {
    let banned =
        ["std::fs", "std::net", "std::env", "std::io", "std::process", "std::thread", "std::time", "println!", "eprintln!"];
    let mut wrong = vec![];
    for (path, text) in tree.sources().filter(|(path, _)| path.starts_with("crates/domain/src/")) {
        let code = text.code();
        wrong.extend(banned.iter().filter(|word| code.contains(**word)).map(|word| format!("{path}: {word} in the domain")));
    }
    wrong
}

fn short_functions(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, text) in tree.sources() {
        for Function { name, line, lines } in functions(text.code()) {
            if lines > 70 {
                wrong.push(format!("{path}:{line}: {name} has {lines} lines"));
            }
        }
    }
    wrong
}

pub(super) fn short_files(tree: &Tree) -> Vec<String> {
    let size = |text: &Text| text.shipped().lines().filter(|line| !line.trim().is_empty()).count();
    let files = tree.crate_sources().map(|(path, text)| (path, size(text)));
    files.filter(|(_, lines)| *lines > 300).map(|(path, lines)| format!("{path} has {lines} lines of code")).collect()
}

fn one_clock(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    let mut places: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
    for (path, text) in tree.crate_sources() {
        let code: String = text.shipped().chars().filter(|c| !c.is_whitespace()).collect();
        // The simulator is a program of its own, and the testkit's callers are outside of ours.
        let apart = ["crates/simulator/", "crates/testkit/"].into_iter().find(|place| path.starts_with(*place));
        places.entry(apart).or_default().extend(code.matches("Utc::now").map(|_| path.to_owned()));
        for other in ["Local::now", "SystemTime::now"] {
            wrong.extend(code.matches(other).map(|_| format!("{path}: {other} is no clock of ours")));
        }
    }
    let too_many = places.into_values().filter(|places| places.len() > 1);
    wrong.extend(too_many.map(|places| format!("Utc::now is called in {}", places.join(", "))));
    wrong
}

/// What makes a run differ from the same run again: a simulation could not repeat it.
const NOT_REPEATABLE: [&str; 5] = ["Instant::now", ".elapsed()", "RandomState", "DefaultHasher", "thread_rng"];

/// Where these crates read a monotonic clock, each at one place.
const MONOTONIC_CLOCKS: [&str; 2] = ["crates/adapters-db/src/runner.rs", "crates/ports/src/testing/memory/clock.rs"];

fn ports_of_time_and_chance(tree: &Tree) -> Vec<String> {
    let simulated = ["crates/domain/src/", "crates/ports/src/", "crates/use-cases/src/", "crates/adapters-db/src/"];
    let mut wrong = vec![];
    for (path, text) in tree.sources().filter(|(path, _)| simulated.iter().any(|place| path.starts_with(place))) {
        let code: String = text.shipped().chars().filter(|c| !c.is_whitespace()).collect();
        for word in NOT_REPEATABLE {
            let allowed = usize::from(word == "Instant::now" && MONOTONIC_CLOCKS.contains(&path));
            if code.matches(word).count() > allowed {
                wrong.push(format!("{path}: {word} makes no run repeatable (take it from a port, or pin it)"));
            }
        }
    }
    wrong
}

fn adapters_in_wiring(tree: &Tree) -> Vec<String> {
    let wires = |path: &str| ["wiring.rs", "wiring/", "demo.rs", "demo/"].iter().any(|place| path.starts_with(place));
    let mut wrong = vec![];
    for (path, text) in tree.sources() {
        let names = words(text.code()).any(|(_, word)| word.starts_with("adapters_"));
        if names && path.strip_prefix("crates/app/src/").is_some_and(|place| !wires(place)) {
            wrong.push(format!("{path}: only the wiring and the demo name an adapter"));
        }
    }
    wrong
}

fn no_leftovers(tree: &Tree) -> Vec<String> {
    let left = |path: &&str| {
        path.contains("proptest-regressions") || [".orig", ".rej", ".bak", "~"].iter().any(|end| path.ends_with(end))
    };
    tree.paths().filter(left).map(|path| format!("{path} is a leftover")).collect()
}
