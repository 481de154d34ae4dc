//! Where the wallet core is, how it is reached, and how long a call may take.

use std::fmt;
use std::time::Duration;

use domain::PaymentRequestId;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Identity, RequestBuilder, Url, redirect, retry};

use crate::reply::{CallError, CoreReply};

/// How long an idle connection is kept: less than the 60 s or more after which servers and balancers close theirs, so that a
/// call seldom meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(15);

/// Everything but the characters that never mean anything in a path.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the settings say about reaching a wallet core.
#[derive(Clone)]
pub struct CoreSettings {
    /// The base of its paths, `http` or `https`.
    pub url: String,
    /// How long one whole call may take, from connecting to the last byte of the reply.
    pub timeout: Duration,
    /// The bearer token that calls carry.
    pub token: Option<String>,
    /// The only authorities that the core's certificate may come from, in PEM; without them, those of the system.
    pub ca_pem: Option<Vec<u8>>,
    /// The certificate chain and the private key that calls show, in PEM.
    pub client_identity_pem: Option<Vec<u8>>,
}

/// Shows nothing that may be secret.
impl fmt::Debug for CoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreSettings").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// Why no wallet core can be reached with these settings: one sentence for an operator, without secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoreError(&'static str);

impl fmt::Display for CoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for CoreError {}

/// A wallet core. Clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct WalletCore {
    http: Client,
    base: String,
}

impl WalletCore {
    /// Prepares the calls; connects to nothing yet.
    ///
    /// # Errors
    /// [`CoreError`] where a setting cannot be used.
    pub fn new(settings: &CoreSettings) -> Result<Self, CoreError> {
        let url = parse_base(&settings.url)?;
        if settings.timeout.is_zero() {
            return Err(CoreError("The wallet core's timeout must be longer than zero."));
        }
        let client = Client::builder()
            .timeout(settings.timeout)
            // The other half is left for the reply, or for a second address of the same name.
            .connect_timeout(settings.timeout / 2)
            .pool_idle_timeout(IDLE)
            .http1_only()
            // A redirect or a proxy named by the environment would send orders about money to where no setting says.
            .redirect(redirect::Policy::none())
            .no_proxy()
            // Attempts are counted and recorded elsewhere, and only there is decided whether to call again.
            .retry(retry::never())
            .user_agent(concat!("rescind/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers(settings.token.as_deref())?);
        let client = trust_authorities(client, &url, settings.ca_pem.as_deref())?;
        let client = show_certificate(client, &url, settings.client_identity_pem.as_deref())?;
        let http = client.build().map_err(|_| {
            CoreError(
                "TLS cannot be prepared: the certificates and the private key do not fit, or the system has no authorities.",
            )
        })?;
        Ok(Self { http, base: url.as_str().trim_end_matches('/').to_owned() })
    }

    pub(crate) fn get(&self, collection: &str, id: &PaymentRequestId) -> RequestBuilder {
        self.http.get(self.url_of(collection, id))
    }

    pub(crate) fn put(&self, collection: &str, id: &PaymentRequestId) -> RequestBuilder {
        self.http.put(self.url_of(collection, id))
    }

    fn url_of(&self, collection: &str, id: &PaymentRequestId) -> String {
        format!("{}/{collection}/{}", self.base, utf8_percent_encode(id.as_str(), ENCODED))
    }
}

/// Sends one request, once.
pub(crate) async fn send(request: RequestBuilder) -> Result<CoreReply, CallError> {
    request.send().await.map(CoreReply::new).map_err(|error| CallError::without_reply(&error))
}

fn parse_base(url: &str) -> Result<Url, CoreError> {
    let url = Url::parse(url)
        .map_err(|_| CoreError("The wallet core's URL is not an absolute URL, such as https://core.example/path."))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(CoreError("The wallet core's URL must begin with http:// or https://."));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(CoreError("The wallet core's URL must not hold a user or a password; a token has a setting of its own."));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(CoreError("The wallet core's URL must end with its path, without \"?\" or \"#\"."));
    }
    Ok(url)
}

fn headers(token: Option<&str>) -> Result<HeaderMap, CoreError> {
    let mut headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    if let Some(token) = token {
        let visible = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
        let value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| visible);
        let mut value = value.ok_or(CoreError("The wallet core's token must be visible ASCII characters without spaces."))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn trust_authorities(client: ClientBuilder, url: &Url, ca_pem: Option<&[u8]>) -> Result<ClientBuilder, CoreError> {
    let authorities = match ca_pem {
        // So that a machine without any authorities can call a core without TLS.
        None if url.scheme() == "http" => Vec::new(),
        None => return Ok(client),
        Some(_) if url.scheme() == "http" => {
            return Err(CoreError("A certificate authority is set, but the wallet core's URL does not begin with https://."));
        }
        Some(pem) => Certificate::from_pem_bundle(pem)
            .ok()
            .filter(|found| !found.is_empty())
            .ok_or(CoreError("The wallet core's file of certificate authorities does not hold certificates in PEM."))?,
    };
    Ok(client.tls_certs_only(authorities))
}

fn show_certificate(client: ClientBuilder, url: &Url, identity_pem: Option<&[u8]>) -> Result<ClientBuilder, CoreError> {
    let Some(pem) = identity_pem else { return Ok(client) };
    if url.scheme() == "http" {
        return Err(CoreError("A client certificate is set, but the wallet core's URL does not begin with https://."));
    }
    let identity = Identity::from_pem(pem);
    identity
        .map(|identity| client.identity(identity))
        .map_err(|_| CoreError("The client certificate and its private key must both be in PEM, the key without a passphrase."))
}
