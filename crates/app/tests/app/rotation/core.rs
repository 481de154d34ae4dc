//! The token, the authorities and the client's identity for the wallet core.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use testkit::{Deployment, TestEngine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::authority::{Authority, LinkedFolder, Pair};
use super::{FAILED, Load, RELOADED, logs, metric, part, rename_to, write_secret};

/// A wallet core behind TLS, that gives back what it is asked for to callers with a certificate of the first authority. Clones
/// are the same one.
#[derive(Clone)]
struct ProvenCore(Arc<Core>);

struct Core {
    address: SocketAddr,
    tls: Mutex<Arc<ServerConfig>>,
    /// What calls showed since they were last looked at: certificate and token.
    shown: Mutex<BTreeSet<(Vec<u8>, String)>>,
    /// The tokens that are taken.
    tokens: Mutex<Vec<&'static str>>,
}

fn config(own: &Pair, clients: &Authority) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let (chain, key) = own.for_server();
    Arc::new(config.with_client_cert_verifier(clients).with_single_cert(chain, key).unwrap())
}

impl ProvenCore {
    async fn start(own: &Pair, clients: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, tls) = (listener.local_addr().unwrap(), Mutex::new(config(own, clients)));
        let core = Core { address, tls, shown: Mutex::default(), tokens: Mutex::new(vec!["token-of-the-first-time"]) };
        let this = Self(Arc::new(core));
        let serving = this.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        this
    }

    async fn serve(self, stream: TcpStream) {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.tls.lock().unwrap()));
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].to_vec();
        while let Some(token) = request(&mut stream).await {
            let is_taken = self.0.tokens.lock().unwrap().contains(&&*token);
            self.0.shown.lock().unwrap().insert((certificate.clone(), token));
            let (status, body) = if is_taken { (200, r#"{"outcome":"done"}"#) } else { (401, "{}") };
            let head = format!("HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
            if stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await.is_err() {
                return;
            }
        }
    }

    /// Waits until calls show nothing but this.
    async fn is_shown_only(&self, load: &mut Load, certificate: &Pair, token: &str) {
        let only = BTreeSet::from([(certificate.der(), token.to_owned())]);
        loop {
            self.0.shown.lock().unwrap().clear();
            load.goes_on().await;
            if *self.0.shown.lock().unwrap() == only {
                return;
            }
        }
    }
}

/// The token of a request that came whole.
async fn request(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let value = |name: &str| {
                let named = |line: &str| {
                    line.split_once(": ").filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned())
                };
                head.lines().find_map(named)
            };
            let length = value("content-length").map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some(value("authorization").unwrap_or_default().trim_start_matches("Bearer ").to_owned());
            }
        }
        stream.read_buf(&mut bytes).await.ok().filter(|read| *read > 0)?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f81_what_proves_who_is_who_at_the_core_is_exchanged_under_load() {
    const TOKENS: [&str; 2] = ["token-of-the-first-time", "token-of-the-second-time"];
    let [first, other] = [30, 30].map(Authority::new);
    let [client, next_client, expired] = [20, 20, -1].map(|days| first.issue(days));
    let core = ProvenCore::start(&first.issue(20), &first).await;
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    let folder = deployment.dir().join("core");
    let identity = |pair: &Pair| [("client.pem", pair.certificate.clone()), ("client-key.pem", pair.key.clone())];
    let begin = identity(&client);
    let linked = LinkedFolder::with(&folder, &begin.each_ref().map(|(name, content)| (*name, content.as_str())));
    let (token, authorities) = (folder.join("token"), folder.join("ca.pem"));
    write_secret(&token, TOKENS[0]);
    write_secret(&authorities, &first.pem());
    let files = [
        ("token_file", "token"),
        ("ca_file", "ca.pem"),
        ("client_certificate_file", "client.pem"),
        ("client_key_file", "client-key.pem"),
    ];
    for (key, name) in files {
        deployment.set(&format!("funds.{key}"), &format!("core/{name}"));
    }
    deployment.set("funds.kind", "http");
    deployment.set("funds.url", &format!("https://{}", core.0.address));
    let deployment = Arc::new(deployment);
    let process = deployment.start().await;
    let mut load = Load::on(&deployment, &process);
    core.is_shown_only(&mut load, &client, TOKENS[0]).await;

    // The token: the core takes both for a while.
    core.0.tokens.lock().unwrap().push(TOKENS[1]);
    logs(&process, &[RELOADED, &part("funds")], || rename_to(&token, TOKENS[1])).await;
    core.is_shown_only(&mut load, &client, TOKENS[1]).await;
    core.0.tokens.lock().unwrap().remove(0);
    load.goes_on().await;

    // The client's certificate and key, at one moment.
    let exchange = |version: &str, pair: &Pair| {
        linked.exchange(version, &identity(pair).each_ref().map(|(name, content)| (*name, content.as_str())));
    };
    logs(&process, &[RELOADED, &part("funds")], || exchange("2", &next_client)).await;
    core.is_shown_only(&mut load, &next_client, TOKENS[1]).await;
    // One that has expired is not shown.
    logs(&process, &[FAILED, &part("funds"), "client.pem", "expired at "], || exchange("3", &expired)).await;
    assert_eq!(metric(&process, "rescind_reload_failing{part=\"funds\"}").await, 1.0);
    core.is_shown_only(&mut load, &next_client, TOKENS[1]).await;
    logs(&process, &[RELOADED, &part("funds")], || exchange("4", &next_client)).await;

    // The core's authority: both are trusted for a while.
    logs(&process, &[RELOADED, &part("funds")], || rename_to(&authorities, &[first.pem(), other.pem()].concat())).await;
    *core.0.tls.lock().unwrap() = config(&other.issue(20), &first);
    load.goes_on().await;
    logs(&process, &[RELOADED, &part("funds")], || rename_to(&authorities, &other.pem())).await;
    load.goes_on().await;
    let days = metric(&process, "rescind_certificate_expires_in_seconds{certificate=\"funds-authorities\"}").await / 86_400.0;
    assert!((29.0..=30.0).contains(&days), "{days}");
    load.stop().await;
    assert_eq!(metric(&process, "rescind_reversal_attempts_total{outcome=\"unknown\"}").await, 0.0);
}
