//! A signer with a keyed sum instead of a signature, as it should be and with one promise broken.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use ports::testing::async_trait;
use ports::testing::contracts::signer::SignerSubject;
use ports::{MessageSigner, Signature, UnavailableError};

/// Which promise is broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    SignsHalf,
    AddsANumber,
    KeepsTheFirstKey,
    NamesTheNextVersion,
    HasOneGeneration,
    TellsItsKey,
}

#[derive(Clone)]
pub(crate) struct Signer(Arc<Inside>);

struct Inside {
    lie: Lie,
    /// The keys that are or were in force, by their versions.
    keys: Mutex<BTreeMap<u32, u64>>,
    signed: AtomicU8,
    is_broken: AtomicBool,
}

/// Bytes that follow from a key and a text: enough for a test, and no more than that.
pub(crate) fn keyed_sum(key: u64, text: &[u8]) -> Vec<u8> {
    let mut sum = key;
    for byte in text {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
    }
    [sum, sum.wrapping_mul(key | 1)].into_iter().flat_map(u64::to_be_bytes).collect()
}

impl Signer {
    pub(crate) fn that(lie: Lie) -> Self {
        let keys = Mutex::new(BTreeMap::from([(1, 0x9E37_79B9)]));
        Self(Arc::new(Inside { lie, keys, signed: AtomicU8::new(0), is_broken: AtomicBool::new(false) }))
    }

    fn newest(&self) -> (u32, u64) {
        self.0.keys.lock().unwrap().last_key_value().map(|(version, key)| (*version, *key)).unwrap()
    }
}

#[async_trait]
impl MessageSigner for Signer {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        let (key_version, key) = self.newest();
        if self.0.is_broken.load(Ordering::Relaxed) {
            let of_key = if self.0.lie == Lie::TellsItsKey { key.to_string() } else { String::new() };
            return Err(UnavailableError::because(format!("the module does not answer {of_key}")));
        }
        let (first_version, first_key) = self.0.keys.lock().unwrap().first_key_value().map(|(v, k)| (*v, *k)).unwrap();
        let signature = match self.0.lie {
            Lie::SignsHalf => Signature { key_version, bytes: keyed_sum(key, &text[..text.len() / 2]) },
            Lie::AddsANumber => {
                let number = self.0.signed.fetch_add(1, Ordering::Relaxed);
                Signature { key_version, bytes: [keyed_sum(key, text), vec![number]].concat() }
            }
            Lie::KeepsTheFirstKey => Signature { key_version: first_version, bytes: keyed_sum(first_key, text) },
            Lie::NamesTheNextVersion => Signature { key_version: key_version + 1, bytes: keyed_sum(key, text) },
            Lie::None | Lie::HasOneGeneration | Lie::TellsItsKey => Signature { key_version, bytes: keyed_sum(key, text) },
        };
        Ok(signature)
    }

    fn key_generation(&self) -> u64 {
        if self.0.lie == Lie::HasOneGeneration { 0 } else { u64::from(self.newest().0) }
    }
}

#[async_trait]
impl SignerSubject for Signer {
    fn signer(&self) -> Arc<dyn MessageSigner> {
        Arc::new(self.clone())
    }

    async fn exchange_key(&self) -> u32 {
        let (version, key) = self.newest();
        self.0.keys.lock().unwrap().insert(version + 1, key.wrapping_mul(31));
        version + 1
    }

    fn verifies(&self, text: &[u8], signature: &Signature) -> bool {
        let key = self.0.keys.lock().unwrap().get(&signature.key_version).copied();
        // Only this far, so that a number added behind it is a matter of sameness alone.
        key.is_some_and(|key| signature.bytes.starts_with(&keyed_sum(key, text)))
    }

    async fn break_down(&self) {
        self.0.is_broken.store(true, Ordering::Relaxed);
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.newest().1.to_string()]
    }
}

ports::signer_contract!(Signer::that(Lie::None));
