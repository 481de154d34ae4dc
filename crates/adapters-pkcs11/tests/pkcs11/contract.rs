//! The promises of the port: a key in a token that is exchanged, and the same behind a memo.

use std::sync::{Arc, Mutex};

use adapters_pkcs11::Pkcs11Signer;
use ports::testing::async_trait;
use ports::testing::contracts::signer::SignerSubject;
use ports::{MessageSigner, Signature};
use testkit::softhsm::{KeyPair, MemoizedSigner, ModuleFault, PIN, Reloadable, SoftHsm, verifies};

const LABELS: [&str; 3] = ["a", "b", "c"];

/// Three keys of one token take turns under two versions.
struct InToken {
    hsm: SoftHsm,
    in_use: Reloadable<Pkcs11Signer>,
    signer: Arc<dyn MessageSigner>,
    pairs: Vec<KeyPair>,
    /// The version and the key of each exchange so far.
    keys: Mutex<Vec<(u32, usize)>>,
}

impl InToken {
    fn bare() -> Self {
        Self::behind(|in_use| Arc::new(in_use))
    }

    fn memoized() -> Self {
        Self::behind(|in_use| Arc::new(MemoizedSigner::new(Arc::new(in_use))))
    }

    fn behind(wrap: impl FnOnce(Reloadable<Pkcs11Signer>) -> Arc<dyn MessageSigner>) -> Self {
        let hsm = SoftHsm::with_token();
        let pairs = LABELS.iter().zip(["01", "02", "03"]).map(|(label, id)| hsm.new_key(label, id)).collect();
        let in_use = Reloadable::new(crate::open(&hsm, 7, LABELS[0]));
        Self { signer: wrap(in_use.clone()), in_use, pairs, hsm, keys: Mutex::new(vec![(7, 0)]) }
    }
}

#[async_trait]
impl SignerSubject for InToken {
    fn signer(&self) -> Arc<dyn MessageSigner> {
        Arc::clone(&self.signer)
    }

    async fn exchange_key(&self) -> u32 {
        let mut keys = self.keys.lock().unwrap();
        let (version, key) = (if keys.len().is_multiple_of(2) { 7 } else { 8 }, keys.len() % LABELS.len());
        keys.push((version, key));
        self.in_use.exchange(crate::open(&self.hsm, version, LABELS[key]));
        version
    }

    fn verifies(&self, text: &[u8], signature: &Signature) -> bool {
        let keys = self.keys.lock().unwrap();
        let mut of_version = keys.iter().filter(|(version, _)| *version == signature.key_version);
        of_version.any(|(_, key)| verifies(&self.pairs[*key].public_pem, text, &signature.bytes))
    }

    async fn break_down(&self) {
        self.hsm.begin(ModuleFault::Removed);
    }

    fn secrets(&self) -> Vec<String> {
        let pieces = self.pairs.iter().flat_map(|pair| pair.private_pem.lines()).map(str::to_owned);
        pieces.chain([PIN.to_owned()]).collect()
    }
}

mod key_in_a_token {
    ports::signer_contract!(super::InToken::bare());
}

mod memoized_key_in_a_token {
    ports::signer_contract!(super::InToken::memoized());
}
