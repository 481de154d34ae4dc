//! The callback's listener: a request goes by its path to one endpoint.

use std::io;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, guard};

use super::callback::{Callback, CallbackEndpoint};
use super::endpoints::endpoints;
use crate::rejection_budget::REJECTIONS_PER_PEER;
use crate::server::{Listening, serve};

/// The time for the signature and for sending the answer, beyond the answer budget.
const FINISHING: Duration = Duration::from_secs(2);

/// Answers Alipay+ on a listener of its own, with one worker for each core. The server installs no signal handlers; a
/// graceful [`stop`](actix_web::dev::ServerHandle::stop) finishes the requests that were accepted before.
///
/// # Errors
/// Where the listener cannot be used.
pub fn serve_callback(listening: Listening, callback: Callback) -> io::Result<Server> {
    let patience = callback.answer_budget.saturating_add(FINISHING);
    let endpoint = CallbackEndpoint::new(callback, REJECTIONS_PER_PEER);
    serve(("callback", listening), patience, move |app| attach(&endpoint, app))
}

/// Routes by guards on the path as it stands in the request, because the router itself compares decoded paths. Each guard is on a scope
/// of all paths, which the router finds by a prefix: a resource of all paths would cost every request a regular expression.
fn attach(endpoint: &CallbackEndpoint, app: &mut ServiceConfig) {
    for (path, route) in endpoints(endpoint.callback()) {
        let by_path = guard::fn_guard(move |request| request.head().uri.path() == path);
        app.service(web::scope("").guard(by_path).default_service(route));
    }
    app.app_data(Data::new(endpoint.clone())).default_service(web::to(unknown_path));
}

async fn unknown_path(endpoint: Data<CallbackEndpoint>, request: HttpRequest) -> HttpResponse {
    endpoint.reject_path(&request)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use std::time::Duration;

    use actix_web::App;
    use actix_web::http::{Method, StatusCode};
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use async_trait::async_trait;
    use chrono::{DateTime, Utc};
    use domain::PspId;
    use governor::Quota;
    use ports::testing::{ManualClock, MemoryStore, ledger_policy, moment};
    use ports::{CancellationStore, Clock, MessageSigner, MessageVerifier, Signature, SignedText, UnavailableError};
    use use_cases::{LaneSettings, Lanes, Ports};

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

    /// A module that has hung.
    struct Hanging;

    #[async_trait]
    impl MessageSigner for Hanging {
        async fn sign(&self, _: &[u8]) -> Result<Signature, UnavailableError> {
            std::future::pending().await
        }
    }

    fn endpoint(burst: u32) -> CallbackEndpoint {
        endpoint_with(Arc::new(Keys), Duration::from_secs(30), burst)
    }

    fn endpoint_with(signer: Arc<dyn MessageSigner>, answer_budget: Duration, burst: u32) -> CallbackEndpoint {
        let store: Arc<dyn CancellationStore> = Arc::new(MemoryStore::new(ledger_policy()));
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(moment(0)));
        let lanes = Lanes::start(&store, &clock, LaneSettings { lanes: 1, queue: 8, batch: 8 });
        let callback = Callback {
            cancel_payment_path: "/cancel".into(),
            inquiries: None,
            psp_id: PspId::parse("psp").unwrap(),
            answer_budget,
            freshness: None,
            ports: Arc::new(Ports::new(lanes, store, clock, None)),
            signer,
            verifier: Arc::new(Keys),
        };
        let quota = Quota::with_period(Duration::from_secs(86_400)).unwrap();
        CallbackEndpoint::new(callback, quota.allow_burst(NonZeroU32::new(burst).unwrap()))
    }

    fn request(signature: &str, peer: &str) -> TestRequest {
        let headers = [("client-id", "known"), ("request-time", "now"), ("signature", signature)];
        let request = TestRequest::post().uri("/cancel").peer_addr(format!("{peer}:1").parse().unwrap());
        let body = r#"{"acquirerId":"a","pspId":"psp","paymentRequestId":"r"}"#;
        headers.into_iter().fold(request, TestRequest::insert_header).set_payload(body)
    }

    #[actix_web::test]
    async fn a_signature_that_hangs_is_given_up_at_the_deadline_whatever_the_answer_is() {
        let endpoint = endpoint_with(Arc::new(Hanging), Duration::ZERO, 100);
        let app = init_service(App::new().configure(|app| attach(&endpoint, app))).await;
        for signature in ["algorithm=RSA256,signature=AAAA", "algorithm=RSA256,signature=AAAB"] {
            let response = call_service(&app, request(signature, "192.0.2.1").to_request()).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(!response.headers().contains_key("signature") && read_body(response).await.is_empty());
        }
    }

    #[actix_web::test]
    async fn a_peer_without_good_signatures_is_soon_refused_without_one() {
        let endpoint = endpoint(2);
        let app = init_service(App::new().configure(|app| attach(&endpoint, app))).await;
        let (good, bad, peer) = ("algorithm=RSA256,signature=AAAA", "algorithm=RSA256,signature=AAAB", "192.0.2.1");
        let wrong_method = |peer| request(bad, peer).method(Method::PUT);
        let elsewhere = |peer| request(good, peer).uri("/x");
        for (refused, status) in [(request(bad, peer), StatusCode::OK), (elsewhere(peer), StatusCode::NOT_FOUND)] {
            assert_eq!(call_service(&app, refused.to_request()).await.status(), status);
        }
        let too_long = request(bad, peer).set_payload(vec![b' '; 65 * 1024]);
        for refused in [request(bad, peer), wrong_method(peer), elsewhere(peer), too_long] {
            let response = call_service(&app, refused.to_request()).await;
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert!(!response.headers().contains_key("signature") && read_body(response).await.is_empty());
        }
        for _ in 0..3 {
            let response = call_service(&app, request(good, peer).to_request()).await;
            assert!(read_body(response).await.starts_with(br#"{"result":{"resultCode":"SUCCESS""#), "a good signature counts");
        }
        let illegal = call_service(&app, request(good, peer).set_payload("{}").to_request()).await;
        assert_eq!(illegal.status(), StatusCode::OK, "a verified client is always answered");
        // Peers share budgets by chance; ten of them do not.
        let mut others = Vec::new();
        for host in 2..12 {
            others.push(call_service(&app, request(bad, &format!("192.0.2.{host}")).to_request()).await.status());
        }
        assert!(others.contains(&StatusCode::OK), "other peers have budgets of their own");
    }
}
