//! Rows as columns: an array for each, which PostgreSQL takes apart at a fraction of what the same rows cost it as JSON.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::sql_types::{Array, BigInt, Nullable, Text};

use crate::statement::{PARAMETER, Parameter};

/// One column of many rows.
#[derive(Debug)]
pub(crate) enum Column<'a> {
    Texts(Vec<Option<&'a str>>),
    Numbers(Vec<Option<i64>>),
}

/// What a field of a row is in a column.
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

/// A row that can be given as columns.
pub(crate) trait Columns: Sized {
    const NAMES: &'static [&'static str];
    /// In the order of their names.
    fn columns(rows: &[Self]) -> Vec<Column<'_>>;

    /// A query for the rows whose columns are the statement's next parameters. Arrays in a select list are taken apart side by side, row
    /// by row; as a table in `from`, each would be written down as a whole first.
    fn given() -> String {
        let columns: Vec<_> = Self::NAMES.iter().map(|name| format!("unnest({PARAMETER}) as {name}")).collect();
        format!("select {}", columns.join(", "))
    }
}

/// Makes a row [`Columns`] by naming the fields that are written.
macro_rules! columns {
    ($row:ty: $($name:ident),+ $(,)?) => {
        impl $crate::columns::Columns for $row {
            const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            fn columns(rows: &[Self]) -> Vec<$crate::columns::Column<'_>> {
                vec![$($crate::columns::Cell::column(rows, |row| &row.$name)),+]
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
