//! The migrations.

use super::Rule;
use super::source_text::sql_only;
use super::tree::Tree;

pub(super) const RULES: [Rule; 2] = [
    Rule {
        is: "a migration goes up and down",
        check: migrations_in_pairs,
        planted: &[("migrations/sqlite/00000000000009_planted/up.sql", "select 1;\n")],
    },
    Rule {
        is: "a migration's keywords are lower case",
        check: lower_case_sql,
        planted: &[("migrations/postgres/00000000000009_planted/up.sql", "CREATE table a (b text);\n")],
    },
];

fn migrations_in_pairs(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for path in tree.paths().filter(|path| path.starts_with("migrations/")) {
        let Some((folder, file)) = path.rsplit_once('/') else { continue };
        let other = match file {
            "up.sql" => "down.sql",
            "down.sql" => "up.sql",
            _ => {
                wrong.push(format!("{path}: a migration is up.sql and down.sql"));
                continue;
            }
        };
        if tree.get(&format!("{folder}/{other}")).is_none() {
            wrong.push(format!("{folder}: {other} is missing"));
        }
    }
    wrong
}

fn lower_case_sql(tree: &Tree) -> Vec<String> {
    let mut wrong = vec![];
    for (path, text) in tree.files().filter(|(path, _)| path.starts_with("migrations/")) {
        for (number, line) in (1..).zip(sql_only(text.whole()).lines()) {
            if line.bytes().any(|b| b.is_ascii_uppercase()) {
                wrong.push(format!("{path}:{number}: SQL is written in lower case"));
            }
        }
    }
    wrong
}
