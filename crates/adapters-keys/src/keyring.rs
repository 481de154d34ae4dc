//! The clients' public keys.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use chrono::{DateTime, Utc};
use ports::{MessageVerifier, SignedText};

use crate::KeyError;
use crate::encoded::accepted_bits;
use crate::public::public_key;

/// One public key of one client, as it is configured.
#[derive(Debug, Clone)]
pub struct ClientKey {
    /// The client that signs with it.
    pub client_id: String,
    /// The version the client names it by.
    pub version: u32,
    /// The content of its file: PEM (`PUBLIC KEY` or `RSA PUBLIC KEY`), or base64 without armour. The content says which form it is.
    pub pem: Vec<u8>,
    /// The first moment at which it is in force; `None` is always.
    pub not_before: Option<DateTime<Utc>>,
    /// The first moment at which it is not in force any more; `None` is never.
    pub not_after: Option<DateTime<Utc>>,
}

/// Verifies with the public keys of all clients.
pub struct Keyring {
    clients: HashMap<String, HashMap<u32, Key>>,
}

struct Key {
    public: ParsedPublicKey,
    /// The same by PKCS#1: equal keys are equal bytes.
    der: Vec<u8>,
    /// In bytes.
    modulus: usize,
    not_before: Option<DateTime<Utc>>,
    not_after: Option<DateTime<Utc>>,
}

impl Keyring {
    /// Reads all keys. A client is known by having a key.
    ///
    /// # Errors
    /// [`KeyError`], which names the client and the version: where a file holds no RSA public key of 2048 to 4096 bits, where
    /// one version of one client is named twice, where two clients have one key, and where a key would never be in force.
    pub fn new(keys: Vec<ClientKey>) -> Result<Self, KeyError> {
        let mut clients: HashMap<String, HashMap<u32, Key>> = HashMap::new();
        for key in keys {
            let of_this = |reason: &str| {
                KeyError::because(format!("Key version {} of client \"{}\" cannot be used: {reason}", key.version, key.client_id))
            };
            let parsed = Key::parse(&key).map_err(|error| of_this(&error.to_string()))?;
            // Its owner could sign as either of them.
            if let Some((other, version)) = owner(&clients, &parsed.der).filter(|(other, _)| **other != key.client_id) {
                return Err(of_this(&format!(
                    "It is also version {version} of client \"{other}\"; each client has keys of its own."
                )));
            }
            match clients.entry(key.client_id.clone()).or_default().entry(key.version) {
                Entry::Occupied(_) => {
                    return Err(of_this("This version is named twice; each key of a client needs a version of its own."));
                }
                Entry::Vacant(free) => free.insert(parsed),
            };
        }
        Ok(Self { clients })
    }

    /// Whether one of the keys is this one: DER by PKCS#1.
    #[must_use]
    pub fn has_key(&self, public_key: &[u8]) -> bool {
        owner(&self.clients, public_key).is_some()
    }

    fn in_force(&self, client_id: &str, version: Option<u32>, at: DateTime<Utc>) -> impl Iterator<Item = &Key> {
        let keys = self.clients.get(client_id).into_iter().flatten();
        keys.filter(move |(named, key)| version.is_none_or(|version| version == **named) && key.is_in_force_at(at))
            .map(|(_, key)| key)
    }
}

/// Whose key it is, and its version.
fn owner<'a>(clients: &'a HashMap<String, HashMap<u32, Key>>, public_key: &[u8]) -> Option<(&'a String, &'a u32)> {
    let keys = clients.iter().flat_map(|(client, keys)| keys.iter().map(move |(version, key)| (client, version, key)));
    keys.filter(|(_, _, key)| key.der == public_key).map(|(client, version, _)| (client, version)).next()
}

impl Key {
    fn parse(key: &ClientKey) -> Result<Self, KeyError> {
        let ClientKey { pem, not_before, not_after, .. } = key;
        if let (Some(first), Some(end)) = (not_before, not_after)
            && first >= end
        {
            return Err(KeyError::because("Its not_after is not later than its not_before, so it would never be in force."));
        }
        let der = public_key(pem)?;
        let modulus = accepted_bits(&der)?.div_ceil(8) as usize;
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der);
        let public = public.map_err(|_| KeyError::because("The file holds a key that cannot be used."))?;
        Ok(Self { public, der, modulus, not_before: *not_before, not_after: *not_after })
    }

    fn is_in_force_at(&self, at: DateTime<Utc>) -> bool {
        self.not_before.is_none_or(|first| first <= at) && self.not_after.is_none_or(|end| at < end)
    }

    fn made(&self, text: &[u8], signature: &[u8]) -> bool {
        signature.len() == self.modulus && self.public.verify_sig(text, signature).is_ok()
    }
}

impl MessageVerifier for Keyring {
    fn knows_client(&self, client_id: &str) -> bool {
        self.clients.contains_key(client_id)
    }

    fn knows_key(&self, client_id: &str, key_version: Option<u32>, at: DateTime<Utc>) -> bool {
        self.in_force(client_id, key_version, at).next().is_some()
    }

    fn verify(&self, signed: &SignedText<'_>, at: DateTime<Utc>) -> bool {
        self.in_force(signed.client_id, signed.key_version, at).any(|key| key.made(signed.text, signed.signature))
    }
}
