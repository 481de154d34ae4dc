//! Every answer with a status above 299, as RFC 9457 describes problems.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use ports::FeedError;
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// The kinds of problems. `docs/reference/problems.md` lists the same, and a test compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    /// The body is not JSON.
    Malformed,
    /// The token is missing or unknown.
    Unauthorized,
    /// The role of the token may not do this.
    Forbidden,
    /// Nothing is recorded under this id, or there is no such route.
    NotFound,
    /// The call contradicts the record.
    Conflict,
    /// The wallet core keeps the payments.
    PaymentsAreTheCores,
    /// The cursor is of before the database was restored.
    StaleCursor,
    /// The body is too long.
    TooLarge,
    /// A member or parameter is missing or has a wrong value.
    NotAcceptable,
    /// Too many calls without a known token came from there.
    TooManyRequests,
    /// There is no answer now; the same call again is harmless.
    Unavailable,
}

/// Why a call is not answered with a 200.
#[derive(Debug)]
pub(crate) struct ApiError {
    problem: Problem,
    detail: String,
}

/// A problem as RFC 9457 describes it.
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemDetails {
    /// The kind of problem; it never changes its meaning.
    #[schema(schema_with = problem_types)]
    r#type: String,
    /// The HTTP status in words.
    #[schema(examples("Conflict"))]
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, examples(409))]
    status: u16,
    /// For people: what is wrong, and what would be right.
    #[schema(examples("the payment is recorded with other content"))]
    detail: String,
}

impl Problem {
    const ALL: [Self; 11] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::PaymentsAreTheCores,
        Self::StaleCursor,
        Self::TooLarge,
        Self::NotAcceptable,
        Self::TooManyRequests,
        Self::Unavailable,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::Conflict => "conflict",
            Self::PaymentsAreTheCores => "payments-are-the-cores",
            Self::StaleCursor => "stale-cursor",
            Self::TooLarge => "too-large",
            Self::NotAcceptable => "not-acceptable",
            Self::TooManyRequests => "too-many-requests",
            Self::Unavailable => "unavailable",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict | Self::PaymentsAreTheCores => StatusCode::CONFLICT,
            Self::StaleCursor => StatusCode::GONE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotAcceptable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The stable `type`.
    fn urn(self) -> String {
        format!("urn:rescind:problem:{}", self.name())
    }

    fn with(self, detail: impl Into<String>) -> ApiError {
        ApiError { problem: self, detail: detail.into() }
    }
}

fn problem_types() -> Schema {
    let urns = Problem::ALL.map(Problem::urn);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(urns)).into()
}

impl ApiError {
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Problem::Malformed.with(detail)
    }

    pub(crate) fn unauthorized() -> Self {
        Problem::Unauthorized.with("a known token is needed, in the header authorization: Bearer TOKEN")
    }

    pub(crate) fn forbidden() -> Self {
        Problem::Forbidden.with("the role of this token may not do this; an operator's token is needed")
    }

    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Problem::NotFound.with(detail)
    }

    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Problem::Conflict.with(detail)
    }

    pub(crate) fn payments_are_the_cores() -> Self {
        Problem::PaymentsAreTheCores
            .with("payments.kind is \"core\": the wallet core keeps the payments, and nobody announces them here")
    }

    pub(crate) fn stale_cursor(detail: impl Into<String>) -> Self {
        Problem::StaleCursor.with(detail)
    }

    /// The body is longer than `limit` bytes.
    pub(crate) fn too_large(limit: usize) -> Self {
        Problem::TooLarge.with(format!("the body must not be longer than {limit} bytes"))
    }

    pub(crate) fn not_acceptable(detail: impl Into<String>) -> Self {
        Problem::NotAcceptable.with(detail)
    }

    pub(crate) fn too_many_requests() -> Self {
        Problem::TooManyRequests
            .with("too many calls without a known token came from this address; those with one are never refused for it")
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Problem::Unavailable.with(detail)
    }

    fn details(&self) -> ProblemDetails {
        let status = self.problem.status();
        ProblemDetails {
            r#type: self.problem.urn(),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.detail.clone(),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.problem.name(), self.detail)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.problem.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if self.problem == Problem::Unauthorized {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if matches!(self.problem, Problem::Unavailable | Problem::TooManyRequests) {
            response.insert_header((RETRY_AFTER, "1"));
        }
        response.content_type("application/problem+json").json(self.details())
    }
}

/// For the API document: the problems of every query.
pub(super) enum QueryProblems {}

