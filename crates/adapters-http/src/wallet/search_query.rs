//! From the wire to the domain: what is searched for.

use chrono::{DateTime, Utc};
use domain::{AccountId, AcquirerId, CaseState, PaymentId};
use ports::{Search, SearchPage};
use serde::Deserialize;
use utoipa::IntoParams;

use super::cursor;
use super::extractors::limit;
use super::fields::identifier;
use super::problem::ApiError;
use super::schemas::{CaseStateText, Identifier};
use crate::timestamps;

/// What is searched for, and which page of it is wanted.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct SearchQuery {
    /// The wallet's id of the account that pays.
    #[param(value_type = Option<Identifier>)]
    account: Option<String>,
    /// The wallet's own id of the payment.
    #[param(value_type = Option<Identifier>)]
    payment_id: Option<String>,
    /// Alipay+'s id of the acquirer; not enough alone.
    #[param(value_type = Option<Identifier>)]
    acquirer_id: Option<String>,
    /// Where the payment stands.
    #[param(value_type = Option<CaseStateText>)]
    state: Option<String>,
    /// Initiated then or later, RFC 3339 with offset.
    #[param(format = DateTime)]
    initiated_from: Option<String>,
    /// Initiated before that moment, RFC 3339 with offset.
    #[param(format = DateTime)]
    initiated_to: Option<String>,
    /// The largest number of items; 100 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// The `next` of the page before, of the same search.
    #[param(min_length = 1, max_length = 128)]
    after: Option<String>,
}

impl SearchQuery {
    /// What to search for, and from where.
    pub(super) fn into_search(self) -> Result<(Search, SearchPage), ApiError> {
        let search = Search {
            account: self.account.map(|account| identifier("account", AccountId::parse(account))).transpose()?,
            payment_id: self.payment_id.map(|id| identifier("paymentId", PaymentId::parse(id))).transpose()?,
            acquirer_id: self.acquirer_id.map(|id| identifier("acquirerId", AcquirerId::parse(id))).transpose()?,
            state: self.state.map(|state| parse_state(&state)).transpose()?,
            initiated_from: self.initiated_from.map(|from| moment("initiatedFrom", &from)).transpose()?,
            initiated_to: self.initiated_to.map(|to| moment("initiatedTo", &to)).transpose()?,
        };
        if !search.is_specific() {
            let needed = "at least one of account, paymentId, state, initiatedFrom and initiatedTo is needed";
            return Err(ApiError::not_acceptable(format!("the query: {needed}")));
        }
        let after = self.after.map(|after| {
            cursor::parse(&after).ok_or_else(|| ApiError::not_acceptable("after: must be the next of the page before"))
        });
        Ok((search, SearchPage { limit: limit(self.limit)?, after: after.transpose()? }))
    }
}

fn parse_state(text: &str) -> Result<CaseState, ApiError> {
    let known = CaseState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
    CaseState::parse(text).ok_or_else(|| ApiError::not_acceptable(format!("state: must be one of {known}")))
}

/// A `+` of an offset is a space where the query was not encoded: that is said, because nobody sees it.
fn moment(parameter: &str, text: &str) -> Result<DateTime<Utc>, ApiError> {
    let example = "such as 2026-03-01T09:15:00%2B08:00 (a + is written %2B in a query)";
    let malformed = || ApiError::not_acceptable(format!("{parameter}: must be an RFC 3339 time with an offset, {example}"));
    timestamps::parse(text).ok_or_else(malformed)
}
