//! New key pairs.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::KeyError;

/// Columns of base64 in a line of PEM (RFC 7468).
const LINE: usize = 64;

/// A new RSA key pair, in PEM.
pub struct KeyPair {
    /// The private key in PKCS#8; wiped when it is dropped.
    pub private_pem: Zeroizing<String>,
    /// The public key in SubjectPublicKeyInfo, which is what Alipay+'s Developer Center takes.
    pub public_pem: String,
}

/// Makes an RSA key pair of 2048 bits, the length that Alipay+'s key tool makes.
///
/// # Errors
/// [`KeyError`] where the random source or the memory fails.
pub fn generate() -> Result<KeyPair, KeyError> {
    let failed = |_: Unspecified| KeyError::because("No key pair could be made: the random source or the memory failed.");
    let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let (private, public) = (pair.as_der().map_err(failed)?, pair.public_key().as_der().map_err(failed)?);
    Ok(KeyPair { private_pem: pem("PRIVATE KEY", private.as_ref()), public_pem: pem("PUBLIC KEY", public.as_ref()).to_string() })
}

pub(crate) fn pem(label: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    // Sized beforehand, so that no copy is left behind by growing.
    let mut pem = Zeroizing::new(String::with_capacity(base64.len() + base64.len() / LINE + 2 * label.len() + 40));
    pem.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, following) = rest.split_at(rest.len().min(LINE));
        pem.extend([line, "\n"]);
        rest = following;
    }
    pem.extend(["-----END ", label, "-----\n"]);
    pem
}
