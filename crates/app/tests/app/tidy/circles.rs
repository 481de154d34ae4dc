//! Files that use each other: within a crate there is no circle, but for a module and what it is made of.

use std::collections::{BTreeMap, BTreeSet};

use super::Rule;
use super::modules::Modules;
use super::tree::Tree;

/// Pairs of files that use each other for a reason, which stands beside them.
const ALLOWED: [(&str, &str, &str); 0] = [];

const fn circle(files: &'static [(&'static str, &'static str)], is: &'static str) -> Rule {
    Rule { is, check: no_circles, planted: files }
}

pub(super) const RULES: [Rule; 4] = [
    circle(
        &[
            ("crates/ports/src/planted/mod.rs", "mod first;\nmod second;\n"),
            ("crates/ports/src/planted/first.rs", "use super::second::Second;\npub struct First(Second);\n"),
            ("crates/ports/src/planted/second.rs", "pub struct Second;\nfn a(_: crate::planted::first::First) {}\n"),
        ],
        "two files of a crate do not use each other",
    ),
    circle(
        &[
            ("crates/ports/src/planted/mod.rs", "mod first;\nmod second;\n"),
            ("crates/ports/src/planted/first.rs", "use super::{second::{self, Second}, third as last};\npub struct First;\n"),
            ("crates/ports/src/planted/second.rs", "pub struct Second;\nuse crate::planted::third::*;\n"),
            ("crates/ports/src/planted/third.rs", "use super::first;\nfn a(_: first::First) {}\n"),
        ],
        "nor do three",
    ),
    circle(
        &[
            ("crates/ports/src/planted/mod.rs", "mod first;\nmod second;\npub use first::First;\n"),
            ("crates/ports/src/planted/first.rs", "use super::second::Second;\npub struct First(Second);\n"),
            ("crates/ports/src/planted/second.rs", "use super::First;\npub struct Second;\n"),
        ],
        "a name that a module passes on leads to the file that defines it",
    ),
    circle(
        &[
            ("crates/ports/src/planted/mod.rs", "mod first;\nmod second;\npub use first::{Other as Third, *};\n"),
            ("crates/ports/src/planted/first.rs", "pub struct First;\nfn a() -> super::second::Second { todo!() }\n"),
            ("crates/ports/src/planted/second.rs", "pub struct Second;\nimpl From<crate::planted::First> for Second {}\n"),
        ],
        "so does a name that comes by a glob",
    ),
];

fn no_circles(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for uses in Modules::of_every_crate(tree).iter().map(Modules::uses) {
        let mut told = BTreeSet::new();
        for from in uses.keys() {
            let Some(circle) = shortest_circle(&uses, from) else { continue };
            // The same circle is found from each of its files.
            if !circle.iter().any(|file| told.contains(file)) {
                wrong.push(format!("{} → {from}: files in a circle", circle.join(" → ")));
            }
            told.extend(circle);
        }
    }
    wrong
}

/// The shortest way from a file back to it.
fn shortest_circle<'a>(uses: &BTreeMap<&'a str, BTreeSet<&'a str>>, from: &'a str) -> Option<Vec<&'a str>> {
    let mut ways = vec![vec![from]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = vec![];
        for way in ways {
            for next in way.last().and_then(|last| uses.get(last)).into_iter().flatten() {
                if is_allowed(way[way.len() - 1], next) {
                    continue;
                }
                if *next == from {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push([&way[..], &[*next]].concat());
                }
            }
        }
        ways = longer;
    }
    None
}

fn is_allowed(one: &str, other: &str) -> bool {
    ALLOWED.iter().any(|(first, second, _)| (one, other) == (*first, *second) || (other, one) == (*first, *second))
}
