use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use adapters_wallet_core::{CoreSettings, WalletCore};
use domain::ReversalOutcome;
use ports::FundsGateway;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::server::{Act, Server, answer};
use crate::{refund, settings};

const AUTHORITY: &[u8] = include_bytes!("fixtures/authority.pem");
const OTHER_AUTHORITY: &[u8] = include_bytes!("fixtures/other-authority.pem");
const SERVER: &[u8] = include_bytes!("fixtures/server.pem");
const EXPIRED: &[u8] = include_bytes!("fixtures/expired.pem");
const ELSEWHERE: &[u8] = include_bytes!("fixtures/elsewhere.pem");
pub(crate) const CLIENT: &[u8] = include_bytes!("fixtures/client.pem");

fn server(pem: &[u8], asks_for_certificate: bool) -> Server {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(pem).unwrap();
    let config = ServerConfig::builder();
    let config = if asks_for_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(AUTHORITY).unwrap()).unwrap();
        config.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let config = config.with_single_cert(chain, key).unwrap();
    Server::start_with([Act::Say(answer(200, r#"{"outcome":"done"}"#))], Some(Arc::new(config)))
}

fn trusting(server: &Server, authority: &[u8]) -> CoreSettings {
    CoreSettings { ca_pem: Some(authority.to_vec()), ..settings(&server.url().replace("http:", "https:")) }
}

async fn reversed(settings: &CoreSettings) -> ReversalOutcome {
    WalletCore::new(settings).unwrap().reverse(&refund()).await
}

#[track_caller]
fn assert_unknown(outcome: &ReversalOutcome, met: &str) {
    let ReversalOutcome::Unknown(text) = outcome else { panic!("{outcome:?} instead of {met}") };
    assert!(text.starts_with(met), "{text} instead of {met}");
}

#[tokio::test]
async fn a_core_of_a_private_authority_is_trusted() {
    let server = server(SERVER, false);
    assert_eq!(reversed(&trusting(&server, AUTHORITY)).await, ReversalOutcome::Done);
    let both = [OTHER_AUTHORITY, AUTHORITY].concat();
    let server = self::server(SERVER, false);
    assert_eq!(reversed(&trusting(&server, &both)).await, ReversalOutcome::Done);
}

#[tokio::test]
async fn a_core_that_cannot_prove_who_it_is_receives_nothing() {
    let cases: [(&[u8], &[u8], &str); 3] = [
        (SERVER, OTHER_AUTHORITY, "no connection: invalid peer certificate: "),
        (EXPIRED, AUTHORITY, "no connection: invalid peer certificate: certificate expired"),
        (ELSEWHERE, AUTHORITY, "no connection: invalid peer certificate: certificate not valid for name"),
    ];
    for (certificate, authority, met) in cases {
        let server = server(certificate, false);
        assert_unknown(&reversed(&trusting(&server, authority)).await, met);
        assert_eq!(server.received(), []);
    }
}

#[tokio::test]
async fn a_core_without_tls_receives_nothing_over_https() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let heard = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(answer(200, r#"{"outcome":"done"}"#).as_bytes()).unwrap();
        let mut heard = Vec::new();
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    let core = CoreSettings { ca_pem: Some(AUTHORITY.to_vec()), ..settings(&url) };
    assert_unknown(&reversed(&core).await, "no connection: ");
    assert!(!String::from_utf8_lossy(&heard.join().unwrap()).contains("reversals"));
}

#[tokio::test]
async fn the_client_certificate_is_shown_where_it_is_asked_for() {
    let server = server(SERVER, true);
    let showing = CoreSettings { client_identity_pem: Some(CLIENT.to_vec()), ..trusting(&server, AUTHORITY) };
    assert_eq!(reversed(&showing).await, ReversalOutcome::Done);
}

#[tokio::test]
async fn a_core_that_misses_the_client_certificate_is_unknown() {
    let server = server(SERVER, true);
    assert_unknown(&reversed(&trusting(&server, AUTHORITY)).await, "no answer: ");
    assert_eq!(server.received(), []);
}
