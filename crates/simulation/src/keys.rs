//! Keys of both sides: real ones for one message in fifty, and else a keyed hash behind the same ports.

use std::sync::Arc;

use adapters_keys::{ClientKey, FileSigner, Keyring, generate};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ports::{MessageSigner, MessageVerifier, Signature, SignedText, UnavailableError};

use crate::random::{FNV_BASIS, fnv};

/// The client that Alipay+ is.
pub(crate) const CLIENT: &str = "SIMULATION_ALIPAYPLUS";

/// How many bytes a hash's signature has.
const LENGTH: usize = 8;

/// A keyed hash in place of RSA.
#[derive(Debug)]
struct KeyedHash(u64);

impl KeyedHash {
    fn of(&self, text: &[u8]) -> [u8; LENGTH] {
        fnv(FNV_BASIS ^ self.0, text).to_be_bytes()
    }
}

#[async_trait]
impl MessageSigner for KeyedHash {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        Ok(Signature { key_version: 1, bytes: self.of(text).to_vec() })
    }
}

impl MessageVerifier for KeyedHash {
    fn knows_client(&self, client_id: &str) -> bool {
        client_id == CLIENT
    }

    fn knows_key(&self, client_id: &str, key_version: Option<u32>, _: DateTime<Utc>) -> bool {
        self.knows_client(client_id) && key_version.is_none_or(|version| version == 1)
    }

    fn verify(&self, signed: &SignedText<'_>, _: DateTime<Utc>) -> bool {
        self.knows_client(signed.client_id) && signed.signature == self.of(signed.text)
    }
}

/// What signs, and what verifies that.
type BothHalves = (Arc<dyn MessageSigner>, Arc<dyn MessageVerifier>);

/// The keys of one way of signing.
#[derive(Clone)]
pub(crate) struct KeySet {
    pub(crate) signer_of_alipayplus: Arc<dyn MessageSigner>,
    pub(crate) verifier_of_wallet: Arc<dyn MessageVerifier>,
    pub(crate) signer_of_wallet: Arc<dyn MessageSigner>,
    pub(crate) verifier_of_alipayplus: Arc<dyn MessageVerifier>,
}

impl KeySet {
    fn hashes() -> Self {
        Self {
            signer_of_alipayplus: Arc::new(KeyedHash(1)),
            verifier_of_wallet: Arc::new(KeyedHash(1)),
            signer_of_wallet: Arc::new(KeyedHash(2)),
            verifier_of_alipayplus: Arc::new(KeyedHash(2)),
        }
    }

    fn real() -> Result<Self, String> {
        let pair = || -> Result<BothHalves, String> {
            let pair = generate().map_err(|error| error.to_string())?;
            let signer = FileSigner::from_pem(1, pair.private_pem.as_bytes()).map_err(|error| error.to_string())?;
            let key = ClientKey {
                client_id: CLIENT.to_owned(),
                version: 1,
                pem: pair.public_pem.into_bytes(),
                not_before: None,
                not_after: None,
            };
            let keyring = Keyring::new(vec![key]).map_err(|error| error.to_string())?;
            Ok((Arc::new(signer), Arc::new(keyring)))
        };
        let ((signer_of_alipayplus, verifier_of_wallet), (signer_of_wallet, verifier_of_alipayplus)) = (pair()?, pair()?);
        Ok(Self { signer_of_alipayplus, verifier_of_wallet, signer_of_wallet, verifier_of_alipayplus })
    }
}

/// Both ways of signing. Which one signs is drawn for each message; no signature is in the trace, so that new keys change nothing.
#[derive(Clone)]
pub(crate) struct SimulatedKeys {
    hashes: KeySet,
    real: KeySet,
}

impl SimulatedKeys {
    /// New keys.
    ///
    /// # Errors
    /// A sentence about what the machine did not do.
    pub(crate) fn create() -> Result<Self, String> {
        Ok(Self { hashes: KeySet::hashes(), real: KeySet::real()? })
    }

    pub(crate) fn set(&self, is_real: bool) -> &KeySet {
        if is_real { &self.real } else { &self.hashes }
    }
}
