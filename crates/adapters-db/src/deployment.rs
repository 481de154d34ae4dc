//! The policy that a deployment is served with: recorded cases were judged by it.

use std::fmt;

use chrono::{DateTime, Utc};
use diesel::dsl::{count_star, max, sql};
use diesel::expression::SqlLiteral;
use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel::sqlite::SqliteConnection;
use domain::{Policy, RefundStateName, ReversalStateName};

use crate::schema::{cases, refunds, reversals, served_terms};
use crate::settings::DatabaseError;
use crate::tables::is_unfinished;

/// What a deployment is served with; recorded cases were judged by it.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = served_terms)]
pub struct DeploymentPolicy {
    /// The wallet's id.
    pub psp_id: String,
    /// `ledger` or `http`
    pub funds: String,
    /// `recorded` or `core`
    pub payments: String,
    /// The cancellable period in words.
    pub period: String,
}

impl fmt::Display for DeploymentPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { psp_id, funds, payments, period } = self;
        write!(f, "psp_id {psp_id}, funds {funds}, payments {payments}, period {period}")
    }
}

/// A request to serve a database with other settings.
#[derive(Debug, Clone)]
pub struct AdoptionRequest {
    /// When it is made.
    pub at: DateTime<Utc>,
    /// What cases are decided under from then on.
    pub policy: Policy,
    /// That payments which can still be cancelled may go on under them.
    pub acceptance: Option<Acceptance>,
}

/// What an operator says of payments that can still be cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// How many there are.
    pub count: u64,
    /// Why they may go on, such as that their balances were carried over.
    pub note: String,
    /// Who says so.
    pub by: String,
}

#[derive(QueryableByName)]
struct Generation {
    #[diesel(sql_type = BigInt)]
    generation: i64,
}

/// The recorded policy, and what depends on it.
pub(crate) trait DeploymentTable {
    fn recorded_policy(&mut self) -> Result<Option<DeploymentPolicy>, DieselError>;
    /// Remembers `policy`, unless another is remembered and `instead` is false.
    fn remember_policy(&mut self, policy: &DeploymentPolicy, instead: bool) -> Result<(), DieselError>;
    /// How many reversals are open, how many are parked, how many cancels are deferred, and how many refunds have no result.
    fn unfinished(&mut self) -> Result<[i64; 4], DieselError>;
    /// The payments that were initiated since then, and are in progress or succeeded without a cancel: how many, and when the last one
    /// was initiated.
    fn alive_since(&mut self, initiated: i64) -> Result<(i64, Option<i64>), DieselError>;
    /// Which generation the places of the feed are of.
    fn feed_generation(&mut self) -> Result<u64, DieselError>;
    /// Begins the next one; `None` where the database was never served.
    fn raise_feed_generation(&mut self) -> Result<Option<u64>, DieselError>;
    /// A page of their ids, in order.
    fn alive_ids(&mut self, initiated: i64, after: &str, limit: i64) -> Result<Vec<String>, DieselError>;
}

/// Refuses another policy than the recorded one, and records the first.
pub(crate) fn check_policy(connection: &mut dyn DeploymentTable, policy: &DeploymentPolicy) -> Result<(), DatabaseError> {
    connection.remember_policy(policy, false).map_err(DatabaseError::failed)?;
    match connection.recorded_policy().map_err(DatabaseError::failed)? {
        Some(recorded) if recorded == *policy => Ok(()),
        recorded => {
            let recorded = recorded.map_or_else(|| "nothing".to_owned(), |recorded| recorded.to_string());
            Err(DatabaseError(format!(
                "the database was last served with {recorded}, and the settings say {policy}: either correct the settings, or \
                 accept them with `rescind config adopt`"
            )))
        }
    }
}

macro_rules! deployment_table {
    ($connection:ty) => {
        impl DeploymentTable for $connection {
            fn recorded_policy(&mut self) -> Result<Option<DeploymentPolicy>, DieselError> {
                served_terms::table.select(DeploymentPolicy::as_select()).first(self).optional()
            }

            fn remember_policy(&mut self, policy: &DeploymentPolicy, instead: bool) -> Result<(), DieselError> {
                let taken = if instead {
                    "do update set (psp_id, funds, payments, period)
                        = (excluded.psp_id, excluded.funds, excluded.payments, excluded.period)"
                } else {
                    "do nothing"
                };
                let insert = format!(
                    "insert into served_terms (psp_id, funds, payments, period) values ($1, $2, $3, $4)
                     on conflict (only_one) {taken}"
                );
                let insert = diesel::sql_query(insert).bind::<Text, _>(&policy.psp_id).bind::<Text, _>(&policy.funds);
                insert.bind::<Text, _>(&policy.payments).bind::<Text, _>(&policy.period).execute(self)?;
                Ok(())
            }

            fn unfinished(&mut self) -> Result<[i64; 4], DieselError> {
                let mut reversals_in = |state: ReversalStateName| {
                    // Spelled out, because an index of a part of the table serves only what names that part.
                    let unfinished = reversals::table.filter(is_unfinished()).filter(reversals::state.eq(state.as_str()));
                    unfinished.count().get_result::<i64>(self)
                };
                let (open, parked) = (reversals_in(ReversalStateName::Open)?, reversals_in(ReversalStateName::Parked)?);
                let deferred = cases::table.filter(cases::defer_reason.is_not_null()).count().get_result(self)?;
                let running = refunds::table.filter(refunds::state.eq(RefundStateName::Reserved.as_str()));
                Ok([open, parked, deferred, running.count().get_result(self)?])
            }

            fn alive_since(&mut self, initiated: i64) -> Result<(i64, Option<i64>), DieselError> {
                let alive = cases::table.filter(is_alive()).filter(cases::initiated_at.ge(initiated));
                alive.select((count_star(), max(cases::initiated_at))).get_result(self)
            }

            fn feed_generation(&mut self) -> Result<u64, DieselError> {
                let generation = diesel::sql_query(
                    "select cast(coalesce((select feed_generation from served_terms), 1) as bigint) as generation",
                );
                generation.get_result::<Generation>(self).map(|Generation { generation }| generation.cast_unsigned())
            }

            fn raise_feed_generation(&mut self) -> Result<Option<u64>, DieselError> {
                let raised = diesel::sql_query("update served_terms set feed_generation = feed_generation + 1").execute(self)?;
                if raised == 0 { Ok(None) } else { self.feed_generation().map(Some) }
            }

            fn alive_ids(&mut self, initiated: i64, after: &str, limit: i64) -> Result<Vec<String>, DieselError> {
                let alive = cases::table.filter(is_alive()).filter(cases::initiated_at.ge(initiated));
                let page = alive.filter(cases::payment_request_id.gt(after)).order(cases::payment_request_id).limit(limit);
                page.select(cases::payment_request_id).load(self)
            }
        }
    };
}

/// What may still be cancelled, or still succeed: the rest has its final answer, or failed.
fn is_alive() -> SqlLiteral<Bool> {
    sql("(status = 'in-progress' or (status = 'succeeded' and cancellation is null))")
}

deployment_table!(PgConnection);
deployment_table!(SqliteConnection);
