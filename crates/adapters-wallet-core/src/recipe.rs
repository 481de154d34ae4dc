//! What a wallet core's clients are made of: where it is, what proves who is who, and how long a call may take.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Identity, Url, redirect, retry};

/// How long an idle connection is kept: less than the 60 s or more after which servers and balancers close theirs, so that a
/// call seldom meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(15);

/// What the settings say about reaching a wallet core.
#[derive(Clone)]
pub struct CoreSettings {
    /// The base of its paths, `http` or `https`.
    pub url: String,
    /// How long one whole call may take, from connecting to the last byte of the reply.
    pub timeout: Duration,
    /// How old a connection may be when a call begins on it. Before it is 60 s old it has ended in any case.
    pub max_connection_age: Duration,
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

/// What every generation's client is made of.
pub(crate) struct Recipe {
    pub(crate) base: String,
    pub(crate) timeout: Duration,
    headers: HeaderMap,
    authorities: Option<Vec<Certificate>>,
    identity: Option<Identity>,
    pub(crate) resolver: Option<Arc<dyn Resolve>>,
}

/// Shows nothing that may be secret.
impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipe").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Recipe {
    pub(crate) fn read(settings: &CoreSettings, resolver: Option<Arc<dyn Resolve>>) -> Result<Self, CoreError> {
        let url = parse_base(&settings.url)?;
        if settings.timeout.is_zero() {
            return Err(CoreError("The wallet core's timeout must be longer than zero."));
        }
        Ok(Self {
            timeout: settings.timeout,
            headers: headers(settings.token.as_deref())?,
            authorities: authorities(&url, settings.ca_pem.as_deref())?,
            identity: identity(&url, settings.client_identity_pem.as_deref())?,
            resolver,
            base: url.as_str().trim_end_matches('/').to_owned(),
        })
    }

    pub(crate) fn client(&self) -> Result<Client, CoreError> {
        let client = Client::builder()
            .timeout(self.timeout)
            // The other half is left for the reply, or for a second address of the same name.
            .connect_timeout(self.timeout / 2)
            .pool_idle_timeout(IDLE)
            .http1_only()
            // A redirect or a proxy named by the environment would send orders about money to where no setting says.
            .redirect(redirect::Policy::none())
            .no_proxy()
            // Attempts are counted and recorded elsewhere, and only there is decided whether to call again.
            .retry(retry::never())
            .user_agent(concat!("rescind/", env!("CARGO_PKG_VERSION")))
            .default_headers(self.headers.clone());
        let trust = |client: ClientBuilder| match &self.authorities {
            Some(authorities) => client.tls_certs_only(authorities.clone()),
            None => client,
        };
        let show = |client: ClientBuilder| match &self.identity {
            Some(identity) => client.identity(identity.clone()),
            None => client,
        };
        let resolve = |client: ClientBuilder| match &self.resolver {
            Some(resolver) => client.dns_resolver(Arc::clone(resolver)),
            None => client,
        };
        resolve(show(trust(client))).build().map_err(|_| {
            CoreError(
                "TLS cannot be prepared: the certificates and the private key do not fit, or the system has no authorities.",
            )
        })
    }
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

/// The only authorities that are trusted; `None` are those of the system.
fn authorities(url: &Url, ca_pem: Option<&[u8]>) -> Result<Option<Vec<Certificate>>, CoreError> {
    match ca_pem {
        // So that a machine without any authorities can call a core without TLS.
        None => Ok((url.scheme() == "http").then(Vec::new)),
        Some(_) if url.scheme() == "http" => {
            Err(CoreError("A certificate authority is set, but the wallet core's URL does not begin with https://."))
        }
        Some(pem) => {
            let found = Certificate::from_pem_bundle(pem).ok().filter(|found| !found.is_empty());
            let refused = CoreError("The wallet core's file of certificate authorities does not hold certificates in PEM.");
            found.map(Some).ok_or(refused)
        }
    }
}

fn identity(url: &Url, identity_pem: Option<&[u8]>) -> Result<Option<Identity>, CoreError> {
    let Some(pem) = identity_pem else { return Ok(None) };
    if url.scheme() == "http" {
        return Err(CoreError("A client certificate is set, but the wallet core's URL does not begin with https://."));
    }
    Identity::from_pem(pem)
        .map(Some)
        .map_err(|_| CoreError("The client certificate and its private key must both be in PEM, the key without a passphrase."))
}
