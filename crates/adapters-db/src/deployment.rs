//! The policy that a deployment is served with: recorded cases were judged by it.

use std::fmt;

use diesel::pg::PgConnection;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Text;
use diesel::sqlite::SqliteConnection;

use crate::schema::{cases, reversals, served_terms};
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

/// The recorded policy, and what depends on it.
pub(crate) trait DeploymentTable {
    fn recorded_policy(&mut self) -> Result<Option<DeploymentPolicy>, DieselError>;
    /// Remembers `policy`, unless another is remembered and `instead` is false.
    fn remember_policy(&mut self, policy: &DeploymentPolicy, instead: bool) -> Result<(), DieselError>;
    /// Whether any reversal is open or parked.
    fn has_open_reversal(&mut self) -> Result<bool, DieselError>;
    /// Whether any cancel is deferred.
    fn has_deferred_cancel(&mut self) -> Result<bool, DieselError>;
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

/// Records this policy instead of another, where nothing depends on what changes.
pub(crate) fn adopt_policy(connection: &mut dyn DeploymentTable, policy: &DeploymentPolicy) -> Result<(), DatabaseError> {
    let recorded = connection.recorded_policy().map_err(DatabaseError::failed)?;
    let changes = |of: fn(&DeploymentPolicy) -> &String| recorded.as_ref().is_some_and(|recorded| of(recorded) != of(policy));
    let (funds, payments) = (changes(|policy| &policy.funds), changes(|policy| &policy.payments));
    if funds && connection.has_open_reversal().map_err(DatabaseError::failed)? {
        return Err(DatabaseError(format!(
            "funds.kind cannot become {} while reversals are open or parked: finish or resolve them first",
            policy.funds
        )));
    }
    // Decided by other books than those it waits for, such a cancel would be a fence: S, and nothing given back.
    if (funds || payments) && connection.has_deferred_cancel().map_err(DatabaseError::failed)? {
        return Err(DatabaseError(
            "funds.kind and payments.kind cannot change while cancels are deferred: wait until they are decided".to_owned(),
        ));
    }
    connection.remember_policy(policy, true).map_err(DatabaseError::failed)
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

            fn has_open_reversal(&mut self) -> Result<bool, DieselError> {
                diesel::select(diesel::dsl::exists(reversals::table.filter(is_unfinished()))).get_result(self)
            }

            fn has_deferred_cancel(&mut self) -> Result<bool, DieselError> {
                let deferred = cases::table.filter(cases::defer_reason.is_not_null());
                diesel::select(diesel::dsl::exists(deferred)).get_result(self)
            }
        }
    };
}

deployment_table!(PgConnection);
deployment_table!(SqliteConnection);
