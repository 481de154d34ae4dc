//! The promises of both ports: a key from a file that is exchanged, the same behind a memo, and the keyring.

use std::sync::{Arc, Mutex};

use adapters_keys::{ClientKey, FileSigner, KeyPair, Keyring, MemoizedSigner, Reloadable, generate};
use ports::testing::async_trait;
use ports::testing::contracts::signer::SignerSubject;
use ports::testing::contracts::verifier::{KeyPairName, KnownKey, VerifierSubject};
use ports::{MessageSigner, MessageVerifier, Signature, SignedText};

use crate::{CLIENT, now, public};

/// A signer whose keys come from files and are exchanged. Three pairs take turns under two versions, so that a version comes back with
/// another key, as where an operator puts a key in the place of a wrong one.
struct Exchanged {
    in_use: Reloadable<FileSigner>,
    signer: Arc<dyn MessageSigner>,
    pairs: [KeyPair; 3],
    /// The version and the pair of each key so far.
    keys: Mutex<Vec<(u32, usize)>>,
}

impl Exchanged {
    fn bare() -> Self {
        Self::behind(|in_use| Arc::new(in_use))
    }

    fn memoized() -> Self {
        Self::behind(|in_use| Arc::new(MemoizedSigner::new(Arc::new(in_use))))
    }

    fn behind(wrap: impl FnOnce(Reloadable<FileSigner>) -> Arc<dyn MessageSigner>) -> Self {
        let pairs = [(); 3].map(|()| generate().unwrap());
        let in_use = Reloadable::new(crate::signer(7, &pairs[0]));
        Self { signer: wrap(in_use.clone()), in_use, pairs, keys: Mutex::new(vec![(7, 0)]) }
    }
}

#[async_trait]
impl SignerSubject for Exchanged {
    fn signer(&self) -> Arc<dyn MessageSigner> {
        Arc::clone(&self.signer)
    }

    async fn exchange_key(&self) -> u32 {
        let mut keys = self.keys.lock().unwrap();
        let (version, pair) = (if keys.len().is_multiple_of(2) { 7 } else { 8 }, keys.len() % self.pairs.len());
        keys.push((version, pair));
        self.in_use.exchange(crate::signer(version, &self.pairs[pair]));
        version
    }

    fn verifies(&self, text: &[u8], signature: &Signature) -> bool {
        let keys = self.keys.lock().unwrap();
        let mut of_version = keys.iter().filter(|(version, _)| *version == signature.key_version);
        let (key_version, bytes) = (Some(signature.key_version), &signature.bytes);
        let signed = SignedText { client_id: CLIENT, key_version, text, signature: bytes };
        of_version.any(|(version, pair)| Keyring::new(vec![public(*version, &self.pairs[*pair])]).unwrap().verify(&signed, now()))
    }

    /// A key in memory always signs.
    async fn break_down(&self) {}

    fn secrets(&self) -> Vec<String> {
        self.pairs.iter().flat_map(|pair| pair.private_pem.lines()).map(str::to_owned).collect()
    }
}

mod file_signer {
    ports::signer_contract!(super::Exchanged::bare());
}

mod memoized_signer {
    ports::signer_contract!(super::Exchanged::memoized());
}

/// The keyring, and the pairs of its clients.
struct Keyrings([KeyPair; 2]);

impl Keyrings {
    fn of_two_pairs() -> Self {
        Self([generate().unwrap(), generate().unwrap()])
    }

    fn pair(&self, name: KeyPairName) -> &KeyPair {
        match name {
            KeyPairName::Old => &self.0[0],
            KeyPairName::New => &self.0[1],
        }
    }
}

#[async_trait]
impl VerifierSubject for Keyrings {
    fn verifier(&self, keys: &[KnownKey]) -> Arc<dyn MessageVerifier> {
        let key = |key: &KnownKey| ClientKey {
            client_id: key.client_id.to_owned(),
            not_before: key.not_before,
            not_after: key.not_after,
            ..public(key.version, self.pair(key.pair))
        };
        Arc::new(Keyring::new(keys.iter().map(key).collect()).unwrap())
    }

    async fn sign(&self, pair: KeyPairName, text: &[u8]) -> Vec<u8> {
        crate::signer(1, self.pair(pair)).sign(text).await.unwrap().bytes
    }
}

mod keyring {
    ports::verifier_contract!(super::Keyrings::of_two_pairs());
}
