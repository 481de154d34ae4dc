//! Tidiness as a test: the crates' edges, the sizes of functions and files, names, spellings, circles of files, and the docs'
//! language. Every check is a function over a tree of texts. It runs on the real tree and on the same tree with a violation
//! planted in it, so that each check is known to bite.

mod circles;
mod code;
mod comments;
mod crates;
mod docs;
mod failures;
mod messages;
mod migrations;
mod modules;
mod names;
mod source_text;
mod spellings;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use source_text::{code_only, functions, literals, sql_only};
use tree::{Text, Tree};

/// What is wrong, one sentence each; empty where nothing is.
type Check = fn(&Tree) -> Vec<String>;

/// A rule with its check, and files that break this rule and no other.
struct Rule {
    is: &'static str,
    check: Check,
    planted: &'static [(&'static str, &'static str)],
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    let parts: [&[Rule]; 10] = [
        &crates::RULES,
        &code::RULES,
        &names::RULES,
        &comments::RULES,
        &spellings::RULES,
        &circles::RULES,
        &migrations::RULES,
        &failures::RULES,
        &messages::RULES,
        &docs::RULES,
    ];
    parts.into_iter().flatten()
}

/// Texts that would be long to write down are made here. What begins with `…` comes behind what the file has.
fn planted(tree: &Tree, path: &str, text: &str) -> String {
    if let Some(more) = text.strip_prefix('…') {
        return tree.get(path).map_or("", Text::whole).to_owned() + more;
    }
    match (text, path.contains("/tests/")) {
        ("long", true) => format!("fn long() {{\n{}}}\n", "    step();\n".repeat(69)),
        ("long", false) => format!("// Not counted.\n{}", "const A: u8 = 1;\n".repeat(301)),
        ("long message", _) => format!("fn a() {{\n    error!(\"{}\");\n}}\n", "long ".repeat(33).trim_end()),
        ("cells", _) => {
            let of = |words| "word ".repeat(words);
            format!("| A | B |\n| - | - |\n| {} | {} |\n- {}\n- {}\n", of(40), of(41), of(20), of(21))
        }
        ("wordy", _) => format!("A sentence of{} words.\n", " many".repeat(37)),
        (text, _) => text.to_owned(),
    }
}

#[test]
fn the_tree_keeps_every_rule() {
    let tree = Tree::real();
    // Several rules can have one check.
    let checks: BTreeMap<usize, Check> = rules().map(|rule| (rule.check as usize, rule.check)).collect();
    let wrong: BTreeSet<_> = checks.values().flat_map(|check| check(&tree)).collect();
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), Vec::from_iter(wrong).join("\n"));
}

#[test]
fn every_rule_finds_its_planted_violation() {
    let tree = Tree::real();
    // What each check finds in the tree as it is.
    let mut known: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for Rule { is, check, planted: files } in rules() {
        let before = known.entry(*check as usize).or_insert_with(|| check(&tree));
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, planted(&tree, path, text))).collect();
        let found: Vec<_> = check(&tree.with(&files)).into_iter().filter(|what| !before.contains(what)).collect();
        assert_eq!(found.len(), 1, "{is}: {found:?}");
        let folder = |path: &'static str| path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        assert!(files.iter().any(|(path, _)| found[0].contains(folder(path))), "{is}: {found:?}");
    }
}

#[test]
fn the_whole_tree_is_looked_at() {
    let tree = Tree::real();
    for (name, _) in crates::EDGES {
        assert!(tree.get(&format!("crates/{name}/Cargo.toml")).is_some(), "{name}");
        assert!(tree.crate_sources().any(|(path, _)| path.starts_with(&format!("crates/{name}/"))), "{name}");
    }
    for engine in ["postgres", "sqlite"] {
        assert!(tree.paths().any(|path| path.starts_with(&format!("migrations/{engine}/"))), "{engine}");
    }
    assert!(tree.get(failures::PAGE).is_some() && tree.get("README.md").is_some());
    let known = functions(tree.get("crates/domain/src/decide/mod.rs").map_or("", |text| text.code()));
    assert!(known.iter().any(|function| function.name == "decide" && function.lines > 10));
}

#[test]
fn limits_are_exact() {
    let fits = format!("fn fits() {{\n{}}}\n", "    step();\n".repeat(68));
    let function = functions(&code_only(&fits));
    assert_eq!(function.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect::<Vec<_>>(), [("fits", 1, 70)]);
    let file = "const A: u8 = 1;\n\n// A comment.\n".repeat(300) + "#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n";
    let of = |text: &str| Tree::default().with(&[("crates/a/src/a.rs", text.to_owned())]);
    assert_eq!(code::short_files(&of(&file)), Vec::<String>::new());
    assert_eq!(code::short_files(&of(&(file + "const B: u8 = 1;\n"))).len(), 1);
}

#[test]
fn literals_and_comments_are_not_code() {
    let text = r##"
        fn a<'a>(x: [u8; 2], f: fn(u8) -> u8) -> &'a str { "} fn no() { \" }"; '{'; '\''; '\u{7d}'; b'}'; 'x: loop { break 'x } }
        /* fn no() { /* } */ { */ // fn no() { …
        fn b() { r#"} " fn no() {"#; br"\"; for_r("{") }
        trait C { fn c(&self); fn d() { } }
    "##;
    let names: Vec<_> =
        functions(&code_only(text)).into_iter().map(|function| (function.name, function.line, function.lines)).collect();
    assert_eq!(names, [("a".to_owned(), 2, 1), ("b".to_owned(), 4, 1), ("d".to_owned(), 5, 1)]);
    assert_eq!((code_only(text).lines().count(), code_only(text).len()), (text.lines().count(), text.len()));
    let inside: Vec<_> = literals(text).into_iter().map(|(_, inside)| inside).collect();
    assert_eq!(inside, [r#"} fn no() { \" }"#, r#"} " fn no() {"#, r"\", "{"]);
    assert_eq!(sql_only("select 'A', \"B\" -- C\n/* D */ from e;").trim(), "select ,  \n from e;");
}
