//! Keys in tokens of SoftHSM: what they sign, which are refused, and what a token that fails, hangs or goes away does to signatures.
#![cfg(test)]

mod contract;
mod refused;
mod troubled;

use std::time::Duration;

use adapters_pkcs11::{Pkcs11Signer, TokenKey};
use ports::{MessageSigner, Signature};
use testkit::softhsm::{PIN, SoftHsm, TOKEN};

/// A key of the test's token, reached in two sessions.
fn key(hsm: &SoftHsm, version: u32, label: &str) -> TokenKey {
    TokenKey {
        version,
        module: hsm.module(),
        token_label: TOKEN.to_owned(),
        key_label: label.to_owned(),
        key_id: None,
        pin: PIN.to_owned().into(),
        public_key: None,
        sessions: 2,
    }
}

fn open(hsm: &SoftHsm, version: u32, label: &str) -> Pkcs11Signer {
    Pkcs11Signer::open(key(hsm, version, label)).unwrap()
}

/// Signs until it is signed.
async fn sign_at_last(signer: &dyn MessageSigner, text: &[u8]) -> Signature {
    let mut last = None;
    for _ in 0..1_200 {
        match signer.sign(text).await {
            Ok(signature) => return signature,
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{last:?}");
}
