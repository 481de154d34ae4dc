//! `docs/develop/decisions.md` shows the rule table; it is compared with the rules themselves.

use std::fs;

use domain::{Rule, RuleRow};

const HEAD: &str = "| # | rule | when | decision | answer |";

/// The rows of the one table that has this head, cell by cell, or why there is none.
fn rule_table(page: &str) -> Result<Vec<Vec<String>>, String> {
    let heads: Vec<_> = page.lines().enumerate().filter(|(_, line)| line.trim() == HEAD).map(|(place, _)| place).collect();
    let [head] = heads[..] else { return Err(format!("{} tables begin with {HEAD}", heads.len())) };
    let mut rows = page.lines().skip(head + 1).map(str::trim).take_while(|line| line.starts_with('|'));
    let rule = rows.next().unwrap_or_default();
    if !rule.bytes().all(|b| b"|-: ".contains(&b)) || !rule.contains('-') {
        return Err(format!("no line under the head: {rule}"));
    }
    let cells = |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    Ok(rows.map(cells).collect())
}

fn the_rules() -> Vec<Vec<String>> {
    let row = |(number, RuleRow { name, when, decision, answer }): (usize, RuleRow)| {
        vec![number.to_string(), format!("`{name}`"), when.to_owned(), decision.to_owned(), answer.to_owned()]
    };
    (1..).zip(Rule::TABLE).map(row).collect()
}

fn the_page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/develop/decisions.md");
    fs::read_to_string(path).unwrap_or_else(|missing| panic!("{path}: {missing}"))
}

#[test]
fn the_page_shows_the_rules_word_for_word() {
    assert_eq!(rule_table(&the_page()), Ok(the_rules()));
}

#[test]
fn a_page_with_any_other_table_is_found_out() {
    let page = the_page();
    let rows: Vec<&str> = page.lines().skip_while(|line| line.trim() != HEAD).skip(2).take(Rule::TABLE.len()).collect();
    for row in rows {
        let changed = [
            page.replace(row, &row.replacen("the", "a", 1).replacen(" F ", " U ", 1).replacen(" S", " F", 1)),
            page.replace(&format!("{row}\n"), ""),
            page.replace(row, &format!("{row}\n{row}")),
            page.replace(row, &format!("{row} and more |")),
        ];
        for (change, page) in changed.iter().enumerate() {
            assert_ne!(rule_table(page), Ok(the_rules()), "change {change} of {row}");
        }
    }
    assert!(rule_table(&page.replace(HEAD, "")).is_err());
    assert!(rule_table(&page.replace(HEAD, &format!("{HEAD}\n\n{HEAD}"))).is_err());
}

#[test]
fn a_rule_is_found_by_its_name_and_by_nothing_else() {
    for row in &Rule::TABLE {
        assert_eq!(Rule::row_named(row.name), Some(row));
    }
    let names: std::collections::BTreeSet<_> = Rule::TABLE.iter().map(|row| row.name).collect();
    assert_eq!(names.len(), Rule::TABLE.len());
    assert_eq!((Rule::row_named(""), Rule::row_named("10"), Rule::row_named("Money-taken")), (None, None, None));
}
