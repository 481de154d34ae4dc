//! From the wire to the domain: what a request's path and query say, checked once.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use domain::{AccountId, ClearingDay, PaymentRequestId, RefundRequestId};
use percent_encoding::percent_decode_str;
use ports::{Page, ReversalFilter};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::requests::identifier;

const LIMIT: u32 = 100;
const HIGHEST_LIMIT: u32 = 1000;

/// What the path names.
pub(crate) struct InPath<T>(pub(crate) T);

/// Something that paths name.
pub(crate) trait NamedByPath: Sized {
    /// Takes it out of the path of `request`.
    fn of(request: &HttpRequest) -> Result<Self, Problem>;
}

impl NamedByPath for PaymentRequestId {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        identifier("paymentRequestId", Self::parse(path_member(request, "paymentRequestId")))
    }
}

impl NamedByPath for (PaymentRequestId, RefundRequestId) {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let refund = RefundRequestId::parse(path_member(request, "refundRequestId"));
        Ok((NamedByPath::of(request)?, identifier("refundRequestId", refund)?))
    }
}

impl NamedByPath for AccountId {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        identifier("account", Self::parse(path_member(request, "account")))
    }
}

impl NamedByPath for ClearingDay {
    fn of(request: &HttpRequest) -> Result<Self, Problem> {
        Self::parse(&path_member(request, "date")).map_err(|invalid| Problem::not_acceptable(format!("date: {invalid}")))
    }
}

/// The router has left `%2F` and `%25` encoded, so decoding the rest again is not decoding twice.
fn path_member(request: &HttpRequest, name: &str) -> String {
    percent_decode_str(request.match_info().query(name)).decode_utf8_lossy().into_owned()
}

impl<T: NamedByPath> FromRequest for InPath<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(T::of(request).map(Self))
    }
}

/// What the query says.
pub(crate) struct InQuery<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for InQuery<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let taken = web::Query::<T>::from_query(request.query_string()).map(|query| Self(query.into_inner()));
        ready(taken.map_err(|error| Problem::not_acceptable(format!("the query: {error}"))))
    }
}

/// Which part of a list is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// At most so many; 100 where nothing is said.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    limit: Option<String>,
    /// The `next` of the page before.
    after: Option<String>,
}

impl PageQuery {
    /// A page of a list of cases.
    pub(crate) fn of_cases(self) -> Result<Page, Problem> {
        let fits = self.after.as_deref().is_none_or(|after| PaymentRequestId::parse(after).is_ok());
        self.page(fits)
    }

    /// A page of a list of entries, whose positions are numbers.
    pub(crate) fn of_entries(self) -> Result<Page, Problem> {
        let fits = self.after.as_deref().is_none_or(|after| after.parse::<i64>().is_ok_and(|position| position >= 0));
        self.page(fits)
    }

    fn page(self, after_fits: bool) -> Result<Page, Problem> {
        let limit = self.limit.map_or(Ok(LIMIT), |limit| limit.parse());
        let limit = limit.ok().filter(|limit| (1..=HIGHEST_LIMIT).contains(limit));
        let limit = limit.ok_or_else(|| Problem::not_acceptable(format!("limit: must be a number of 1 to {HIGHEST_LIMIT}")))?;
        if !after_fits {
            return Err(Problem::not_acceptable("after: must be the next of the page before"));
        }
        Ok(Page { limit, after: self.after })
    }
}

/// Which reversals are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReversalsQuery {
    /// Where they stand.
    #[serde(default)]
    #[param(inline, required = false)]
    state: WantedReversals,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum WantedReversals {
    #[default]
    Open,
    Parked,
}

impl From<ReversalsQuery> for ReversalFilter {
    fn from(query: ReversalsQuery) -> Self {
        match query.state {
            WantedReversals::Open => Self::Open,
            WantedReversals::Parked => Self::Parked,
        }
    }
}
