//! Queries for what belongs to some cases, by the whole key that every table of a case begins with.

use diesel::expression::Expression;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, SmallInt, Text};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, RunQueryDsl};

use crate::rows::CaseKey;

/// Keys as two arrays side by side: PostgreSQL's parameters.
#[derive(Debug)]
pub(crate) struct KeyArrays<'a> {
    buckets: Vec<i16>,
    ids: Vec<&'a str>,
}

impl<'a> From<&'a [CaseKey<'a>]> for KeyArrays<'a> {
    fn from(keys: &'a [CaseKey<'a>]) -> Self {
        let (buckets, ids) = keys.iter().map(|key| (key.bucket, key.id)).unzip();
        Self { buckets, ids }
    }
}

impl KeyArrays<'_> {
    /// The keys as a table of two columns.
    pub(crate) fn push<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("unnest(");
        out.push_bind_param::<Array<SmallInt>, _>(&self.buckets)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.ids)?;
        out.push_sql(") as asked (bucket, payment_request_id)");
        Ok(())
    }
}

/// Keys as one JSON array of pairs: SQLite's parameter.
#[derive(Debug)]
pub(crate) struct KeysJson(String);

impl<'a> From<&'a [CaseKey<'a>]> for KeysJson {
    fn from(keys: &'a [CaseKey<'a>]) -> Self {
        let pairs: Vec<_> = keys.iter().map(|key| (key.bucket, key.id)).collect();
        Self(serde_json::json!(pairs).to_string())
    }
}

impl KeysJson {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is selected of the rows of some cases in one table, in the order of the keys where `LOCKED`.
///
/// On PostgreSQL each key looks for its own rows: the plan has no choice, whatever it was made for. Locks are taken in the order of the
/// keys, and what is selected beside the rows, such as the time, is evaluated under each row's lock.
#[derive(Debug)]
pub(crate) struct OfCases<K, S, const LOCKED: bool = false> {
    pub(crate) keys: K,
    pub(crate) table: &'static str,
    pub(crate) selection: S,
}

impl<K, S: QueryId, const LOCKED: bool> QueryId for OfCases<K, S, LOCKED> {
    type QueryId = OfCases<(), S::QueryId, LOCKED>;
    const HAS_STATIC_QUERY_ID: bool = S::HAS_STATIC_QUERY_ID;
}

impl<S: QueryFragment<Pg>, const LOCKED: bool> QueryFragment<Pg> for OfCases<KeyArrays<'_>, S, LOCKED> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select ");
        self.selection.walk_ast(out.reborrow())?;
        out.push_sql(" from ");
        self.keys.push(&mut out)?;
        out.push_sql(" cross join lateral (select * from ");
        out.push_sql(self.table);
        out.push_sql(" as found where found.bucket = asked.bucket and found.payment_request_id = asked.payment_request_id");
        // Either keeps the planner from turning the query round.
        out.push_sql(if LOCKED { " for update) as " } else { " offset 0) as " });
        out.push_sql(self.table);
        Ok(())
    }
}

impl<S: QueryFragment<Sqlite>> QueryFragment<Sqlite> for OfCases<KeysJson, S> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("select ");
        self.selection.walk_ast(out.reborrow())?;
        out.push_sql(" from json_each(");
        out.push_bind_param::<Text, _>(&self.keys.0)?;
        // SQLite never turns a cross join round.
        out.push_sql(") as asked cross join ");
        out.push_sql(self.table);
        out.push_sql(" on bucket = asked.value ->> 0 and payment_request_id = asked.value ->> 1");
        Ok(())
    }
}

impl<K, S: Expression, const LOCKED: bool> Query for OfCases<K, S, LOCKED> {
    type SqlType = S::SqlType;
}

impl<C, K, S, const LOCKED: bool> RunQueryDsl<C> for OfCases<K, S, LOCKED> {}
