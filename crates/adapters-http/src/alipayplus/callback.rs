//! What every endpoint of the callback works with, and how each of them answers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpRequest, HttpResponse};
use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};
use domain::PspId;
use governor::Quota;
use metrics::counter;
use ports::{MessageSigner, MessageVerifier, Signature, UnavailableError};
use tracing::{debug, error, field, warn};
use use_cases::Ports;

use super::rejection::Rejection;
use super::result_codes::{ApiResult, ResultCode};
use super::signature_header::{self, Content};
use crate::quiet::{QuietLog, QuietLogs};
use crate::rejection_budget::RejectionBudgets;

/// How long the signature of an answer may take that is known only when its time is over. Together with the largest answer budget it
/// is less than the 8 s that Alipay+ waits.
const LAST_SIGNATURE: Duration = Duration::from_millis(250);

/// What the callback is served with.
pub struct Callback {
    /// The path of `cancelPayment`, as it stands in the request; compared byte for byte.
    pub cancel_payment_path: String,
    /// The wallet's id at Alipay+.
    pub psp_id: PspId,
    /// How long a request may take from its head's arrival until its answer is known; Alipay+ waits 8 s.
    pub answer_budget: Duration,
    /// The largest difference between `Request-Time` and the clock; `None` does not compare them.
    pub freshness: Option<TimeDelta>,
    /// Decides a cancel and finishes it even when its caller is gone. It has to outlive the server.
    pub ports: Arc<Ports>,
    /// Signs the answers to cancels.
    pub signer: Arc<dyn MessageSigner>,
    /// `inquiryPayment`; `None` where it is not served.
    pub inquiries: Option<Inquiries>,
    /// Knows the clients and their keys.
    pub verifier: Arc<dyn MessageVerifier>,
}

/// What `inquiryPayment` is served with.
pub struct Inquiries {
    /// Its path, as it stands in the request; compared byte for byte.
    pub path: String,
    /// Signs answers that name nothing of the payment, so that one signature serves many.
    pub signer: Arc<dyn MessageSigner>,
    /// Signs answers that name the payment. Each is a text of its own, so it shares no memo with the others.
    pub signer_of_paid: Arc<dyn MessageSigner>,
}

/// An answer before it is signed.
pub(super) struct Outgoing<'a> {
    pub(super) body: String,
    /// What it is counted by.
    pub(super) code: ResultCode,
    /// The metric that counts it.
    pub(super) counter: &'static str,
    pub(super) signer: &'a dyn MessageSigner,
}

/// The callback with the rejection budgets of its peers; clones share both.
#[derive(Clone)]
pub(super) struct CallbackEndpoint(Arc<Shared>);

struct Shared {
    callback: Callback,
    budgets: RejectionBudgets,
    rejections: QuietLogs,
    unread_bodies: QuietLog,
    unsigned: QuietLog,
}

impl CallbackEndpoint {
    pub(super) fn new(callback: Callback, rejections_per_peer: Quota) -> Self {
        let (budgets, rejections) = (RejectionBudgets::new(rejections_per_peer), QuietLogs::default());
        let (unread_bodies, unsigned) = (QuietLog::default(), QuietLog::default());
        Self(Arc::new(Shared { callback, budgets, rejections, unread_bodies, unsigned }))
    }

    pub(super) fn callback(&self) -> &Callback {
        &self.0.callback
    }

    /// Signs and sends a result that stands alone.
    pub(super) async fn answer(&self, result: ApiResult, signer: &dyn MessageSigner, context: &ResponseContext) -> HttpResponse {
        let (body, code) = (result.body(), result.code);
        self.send(Outgoing { body, code, counter: "rescind_answers_total", signer }, context).await
    }

