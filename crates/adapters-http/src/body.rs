//! A request's body, read to its end and no further.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_LENGTH, HeaderMap, TRANSFER_ENCODING, UPGRADE};
use actix_web::web::{Bytes, BytesMut};
use futures_core::Stream;

use crate::connection::ConnectionState;

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is longer than it may be.
    TooLarge,
    /// It broke off.
    BrokenOff,
}

/// Reads the body, which may have `limit` bytes. There is no limit of time here.
pub(crate) async fn read_body(request: &HttpRequest, mut payload: Payload, limit: usize) -> Result<Bytes, BodyError> {
    let announced = content_length(request.headers());
    if announced.is_some_and(|length| length > limit) {
        return Err(BodyError::TooLarge);
    }
    let ends_at = asks_for_websocket(request.headers()).then(|| announced.unwrap_or(0));
    // What is announced need not come: no more than a usual message is made room for.
    let mut body = BytesMut::with_capacity(announced.unwrap_or(0).min(1024));
    while ends_at.is_none_or(|end| body.len() < end) {
        match poll_fn(|cx| Pin::new(&mut payload).poll_next(cx)).await {
            Some(Ok(more)) => body.extend_from_slice(&more),
            Some(Err(_)) => return Err(BodyError::BrokenOff),
            None if ends_at.is_some() => return Err(BodyError::BrokenOff),
            None => {
                if let Some(state) = request.conn_data::<Rc<ConnectionState>>() {
                    state.body_is_read();
                }
                break;
            }
        }
        if ends_at.is_none() && body.len() > limit {
            return Err(BodyError::TooLarge);
        }
    }
    body.truncate(ends_at.unwrap_or(limit));
    Ok(body.freeze())
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Whether the server takes everything behind the head for the body, as it does where this upgrade is asked for. There is none here, so the
/// body ends where its length says, as it would without that header.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    let is_websocket = |value: &str| value.trim().eq_ignore_ascii_case("websocket");
    let asks = headers.get_all(UPGRADE).any(|value| value.to_str().is_ok_and(is_websocket));
    asks && !headers.contains_key(TRANSFER_ENCODING)
}
