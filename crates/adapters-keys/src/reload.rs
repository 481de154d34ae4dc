//! Keys that are exchanged while they are in use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use ports::{MessageSigner, MessageVerifier, Signature, SignedText, UnavailableError};

/// A signer or a verifier that is exchanged as a whole; clones share it.
///
/// Each call takes what is in force when it begins and keeps to it until it ends, so a signature always names the version of
/// the key that made it. What was exchanged is dropped, and with it the key wiped, once the last such call has ended.
pub struct Reloadable<T>(Arc<RwLock<InForce<T>>>);

struct InForce<T> {
    current: Arc<T>,
    /// Of this exchange alone, in the whole process.
    generation: u64,
}

/// A number that no other exchange of the process has, and that is greater than all before it.
fn next_generation() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl<T> Reloadable<T> {
    /// In force until the first exchange.
    pub fn new(first: T) -> Self {
        Self(Arc::new(RwLock::new(InForce { current: Arc::new(first), generation: next_generation() })))
    }

    /// Puts `next` in force for every call that begins from now on.
    pub fn exchange(&self, next: T) {
        let next = Arc::new(next);
        let mut in_force = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::replace(&mut in_force.current, next);
        in_force.generation = next_generation();
        // Wiping takes longer than exchanging, and nobody needs to wait for it.
        drop(in_force);
        drop(former);
    }

    fn in_force(&self) -> RwLockReadGuard<'_, InForce<T>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in force now.
    #[must_use]
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.in_force().current)
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

    /// The later of this exchange and that of the signer in force, since each number is given once.
    fn key_generation(&self) -> u64 {
        let in_force = self.in_force();
        in_force.generation.max(in_force.current.key_generation())
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
