//! The callback: what Alipay+ calls.

mod freshness;
pub mod message;
mod rejection_budget;
pub mod signature;
mod signed;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, ServiceConfig};
use chrono::TimeDelta;
use domain::PspId;
use governor::Quota;
use metrics::{counter, histogram};
use ports::{MessageSigner, MessageVerifier};
use tracing::{error, info, warn};
use use_cases::{Ports, cancel};

pub(crate) use rejection_budget::REFUSALS_PER_PEER;
use rejection_budget::RefusalBudgets;
use signature::Content;
use signed::SignedCancel;
use wire::{DoorRefusal, WireResult};

/// What the callback is served with.
pub struct Callback {
    /// The path of `cancelPayment`, as it stands in the request; compared byte for byte.
    pub path: String,
    /// The wallet's id at Alipay+.
    pub psp_id: PspId,
    /// How long a request may take from its head's arrival until its answer is known; Alipay+ waits 8 s.
    pub answer_budget: Duration,
    /// How far `Request-Time` may be away; `None` does not look at it.
    pub freshness: Option<TimeDelta>,
    /// What a cancel is decided with, and goes on with where its caller is gone. It has to outlive the server.
    pub ports: Arc<Ports>,
    /// Signs the answers.
    pub signer: Arc<dyn MessageSigner>,
    /// Knows the clients.
    pub verifier: Arc<dyn MessageVerifier>,
}

/// The callback with what it keeps about its peers; clones share that.
#[derive(Clone)]
pub(crate) struct Door(Arc<Inner>);

struct Inner {
    callback: Callback,
    refusals: RefusalBudgets,
}

/// What an answer is signed over besides its own content: the request that it answers.
struct Envelope {
    method: String,
    uri: String,
    /// The request's `Client-Id` where it is harmless, else empty.
    client_id: String,
}

impl Door {
    pub(crate) fn new(callback: Callback, refusals_per_peer: Quota) -> Self {
        Self(Arc::new(Inner { callback, refusals: RefusalBudgets::new(refusals_per_peer) }))
    }

    /// Sends every request through the one extractor, whatever its path and method: routing would compare decoded paths.
    pub(crate) fn attach(&self, app: &mut ServiceConfig) {
        app.app_data(web::Data::new(self.clone())).default_service(web::to(cancel_payment));
    }

    fn callback(&self) -> &Callback {
        &self.0.callback
    }

    /// Refuses with a signed answer, as long as a peer that is not known does not want too many of them.
    async fn refuse(&self, refusal: DoorRefusal, envelope: &Envelope, peer: Option<IpAddr>) -> HttpResponse {
        if !refusal.is_verified() && !self.0.refusals.spend(peer) {
            return unsigned(StatusCode::TOO_MANY_REQUESTS);
        }
        let result = wire::of_refusal(refusal);
        warn!(result_code = result.code, reason = result.message, peer = peer.map(display), "a request was refused at the door");
        self.answer(result, envelope).await
    }

    /// Ends a request that has no answer of the API's. Nothing more is read from its connection.
    fn turn_away(&self, status: StatusCode, peer: Option<IpAddr>) -> HttpResponse {
        let status = if self.0.refusals.spend(peer) {
            warn!(%status, peer = peer.map(display), "a request was turned away at the door");
            status
        } else {
            StatusCode::TOO_MANY_REQUESTS
        };
        count_unsigned(status);
        HttpResponse::build(status).force_close().finish()
    }

    async fn answer(&self, result: WireResult, envelope: &Envelope) -> HttpResponse {
        let Envelope { method, uri, client_id } = envelope;
        let (time, body) = (wire::response_time(self.callback().ports.clock.now()), result.body());
        let content = Content { method, uri, client_id, time: time.as_bytes(), body: body.as_bytes() };
        match self.callback().signer.sign(&content.text()).await {
            Ok(signature) => {
                counter!("rescind_answers_total", "result_status" => result.status, "result_code" => result.code).increment(1);
                HttpResponse::Ok()
                    .insert_header(("client-id", client_id.as_str()))
                    .insert_header(("response-time", time))
                    .insert_header(("signature", signature::header(&signature)))
                    .insert_header((CONTENT_TYPE, "application/json; charset=UTF-8"))
                    .insert_header((CACHE_CONTROL, "no-store"))
                    .body(body)
            }
            Err(unavailable) => {
                error!(error = %unavailable, result_code = result.code, "an answer could not be signed");
                unsigned(StatusCode::SERVICE_UNAVAILABLE)
            }
        }
    }
}

fn unsigned(status: StatusCode) -> HttpResponse {
    count_unsigned(status);
    HttpResponse::build(status).finish()
}

