//! What a deployment is served with.

use std::fmt;

use diesel::prelude::*;
use diesel::result::Error as DieselError;

use crate::schema::served_terms;

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

/// Remembering the terms, on a connection.
pub(crate) trait DeploymentTable {
    fn recorded_policy(&mut self) -> Result<Option<DeploymentPolicy>, DieselError>;
    /// Remembers `policy`, unless others are remembered and `instead` is false.
    fn remember_policy(&mut self, policy: &DeploymentPolicy, instead: bool) -> Result<(), DieselError>;
    /// Whether any reversal is open or parked.
    fn has_open_reversal(&mut self) -> Result<bool, DieselError>;
    /// Whether any cancel is deferred.
    fn defers_cancels(&mut self) -> Result<bool, DieselError>;
}

macro_rules! deployment {
    ($connection:ty) => {
        impl $crate::deployment::DeploymentTable for $connection {
            fn recorded_policy(&mut self) -> Result<Option<DeploymentPolicy>, DieselError> {
                use $crate::schema::served_terms;
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
                use $crate::reads::is_unfinished;
                use $crate::schema::reversals;
                let reversal_request = reversals::table.filter(is_unfinished());
                diesel::select(diesel::dsl::exists(reversal_request)).get_result(self)
            }

            fn defers_cancels(&mut self) -> Result<bool, DieselError> {
                use $crate::schema::cases;
                let deferred = cases::table.filter(cases::defer_reason.is_not_null());
                diesel::select(diesel::dsl::exists(deferred)).get_result(self)
            }
        }
    };
}

pub(crate) use deployment;
