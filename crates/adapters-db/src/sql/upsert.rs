//! The statements that write rows of any table, made from the list of its columns. `rows` is always a query in the order of
//! [`TableRow::names`].

use super::columns::TableRow;

/// A list with something for each name: `(a, b)` with `w.{}` gives `w.a, w.b`.
pub(crate) fn each_name(names: impl IntoIterator<Item = &'static str>, of: impl Fn(&str) -> String) -> String {
    names.into_iter().map(of).collect::<Vec<_>>().join(", ")
}

fn listed(names: &[&'static str], table: &str) -> String {
    each_name(names.iter().copied(), |name| format!("{table}{name}"))
}

/// Inserts rows, all of them new.
pub(crate) fn insert<R: TableRow>(rows: &str) -> String {
    format!("insert into {} ({}) {rows}", R::TABLE, each_name(R::names(), str::to_owned))
}

/// Inserts rows, and writes the changing columns of those that are there already.
pub(crate) fn upsert<R: TableRow>(rows: &str) -> String {
    let (key, changing, excluded) = (listed(R::KEY, ""), listed(R::CHANGING, ""), listed(R::CHANGING, "excluded."));
    format!("{} on conflict ({key}) do update set ({changing}) = ({excluded})", insert::<R>(rows))
}

/// Writes the changing columns of rows that are there already.
pub(crate) fn update<R: TableRow>(rows: &str) -> String {
    let (table, changing, written) = (R::TABLE, listed(R::CHANGING, ""), listed(R::CHANGING, "w."));
    let same: Vec<_> = R::KEY.iter().map(|key| format!("{table}.{key} = w.{key}")).collect();
    format!("update {table} set ({changing}) = ({written}) from ({rows}) as w where {}", same.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::columns;

    struct Row {
        id: String,
        made_at: i64,
        state: String,
        note: Option<String>,
    }

    columns! {
        Row in things
        key id;
        fixed made_at;
        changing state, note;
    }

    #[test]
    fn each_statement_names_the_columns_it_writes() {
        assert_eq!(insert::<Row>("ROWS"), "insert into things (id, made_at, state, note) ROWS");
        assert_eq!(
            upsert::<Row>("ROWS"),
            "insert into things (id, made_at, state, note) ROWS \
             on conflict (id) do update set (state, note) = (excluded.state, excluded.note)"
        );
        assert_eq!(
            update::<Row>("ROWS"),
            "update things set (state, note) = (w.state, w.note) from (ROWS) as w where things.id = w.id"
        );
    }

    #[test]
    fn columns_come_in_the_order_of_their_names() {
        let row = Row { id: "a".to_owned(), made_at: 2, state: "new".to_owned(), note: None };
        let columns = format!("{:?}", Row::columns(&[row]));
        assert_eq!(columns, "[Texts([Some(\"a\")]), Numbers([Some(2)]), Texts([Some(\"new\")]), Texts([None])]");
    }
}
