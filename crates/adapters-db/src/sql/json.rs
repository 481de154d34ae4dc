//! Rows as one JSON parameter.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::columns::{Column, TableRow, WriteMode};

/// Rows as an array of objects.
struct JsonRows<'a> {
    names: &'a [&'static str],
    columns: &'a [Column<'a>],
    count: usize,
}

/// One of them. What is null is left out: a member that is not there reads as null.
struct JsonRow<'a> {
    rows: &'a JsonRows<'a>,
    index: usize,
}

impl Serialize for JsonRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.count).map(|index| JsonRow { rows: self, index }))
    }
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for (name, column) in self.rows.names.iter().zip(self.rows.columns) {
            match column {
                Column::Texts(texts) => {
                    if let Some(text) = texts.get(self.index).copied().flatten() {
                        object.serialize_entry(name, text)?;
                    }
                }
                Column::Numbers(numbers) => {
                    if let Some(number) = numbers.get(self.index).copied().flatten() {
                        object.serialize_entry(name, &number)?;
                    }
                }
            }
        }
        object.end()
    }
}

/// The columns that this way of writing sends, as an array with an object for each row.
///
/// # Errors
/// Never for rows of a table.
pub(crate) fn json_of<R: TableRow>(rows: &[R], writing: WriteMode) -> serde_json::Result<String> {
    let (names, columns) = (R::names(writing), R::columns(rows, writing));
    serde_json::to_string(&JsonRows { names: &names, columns: &columns, count: rows.len() })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::sql::{Groups, columns};

    struct Row<'a> {
        id: Cow<'a, str>,
        count: i32,
        note: Option<Cow<'a, str>>,
    }

    columns! {
        Row in things
        key id;
        changing count;
        changing note;
    }

    #[test]
    fn only_what_is_written_and_not_null_is_sent() {
        let rows = [Row { id: "a\"".into(), count: 1, note: None }, Row { id: "b".into(), count: 2, note: Some("n".into()) }];
        let noted = WriteMode::Update(Groups::numbered(0b10));
        assert_eq!(json_of(&rows, noted).unwrap(), r#"[{"id":"a\""},{"id":"b","note":"n"}]"#);
        assert_eq!(json_of(&rows, WriteMode::Insert).unwrap(), r#"[{"id":"a\"","count":1},{"id":"b","count":2,"note":"n"}]"#);
        assert_eq!(json_of::<Row>(&[], WriteMode::Insert).unwrap(), "[]");
    }
}
