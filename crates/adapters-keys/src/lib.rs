//! Outbound: RSA keys from files. [`FileSigner`] signs with ours, [`Keyring`] verifies with the clients', [`Reloadable`] exchanges
//! either while it is in use, [`MemoizedSigner`] spares any signer the same text within a second, [`generate()`] makes a new pair.
//! [`Validity`] tells when certificates of TLS are valid.
//!
//! Everything is RSASSA-PKCS1-v1_5 with SHA-256 over moduli of 2048 to 4096 bits, which is what Alipay+ calls `RSA256`. The
//! private key itself lives in the memory of AWS-LC, which wipes it; the copies that pass through here are wiped too.

mod armour;
mod certificate;
mod encoded;
mod file;
mod form;
mod generate;
mod keyring;
mod memo;
mod public;
mod reload;

use std::fmt;

pub use armour::private_key_in_pem;
pub use certificate::Validity;
pub use file::FileSigner;
pub use generate::{KeyPair, generate};
pub use keyring::{ClientKey, Keyring};
pub use memo::MemoizedSigner;
pub use public::{public_key, public_key_in_pem};
pub use reload::Reloadable;

/// Why a key cannot be used: one sentence for an operator that says what was found and what is needed, and nothing of the key. The
/// setting and the path are added by who has read the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyError(String);

impl KeyError {
    fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}
