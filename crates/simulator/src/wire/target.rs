//! Where requests go.

use http::Uri;

use crate::output::CommandError;

/// An endpoint's full address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The host and perhaps the port, as they stand in the address.
    pub(crate) authority: String,
    /// Path and query as they stand in the address.
    pub(crate) uri: String,
}

impl Target {
    /// Reads a URL of HTTP or HTTPS.
    pub(crate) fn parse(url: &str) -> Result<Self, CommandError> {
        let wrong = |why: &str| CommandError::new(format!("the address {url:?} {why}"));
        let uri: Uri = url.parse().map_err(|error| wrong(&format!("is no URL: {error}")))?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) | None => return Err(wrong("has to begin with http:// or https://")),
        };
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(|| wrong("has to name a host, and no user"))?;
        Ok(Self {
            tls,
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            authority: authority.to_string(),
            uri: uri.path_and_query().map_or("/", |uri| uri.as_str()).to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_it_is_written() {
        let target = Target::parse("https://wallet.example/aps/%63ancel?a=b").unwrap();
        assert_eq!((target.tls, target.host.as_str(), target.port), (true, "wallet.example", 443));
        assert_eq!((target.authority.as_str(), target.uri.as_str()), ("wallet.example", "/aps/%63ancel?a=b"));
        let target = Target::parse("http://[::1]:8080").unwrap();
        assert_eq!((target.tls, target.host.as_str(), target.port), (false, "::1", 8080));
        assert_eq!((target.authority.as_str(), target.uri.as_str()), ("[::1]:8080", "/"));
    }

    #[test]
    fn what_is_no_address_of_http_is_refused() {
        for address in ["", "wallet.example/cancel", "ftp://wallet.example/", "http://user@wallet.example/", "http:///cancel"] {
            assert!(Target::parse(address).is_err(), "{address}");
        }
    }
}
