//! The pages say what the code does: names that pages list are compared with the code's own, and links lead somewhere.
//! Sources are read as text, so that it does not matter which file a name stands in.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn page(name: &str) -> String {
    let path = root().join("docs").join(name);
    fs::read_to_string(&path).unwrap_or_else(|missing| panic!("{}: {missing}", path.display()))
}

/// All files below a folder that have this ending, with their texts.
fn files(folder: &Path, ending: &str, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_string_lossy().ends_with(ending) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = vec![];
    files(&root().join(folder), ".rs", &mut found);
    assert!(!found.is_empty(), "{folder}");
    found
}

/// The pages of the documentation and those at the root.
fn pages() -> Vec<(PathBuf, String)> {
    let mut found = vec![];
    files(&root().join("docs"), ".md", &mut found);
    for entry in fs::read_dir(root()).unwrap().flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "md") {
            found.push((entry.path(), fs::read_to_string(entry.path()).unwrap()));
        }
    }
    assert!(found.len() > 20, "{}", found.len());
    found
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    let mut kept = String::new();
    let mut in_code = false;
    for line in page.lines() {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        kept.push_str(if fence || in_code { "" } else { line });
        kept.push('\n');
    }
    kept
}

/// What stands in backticks at the beginning of a table's row.
fn first_cell(line: &str) -> Option<&str> {
    line.strip_prefix("| `")?.split('`').next()
}

/// The part of a page from a heading to the next of the same depth.
fn under<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, after) = page.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let depth = heading.split(' ').next().unwrap();
    after.split(&format!("\n{depth} ")).next().unwrap()
}

// ---- Links ----

/// A heading as GitHub names it in links.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page);
    headings.lines().filter(|line| line.starts_with('#')).map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// The links of a page that do not lead out of the repository.
fn links(page: &str) -> Vec<String> {
    let text = prose(page);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned);
    targets.filter(|target| !target.contains("://")).collect()
}

fn broken_links(path: &Path, page: &str) -> Vec<String> {
    let leads_nowhere = |target: &String| {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        let file = if file.is_empty() { path.to_owned() } else { path.parent().unwrap().join(file) };
        let text = if file == path { page.to_owned() } else { fs::read_to_string(&file).unwrap_or_default() };
        !file.exists() || !(heading.is_empty() || anchors(&text).contains(heading))
    };
    links(page).into_iter().filter(leads_nowhere).map(|target| format!("{}: {target}", path.display())).collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    let broken: Vec<_> = pages().iter().flat_map(|(path, page)| broken_links(path, page)).collect();
    assert_eq!(broken, Vec::<String>::new());
    let index = root().join("docs/README.md");
    for planted in ["[a](start/nowhere.md)", "[a](start/demo.md#nowhere)", "[a](#nowhere)"] {
        assert_eq!(broken_links(&index, planted).len(), 1, "{planted}");
    }
    assert_eq!(broken_links(&index, "[a](start/demo.md#what-the-rows-show) `[a](x)`\n```\n[a](x)\n```\n").len(), 1);
}

#[test]
fn the_index_leads_to_every_page() {
    let folder = root().join("docs");
    let index = page("README.md");
    let named: BTreeSet<_> = links(&index).iter().map(|target| target.split('#').next().unwrap().to_owned()).collect();
    for (path, _) in pages().iter().filter(|(path, _)| path.starts_with(&folder) && !path.ends_with("README.md")) {
        let page = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        assert!(named.contains(&page), "docs/README.md does not lead to {page}");
    }
}

// ---- Names ----

/// What a program says of one of its commands: its subcommands, and its options and arguments.
fn help(command: &[&str]) -> (Vec<String>, BTreeSet<String>) {
    // So wide that no line is wrapped.
    let output = Command::new(testkit::program("rescind")).args(command).arg("-h").env("COLUMNS", "1000").output().unwrap();
    assert!(output.status.success(), "{command:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let section = |name: &str| -> Vec<String> {
        let lines = text.lines().skip_while(|line| *line != name).skip(1).take_while(|line| line.starts_with(' '));
        lines.map(|line| line.trim().split("  ").next().unwrap().to_owned()).collect()
    };
    let bare = |name: String| name.replace(['<', '>'], "").replace("...", "");
    let long = |name: String| name.split_once("--").map(|(_, name)| format!("--{name}")).unwrap();
    let options = section("Options:").into_iter().map(long).chain(section("Arguments:")).map(bare).collect();
    (section("Commands:").into_iter().filter(|name| name != "help").collect(), options)
}

/// Each command that does something, with its own options and arguments.
fn commands() -> BTreeMap<String, BTreeSet<String>> {
    let (_, global) = help(&[]);
    let mut found = BTreeMap::from([("rescind".to_owned(), global.clone())]);
    let mut groups = vec![vec![]];
    while let Some(group) = groups.pop() {
        let of_group: Vec<&str> = group.iter().map(String::as_str).collect();
        for name in help(&of_group).0 {
            let command = [group.clone(), vec![name]].concat();
            let (inner, options) = help(&command.iter().map(String::as_str).collect::<Vec<_>>());
            if inner.is_empty() {
                found.insert(format!("rescind {}", command.join(" ")), options.difference(&global).cloned().collect());
            } else {
                groups.push(command);
            }
        }
    }
    found
}

#[test]
fn the_command_line_is_on_its_page() {
    let page = page("reference/cli.md");
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = None;
    for line in page.lines() {
        if line.starts_with('#') {
            current = line.split('`').nth(1).filter(|name| name.starts_with("rescind")).map(str::to_owned);
            current.iter().for_each(|name| {
                listed.entry(name.clone()).or_default();
            });
        }
        if let (Some(name), Some(option)) = (&current, first_cell(line)) {
            listed.entry(name.clone()).or_default().insert(option.to_owned());
        }
    }
    assert_eq!(listed, commands());
}

/// Texts between quotes in these sources that look like a result code.
fn codes(folders: &[&str]) -> BTreeSet<String> {
    let is_code = |text: &&str| {
        let plain = text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        plain && (*text == "SUCCESS" || text.trim_matches('_').contains('_'))
    };
    let sources = folders.iter().flat_map(|folder| sources(folder));
    sources.flat_map(|(_, text)| text.split('"').filter(is_code).map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn every_result_code_is_on_its_page() {
    let page = page("reference/result-codes.md");
    let listed =
        |heading: &str| -> BTreeSet<String> { under(&page, heading).lines().filter_map(first_cell).map(str::to_owned).collect() };
    let (answers, inquiry) = (listed("## What Alipay+ hears"), listed("## What inquiry says"));
    assert_eq!(&answers | &inquiry, codes(&["crates/adapters-http/src", "crates/domain/src"]));
    assert!(answers.len() > 10 && inquiry.len() > 3);
}

#[test]
fn every_route_of_the_wallet_api_is_in_its_guide() {
    let document: serde_json::Value = serde_json::from_str(&adapters_http::openapi()).unwrap();
    let guide = page("integrate/wallet-api.md");
    for (path, methods) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/wallet/")) {
        for method in methods.as_object().unwrap().keys() {
            let route = format!("`{} {path}", method.to_uppercase());
            assert!(guide.contains(&format!("{route}`")) || guide.contains(&format!("{route}?")), "{route}` is not in the guide");
        }
    }
}
