//! Whether a request carries a good signature of a known client.

use actix_web::http::header::{HeaderMap, HeaderValue};
use chrono::{DateTime, Utc};
use ports::{MessageVerifier, SignedText};

use super::rejection::Rejection;
use super::response::ResponseContext;
use super::signature_header::{ClaimedKey, Content, SignatureHeader};

/// Verifies the signature over the request as it came, and returns `Request-Time`.
///
/// Where one of the headers appears twice, a step rejects only what every reading of them would reject. So a fault that is certain is
/// named first, and headers that can be read in two ways are named as that.
pub(super) fn verify<'a>(
    verifier: &dyn MessageVerifier,
    (context, headers): (&ResponseContext, &'a HeaderMap),
    body: &[u8],
    at: DateTime<Utc>,
) -> Result<&'a HeaderValue, Rejection> {
    let clients: Vec<&str> = known_clients(headers, verifier);
    if clients.is_empty() {
        return Err(Rejection::Client);
    }
    let claims: Vec<SignatureHeader> =
        headers.get_all("signature").filter_map(|value| SignatureHeader::parse(value.as_bytes())).collect();
    if claims.is_empty() {
        return Err(Rejection::SignatureHeader);
    }
    let has_key = |client: &str, claim: &SignatureHeader| match claim.key_version {
        ClaimedKey::Any => verifier.knows_key(client, None, at),
        ClaimedKey::Version(version) => verifier.knows_key(client, Some(version), at),
        ClaimedKey::NotANumber => false,
    };
    if !clients.iter().any(|client| claims.iter().any(|claim| has_key(client, claim))) {
        return Err(Rejection::Key);
    }
    let time = single(headers, "request-time").filter(|time| !time.is_empty()).ok_or(Rejection::Headers)?;
    let (Some(_), Some(_)) = (single(headers, "client-id"), single(headers, "signature")) else {
        return Err(Rejection::Headers);
    };
    let ([client_id], [claim]) = (&clients[..], &claims[..]) else { return Err(Rejection::Headers) };
    let ResponseContext { method, uri, .. } = context;
    let text = Content { method, uri, client_id, time: time.as_bytes(), body }.text();
    let key_version = match claim.key_version {
        ClaimedKey::Version(version) => Some(version),
        ClaimedKey::Any | ClaimedKey::NotANumber => None,
    };
    let signed = SignedText { client_id, key_version, text: &text, signature: &claim.signature };
    if verifier.verify(&signed, at) { Ok(time) } else { Err(Rejection::Signature) }
}

fn known_clients<'a>(headers: &'a HeaderMap, verifier: &dyn MessageVerifier) -> Vec<&'a str> {
    let named = headers.get_all("client-id").filter_map(|id| std::str::from_utf8(id.as_bytes()).ok());
    named.filter(|id| verifier.knows_client(id)).collect()
}

/// The header's value, unless it is missing or appears more than once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name);
    values.next().filter(|_| values.next().is_none())
}
