//! TLS of a listener, exchanged while it serves.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain with its private key, as a listener shows it; clones share it.
///
/// Each connection takes what is in force when its handshake begins, and keeps it. All of TLS is exchanged together: with the
/// certificate go the sessions that began with it, so that a peer that resumes one meets the new certificate.
#[derive(Clone)]
pub struct ServerTls(Arc<RwLock<Arc<ServerConfig>>>);

impl ServerTls {
    /// TLS 1.2 and 1.3 with a certificate chain, the server's own first, and its private key, both in PEM.
    ///
    /// # Errors
    /// One sentence for an operator, without anything of the key.
    pub fn from_pem(certificate_pem: &[u8], private_key_pem: &[u8]) -> Result<Self, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate_pem).collect();
        let chain = chain.map_err(|_| "The certificate file is not valid PEM.")?;
        if chain.is_empty() {
            return Err("The certificate file has no section \"CERTIFICATE\".".to_owned());
        }
        let key =
            PrivateKeyDer::from_pem_slice(private_key_pem).map_err(|_| "The TLS private key file has no usable private key.")?;
        // Named here, because rustls refuses to choose where a program links more than one provider.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| format!("The TLS certificate and private key cannot be used together: {error}."))?;
        config.alpn_protocols.push(b"http/1.1".to_vec());
        Ok(Self(Arc::new(RwLock::new(Arc::new(config)))))
    }

    /// Puts the other one's certificate and key in force, together, for every handshake that begins from now on.
    pub fn exchange(&self, next: &Self) {
        let next = next.present();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// What a handshake that begins now has to use.
    pub(crate) fn present(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Shows nothing of the key.
impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}
