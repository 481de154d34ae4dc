//! Keys that are exchanged while they are in use.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ports::{MessageSigner, MessageVerifier, Signature, SignedText, UnavailableError};

/// A signer or a verifier that is exchanged as a whole; clones share it.
///
/// Each call takes what is in force when it begins and keeps to it until it ends, so a signature always names the version of
/// the key that made it. What was exchanged is dropped, and with it the key wiped, once the last such call has ended.
pub struct Reloadable<T>(Arc<RwLock<Arc<T>>>);

impl<T> Reloadable<T> {
    /// In force until something else is.
    pub fn new(first: T) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(first))))
    }

    /// Puts `next` in force for every call that begins from now on.
    pub fn exchange(&self, next: T) {
        let next = Arc::new(next);
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::replace(&mut *place, next);
        // Wiping takes longer than exchanging, and nobody needs to wait for it.
        drop(place);
        drop(former);
    }

    fn current(&self) -> Arc<T> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Clone for Reloadable<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[async_trait]
impl<T: MessageSigner> MessageSigner for Reloadable<T> {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        self.current().sign(text).await
    }
}

impl<T: MessageVerifier> MessageVerifier for Reloadable<T> {
    fn knows_client(&self, client_id: &str) -> bool {
        self.current().knows_client(client_id)
    }

    fn knows_key(&self, client_id: &str, key_version: Option<u32>, at: DateTime<Utc>) -> bool {
        self.current().knows_key(client_id, key_version, at)
    }

    fn verify(&self, signed: &SignedText<'_>, at: DateTime<Utc>) -> bool {
        self.current().verify(signed, at)
    }
}
