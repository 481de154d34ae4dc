//! `docs/reference/cli.md` lists every command and option of the simulator; it is compared with the program's own help.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const PROGRAM: &str = "alipayplus-sim";

/// A command's subcommands, and its options and arguments.
fn help(command: &[String]) -> (Vec<String>, BTreeSet<String>) {
    // So wide that no line is wrapped.
    let output =
        Command::new(env!("CARGO_BIN_EXE_alipayplus-sim")).args(command).arg("-h").env("COLUMNS", "1000").output().unwrap();
    assert!(output.status.success(), "{command:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let names = |heading: &str| -> Vec<String> {
        let lines = text.lines().skip_while(|line| *line != heading).skip(1).take_while(|line| line.starts_with(' '));
        lines.map(|line| line.trim().split("  ").next().unwrap().replace(['<', '>', '.'], "")).collect()
    };
    let options = names("Options:").into_iter().map(|name| format!("--{}", name.split_once("--").unwrap().1));
    let options = options.chain(names("Arguments:")).collect();
    (names("Commands:").into_iter().filter(|name| name != "help").collect(), options)
}

/// Adds a command, or the commands below it, with what only they have.
fn gather(command: &[String], global: &BTreeSet<String>, found: &mut BTreeMap<String, BTreeSet<String>>) {
    let (inner, options) = help(command);
    if inner.is_empty() {
        found.insert(format!("{PROGRAM} {}", command.join(" ")), &options - global);
    }
    for name in inner {
        gather(&[command, &[name]].concat(), global, found);
    }
}

#[test]
fn every_command_and_option_is_on_the_page() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
    let page = std::fs::read_to_string(path).unwrap_or_else(|missing| panic!("{path}: {missing}"));
    let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut current = None;
    for line in page.lines() {
        if line.starts_with('#') {
            current = line.split('`').nth(1).filter(|name| name.starts_with(PROGRAM)).map(str::to_owned);
        }
        let Some(name) = &current else { continue };
        let options = listed.entry(name.clone()).or_default();
        options.extend(line.strip_prefix("| `").and_then(|rest| rest.split('`').next()).map(str::to_owned));
    }
    let (_, global) = help(&[]);
    let mut found = BTreeMap::from([(PROGRAM.to_owned(), global.clone())]);
    gather(&[], &global, &mut found);
    assert_eq!(listed, found);
}
