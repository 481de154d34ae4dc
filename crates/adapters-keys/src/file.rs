//! Our own key, out of a file.

use async_trait::async_trait;
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use ports::{MessageSigner, Signature, UnavailableError};

use crate::KeyError;
use crate::encoded::{Encoded, PRIVATE, accepted_bits, wrong_length};
use crate::form::KeyForm;

/// Signs with one private key that was read from a file.
pub struct FileSigner {
    key_version: u32,
    key: KeyPair,
}

impl FileSigner {
    /// Takes the content of a key file: PEM (`PRIVATE KEY` or `RSA PRIVATE KEY`), or base64 without armour. The content says which of
    /// PKCS#8 and PKCS#1 it is, whatever the armour says. `key_version` is what Alipay+ knows the key by.
    ///
    /// # Errors
    /// [`KeyError`] unless the file holds exactly one RSA key of 2048 to 4096 bits, not encrypted.
    pub fn from_pem(key_version: u32, pem: &[u8]) -> Result<Self, KeyError> {
        let Encoded { der, form } = Encoded::find(pem, PRIVATE)?;
        let key = match form {
            KeyForm::Public => return Err(KeyError::because("The file holds a public key; the private one is needed.")),
            KeyForm::RsaPrivate => KeyPair::from_der(&der),
            KeyForm::Pkcs8 | KeyForm::EcPrivate | KeyForm::Encrypted | KeyForm::Unknown => KeyPair::from_pkcs8(&der),
        };
        let key = key.map_err(|rejected| not_usable(&rejected))?;
        accepted_bits(key.public_key().as_ref())?;
        Ok(Self { key_version, key })
    }

    /// The public key that belongs to it, which Alipay+ verifies answers with: DER by PKCS#1.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.key.public_key().as_ref()
    }
}

fn not_usable(rejected: &KeyRejected) -> KeyError {
    match rejected.to_string().as_str() {
        "TooSmall" => wrong_length("fewer than 2048"),
        "TooLarge" => wrong_length("more than 8192"),
        _ => KeyError::because("The file holds a key, but not an RSA private key in PKCS#8 or PKCS#1."),
    }
}

#[async_trait]
impl MessageSigner for FileSigner {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        let mut bytes = vec![0; self.key.public_modulus_len()];
        let signed = self.key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut bytes);
        signed.map_err(|_| UnavailableError::because("the RSA signature could not be made"))?;
        Ok(Signature { key_version: self.key_version, bytes })
    }
}
