//! Every engine keeps the promises of both stores.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use ports::testing::contracts::{cases, days, feed};

use crate::fixtures::engines;

/// How many promises each suite lists.
const PROMISES: [(&str, usize); 3] = [("cases", cases::SIZE), ("days", days::SIZE), ("feed", feed::SIZE)];

macro_rules! contracts {
    (() $($engine:ident: $database:expr,)+) => {
        $(mod $engine {
            mod cases {
                ports::cases_contract!($database);
            }
            mod days {
                ports::days_contract!($database);
            }
            mod feed {
                ports::feed_contract!($database);
            }
        })+

        const ENGINES: &[&str] = &[$(stringify!($engine)),+];
    };
}

engines!(contracts!());

/// The names of this binary's tests.
fn tests() -> Vec<String> {
    let list = Command::new(std::env::current_exe().unwrap()).args(["--list", "--format", "terse"]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

#[test]
fn each_engine_is_held_to_every_promise() {
    let tests = tests();
    for engine in ENGINES {
        for (suite, promises) in PROMISES {
            let suite = format!("contract::{engine}::{suite}::");
            assert_eq!(tests.iter().filter(|test| test.starts_with(&suite)).count(), promises, "{suite}");
        }
    }
}

/// A test that one engine runs in its module, every engine runs.
#[test]
fn what_runs_on_one_engine_runs_on_all() {
    let mut on: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let tests = tests();
    for (test, engine) in tests.iter().flat_map(|test| ENGINES.iter().map(move |engine| (test, *engine))) {
        if let Some((file, name)) = test.split_once(&format!("::{engine}::")) {
            on.entry(engine).or_default().insert(format!("{file}::{name}"));
        }
    }
    assert!(on.len() == ENGINES.len() && on.len() > 1, "{on:?}");
    for (engine, tests) in &on {
        assert_eq!(*tests, on[ENGINES[0]], "{engine}");
    }
}
