//! The signature of Alipay+ messages, as it stands on the wire.
//!
//! A request and its response are signed in the same form; the response's text repeats the request's method and URI. The public
//! pages do not say how the header's value is encoded; Alipay+'s client libraries write standard base64, percent-encoded.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::percent_decode;
use ports::Signature;

/// What is signed in either direction.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The request's path with its query, as it was sent; without scheme and host.
    pub uri: &'a str,
    /// The message's own `Client-Id`.
    pub client_id: &'a str,
    /// The message's `Request-Time` or `Response-Time`, exactly as in its header.
    pub time: &'a [u8],
    /// The message's body, byte for byte.
    pub body: &'a [u8],
}

impl Content<'_> {
    /// The exact bytes that are signed: the method, a space, the URI, a line feed, and the other three parts joined by full stops.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let Self { method, uri, client_id, time, body } = self;
        [method.as_bytes(), b" ", uri.as_bytes(), b"\n", client_id.as_bytes(), b".", time, b".", body].concat()
    }
}

/// The value of the `Signature` header. Order and spelling are fixed, because Alipay+'s Java library takes the third member as the
/// signature, and skips the verification where that member is not exactly one name and one value.
#[must_use]
pub fn header(signature: &Signature) -> String {
    let base64 = STANDARD.encode(&signature.bytes);
    let mut header = format!("algorithm=RSA256,keyVersion={},signature=", signature.key_version);
    header.reserve(base64.len() * 9 / 8);
    for piece in base64.split_inclusive(['+', '/', '=']) {
        let (special, escaped) = match piece.as_bytes().last() {
            Some(b'+') => (1, "%2B"),
            Some(b'/') => (1, "%2F"),
            Some(b'=') => (1, "%3D"),
            Some(_) | None => (0, ""),
        };
        header.push_str(piece.get(..piece.len() - special).unwrap_or_default());
        header.push_str(escaped);
    }
    header
}

/// What a `Signature` header claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureHeader {
    /// The key that the signature was made with.
    pub key_version: ClaimedKey,
    /// The raw signature.
    pub signature: Vec<u8>,
}

/// The key that a `Signature` header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimedKey {
    /// The header names no key: any key of the client that is in force.
    Any,
    /// The key with this version.
    Version(u32),
    /// The header names something that is not a version, so there cannot be such a key.
    NotANumber,
}

impl SignatureHeader {
    /// Reads a `Signature` header: members `name=value` between commas. Blanks around them do not matter, and unknown members are
    /// ignored. The signature may be percent-encoded or not, of the standard or the URL-safe alphabet, padded or not: clients send
    /// all of these.
    ///
    /// `None` where it is malformed, names a member twice, or is of another algorithm than `RSA256`.
    #[must_use]
    pub fn parse(header: &[u8]) -> Option<Self> {
        let (mut algorithm, mut key_version, mut signature) = (None, None, None);
        for member in std::str::from_utf8(header).ok()?.split(',') {
            let (name, value) = member.split_once('=')?;
            let known = match name.trim() {
                "algorithm" => &mut algorithm,
                "keyVersion" => &mut key_version,
                "signature" => &mut signature,
                _ => continue,
            };
            if known.replace(value.trim()).is_some() {
                return None;
            }
        }
        let key_version = key_version.map_or(ClaimedKey::Any, ClaimedKey::parse);
        let signature = decode(signature?)?;
        algorithm?.eq_ignore_ascii_case("RSA256").then_some(Self { key_version, signature })
    }
}

impl ClaimedKey {
    fn parse(version: &str) -> Self {
        // `parse` alone would accept a plus sign.
        let digits = version.bytes().all(|b| b.is_ascii_digit());
        version.parse().ok().filter(|_| digits).map_or(Self::NotANumber, Self::Version)
    }
}

