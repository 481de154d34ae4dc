//! Connections over TCP or TLS.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Response, Target};
use crate::output::{CommandError, read};

/// Opens connections to one target.
#[derive(Clone)]
pub(crate) struct Dialer {
    target: Target,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// One connection, which may serve many requests after one another.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Dialer {
    /// `authorities` is a file of certificates that a server's has to come from; without it, the system's count.
    pub(crate) fn new(target: Target, authorities: Option<&Path>) -> Result<Self, CommandError> {
        let tls = if target.tls { Some(tls(&target.host, authorities)?) } else { None };
        Ok(Self { target, tls })
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        let tcp = TcpStream::connect((self.target.host.as_str(), self.target.port)).await?;
        // A request is written in one piece, and its pieces are meant as such.
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(tcp),
            Some((connector, name)) => Box::new(connector.connect(name.clone(), tcp).await.map_err(without_tls)?),
        };
        Ok(Connection { stream, received: Vec::new() })
    }
}

/// Says what it means that the other side does not speak TLS.
fn without_tls(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => io::Error::new(
            ErrorKind::InvalidData,
            "what answers there does not speak TLS: http:// instead of https:// may be meant",
        ),
        Some(_) | None => error,
    }
}

impl Connection {
    /// Sends bytes, all of them or an error. Dropping the connection afterwards closes it.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Waits for the next response.
    ///
    /// # Errors
    /// Where the connection ends before, or where what comes is not HTTP.
    pub(crate) async fn receive(&mut self) -> io::Result<Response> {
        let mut closed = false;
        loop {
            let taken = Response::take(&mut self.received, closed);
            if let Some(response) = taken.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))? {
                return Ok(response);
            }
            if closed {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the connection was closed before the whole answer"));
            }
            closed = self.stream.read_buf(&mut self.received).await? == 0;
        }
    }
}

fn tls(host: &str, authorities: Option<&Path>) -> Result<(TlsConnector, ServerName<'static>), CommandError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Some(file) => {
            let unusable = |why: String| CommandError::new(format!("{} holds no certificates: {why}", file.display()));
            for certificate in CertificateDer::pem_slice_iter(&read(file)?) {
                let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| CommandError::new(format!("TLS cannot be used: {error}")))?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|_| CommandError::new(format!("{host:?} is no name of a host")))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
