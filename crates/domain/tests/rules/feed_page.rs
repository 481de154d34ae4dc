//! `docs/integrate/events.md` shows the types of the feed; it is compared with the types themselves.

use std::fs;

use domain::{FeedEventType, FeedTypeRow};

const HEAD: &str = "| type | when | data |";

/// The rows below the head, or why there are none.
fn table(page: &str) -> Result<Vec<String>, String> {
    let Some((_, below)) = page.split_once(&format!("{HEAD}\n")) else { return Err(format!("no table begins with {HEAD}")) };
    let mut rows = below.lines().take_while(|line| line.starts_with('|')).map(str::to_owned);
    match rows.next() {
        Some(rule) if rule.bytes().all(|byte| b"|-".contains(&byte)) => Ok(rows.collect()),
        other => Err(format!("no line under the head: {other:?}")),
    }
}

fn the_types() -> Vec<String> {
    let data = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let row =
        |FeedTypeRow { event_type, when, data: names }: FeedTypeRow| format!("| `{event_type}` | {when} | {} |", data(names));
    FeedEventType::TABLE.into_iter().map(row).collect()
}

fn the_page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/integrate/events.md");
    fs::read_to_string(path).unwrap_or_else(|missing| panic!("{path}: {missing}"))
}

#[test]
fn the_page_shows_the_types_word_for_word() {
    assert_eq!(table(&the_page()), Ok(the_types()));
    assert_eq!(FeedEventType::TABLE.map(|row| row.event_type), FeedEventType::ALL, "each type once, in its order");
}

#[test]
fn a_page_with_any_other_type_is_found_out() {
    let page = the_page();
    for row in the_types() {
        for other in [
            page.replace(&format!("{row}\n"), ""),
            page.replace(&row, &row.replace("the", "a")),
            page.replace(&row, &row.replace('`', "")),
        ] {
            assert!(other == page || table(&other) != Ok(the_types()), "{row}");
        }
        assert_ne!(table(&page.replace(&format!("{row}\n"), "")), Ok(the_types()));
    }
    assert!(table(&page.replace(HEAD, "")).is_err());
}
