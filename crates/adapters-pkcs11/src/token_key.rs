//! Which key of which token signs.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// A private key in a token, and how it is reached.
#[derive(PartialEq, Eq)]
pub struct TokenKey {
    /// What Alipay+ knows the key by.
    pub version: u32,
    /// The module's library.
    pub module: PathBuf,
    /// `CKA_LABEL` of the token; the module has it once.
    pub token_label: String,
    /// `CKA_LABEL` of the private key; together with `key_id` the token has it once.
    pub key_label: String,
    /// `CKA_ID` of the private key.
    pub key_id: Option<Vec<u8>>,
    /// The user's PIN.
    pub pin: Zeroizing<String>,
    /// The public half that the key has to have: DER by PKCS#1.
    pub public_key: Option<Vec<u8>>,
    /// How many signatures can be under way at once; at least 1.
    pub sessions: usize,
}

/// As it is named in errors: without slot and PIN.
impl fmt::Display for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "token {:?}, key {:?}", self.token_label, self.key_label)?;
        self.key_id.as_ref().map_or(Ok(()), |id| write!(f, " with the id {}", Hex(id)))
    }
}

/// Bytes in hexadecimal digits, as the tools of PKCS#11 show an id.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