/// For the API document: the problems of every command.
pub(super) enum CommandProblems {}

/// For the API document: the problem of a route that only an operator may use.
pub(super) enum RoleProblem {}

/// For the API document: the problem of a day that is not closed.
pub(super) enum OpenDayProblem {}

/// For the API document: the problem of a cursor of before a restore.
pub(super) enum StaleCursorProblem {}

/// For the API document: the problem of an id that nothing is recorded under.
pub(super) enum NotFoundProblem {}

const UNAUTHORIZED: &str = "The token is missing or unknown";
const TOO_MANY: &str = "Too many calls without a known token came from this address";
const NOT_ACCEPTABLE: &str = "A value is not acceptable; the detail names the member or parameter and what would be right";

impl IntoResponses for QueryProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses([
            (UNAUTHORIZED, ApiError::unauthorized()),
            (NOT_ACCEPTABLE, ApiError::not_acceptable("limit: must be a number of 1 to 1000")),
            (TOO_MANY, ApiError::too_many_requests()),
            (
                "There is no answer now; ask again after `Retry-After` seconds",
                ApiError::unavailable("the store does not answer; repeat the call"),
            ),
        ])
    }
}

impl IntoResponses for CommandProblems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses([
            (
                "The body is not JSON, or has a member twice",
                ApiError::malformed("the body: the member `account` appears twice at line 1 column 61"),
            ),
            (UNAUTHORIZED, ApiError::unauthorized()),
            (
                "The call contradicts what is recorded; nothing changed",
                ApiError::conflict("the payment is recorded with other content"),
            ),
            ("The body is longer than 64 KiB", ApiError::too_large(super::LONGEST_BODY)),
            (NOT_ACCEPTABLE, ApiError::not_acceptable("amount: value must be an integer of 1 to 9223372036854775807")),
            (TOO_MANY, ApiError::too_many_requests()),
            (
                "It is not known whether the call was recorded; repeat the same call after `Retry-After` seconds",
                ApiError::unavailable("it is not known whether this was recorded; repeat the call"),
            ),
        ])
    }
}

impl IntoResponses for RoleProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses([("The role of the token may not do this; an operator's may", ApiError::forbidden())])
    }
}

impl IntoResponses for OpenDayProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let open = ApiError::conflict("the day is not closed; `rescind settlement export` closes it");
        responses([("The day is not closed", open)])
    }
}

impl IntoResponses for StaleCursorProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let stale = ApiError::stale_cursor(FeedError::Foreign { generation: 2 }.to_string());
        responses([("The database was restored or moved since the cursor was given: read from the beginning", stale)])
    }
}

impl IntoResponses for NotFoundProblem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let unknown = ApiError::not_found("no such payment, refund or reversal is recorded");
        responses([("Nothing is recorded under this id", unknown)])
    }
}

/// Responses with an example each, described by these texts.
fn responses<const N: usize>(listed: [(&str, ApiError); N]) -> BTreeMap<String, RefOr<Response>> {
    let response = |(description, error): (&str, ApiError)| {
        let example = ExampleBuilder::new().value(Some(json!(error.details()))).build();
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(ProblemDetails::name())))
            .examples_from_iter([(error.problem.name(), example)])
            .build();
        let response = ResponseBuilder::new().description(description).content("application/problem+json", content);
        (error.status_code().as_u16().to_string(), RefOr::T(response.build()))
    };
    listed.into_iter().map(response).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../../docs/reference/problems.md");

    /// The first two cells of every row whose first cell is a name in backticks.
    fn rows() -> Vec<(String, String)> {
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        let rows = PAGE.lines().filter(|line| line.starts_with('|')).map(cells);
        let named = rows.filter_map(|row| {
            let name = row.get(1)?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
            Some((name, row.get(2)?.clone()))
        });
        named.collect()
    }

    #[test]
    fn the_page_lists_every_problem_with_its_status() {
        let known = Problem::ALL.map(|problem| (problem.name().to_owned(), problem.status().as_str().to_owned()));
        let mut listed = rows();
        listed.sort_by_key(|(name, _)| known.iter().position(|(known, _)| known == name));
        assert_eq!(listed, known);
    }

    #[test]
    fn a_problem_has_a_name_of_its_own() {
        for (place, problem) in Problem::ALL.iter().enumerate() {
            assert!(Problem::ALL[..place].iter().all(|other| other.name() != problem.name()), "{problem:?}");
        }
    }
}