fn count_unsigned(status: StatusCode) {
    counter!("rescind_answers_unsigned_total", "status" => status.as_str().to_owned()).increment(1);
}

async fn cancel_payment(door: web::Data<Door>, signed: SignedCancel) -> HttpResponse {
    let SignedCancel { received, deadline, envelope } = signed;
    let (id, arrived) = (received.id.clone(), received.arrived);
    let answer = cancel(&door.callback().ports, received, deadline).await;
    let rule = answer.ok().and_then(|known| known.rule).map(domain::Rule::name);
    let result = wire::of_answer(answer);
    info!(payment_request_id = %id, result_code = result.code, rule, "a cancel is answered");
    let response = door.answer(result, &envelope).await;
    histogram!("rescind_answer_seconds").record(arrived.elapsed());
    response
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, http::Method};
    use async_trait::async_trait;
    use chrono::{DateTime, Utc};
    use ports::testing::{ManualClock, MemoryStore, ledger_policy, moment};
    use ports::{CancellationStore, Signature, SignedText, UnavailableError};
    use use_cases::{LaneSettings, Lanes};

    use super::*;

    /// Takes the signature 00 00 00 for good.
    struct Keys;

    impl MessageVerifier for Keys {
        fn knows_client(&self, client_id: &str) -> bool {
            client_id == "known"
        }

        fn knows_key(&self, client_id: &str, _: Option<u32>, _: DateTime<Utc>) -> bool {
            self.knows_client(client_id)
        }

        fn verify(&self, signed: &SignedText<'_>, _: DateTime<Utc>) -> bool {
            signed.signature == [0; 3]
        }
    }

    #[async_trait]
    impl MessageSigner for Keys {
        async fn sign(&self, _: &[u8]) -> Result<Signature, UnavailableError> {
            Ok(Signature { key_version: 1, bytes: vec![0; 3] })
        }
    }

    fn door(burst: u32) -> Door {
        let store: Arc<dyn CancellationStore> = Arc::new(MemoryStore::new(ledger_policy()));
        let lanes = Lanes::start(&store, LaneSettings { lanes: 1, queue: 8, batch: 8 });
        let callback = Callback {
            path: "/cancel".into(),
            psp_id: PspId::parse("psp").unwrap(),
            answer_budget: Duration::from_secs(30),
            freshness: None,
            ports: Arc::new(Ports::new(lanes, store, Arc::new(ManualClock::at(moment(0))), None)),
            signer: Arc::new(Keys),
            verifier: Arc::new(Keys),
        };
        let quota = Quota::with_period(Duration::from_secs(86_400)).unwrap();
        Door::new(callback, quota.allow_burst(NonZeroU32::new(burst).unwrap()))
    }

    fn request(signature: &str, peer: &str) -> TestRequest {
        let headers = [("client-id", "known"), ("request-time", "now"), ("signature", signature)];
        let request = TestRequest::post().uri("/cancel").peer_addr(format!("{peer}:1").parse().unwrap());
        let body = r#"{"acquirerId":"a","pspId":"psp","paymentRequestId":"r"}"#;
        headers.into_iter().fold(request, TestRequest::insert_header).set_payload(body)
    }

    #[actix_web::test]
    async fn a_peer_without_good_signatures_is_soon_refused_without_one() {
        let door = door(2);
        let app = init_service(App::new().configure(|app| door.attach(app))).await;
        let (good, bad, peer) = ("algorithm=RSA256,signature=AAAA", "algorithm=RSA256,signature=AAAB", "192.0.2.1");
        let wrong_method = |peer| request(bad, peer).method(Method::PUT);
        for refused in [request(bad, peer), wrong_method(peer)] {
            assert_eq!(call_service(&app, refused.to_request()).await.status(), StatusCode::OK);
        }
        for refused in [request(bad, peer), wrong_method(peer), request(bad, peer).set_payload(vec![b' '; 65 * 1024])] {
            let response = call_service(&app, refused.to_request()).await;
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert!(!response.headers().contains_key("signature") && read_body(response).await.is_empty());
        }
        for _ in 0..3 {
            let response = call_service(&app, request(good, peer).to_request()).await;
            assert!(read_body(response).await.starts_with(br#"{"result":{"resultCode":"SUCCESS""#), "a good signature counts");
        }
        let illegal = call_service(&app, request(good, peer).set_payload("{}").to_request()).await;
        assert_eq!(illegal.status(), StatusCode::OK, "whoever signs well is answered");
        // Peers share budgets by chance; ten of them do not.
        let mut others = Vec::new();
        for host in 2..12 {
            others.push(call_service(&app, request(bad, &format!("192.0.2.{host}")).to_request()).await.status());
        }
        assert!(others.contains(&StatusCode::OK), "other peers have budgets of their own");
    }
}
