//! The columns of a row: one list, from which every statement that writes such rows is made.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use super::statement::Parameter;

/// One column of many rows. As arrays, rows cost PostgreSQL a fraction of what they cost as JSON.
#[derive(Debug)]
pub(crate) enum Column<'a> {
    Texts(Vec<Option<&'a str>>),
    Numbers(Vec<Option<i64>>),
}

/// A field of a row, which is a cell of a column.
pub(crate) trait Cell: 'static {
    fn column<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> &'a Self) -> Column<'a>;
}

macro_rules! cells {
    ($($field:ty => $kind:ident($cell:expr);)+) => {
        $(
            impl Cell for $field {
                fn column<'a, R>(rows: &'a [R], of: impl Fn(&'a R) -> &'a Self) -> Column<'a> {
                    let cell: fn(&'a Self) -> _ = $cell;
                    Column::$kind(rows.iter().map(|row| cell(of(row))).collect())
                }
            }
        )+
    };
}

cells! {
    String => Texts(|text| Some(text.as_str()));
    Option<String> => Texts(|text| text.as_deref());
    i32 => Numbers(|number| Some(i64::from(*number)));
    Option<i32> => Numbers(|number| number.map(i64::from));
    i64 => Numbers(|number| Some(*number));
    Option<i64> => Numbers(|number| *number);
}

/// A row of a table, with the list of its columns.
pub(crate) trait TableRow: Sized {
    const TABLE: &'static str;
    /// The columns by which a row is found again.
    const KEY: &'static [&'static str];
    /// The columns that are written once, when the row is inserted.
    const FIXED: &'static [&'static str];
    /// The columns that an update writes.
    const CHANGING: &'static [&'static str];

    /// The key, then the fixed columns, then the changing ones.
    fn columns(rows: &[Self]) -> Vec<Column<'_>>;

    /// The names of [`Self::columns`].
    fn names() -> impl Iterator<Item = &'static str> {
        [Self::KEY, Self::FIXED, Self::CHANGING].into_iter().flatten().copied()
    }
}

/// Makes a struct a [`TableRow`]. Every field has to be listed; `assigned` are those that the database fills.
macro_rules! columns {
    (
        $row:ident in $table:ident
        $(key $($key:ident),+;)?
        $(fixed $($fixed:ident),+;)?
        $(changing $($changing:ident),+;)?
        $(assigned $($assigned:ident),+;)?
    ) => {
        impl $crate::sql::TableRow for $row {
            const TABLE: &'static str = stringify!($table);
            const KEY: &'static [&'static str] = &[$($(stringify!($key)),+)?];
            const FIXED: &'static [&'static str] = &[$($(stringify!($fixed)),+)?];
            const CHANGING: &'static [&'static str] = &[$($(stringify!($changing)),+)?];

            fn columns(rows: &[Self]) -> Vec<$crate::sql::Column<'_>> {
                // A field that is not listed would never be written: this does not compile then.
                let _ = |Self { $($($key: _,)+)? $($($fixed: _,)+)? $($($changing: _,)+)? $($($assigned: _,)+)? }: Self| ();
                vec![
                    $($($crate::sql::Cell::column(rows, |row| &row.$key),)+)?
                    $($($crate::sql::Cell::column(rows, |row| &row.$fixed),)+)?
                    $($($crate::sql::Cell::column(rows, |row| &row.$changing),)+)?
                ]
            }
        }
    };
}

pub(crate) use columns;

impl Parameter<Pg> for Column<'_> {
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        match self {
            Self::Texts(texts) => out.push_bind_param::<Array<Nullable<Text>>, _>(texts),
            Self::Numbers(numbers) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(numbers),
        }
    }
}
