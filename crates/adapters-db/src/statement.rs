//! Statements written by hand that a connection parses once.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;
use diesel::{QueryResult, RunQueryDsl};

/// A statement with one parameter, which stands in it once, as `$1`. `P` and `R` are the SQL types of the parameter and of what comes
/// back. Its text never changes, so it is prepared once for each connection, where `diesel::sql_query` would be parsed each time.
#[derive(Debug)]
pub(crate) struct Statement<'a, P, T: ?Sized, R = ()> {
    text: &'static str,
    parameter: &'a T,
    types: PhantomData<(P, R)>,
}

impl<'a, P, T: ?Sized, R> Statement<'a, P, T, R> {
    pub(crate) fn new(text: &'static str, parameter: &'a T) -> Self {
        Self { text, parameter, types: PhantomData }
    }
}

impl<P, T: ?Sized, R> QueryId for Statement<'_, P, T, R> {
    type QueryId = ();
    /// The text is looked at instead.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB, P, T, R> QueryFragment<DB> for Statement<'_, P, T, R>
where
    DB: Backend + HasSqlType<P>,
    T: ToSql<P, DB> + ?Sized,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let split = self.text.split_once("$1");
        let (before, after) = split.ok_or_else(|| DieselError::QueryBuilderError("a statement without its parameter".into()))?;
        out.push_sql(before);
        out.push_bind_param::<P, T>(self.parameter)?;
        out.push_sql(after);
        Ok(())
    }
}

impl<P, T: ?Sized, R> Query for Statement<'_, P, T, R> {
    type SqlType = R;
}

impl<C, P, T: ?Sized, R> RunQueryDsl<C> for Statement<'_, P, T, R> {}
