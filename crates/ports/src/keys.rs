//! Who signs, and whose signatures count.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::UnavailableError;

/// Signs our answers. Asynchronous, because a key-management service or a hardware module may stand behind it.
#[async_trait]
pub trait MessageSigner: Send + Sync {
    /// Signs `text` with RSASSA-PKCS1-v1_5 and SHA-256 by the key that is current.
    ///
    /// - The signature's key version MUST be that of the key that made it, also while keys are exchanged.
    /// - [`UnavailableError`] MUST NOT tell anything about the key.
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError>;
}

/// A signature with the version of the key that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The version that the other side knows the key by.
    pub key_version: u32,
    /// The raw signature, as long as the key's modulus.
    pub bytes: Vec<u8>,
}

/// Knows the clients and their public keys. Each client may have several live key versions (rotation overlap).
pub trait MessageVerifier: Send + Sync {
    /// Whether any key of this client is configured, in force or not.
    fn knows_client(&self, client_id: &str) -> bool;

    /// Whether the client has a key of that version in force at `at`; where no version is named, whether it has any.
    fn knows_key(&self, client_id: &str, key_version: Option<u32>, at: DateTime<Utc>) -> bool;

    /// Whether the signature was made by that client over that text.
    ///
    /// - MUST look at keys in force at `at` only, and at the named version only; where none is named, at each of them.
    /// - A signature of another length than the modulus MUST be refused.
    fn verify(&self, signed: &SignedText<'_>, at: DateTime<Utc>) -> bool;
}

/// A text and the signature that a client claims to have made over it.
#[derive(Debug, Clone, Copy)]
pub struct SignedText<'a> {
    /// The client that claims it.
    pub client_id: &'a str,
    /// The version it names, if it names one.
    pub key_version: Option<u32>,
    /// The exact bytes.
    pub text: &'a [u8],
    /// The raw signature.
    pub signature: &'a [u8],
}
