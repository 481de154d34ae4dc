//! Public keys, out of files and for them.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::PublicKey;

use crate::KeyError;
use crate::encoded::{Encoded, PUBLIC, accepted_bits};
use crate::generate::pem;

/// The one RSA public key of a file, as DER by PKCS#1: equal keys are equal bytes. The content says which form it has.
///
/// # Errors
/// [`KeyError`] unless the file holds exactly one RSA public key of 2048 to 4096 bits.
pub fn public_key(file: &[u8]) -> Result<Vec<u8>, KeyError> {
    let Encoded { der, form } = Encoded::find(file, PUBLIC)?;
    if form.private_label().is_some() {
        return Err(KeyError::because(
            "The file holds a private key, which nobody but its owner may have; the public one is needed.",
        ));
    }
    let in_pkcs1 = PublicKey::from_der(&der)
        .map_err(|_| KeyError::because("The file holds a key, but not an RSA public key in SubjectPublicKeyInfo or PKCS#1."))?;
    accepted_bits(in_pkcs1.as_ref())?;
    Ok(in_pkcs1.as_ref().to_vec())
}

/// A public key, DER by PKCS#1, as Alipay+'s Developer Center takes it: SubjectPublicKeyInfo in PEM.
///
/// # Errors
/// [`KeyError`] where it is not an RSA public key.
pub fn public_key_in_pem(public_key: &[u8]) -> Result<String, KeyError> {
    let failed = || KeyError::because("It is not an RSA public key.");
    let key = PublicKey::from_der(public_key).map_err(|_| failed())?;
    let der: PublicKeyX509Der<'_> = key.as_der().map_err(|_| failed())?;
    Ok(pem("PUBLIC KEY", der.as_ref()).to_string())
}
