//! The one way into the callback: a request that is not verified cannot reach the handler.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Instant;

use actix_web::dev::Payload;
use actix_web::error::{ErrorInternalServerError, InternalError};
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use ports::{MessageVerifier, SignedText};
use use_cases::ReceivedCancel;

use super::freshness::is_fresh;
use super::message::CancelMessage;
use super::signature::{ClaimedKey, Content, SignatureHeader};
use super::wire::DoorRefusal;
use super::{Door, Envelope, unsigned};

/// A `cancelPayment` has some 200 bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// A cancel whose signature is good, that is fresh enough, well-formed and meant for us.
pub(super) struct SignedCancel {
    pub(super) received: ReceivedCancel,
    /// When its answer has to be known.
    pub(super) deadline: Instant,
    pub(super) envelope: Envelope,
}

/// Why a request does not get in.
enum TurnedAway {
    /// It is not for this callback.
    NoSuchPath,
    /// It has no answer of the API's.
    Unsigned(StatusCode),
    /// It is told why.
    Refused(DoorRefusal),
}

impl From<DoorRefusal> for TurnedAway {
    fn from(refusal: DoorRefusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The moment at which a request's head had arrived, on both clocks.
#[derive(Clone, Copy)]
struct Arrival {
    at: DateTime<Utc>,
    instant: Instant,
}

impl FromRequest for SignedCancel {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Self::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let Some(door) = request.app_data::<Data<Door>>().cloned() else {
            return Box::pin(async { Err(ErrorInternalServerError("the callback is not attached")) });
        };
        let arrival = Arrival { at: door.callback().ports.clock.now(), instant: Instant::now() };
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let received = receive(&door, &request, payload, arrival).await;
            match received {
                Ok(signed) => Ok(signed),
                Err(turned_away) => {
                    let response = respond(&door, &request, turned_away).await;
                    Err(InternalError::from_response("the request was refused at the door", response).into())
                }
            }
        })
    }
}

async fn respond(door: &Door, request: &HttpRequest, turned_away: TurnedAway) -> HttpResponse {
    let peer: Option<IpAddr> = request.peer_addr().map(|peer| peer.ip());
    match turned_away {
        TurnedAway::NoSuchPath => unsigned(StatusCode::NOT_FOUND),
        TurnedAway::Unsigned(status) => door.turn_away(status, peer),
        TurnedAway::Refused(refusal) => door.refuse(refusal, &Envelope::of(request), peer).await,
    }
}

/// The order of refusal. Each step relies on those before it.
async fn receive(door: &Door, request: &HttpRequest, payload: Payload, arrival: Arrival) -> Result<SignedCancel, TurnedAway> {
    let callback = door.callback();
    if request.uri().path() != callback.path {
        return Err(TurnedAway::NoSuchPath);
    }
    if request.method() != Method::POST {
        return Err(DoorRefusal::Method.into());
    }
    if !request.headers().get_all(CONTENT_TYPE).all(is_json) {
        return Err(DoorRefusal::MediaType.into());
    }
    let deadline = arrival.instant + callback.answer_budget;
    let body = read_body(request, payload, deadline).await.map_err(TurnedAway::Unsigned)?;
    let envelope = Envelope::of(request);
    let request_time = verify(callback.verifier.as_ref(), (&envelope, request.headers()), &body, arrival.at)?;
    if callback.freshness.is_some_and(|tolerance| !is_fresh(request_time.as_bytes(), arrival.at, tolerance)) {
        return Err(DoorRefusal::NotFresh.into());
    }
    let message = CancelMessage::parse(&body).ok_or(DoorRefusal::Message)?;
    if message.psp_id != callback.psp_id {
        return Err(DoorRefusal::Psp.into());
    }
    let CancelMessage { acquirer_id, payment_request_id: id, psp_id: _ } = message;
    let received = ReceivedCancel { id, acquirer_id, received_at: arrival.at, arrived: arrival.instant };
    Ok(SignedCancel { received, deadline, envelope })
}

