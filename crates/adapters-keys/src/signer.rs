//! Our own key.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use ports::{MessageSigner, Signature, UnavailableError};

use crate::KeyError;
use crate::encoded::{Encoded, accepted_bits, wrong_length};

/// How many signatures are remembered at most, some 300 bytes each. Answers with the same code to the same client have the same text
/// for one second, so a handful is enough; the rest is room for answers to whoever cannot sign.
const REMEMBERED: usize = 1024;

/// Signs with one private key that was read from a file.
///
/// Signing is by far the dearest part of an answer, and this kind of signature is the same whenever the text is: what was signed once
/// is remembered. It is remembered with the key that signed it, so another key begins without any.
pub struct FileSigner {
    key_version: u32,
    key: KeyPair,
    signed: Mutex<Signed>,
}

/// Signatures by the digests of their texts.
#[derive(Default)]
struct Signed(HashMap<[u8; 32], Vec<u8>>);

impl Signed {
    /// Forgets everything once there is too much of it: what is still asked for comes back with the next answer.
    fn remember(&mut self, digest: [u8; 32], signature: &[u8]) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(digest, signature.to_vec());
    }
}

impl FileSigner {
    /// Takes the content of a key file: PEM (`PRIVATE KEY` or `RSA PRIVATE KEY`), or the base64 of either DER form without
    /// armour. `key_version` is what Alipay+ knows the key by.
    ///
    /// # Errors
    /// [`KeyError`] unless the file holds exactly one RSA key of 2048 to 4096 bits, not encrypted.
    pub fn from_pem(key_version: u32, pem: &[u8]) -> Result<Self, KeyError> {
        let encoded = Encoded::find(pem, &["PRIVATE KEY", "RSA PRIVATE KEY"])?;
        let key = match encoded.label {
            Some("PRIVATE KEY") => KeyPair::from_pkcs8(&encoded.der),
            Some(_) => KeyPair::from_der(&encoded.der),
            None => KeyPair::from_pkcs8(&encoded.der).or_else(|_| KeyPair::from_der(&encoded.der)),
        };
        let key = key.map_err(|rejected| not_usable(&rejected))?;
        accepted_bits(key.public_key().as_ref())?;
        Ok(Self { key_version, key, signed: Mutex::default() })
    }

    fn signed_before(&self, digest: &[u8; 32]) -> Option<Vec<u8>> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner).0.get(digest).cloned()
    }

    fn sign_anew(&self, text: &[u8], digest: [u8; 32]) -> Result<Vec<u8>, UnavailableError> {
        let mut bytes = vec![0; self.key.public_modulus_len()];
        let signed = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut bytes);
        signed.map_err(|_| UnavailableError::because("the RSA signature could not be made"))?;
        self.signed.lock().unwrap_or_else(PoisonError::into_inner).remember(digest, &bytes);
        Ok(bytes)
    }
}

fn not_usable(rejected: &KeyRejected) -> KeyError {
    match rejected.to_string().as_str() {
        "TooSmall" => wrong_length("fewer than 2048"),
        "TooLarge" => wrong_length("more than 8192"),
        _ => KeyError::because("The key is no RSA private key in PKCS#8 or PKCS#1."),
    }
}

#[async_trait]
impl MessageSigner for FileSigner {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        let of_text = <[u8; 32]>::try_from(digest(&SHA256, text).as_ref());
        let digest = of_text.map_err(|_| UnavailableError::because("a SHA-256 digest had not 32 bytes"))?;
        let known = self.signed_before(&digest);
        let bytes = known.map_or_else(|| self.sign_anew(text, digest), Ok)?;
        Ok(Signature { key_version: self.key_version, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_signed_before_is_not_signed_again() {
        let pair = crate::generate().unwrap();
        let signer = FileSigner::from_pem(1, pair.private_pem.as_bytes()).unwrap();
        let (first, other) = (signer.sign(b"text").await.unwrap(), signer.sign(b"other").await.unwrap());
        assert_ne!(first, other);
        assert_eq!(signer.signed.lock().unwrap().0.len(), 2);
        // A signature that nobody could have made shows where the next one comes from.
        signer.signed.lock().unwrap().0.values_mut().for_each(|signature| signature.fill(7));
        assert_eq!(signer.sign(b"text").await.unwrap().bytes, vec![7; 256]);
        assert_eq!(FileSigner::from_pem(1, pair.private_pem.as_bytes()).unwrap().sign(b"text").await.unwrap(), first);
    }

    #[test]
    fn f42_remembered_signatures_never_take_more_than_a_fixed_room() {
        let mut signed = Signed::default();
        for text in 0..3 * REMEMBERED as u64 {
            signed.remember(<[u8; 32]>::try_from(digest(&SHA256, &text.to_le_bytes()).as_ref()).unwrap(), &[0]);
            assert!(signed.0.len() <= REMEMBERED);
        }
        assert!(!signed.0.is_empty());
    }
}
