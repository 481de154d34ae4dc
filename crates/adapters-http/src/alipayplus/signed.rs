//! The one way into the callback: a request that is not verified cannot reach an endpoint.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use actix_web::dev::Payload;
use actix_web::error::{ErrorInternalServerError, InternalError};
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest};
use chrono::{DateTime, Utc};
use domain::{PspId, REQUEST_TIME_APART};
use metrics::counter;
use ports::{MessageSigner, MessageVerifier, SignedText};

use super::callback::{Callback, CallbackEndpoint, ResponseContext};
use super::freshness::{self, is_fresh};
use super::rejection::Rejection;
use super::result_codes::ApiResult;
use super::signature_header::{ClaimedKey, Content, SignatureHeader};
use crate::body::{BodyError, read_body};

/// Every name of UTF-8, by the Encoding Standard (encoding.spec.whatwg.org). Client libraries send several of them.
const UTF_8_LABELS: [&str; 6] = ["utf-8", "utf8", "unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "x-unicode20utf8"];

/// A message has a few hundred bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// The body of a request to one endpoint.
pub trait Message: Sized + 'static {
    /// The result for a body that is not such a message.
    const MALFORMED: ApiResult;

    /// `None` unless the body is one JSON object with the message's members, each of the right form. Members of other names are
    /// ignored. A member that appears twice in any object makes the body malformed: two readers would not agree on it.
    fn parse(body: &[u8]) -> Option<Self>;

    /// Alipay+'s id of the wallet that is meant.
    fn psp_id(&self) -> &PspId;

    /// How long a request may take from its head's arrival until its answer is known.
    fn answer_budget(callback: &Callback) -> Duration;

    /// Signs the endpoint's results, with a memo that no other endpoint uses.
    fn signer(callback: &Callback) -> &dyn MessageSigner;
}

/// A message whose signature is good, that is fresh enough, well-formed and meant for this wallet.
pub(super) struct Signed<M> {
    pub(super) message: M,
    pub(super) arrival: Arrival,
    /// When it was sent, by its signed header, where that can be read.
    pub(super) request_time: Option<DateTime<Utc>>,
    /// When the answer has to be known.
    pub(super) deadline: Instant,
    pub(super) context: ResponseContext,
}

/// The moment at which a request's head had arrived, on both clocks.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) at: DateTime<Utc>,
    pub(super) instant: Instant,
}

impl<M: Message> FromRequest for Signed<M> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(endpoint) = request.app_data::<Data<CallbackEndpoint>>().cloned() else {
            return Box::pin(async { Err(ErrorInternalServerError("the callback is not attached")) });
        };
        let clock = &endpoint.callback().ports.clock;
        let arrival = Arrival { at: clock.now(), instant: clock.instant() };
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            match receive(&endpoint, &request, payload, arrival).await {
                Ok(signed) => Ok(signed),
                Err(rejection) => {
                    let callback = endpoint.callback();
                    let deadline = arrival.instant + M::answer_budget(callback);
                    let response = endpoint.reject(rejection, M::signer(callback), (&request, deadline)).await;
                    Err(InternalError::from_response("the request was rejected", response).into())
                }
            }
        })
    }
}

/// The order of refusal. Each step relies on those before it.
async fn receive<M: Message>(
    endpoint: &CallbackEndpoint,
    request: &HttpRequest,
    payload: Payload,
    arrival: Arrival,
) -> Result<Signed<M>, Rejection> {
    let callback = endpoint.callback();
    if request.method() != Method::POST {
        return Err(Rejection::Method);
    }
    if !request.headers().get_all(CONTENT_TYPE).all(is_json) {
        return Err(Rejection::MediaType);
    }
    let deadline = arrival.instant + M::answer_budget(callback);
    let body = read_until(deadline, request, payload).await.map_err(Rejection::Body)?;
    let context = ResponseContext::of(request, deadline);
    let request_time = verify(callback.verifier.as_ref(), (&context, request.headers()), &body, arrival.at)?;
    let request_time = freshness::read(request_time.as_bytes());
    if let Some(requested_at) = request_time {
        callback.ports.request_times.observe(requested_at, arrival.instant);
        if (requested_at - arrival.at).abs() > REQUEST_TIME_APART {
            counter!("rescind_request_times_apart_total").increment(1);
        }
    }
    if callback.freshness.is_some_and(|tolerance| !is_fresh(request_time, arrival.at, tolerance)) {
        return Err(Rejection::NotFresh);
    }
    let message = M::parse(&body).ok_or(Rejection::Message(M::MALFORMED))?;
    if *message.psp_id() != callback.psp_id {
        return Err(Rejection::Psp);
    }
    Ok(Signed { message, arrival, request_time, deadline, context })
}

