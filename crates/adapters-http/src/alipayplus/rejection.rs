//! Why the callback rejects a request before an endpoint sees it.

use actix_web::http::StatusCode;

use super::result_codes::{self, ApiResult};

/// The reasons, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    /// Not POST.
    Method,
    /// The media type is not JSON in UTF-8.
    MediaType,
    /// The body is too large, came too late or broke off, as the HTTP status says.
    Body(StatusCode),
    /// `Client-Id` is missing or unknown.
    Client,
    /// `Signature` is missing, malformed or of another algorithm.
    SignatureHeader,
    /// The client has no such key, or none in force.
    Key,
    /// `Request-Time` is missing, or one of the three headers appears twice.
    Headers,
    /// The signature is not the client's over this request.
    Signature,
    /// `Request-Time` is too far away.
    NotFresh,
    /// The body is not a valid message of the endpoint; carries the endpoint's result for that.
    Message(ApiResult),
    /// `pspId` is another wallet's.
    Psp,
}

impl Rejection {
    /// Whether the signature was good, so that the client is known.
    pub(super) fn is_verified(self) -> bool {
        match self {
            Self::NotFresh | Self::Message(_) | Self::Psp => true,
            Self::Method | Self::MediaType | Self::Body(_) | Self::Client | Self::SignatureHeader => false,
            Self::Key | Self::Headers | Self::Signature => false,
        }
    }

    /// The result to sign and send.
    ///
    /// # Errors
    /// The HTTP status of an answer without body and signature, where the API has no result for it.
    pub(super) fn result(self) -> Result<ApiResult, StatusCode> {
        Ok(match self {
            Self::Method => result_codes::WRONG_METHOD,
            Self::MediaType => result_codes::WRONG_MEDIA_TYPE,
            Self::Body(status) => return Err(status),
            Self::Client => result_codes::UNKNOWN_CLIENT,
            Self::SignatureHeader => result_codes::MALFORMED_SIGNATURE,
            Self::Key => result_codes::UNKNOWN_KEY,
            Self::Headers => result_codes::MALFORMED_HEADERS,
            Self::Signature => result_codes::WRONG_SIGNATURE,
            Self::NotFresh => result_codes::NOT_FRESH,
            Self::Message(malformed) => malformed,
            Self::Psp => result_codes::OTHER_PSP,
        })
    }
}
