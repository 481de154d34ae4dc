//! What a response takes from its request.

use actix_web::HttpRequest;
use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};

use super::signature_header::Content;

/// UTC+8, the zone of all of Alipay+'s samples.
const ZONE: FixedOffset = match FixedOffset::east_opt(8 * 3600) {
    Some(zone) => zone,
    None => unreachable!(),
};

/// The parts of a request that the signature of its response covers.
pub(super) struct ResponseContext {
    pub(super) method: String,
    /// Path and query, without scheme and host.
    pub(super) uri: String,
    /// The request's `Client-Id` where it can be repeated without harm, else empty.
    pub(super) client_id: String,
}

impl ResponseContext {
    pub(super) fn of(request: &HttpRequest) -> Self {
        // In absolute form the target has a scheme and a host too, which are not signed.
        let uri = request.uri().path_and_query().map_or("", |uri| uri.as_str());
        let client_id = request.headers().get("client-id").and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
        Self {
            method: request.method().as_str().to_owned(),
            uri: uri.to_owned(),
            client_id: client_id.unwrap_or_default().to_owned(),
        }
    }

    /// The signed content of a response with this time and body.
    pub(super) fn content<'a>(&'a self, time: &'a str, body: &'a str) -> Content<'a> {
        let Self { method, uri, client_id } = self;
        Content { method, uri, client_id, time: time.as_bytes(), body: body.as_bytes() }
    }
}

/// Whether a client's id can be repeated in a response without harm.
fn is_plain(client_id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=64).contains(&client_id.len()) && client_id.bytes().all(plain)
}

/// `Response-Time`, in whole seconds: the answers of one second are the same text, so that one signature serves them all.
pub(super) fn response_time(now: DateTime<Utc>) -> String {
    now.with_timezone(&ZONE).to_rfc3339_opts(SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_time_has_whole_seconds_at_utc_plus_8() {
        let at = |text: &str| response_time(text.parse().unwrap());
        assert_eq!(at("2026-01-01T19:04:06.999Z"), "2026-01-02T03:04:06+08:00");
        assert_eq!(at("2024-02-28T16:00:00Z"), "2024-02-29T00:00:00+08:00");
    }
}
