//! From the wire to the domain: a request's body, taken strictly.

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::problem::Problem;
use crate::json::{self, JsonError};

/// How long a body may be, in bytes.
pub(crate) const LONGEST_BODY: usize = 64 * 1024;

/// A request's body. What is no JSON is malformed (400); JSON that lacks what the route needs is not acceptable (422). Unknown
/// members are left aside, because a wallet may send more than is asked for.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bytes = web::Bytes::from_request(request, payload);
        Box::pin(async move {
            let bytes = bytes.await.map_err(|error| match error.as_response_error().status_code() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(LONGEST_BODY),
                _ => Problem::malformed("the body could not be read to its end"),
            })?;
            json::object(&bytes).map(Self).map_err(Problem::from)
        })
    }
}

impl From<JsonError> for Problem {
    fn from(refused: JsonError) -> Self {
        match refused {
            JsonError::Malformed(error) => Self::malformed(format!("the body: {error}")),
            JsonError::Unfit(error) if error.path().iter().next().is_none() => {
                Self::not_acceptable(format!("the body: {}", error.inner()))
            }
            JsonError::Unfit(error) => Self::not_acceptable(format!("{}: {}", error.path(), error.inner())),
        }
    }
}
