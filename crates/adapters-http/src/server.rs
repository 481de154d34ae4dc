//! Listeners: plain HTTP/1.1 behind a proxy, or TLS here.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// Longer than the 60 s after which proxies commonly close an idle connection. So the proxy closes it, and no request is sent into a
/// connection that is being closed here.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a new connection may take until its first request's head has arrived. In a storm many connections are opened ahead and
/// wait, and a 408 is not an answer to a request that was sent in time. So this is far longer than the 8 s that Alipay+ waits. It only
/// limits a caller that sends nothing.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// A socket that accepts connections.
#[derive(Debug)]
pub struct Listening {
    /// Already bound.
    pub listener: TcpListener,
    /// HTTPS with this; `None` is plain HTTP.
    pub tls: Option<ServerConfig>,
}

/// TLS with a certificate chain (the server's own first) and its private key, both PEM; versions 1.2 and 1.3.
///
/// # Errors
/// One sentence for an operator, without anything of the key.
pub fn tls_config(certificate_pem: &[u8], private_key_pem: &[u8]) -> Result<ServerConfig, String> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate_pem).collect();
    let chain = chain.map_err(|_| "The certificate file is not valid PEM.")?;
    if chain.is_empty() {
        return Err("The certificate file has no section \"CERTIFICATE\".".to_owned());
    }
    let key =
        PrivateKeyDer::from_pem_slice(private_key_pem).map_err(|_| "The TLS private key file has no usable private key.")?;
    // Named here, because rustls refuses to choose where a program links more than one provider.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| format!("The TLS certificate and private key cannot be used together: {error}."))
}

/// Serves what `configure` sets up. `patience` is how long a graceful stop waits for requests that are still going on.
pub(crate) fn serve(
    Listening { listener, tls }: Listening,
    patience: Duration,
    configure: impl Fn(&mut ServiceConfig) + Clone + Send + 'static,
) -> io::Result<Server> {
    let server = HttpServer::new(move || App::new().configure(configure.clone()))
        .disable_signals()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(patience.as_secs().saturating_add(1));
    let server = match tls {
        Some(config) => server.listen_rustls_0_23(listener, config)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}