fn decode(value: &str) -> Option<Vec<u8>> {
    let standard = |byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let mut base64 = Vec::with_capacity(value.len());
    base64.extend(percent_decode(value.as_bytes()).map(standard));
    let unpadded = base64.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    base64.truncate(unpadded);
    STANDARD_NO_PAD.decode(base64).ok().filter(|signature| !signature.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(header: &str) -> Option<(ClaimedKey, Vec<u8>)> {
        SignatureHeader::parse(header.as_bytes()).map(|header| (header.key_version, header.signature))
    }

    #[test]
    fn the_text_joins_the_five_parts_without_a_line_feed_at_the_end() {
        let content = Content {
            method: "POST",
            uri: "/v1/cancel?a=b",
            client_id: "SANDBOX_TEST0001",
            time: b"2026-01-02T03:04:05+08:00",
            body: b"{\r\n}\n",
        };
        assert_eq!(content.text(), b"POST /v1/cancel?a=b\nSANDBOX_TEST0001.2026-01-02T03:04:05+08:00.{\r\n}\n");
    }

    #[test]
    fn the_header_has_three_members_and_a_percent_encoded_value() {
        let bytes = vec![0xfb, 0xef, 0xff, 0xfe];
        let header = header(&Signature { key_version: 2, bytes: bytes.clone() });
        assert_eq!(header, "algorithm=RSA256,keyVersion=2,signature=%2B%2B%2F%2F%2Fg%3D%3D");
        assert_eq!(claimed(&header), Some((ClaimedKey::Version(2), bytes)));
    }

    #[test]
    fn every_encoding_in_use_is_the_same_signature() {
        for value in
            ["%2B%2B%2F%2F%2Fg%3D%3D", "%2b%2b%2f%2f%2fg%3d%3d", "++///g==", "--___g", "++///g", "--___g=", "%2B+/%2F_g="]
        {
            let header = format!("algorithm=RSA256, keyVersion=0, signature={value}");
            assert_eq!(claimed(&header), Some((ClaimedKey::Version(0), vec![0xfb, 0xef, 0xff, 0xfe])), "{value}");
        }
    }

    #[test]
    fn members_come_in_any_order_and_unknown_ones_are_ignored() {
        for (header, key) in [
            ("signature=AAAA,algorithm=RSA256", ClaimedKey::Any),
            ("algorithm=rsa256 , keyVersion = 7 ,signature=AAAA", ClaimedKey::Version(7)),
            ("x=1,x=2,keyVersion=4294967295,Signature=!,signature=AAAA,algorithm=Rsa256", ClaimedKey::Version(u32::MAX)),
            ("algorithm=RSA256,keyVersion=,signature=AAAA", ClaimedKey::NotANumber),
            ("algorithm=RSA256,keyVersion=+1,signature=AAAA", ClaimedKey::NotANumber),
            ("algorithm=RSA256,keyVersion=-1,signature=AAAA", ClaimedKey::NotANumber),
            ("algorithm=RSA256,keyVersion=1.0,signature=AAAA", ClaimedKey::NotANumber),
            ("algorithm=RSA256,keyVersion=4294967296,signature=AAAA", ClaimedKey::NotANumber),
        ] {
            assert_eq!(claimed(header), Some((key, vec![0; 3])), "{header}");
        }
    }

    #[test]
    fn a_malformed_header_claims_nothing() {
        for header in [
            "",
            ",",
            "signature",
            "keyVersion=1,signature=AAAA",
            "algorithm=RSA256,keyVersion=1",
            "algorithm=RSA256,keyVersion=1,signature=",
            "algorithm=RSA256,keyVersion=1,signature====",
            "algorithm=RSA256,keyVersion=1,signature=AAAA,",
            "algorithm=RSA256,keyVersion=1,signature=A",
            "algorithm=RSA256,keyVersion=1,signature=AA AA",
            "algorithm=RSA256,keyVersion=1,signature=AA%2",
            "algorithm=RSA256,keyVersion=1,signature=AA%00",
            "algorithm=RSA256,keyVersion=1,signature=AB=CD",
            "algorithm=RSA256,algorithm=RSA256,keyVersion=1,signature=AAAA",
            "algorithm=RSA256,keyVersion=1,keyVersion=1,signature=AAAA",
            "algorithm=RSA256,keyVersion=1,signature=AAAA,signature=AAAA",
            "algorithm=RSA512,keyVersion=1,signature=AAAA",
            "algorithm=ECC224,keyVersion=1,signature=AAAA",
            "algorithm=,keyVersion=1,signature=AAAA",
            "algorithm=RSA256;keyVersion=1;signature=AAAA",
        ] {
            assert_eq!(claimed(header), None, "{header}");
        }
        assert_eq!(SignatureHeader::parse(b"algorithm=RSA256,keyVersion=1,signature=\xff"), None);
    }
}
