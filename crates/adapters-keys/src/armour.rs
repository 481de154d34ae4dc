//! Private keys under the armour that says what they are.

use zeroize::Zeroizing;

use crate::KeyError;
use crate::encoded::Encoded;
use crate::generate::pem;

/// The labels under which a private key of any kind is looked for.
const ANY_PRIVATE: &[&str] = &["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

/// The one private key of a file, RSA or not, in PEM with the label of the form that it has. Libraries of TLS go by the label alone.
///
/// # Errors
/// [`KeyError`] unless the file holds exactly one private key, not encrypted.
pub fn private_key_in_pem(file: &[u8]) -> Result<Zeroizing<String>, KeyError> {
    let Encoded { der, form } = Encoded::find(file, ANY_PRIVATE)?;
    let label = form.private_label().ok_or_else(|| KeyError::because("The file does not hold a private key."))?;
    Ok(pem(label, &der))
}