/// Whether the media type is JSON in UTF-8. `Accept` is not compared: Alipay+'s libraries do not list JSON there, and accept it.
fn is_json(content_type: &HeaderValue) -> bool {
    let Ok(content_type) = content_type.to_str() else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
            let label = charset.trim().trim_matches(['"', '\'']).trim();
            UTF_8_LABELS.iter().any(|known| label.eq_ignore_ascii_case(known))
        }
        Some(_) | None => true,
    };
    json && parts.all(utf8)
}

async fn read_until(deadline: Instant, request: &HttpRequest, payload: Payload) -> Result<Bytes, StatusCode> {
    match tokio::time::timeout_at(deadline.into(), read_body(request, payload, LARGEST_BODY)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(BodyError::BrokenOff)) => Err(StatusCode::BAD_REQUEST),
        Ok(Err(BodyError::TooLarge)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_too_slow) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// Verifies the signature over the request as it came, and returns `Request-Time`.
///
/// Where one of the headers appears twice, a step rejects only what every reading of them would reject. So a fault that is certain is
/// named first, and headers that can be read in two ways are named as that.
fn verify<'a>(
    verifier: &dyn MessageVerifier,
    (context, headers): (&ResponseContext, &'a HeaderMap),
    body: &[u8],
    at: DateTime<Utc>,
) -> Result<&'a HeaderValue, Rejection> {
    let clients: Vec<&str> = known_clients(headers, verifier);
    if clients.is_empty() {
        return Err(Rejection::Client);
    }
    let claims: Vec<SignatureHeader> =
        headers.get_all("signature").filter_map(|value| SignatureHeader::parse(value.as_bytes())).collect();
    if claims.is_empty() {
        return Err(Rejection::SignatureHeader);
    }
    let has_key = |client: &str, claim: &SignatureHeader| match claim.key_version {
        ClaimedKey::Any => verifier.knows_key(client, None, at),
        ClaimedKey::Version(version) => verifier.knows_key(client, Some(version), at),
        ClaimedKey::NotANumber => false,
    };
    if !clients.iter().any(|client| claims.iter().any(|claim| has_key(client, claim))) {
        return Err(Rejection::Key);
    }
    let time = single(headers, "request-time").filter(|time| !time.is_empty()).ok_or(Rejection::Headers)?;
    let (Some(_), Some(_)) = (single(headers, "client-id"), single(headers, "signature")) else {
        return Err(Rejection::Headers);
    };
    let ([client_id], [claim]) = (&clients[..], &claims[..]) else { return Err(Rejection::Headers) };
    let ResponseContext { method, uri, .. } = context;
    let text = Content { method, uri, client_id, time: time.as_bytes(), body }.text();
    let key_version = match claim.key_version {
        ClaimedKey::Version(version) => Some(version),
        ClaimedKey::Any | ClaimedKey::NotANumber => None,
    };
    let signed = SignedText { client_id, key_version, text: &text, signature: &claim.signature };
    if verifier.verify(&signed, at) { Ok(time) } else { Err(Rejection::Signature) }
}

fn known_clients<'a>(headers: &'a HeaderMap, verifier: &dyn MessageVerifier) -> Vec<&'a str> {
    let named = headers.get_all("client-id").filter_map(|id| std::str::from_utf8(id.as_bytes()).ok());
    named.filter(|id| verifier.knows_client(id)).collect()
}

/// The header's value, unless it is missing or appears more than once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name);
    values.next().filter(|_| values.next().is_none())
}
