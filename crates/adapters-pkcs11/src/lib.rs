//! Outbound: signs with a key that stays in a hardware module, reached by PKCS#11 (OASIS, version 2.40 and later).
//!
//! A [`Pkcs11Signer`] has some sessions with one token, each with a thread of its own, because a call into a module blocks and may hang.
//! What fails is told as an error that names the module, the slot, the token and the key. The token is then looked for again, at the
//! next signature and in the end by initialising the module anew, so that one that was removed or restarted is found without a restart
//! of the process.
//!
//! Signatures are RSASSA-PKCS1-v1_5 with SHA-256 (`CKM_SHA256_RSA_PKCS`), by keys of 2048 to 4096 bits. Each is verified before it is
//! given out: after a restart of its own, a token may give the number of one key to another.

mod connection;
mod error;
mod module;
mod pin;
mod public_key;
mod signer;
mod token_key;
mod workers;

pub use error::Pkcs11Error;
pub use signer::Pkcs11Signer;
pub use token_key::TokenKey;
