//! The signature of Alipay+ messages on the wire, written from the public pages alone.
//!
//! Signed is, in either direction: the request's method, a space, the request's URI, a line feed, the message's `Client-Id`, a
//! full stop, its time as it stands in the header, a full stop, and the body's bytes. The header's value is standard base64,
//! percent-encoded, which is what Alipay+'s own client libraries write.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a message is signed over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Content<'a> {
    /// The request's method, also for an answer.
    pub(crate) method: &'a str,
    /// The request's path with its query, without scheme and host, also for an answer.
    pub(crate) uri: &'a str,
    pub(crate) client_id: &'a str,
    /// `Request-Time`, or an answer's `Response-Time`.
    pub(crate) time: &'a str,
    pub(crate) body: &'a [u8],
}

impl Content<'_> {
    /// The bytes to sign.
    pub(crate) fn text(&self) -> Vec<u8> {
        let head = format!("{} {}\n{}.{}.", self.method, self.uri, self.client_id, self.time);
        [head.as_bytes(), self.body].concat()
    }
}

/// A signature as the header's value has it.
pub(crate) fn encode(signature: &[u8]) -> String {
    utf8_percent_encode(&STANDARD.encode(signature), NON_ALPHANUMERIC).to_string()
}

/// The `Signature` header for an encoded signature.
pub(crate) fn header(key_version: u32, encoded: &str) -> String {
    format!("algorithm=RSA256,keyVersion={key_version},signature={encoded}")
}

/// What a `Signature` header says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) key_version: String,
    pub(crate) signature: Vec<u8>,
}

impl Claim {
    /// Reads an answer's header as the strictest of Alipay+'s client libraries do: the three members in their order, the value
    /// one name and one percent-encoded value.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(header: &str) -> Result<Self, String> {
        let members: Vec<_> = header.split(',').map(|member| member.trim().split('=').collect::<Vec<_>>()).collect();
        let [algorithm, version, signature] = &members[..] else {
            return Err(format!("it has {} members instead of algorithm, keyVersion and signature", members.len()));
        };
        if !matches!(algorithm[..], ["algorithm", "RSA256"]) {
            return Err("its first member is not algorithm=RSA256".to_owned());
        }
        let ["keyVersion", version] = version[..] else { return Err("its second member is not keyVersion=…".to_owned()) };
        let ["signature", encoded] = signature[..] else {
            return Err("its third member is not signature=… with a percent-encoded value".to_owned());
        };
        if version.is_empty() || !version.bytes().all(|b| b.is_ascii_digit()) {
            return Err(format!("its keyVersion {version:?} is no number"));
        }
        let base64: Vec<u8> = percent_decode_str(encoded).collect();
        let signature = STANDARD.decode(base64).map_err(|error| format!("its signature is not base64: {error}"))?;
        Ok(Self { key_version: version.to_owned(), signature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_as_it_was_written() {
        let bytes = vec![0xfb, 0xef, 0xff, 0xfe];
        let written = header(2, &encode(&bytes));
        assert_eq!(written, "algorithm=RSA256,keyVersion=2,signature=%2B%2B%2F%2F%2Fg%3D%3D");
        let claim = Claim { key_version: "2".to_owned(), signature: bytes };
        assert_eq!(Claim::parse(&written), Ok(claim));
    }

    #[test]
    fn what_a_strict_client_library_would_not_read_is_no_claim() {
        for header in [
            "",
            "signature=AAAA",
            "algorithm=RSA256,signature=AAAA,keyVersion=1",
            "algorithm=ECC256,keyVersion=1,signature=AAAA",
            "algorithm=RSA256,keyVersion=one,signature=AAAA",
            "algorithm=RSA256,keyVersion=,signature=AAAA",
            "algorithm=RSA256,keyVersion=1,signature=AA==",
            "algorithm=RSA256,keyVersion=1,signature=-_-_",
            "algorithm=RSA256,keyVersion=1,signature=AAAA,more=1",
        ] {
            assert!(Claim::parse(header).is_err(), "{header}");
        }
    }
}
