//! The crates: which may use which, and which libraries.

use std::collections::BTreeSet;

use super::Rule;
use super::tree::Tree;

/// Which of our crates each may use. `ports` lends its suites and adapters in memory (feature `testing`) to tests only.
///
/// `testkit` and `simulation` are for tests only. The simulator looks at a wallet from outside: it uses none of them, and none uses it.
pub(super) const EDGES: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("ports", &["domain"]),
    ("use-cases", &["domain", "ports"]),
    ("adapters-http", &["domain", "ports", "use-cases"]),
    ("adapters-db", &["domain", "ports"]),
    ("adapters-wallet-core", &["domain", "ports"]),
    ("adapters-keys", &["domain", "ports"]),
    ("adapters-files", &["domain", "ports"]),
    ("adapters-pkcs11", &["ports", "testkit"]),
    (
        "testkit",
        &[
            "domain",
            "ports",
            "use-cases",
            "adapters-http",
            "adapters-db",
            "adapters-wallet-core",
            "adapters-keys",
            "adapters-files",
        ],
    ),
    (
        "app",
        &[
            "domain",
            "ports",
            "use-cases",
            "adapters-http",
            "adapters-db",
            "adapters-wallet-core",
            "adapters-keys",
            "adapters-files",
            "adapters-pkcs11",
            "testkit",
        ],
    ),
    ("simulation", &["domain", "ports", "use-cases", "adapters-http", "adapters-db", "adapters-keys"]),
    ("simulator", &[]),
];

/// Libraries that only these crates may use.
const KEPT_IN: [(&str, &[&str]); 8] = [
    ("diesel", &["adapters-db"]),
    ("libsqlite3-sys", &["adapters-db"]),
    ("actix", &["adapters-http", "app", "simulator"]),
    (
        "serde",
        &[
            "adapters-http",
            "adapters-db",
            "adapters-wallet-core",
            "adapters-keys",
            "adapters-files",
            "app",
            "testkit",
            "simulator",
        ],
    ),
    ("csv", &["adapters-files"]),
    ("sha2", &["adapters-db", "adapters-files", "ports"]),
    ("aws-lc-rs", &["adapters-keys", "adapters-pkcs11", "app", "simulator"]),
    ("cryptoki", &["adapters-pkcs11"]),
];

pub(super) const RULES: [Rule; 12] = [
    Rule {
        is: "crates use only the crates below them",
        check: crate_edges,
        planted: &[("crates/ports/Cargo.toml", "[dependencies]\nuse-cases.workspace = true\n")],
    },
    Rule {
        is: "adapters never depend on each other",
        check: crate_edges,
        planted: &[("crates/adapters-db/Cargo.toml", "[dependencies.adapters-http]\npath = \"x\"\n")],
    },
    Rule {
        is: "tests keep the edges too",
        check: crate_edges,
        planted: &[("crates/adapters-db/Cargo.toml", "[dev-dependencies]\nuse-cases = { workspace = true }\n")],
    },
    Rule {
        is: "the simulator shares no code with what it looks at",
        check: crate_edges,
        planted: &[("crates/simulator/Cargo.toml", "[dependencies]\nadapters-keys.workspace = true\n")],
    },
    Rule {
        is: "nobody depends on the simulator",
        check: crate_edges,
        planted: &[("crates/app/Cargo.toml", "[dev-dependencies]\nsimulator.workspace = true\n")],
    },
    Rule {
        is: "a new crate has its edges named here",
        check: crate_edges,
        planted: &[("crates/adapters-new/Cargo.toml", "[dependencies]\n")],
    },
    Rule {
        is: "no crate is lent to a program for testing",
        check: testing_is_for_tests,
        planted: &[("crates/app/Cargo.toml", "[dependencies]\nports = { workspace = true, features = [\"testing\"] }\n")],
    },
    Rule {
        is: "the testkit is part of no program",
        check: testing_is_for_tests,
        planted: &[("crates/app/Cargo.toml", "[dependencies.testkit]\nworkspace = true\n")],
    },
    Rule {
        is: "the testkit is used only where an edge says so",
        check: crate_edges,
        planted: &[("crates/use-cases/Cargo.toml", "[dev-dependencies]\ntestkit.workspace = true\n")],
    },
    Rule {
        is: "the domain uses the calendar only",
        check: domain_libraries,
        planted: &[("crates/domain/Cargo.toml", "[dependencies]\nchrono.workspace = true\nuuid = \"1\"\n")],
    },
    Rule {
        is: "libraries stay in their crates",
        check: libraries_in_place,
        planted: &[("crates/ports/Cargo.toml", "[dependencies]\nserde_json.workspace = true\n")],
    },
    Rule {
        is: "every crate takes the workspace's lints",
        check: lints_everywhere,
        planted: &[("crates/ports/Cargo.toml", "[package]\nname = \"ports\"\n")],
    },
];

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
    let wrong = |(path, _, text): (&str, &str, &str)| {
        let lent = dependencies(text).iter().any(|dependency| !dependency.for_tests && lends(dependency));
        lent.then(|| format!("{path}: the testkit and the feature testing are for dev-dependencies"))
    };
    // The simulation is a test by itself and part of no program.
    manifests(tree).filter(|(_, name, _)| *name != "simulation").filter_map(wrong).collect()
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

struct Dependency {
    name: String,
    line: String,
    for_tests: bool,
}

fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, &str, &str)> {
    tree.files().filter_map(|(path, text)| {
        let name = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
        Some((path, name, text.whole()))
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
