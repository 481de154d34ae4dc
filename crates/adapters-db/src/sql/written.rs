//! The statements that write rows of any table, made from the list of its columns. `rows` is always a query in the order of
//! [`TableRow::names`].

use super::columns::{Groups, TableRow, WriteMode};

/// A list with something for each name: `(a, b)` with `w.{}` gives `w.a, w.b`.
pub(crate) fn each_name(names: impl IntoIterator<Item = &'static str>, of: impl Fn(&str) -> String) -> String {
    names.into_iter().map(of).collect::<Vec<_>>().join(", ")
}

/// Inserts rows, all of them new.
pub(crate) fn insert<R: TableRow>(rows: &str) -> String {
    format!("insert into {} ({}) {rows}", R::TABLE, each_name(R::names(WriteMode::Insert), str::to_owned))
}

/// Inserts rows, or writes over those of the same keys.
pub(crate) fn upsert<R: TableRow>(rows: &str) -> String {
    let written = each_name(R::changing(Groups::ALL), |name| format!("{name} = excluded.{name}"));
    // `where true` keeps SQLite from taking `on` for that of a join.
    format!("{} where true on conflict ({}) do update set {written}", insert::<R>(rows), R::KEY.join(", "))
}

/// Deletes the rows of these keys.
pub(crate) fn delete<R: TableRow>(rows: &str) -> String {
    format!("delete from {} where ({}) in ({rows})", R::TABLE, R::KEY.join(", "))
}

/// How a statement says which rows it deletes: by their keys alone.
pub(crate) const KEYS_ONLY: WriteMode = WriteMode::Update(Groups::numbered(0));

/// Writes the columns of these groups in rows that are there already.
pub(crate) fn update<R: TableRow>(groups: Groups, rows: &str) -> String {
    let table = R::TABLE;
    let written = each_name(R::changing(groups), |name| format!("{name} = w.{name}"));
    let same: Vec<_> = R::KEY.iter().map(|key| format!("{table}.{key} = w.{key}")).collect();
    format!("update {table} set {written} from ({rows}) as w where {}", same.join(" and "))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::sql::columns;

    struct Row<'a> {
        id: Cow<'a, str>,
        made_at: i64,
        state: Cow<'a, str>,
        until: Option<i64>,
        note: Option<Cow<'a, str>>,
    }

    columns! {
        Row in things
        key id;
        fixed made_at;
        changing state, until;
        changing note;
    }

    const NOTED: Groups = Groups::numbered(0b10);

    fn row() -> Row<'static> {
        Row { id: "a".into(), made_at: 2, state: "new".into(), until: None, note: None }
    }

    #[test]
    fn each_statement_names_the_columns_it_writes() {
        assert_eq!(insert::<Row>("ROWS"), "insert into things (id, made_at, state, until, note) ROWS");
        assert_eq!(
            update::<Row>(Groups::numbered(0b11), "ROWS"),
            "update things set state = w.state, until = w.until, note = w.note from (ROWS) as w where things.id = w.id"
        );
        assert_eq!(update::<Row>(NOTED, "ROWS"), "update things set note = w.note from (ROWS) as w where things.id = w.id");
    }

    #[test]
    fn columns_come_in_the_order_of_their_names() {
        let columns = |writing| format!("{:?}", Row::columns(&[row()], writing));
        assert_eq!(
            columns(WriteMode::Insert),
            "[Texts([Some(\"a\")]), Numbers([Some(2)]), Texts([Some(\"new\")]), Numbers([None]), Texts([None])]"
        );
        assert_eq!(columns(WriteMode::Update(NOTED)), "[Texts([Some(\"a\")]), Texts([None])]");
        assert_eq!(Row::names(WriteMode::Update(NOTED)), ["id", "note"]);
    }

    #[test]
    fn a_row_differs_in_the_groups_of_what_changed() {
        let differing = |changed: Row<'_>| changed.differing(&row());
        assert_eq!(differing(row()), Groups::default());
        assert_eq!(differing(Row { until: Some(1), ..row() }), Groups::numbered(0b01));
        assert_eq!(differing(Row { note: Some("n".into()), ..row() }), NOTED);
        assert_eq!(differing(Row { state: "old".into(), note: Some("n".into()), ..row() }), Groups::numbered(0b11));
    }
}