/// Whether the media type is JSON in UTF-8. Nothing is said about the response's: Alipay+'s libraries do not list JSON in
/// `Accept`, and take it all the same.
fn is_json(content_type: &HeaderValue) -> bool {
    let Ok(content_type) = content_type.to_str() else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, charset)) if name.trim().eq_ignore_ascii_case("charset") => {
            charset.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        Some(_) | None => true,
    };
    json && parts.all(utf8)
}

async fn read_body(request: &HttpRequest, mut payload: Payload, deadline: Instant) -> Result<Bytes, StatusCode> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LARGEST_BODY) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let payload = web::Payload::from_request(request, &mut payload).await.map_err(|_| StatusCode::BAD_REQUEST)?;
    match tokio::time::timeout_at(deadline.into(), payload.to_bytes_limited(LARGEST_BODY)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_broken_off))) => Err(StatusCode::BAD_REQUEST),
        Ok(Err(_too_large)) => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_too_slow) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// Verifies the signature over the request as it came, and returns `Request-Time`.
///
/// Where one of the headers stands there twice, a step refuses only if it would refuse every reading of them, so that what is
/// wrong in any case is said first, and what is ambiguous is said to be so.
fn verify<'a>(
    verifier: &dyn MessageVerifier,
    (envelope, headers): (&Envelope, &'a HeaderMap),
    body: &[u8],
    at: DateTime<Utc>,
) -> Result<&'a HeaderValue, DoorRefusal> {
    let clients: Vec<&str> = known_clients(headers, verifier);
    if clients.is_empty() {
        return Err(DoorRefusal::Client);
    }
    let claims: Vec<SignatureHeader> =
        headers.get_all("signature").filter_map(|value| SignatureHeader::parse(value.as_bytes())).collect();
    if claims.is_empty() {
        return Err(DoorRefusal::SignatureHeader);
    }
    let has_key = |client: &str, claim: &SignatureHeader| match claim.key_version {
        ClaimedKey::Any => verifier.knows_key(client, None, at),
        ClaimedKey::Version(version) => verifier.knows_key(client, Some(version), at),
        ClaimedKey::NotANumber => false,
    };
    if !clients.iter().any(|client| claims.iter().any(|claim| has_key(client, claim))) {
        return Err(DoorRefusal::Key);
    }
    let time = single(headers, "request-time").filter(|time| !time.is_empty()).ok_or(DoorRefusal::Headers)?;
    let (Some(_), Some(_)) = (single(headers, "client-id"), single(headers, "signature")) else {
        return Err(DoorRefusal::Headers);
    };
    let ([client_id], [claim]) = (&clients[..], &claims[..]) else { return Err(DoorRefusal::Headers) };
    let Envelope { method, uri, .. } = envelope;
    let text = Content { method, uri, client_id, time: time.as_bytes(), body }.text();
    let key_version = match claim.key_version {
        ClaimedKey::Version(version) => Some(version),
        ClaimedKey::Any | ClaimedKey::NotANumber => None,
    };
    let signed = SignedText { client_id, key_version, text: &text, signature: &claim.signature };
    if verifier.verify(&signed, at) { Ok(time) } else { Err(DoorRefusal::Signature) }
}

fn known_clients<'a>(headers: &'a HeaderMap, verifier: &dyn MessageVerifier) -> Vec<&'a str> {
    let named = headers.get_all("client-id").filter_map(|id| std::str::from_utf8(id.as_bytes()).ok());
    named.filter(|id| verifier.knows_client(id)).collect()
}

/// The header's value, unless it is missing or stands there more than once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name);
    values.next().filter(|_| values.next().is_none())
}

impl Envelope {
    fn of(request: &HttpRequest) -> Self {
        // In absolute form the target has a scheme and a host too, which are not signed.
        let uri = request.uri().path_and_query().map_or("", |uri| uri.as_str());
        let client_id = request.headers().get("client-id").and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
        Self {
            method: request.method().as_str().to_owned(),
            uri: uri.to_owned(),
            client_id: client_id.unwrap_or_default().to_owned(),
        }
    }
}

/// Whether a client's id can be repeated in a response without harm.
fn is_plain(client_id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=64).contains(&client_id.len()) && client_id.bytes().all(plain)
}
