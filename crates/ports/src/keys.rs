//! Who signs, and whose signatures count.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::UnavailableError;

/// Signs our answers. Asynchronous, because a key-management service or a hardware module may stand behind it.
#[async_trait]
pub trait MessageSigner: Send + Sync {
    /// Signs `text` with RSASSA-PKCS1-v1_5 and SHA-256 by the key that is in force when the call begins.
    ///
    /// - The same text and key MUST give the same signature.
    /// - The signature's key version MUST be that of the key that made it, also while keys are exchanged.
    /// - [`UnavailableError`] MUST NOT tell anything about the key.
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError>;

    /// The number of the key in force: what is kept of one key's signatures is kept with it.
    ///
    /// - It MUST change with every exchange of the key, also for one of the same version, and MUST NOT come back.
    /// - It MUST change no later than the new key signs its first text.
    /// - A signer around another one MUST hand on that one's number. Only a signer with one key for ever keeps this 0.
    fn key_generation(&self) -> u64 {
        0
    }
}

/// A signature with the version of the key that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The version that the other side knows the key by.
    pub key_version: u32,
    /// The raw signature, as long as the key's modulus.
    pub bytes: Vec<u8>,
}

/// Knows the clients and their public keys. A client has several key versions in force while it exchanges its keys.
pub trait MessageVerifier: Send + Sync {
    /// Whether any key of this client is configured, in force or not. MUST compare the id exactly.
    fn knows_client(&self, client_id: &str) -> bool;

    /// Whether the client has a key of that version in force at `at`; where no version is named, whether it has any.
    fn knows_key(&self, client_id: &str, key_version: Option<u32>, at: DateTime<Utc>) -> bool;

    /// Whether the signature was made by that client over that text.
    ///
    /// - It MUST look only at keys in force at `at`, and only at the named version; where none is named, at each of them. A key is in
    ///   force from its first moment until just before its last.
    /// - It MUST refuse a signature of another length than the modulus.
    fn verify(&self, signed: &SignedText<'_>, at: DateTime<Utc>) -> bool;
}

/// A text and the signature that a client claims to have made over it.
#[derive(Debug, Clone, Copy)]
pub struct SignedText<'a> {
    /// The client that the request names as its sender.
    pub client_id: &'a str,
    /// The key version that the request names; requests may leave it out.
    pub key_version: Option<u32>,
    /// The exact bytes as they were sent.
    pub text: &'a [u8],
    /// The signature, decoded.
    pub signature: &'a [u8],
}
