//! From the wire to the domain: path, query and body of a request, checked once.

use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use domain::{AccountId, ClearingDay, PaymentRequestId, RefundRequestId};
use percent_encoding::percent_decode_str;
use ports::{Page, ReversalFilter};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::{IntoParams, ToSchema};

use super::LONGEST_BODY;
use super::fields::identifier;
use super::problem::ApiError;
use super::state::WalletApi;
use crate::body::{BodyError, read_body};
use crate::json::{self, JsonError};

/// How many items a page has where the query has no `limit`.
const LIMIT: u32 = 100;
const HIGHEST_LIMIT: u32 = 1000;

/// The identifiers in the path.
pub(super) struct InPath<T>(pub(super) T);

/// What a path can name.
pub(super) trait NamedByPath: Sized {
    /// Parses it from the path of `request`.
    fn of(request: &HttpRequest) -> Result<Self, ApiError>;
}

impl NamedByPath for PaymentRequestId {
    fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        identifier("paymentRequestId", Self::parse(path_member(request, "paymentRequestId")))
    }
}

impl NamedByPath for (PaymentRequestId, RefundRequestId) {
    fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let refund = RefundRequestId::parse(path_member(request, "refundRequestId"));
        Ok((NamedByPath::of(request)?, identifier("refundRequestId", refund)?))
    }
}

impl NamedByPath for AccountId {
    fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        identifier("account", Self::parse(path_member(request, "account")))
    }
}

impl NamedByPath for ClearingDay {
    fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        Self::parse(&path_member(request, "day")).map_err(|invalid| ApiError::not_acceptable(format!("day: {invalid}")))
    }
}

/// The router has left `%2F` and `%25` encoded, so decoding the rest again is not decoding twice.
fn path_member(request: &HttpRequest, name: &str) -> String {
    percent_decode_str(request.match_info().query(name)).decode_utf8_lossy().into_owned()
}

impl<T: NamedByPath> FromRequest for InPath<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(T::of(request).map(Self))
    }
}

/// The parameters of the query.
pub(super) struct InQuery<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest for InQuery<T> {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = web::Query::<T>::from_query(request.query_string()).map(|query| Self(query.into_inner()));
        ready(parsed.map_err(|error| ApiError::not_acceptable(format!("the query: {error}"))))
    }
}

/// Which page of a list is wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The largest number of items; 100 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    limit: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 64)]
    after: Option<String>,
}

impl PageQuery {
    /// A page of a list of cases.
    pub(super) fn of_cases(self) -> Result<Page, ApiError> {
        let fits = self.after.as_deref().is_none_or(|after| PaymentRequestId::parse(after).is_ok());
        self.page(fits)
    }

    /// A page of a list of entries, whose positions are numbers.
    pub(super) fn of_entries(self) -> Result<Page, ApiError> {
        let fits = self.after.as_deref().is_none_or(|after| after.parse::<i64>().is_ok_and(|position| position >= 0));
        self.page(fits)
    }

    fn page(self, after_fits: bool) -> Result<Page, ApiError> {
        let limit = limit_of(self.limit)?;
        if !after_fits {
            return Err(ApiError::not_acceptable("after: must be the next of the page before"));
        }
        Ok(Page { limit, after: self.after })
    }
}

/// The largest number of items that a query asks for.
pub(super) fn limit_of(limit: Option<String>) -> Result<u32, ApiError> {
    let limit = limit.map_or(Ok(LIMIT), |limit| limit.parse());
    let limit = limit.ok().filter(|limit| (1..=HIGHEST_LIMIT).contains(limit));
    limit.ok_or_else(|| ApiError::not_acceptable(format!("limit: must be a number of 1 to {HIGHEST_LIMIT}")))
}

/// Which reversals are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ReversalsQuery {
    /// Open: tried until the money is back. Parked: an operator has to decide.
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

/// A request's body. A text that is not JSON is malformed (400); JSON that does not have what the route needs is not acceptable (422).
/// Unknown members are ignored, because a wallet may send more than is needed.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = ApiError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ApiError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let broken_off = || ApiError::malformed("the body could not be read to its end");
            let budget = request.app_data::<web::Data<WalletApi>>().map_or(Duration::ZERO, |api| api.call_budget);
            let read = tokio::time::timeout(budget, read_body(&request, payload, LONGEST_BODY)).await;
            let bytes = read.map_err(|_too_slow| broken_off())?.map_err(|error| match error {
                BodyError::TooLarge => ApiError::too_large(LONGEST_BODY),
                BodyError::BrokenOff => broken_off(),
            })?;
            json::parse_object(&bytes).map(Self).map_err(ApiError::from)
        })
    }
}

impl From<JsonError> for ApiError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Malformed(error) => Self::malformed(format!("the body: {error}")),
            JsonError::WrongShape(error) if error.path().iter().next().is_none() => {
                Self::not_acceptable(format!("the body: {}", error.inner()))
            }
            JsonError::WrongShape(error) => Self::not_acceptable(format!("{}: {}", error.path(), error.inner())),
        }
    }
}
