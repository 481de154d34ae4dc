//! Statements as text that a connection parses once.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Text};
use diesel::{QueryResult, RunQueryDsl};

/// Stands in a statement's text for its next parameter.
pub(crate) const PARAMETER: &str = "$?";

/// What can stand for a parameter.
pub(crate) trait Parameter<DB: Backend> {
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

impl<DB> Parameter<DB> for &str
where
    DB: Backend + HasSqlType<Text>,
    str: ToSql<Text, DB>,
{
    fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_bind_param::<Text, str>(self)
    }
}

/// A statement's text between its parameters. It is taken apart once, because every use of a statement walks over it three times.
#[derive(Debug)]
pub(crate) struct SqlText(Vec<String>);

impl SqlText {
    /// The text has [`PARAMETER`] wherever a parameter stands.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.split(PARAMETER).map(str::to_owned).collect())
    }
}

/// A statement with the parameters `P`; `R` are the SQL types of what comes back. Its text never changes, so it is prepared once for
/// each connection, where `diesel::sql_query` would be parsed each time. Statements with a `NUMBER` of their own are found by it among
/// those that are prepared, the others by their text.
#[derive(Debug)]
pub(crate) struct SqlStatement<P, R = (), const NUMBER: usize = 0> {
    text: &'static SqlText,
    parameters: Vec<P>,
    returns: PhantomData<R>,
}

impl<P, R, const NUMBER: usize> SqlStatement<P, R, NUMBER> {
    pub(crate) fn new(text: &'static SqlText, parameters: Vec<P>) -> Self {
        Self { text, parameters, returns: PhantomData }
    }
}

impl<P, R, const NUMBER: usize> QueryId for SqlStatement<P, R, NUMBER> {
    type QueryId = SqlStatement<(), (), NUMBER>;
    const HAS_STATIC_QUERY_ID: bool = NUMBER != 0;
}

impl<DB: Backend, P: Parameter<DB>, R, const NUMBER: usize> QueryFragment<DB> for SqlStatement<P, R, NUMBER> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut pieces = self.text.0.iter();
        out.push_sql(pieces.next().map_or("", String::as_str));
        for (parameter, piece) in self.parameters.iter().zip(pieces) {
            parameter.push(&mut out)?;
            out.push_sql(piece);
        }
        Ok(())
    }
}

impl<P, R, const NUMBER: usize> Query for SqlStatement<P, R, NUMBER> {
    type SqlType = R;
}

impl<C, P, R, const NUMBER: usize> RunQueryDsl<C> for SqlStatement<P, R, NUMBER> {}