    /// Signs and sends an answer.
    pub(super) async fn send(&self, outgoing: Outgoing<'_>, context: &ResponseContext) -> HttpResponse {
        let Outgoing { body, code, counter, signer } = outgoing;
        let time = alipayplus_time(self.callback().ports.clock.now());
        let text = context.content(&time, &body).text();
        match self.sign(signer, (&text, context.deadline)).await {
            Ok(signature) => {
                let (result_status, result_code) = (code.status.as_str(), code.name);
                counter!(counter, "result_status" => result_status, "result_code" => result_code).increment(1);
                HttpResponse::Ok()
                    .insert_header(("client-id", context.client_id.as_str()))
                    .insert_header(("response-time", time))
                    .insert_header(("signature", signature_header::header(&signature)))
                    .insert_header((CONTENT_TYPE, "application/json; charset=UTF-8"))
                    .insert_header((CACHE_CONTROL, "no-store"))
                    .body(body)
            }
            Err(unavailable) => {
                self.log_unsigned(&unavailable, code);
                unsigned(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }

    /// Signs until the answer's deadline. A key may be in a module that hangs, and after 8 s nobody waits for the answer.
    async fn sign(
        &self,
        signer: &dyn MessageSigner,
        (text, deadline): (&[u8], Instant),
    ) -> Result<Signature, UnavailableError> {
        let until = deadline.max(self.callback().ports.clock.instant() + LAST_SIGNATURE);
        let signed = tokio::time::timeout_at(until.into(), signer.sign(text)).await;
        signed.unwrap_or_else(|_too_slow| Err(UnavailableError::because("the signature took longer than the answer may")))
    }

    /// Says why, once a minute: while a key is away every answer fails.
    fn log_unsigned(&self, error: &UnavailableError, code: ResultCode) {
        let result_code = code.name;
        match self.0.unsigned.line() {
            Some(unsaid) => error!(%error, result_code, unsaid, "an answer could not be signed"),
            None => debug!(%error, result_code, "one more answer could not be signed"),
        }
    }

    /// Answers a request that the extractor rejected.
    pub(super) async fn reject(
        &self,
        rejection: Rejection,
        signer: &dyn MessageSigner,
        (request, deadline): (&HttpRequest, Instant),
    ) -> HttpResponse {
        let peer = request.peer_addr().map(|peer| peer.ip());
        let affordable = rejection.is_verified() || self.0.budgets.spend(peer);
        match rejection.result() {
            Ok(result) if affordable => {
                self.log_rejection(result, peer);
                self.answer(result, signer, &ResponseContext::of(request, deadline)).await
            }
            Ok(_) => unsigned(StatusCode::TOO_MANY_REQUESTS),
            Err(status) => self.close_connection(if affordable { status } else { StatusCode::TOO_MANY_REQUESTS }, peer),
        }
    }

    /// Answers a request for a path that is not served. It costs a stranger as much as any other rejection.
    pub(super) fn reject_path(&self, request: &HttpRequest) -> HttpResponse {
        let affordable = self.0.budgets.spend(request.peer_addr().map(|peer| peer.ip()));
        unsigned(if affordable { StatusCode::NOT_FOUND } else { StatusCode::TOO_MANY_REQUESTS })
    }

    /// Says why, once a minute for each code: anybody can be rejected as often as they like.
    fn log_rejection(&self, result: ApiResult, peer: Option<IpAddr>) {
        let (result_code, reason, peer) = (result.code.name, result.message, peer.map(field::display));
        match self.0.rejections.of(result_code).line() {
            Some(unsaid) => warn!(result_code, reason, peer, unsaid, "a request was rejected with a signed answer"),
            None => debug!(result_code, reason, peer, "one more request was rejected with a signed answer"),
        }
    }

    /// Ends a request whose body was not read to its end, and its connection with it.
    fn close_connection(&self, status: StatusCode, peer: Option<IpAddr>) -> HttpResponse {
        let is_told = status != StatusCode::TOO_MANY_REQUESTS;
        if let Some(unsaid) = is_told.then(|| self.0.unread_bodies.line()).flatten() {
            let peer = peer.map(field::display);
            warn!(%status, peer, unsaid, "a request was rejected without a signed answer: its body could not be read");
        }
        count_unsigned(status);
        HttpResponse::build(status).force_close().finish()
    }
}

/// An answer without body and signature: its status says all.
fn unsigned(status: StatusCode) -> HttpResponse {
    count_unsigned(status);
    HttpResponse::build(status).finish()
}

fn count_unsigned(status: StatusCode) {
    counter!("rescind_answers_unsigned_total", "status" => status.as_str().to_owned()).increment(1);
}

/// UTC+8, the zone of all of Alipay+'s samples.
const ZONE: FixedOffset = match FixedOffset::east_opt(8 * 3600) {
    Some(zone) => zone,
    None => unreachable!(),
};

/// The parts of a request that the signature of its response covers, and until when that is waited for.
pub(super) struct ResponseContext {
    pub(super) method: String,
    /// Path and query, without scheme and host.
    pub(super) uri: String,
    /// The request's `Client-Id` where it can be repeated without harm, else empty.
    pub(super) client_id: String,
    /// When the answer has to be known.
    pub(super) deadline: Instant,
}

impl ResponseContext {
    pub(super) fn of(request: &HttpRequest, deadline: Instant) -> Self {
        // In absolute form the target has a scheme and a host too, which are not signed.
        let uri = request.uri().path_and_query().map_or("", |uri| uri.as_str());
        let client_id = request.headers().get("client-id").and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
        Self {
            method: request.method().as_str().to_owned(),
            uri: uri.to_owned(),
            client_id: client_id.unwrap_or_default().to_owned(),
            deadline,
        }
    }

    /// The signed content of a response with this time and body.
    fn content<'a>(&'a self, time: &'a str, body: &'a str) -> Content<'a> {
        let Self { method, uri, client_id, deadline: _ } = self;
        Content { method, uri, client_id, time: time.as_bytes(), body: body.as_bytes() }
    }
}

/// Whether a client's id can be repeated in a response without harm.
fn is_plain(client_id: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=64).contains(&client_id.len()) && client_id.bytes().all(plain)
}

/// A time as Alipay+ has it, in whole seconds. So the answers of one second are the same text, and one signature serves them all.
pub(super) fn alipayplus_time(now: DateTime<Utc>) -> String {
    now.with_timezone(&ZONE).to_rfc3339_opts(SecondsFormat::Secs, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_time_has_whole_seconds_at_utc_plus_8() {
        let at = |text: &str| alipayplus_time(text.parse().unwrap());
        assert_eq!(at("2026-01-01T19:04:06.999Z"), "2026-01-02T03:04:06+08:00");
        assert_eq!(at("2024-02-28T16:00:00Z"), "2024-02-29T00:00:00+08:00");
    }
}
