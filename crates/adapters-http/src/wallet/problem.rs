//! Everything but a 200, as RFC 9457 tells it.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

/// Why a request was not answered with a 200.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

/// A problem as RFC 9457 tells it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProblemDetails {
    /// Always `about:blank`: the status says it all.
    r#type: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// What is wrong, and what would be right.
    detail: String,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    /// The body is no JSON.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// No token, or an unknown one.
    pub(crate) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "a known token is needed, in the header authorization: Bearer TOKEN")
    }

    /// The token is known, but its role may not do this.
    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "the role of this token may not do this; an operator's token is needed")
    }

    /// Nothing is known of it.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// It contradicts what is recorded.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// The body is longer than `most` bytes.
    pub(crate) fn too_large(most: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body must not be longer than {most} bytes"))
    }

    /// A member is missing, or is not what it has to be.
    pub(crate) fn not_acceptable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// Not answered now; asking again is harmless.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, "1"));
        }
        let title = self.status.canonical_reason().unwrap_or_default();
        response.content_type("application/problem+json").json(ProblemDetails {
            r#type: "about:blank",
            title,
            status: self.status.as_u16(),
            detail: self.detail.clone(),
        })
    }
}

/// For the API document: what any question may be answered with.
pub(crate) enum Questioned {}

/// For the API document: what any command may be answered with.
pub(crate) enum Commanded {}

/// For the API document: the route is an operator's.
pub(crate) enum Forbidden {}

/// For the API document: the day that the path names is not closed.
pub(crate) enum StillOpen {}

/// For the API document: nothing is known of what the path names.
pub(crate) enum Missing {}

const UNAUTHORIZED: (u16, &str) = (401, "No token, or an unknown one");
const NOT_ACCEPTABLE: (u16, &str) = (422, "Well-formed, but not acceptable; the detail names the member and what would be right");

impl IntoResponses for Questioned {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[UNAUTHORIZED, NOT_ACCEPTABLE, (503, "Not answered now; ask again after `retry-after` seconds")])
    }
}

impl IntoResponses for Commanded {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            (400, "No JSON, or a member stands there twice"),
            UNAUTHORIZED,
            (409, "Contradicts what is recorded; nothing changed"),
            (413, "Longer than 64 KiB"),
            NOT_ACCEPTABLE,
            (503, "Not known to be recorded; repeat the same call after `retry-after` seconds"),
        ])
    }
}

impl IntoResponses for Forbidden {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(403, "The token's role may not do this; an operator's may")])
    }
}

impl IntoResponses for StillOpen {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(409, "The day is not closed")])
    }
}

impl IntoResponses for Missing {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[(404, "Nothing is known of it")])
    }
}

fn problems(listed: &[(u16, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("ProblemDetails"))).build();
    let response = |what: &str| ResponseBuilder::new().description(what).content("application/problem+json", content.clone());
    listed.iter().map(|(status, what)| (status.to_string(), RefOr::T(response(what).build()))).collect()
}
