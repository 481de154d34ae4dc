//! Rows as columns: an array for each, which PostgreSQL takes apart at a fraction of what the same rows cost it as JSON.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text};

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

/// Stands in a statement's text for its next parameter.
const PARAMETER: &str = "$?";

/// A statement whose parameters are columns. Its text is the same for any number of rows, so it is prepared once for each connection.
#[derive(Debug)]
pub(crate) struct WithColumns<'a, R> {
    text: &'static str,
    columns: Vec<Column<'a>>,
    returns: PhantomData<R>,
}

impl<'a, R> WithColumns<'a, R> {
    pub(crate) fn new(text: &'static str, columns: Vec<Column<'a>>) -> Self {
        Self { text, columns, returns: PhantomData }
    }
}

impl<R> QueryId for WithColumns<'_, R> {
    type QueryId = ();
    /// The text is looked at instead.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<R> QueryFragment<Pg> for WithColumns<'_, R> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut pieces = self.text.split(PARAMETER);
        out.push_sql(pieces.next().unwrap_or_default());
        for (column, piece) in self.columns.iter().zip(pieces) {
            match column {
                Column::Texts(texts) => out.push_bind_param::<Array<Nullable<Text>>, _>(texts)?,
                Column::Numbers(numbers) => out.push_bind_param::<Array<Nullable<BigInt>>, _>(numbers)?,
            }
            out.push_sql(piece);
        }
        Ok(())
    }
}

impl<R> Query for WithColumns<'_, R> {
    type SqlType = R;
}

impl<C, R> RunQueryDsl<C> for WithColumns<'_, R> {}
