//! The promises of [`MessageSigner`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;

use crate::{MessageSigner, Signature};

/// A signer under test, whose keys a test may exchange.
#[async_trait]
pub trait SignerSubject: Send + Sync {
    /// The signer. All calls give the same one.
    fn signer(&self) -> Arc<dyn MessageSigner>;

    /// Puts another key in force than the one before, and returns its version. Versions may repeat.
    async fn exchange_key(&self) -> u32;

    /// Whether the signature was made over that text by a key that is or was in force under the version that the signature names.
    /// MUST NOT ask the signer.
    fn verifies(&self, text: &[u8], signature: &Signature) -> bool;

    /// Makes the signer fail from now on, where there is a way for it to fail.
    async fn break_down(&self);

    /// What must not be told: pieces of the private key, and what opens it.
    fn secrets(&self) -> Vec<String>;
}

contract! {
    /// Makes one test for each promise of a [`MessageSigner`]. The expression makes a fresh [`SignerSubject`] for each.
    ///
    /// In the tests of a crate with a signer of its own:
    ///
    /// ```
    /// ports::signer_contract!(OurModule::with_a_new_key());
    /// ```
    ($) signer_contract! in (signer)

    /// Texts of any length and content are signed, and each signature verifies for its text.
    async fn a_signature_verifies_for_its_text(subject: &impl SignerSubject) {
        let every_byte: Vec<u8> = (0..=u8::MAX).collect();
        let long = every_byte.repeat(400);
        for text in [b"".as_slice(), b"\0", b"text", &every_byte, &long] {
            let signature = subject.signer().sign(text).await.unwrap();
            assert!(subject.verifies(text, &signature), "a text of {} bytes", text.len());
            let other = [text, b" "].concat();
            assert!(!subject.verifies(&other, &signature), "the signature verifies for another text");
        }
    }

    /// The same text and key give the same signature, and another text another one.
    async fn the_same_text_has_the_same_signature(subject: &impl SignerSubject) {
        let signer = subject.signer();
        let first = signer.sign(b"text").await.unwrap();
        let other = signer.sign(b"other text").await.unwrap();
        assert_ne!(first.bytes, other.bytes);
        for _ in 0..3 {
            assert_eq!(signer.sign(b"text").await.unwrap(), first);
        }
    }

    /// From the moment at which a key is exchanged, its successor signs, also texts that the former key has signed.
    async fn f26_a_text_signed_before_is_signed_by_the_new_key(subject: &impl SignerSubject) {
        let signer = subject.signer();
        let mut former = signer.sign(b"text").await.unwrap();
        for _ in 0..3 {
            let version = subject.exchange_key().await;
            let signature = signer.sign(b"text").await.unwrap();
            assert_eq!(signature.key_version, version);
            assert!(subject.verifies(b"text", &signature));
            assert_ne!(signature.bytes, former.bytes, "the former key's signature is given again");
            former = signature;
        }
    }

    /// While keys are exchanged, each signature names the version of the key that made it.
    async fn f26_a_signature_names_the_key_that_made_it_during_an_exchange(subject: &impl SignerSubject) {
        let progress = Arc::new(Progress::default());
        let callers: Vec<_> = (0..4).map(|_| tokio::spawn(sign_until(subject.signer(), Arc::clone(&progress)))).collect();
        for _ in 0..10 {
            let signed = progress.signed.load(Ordering::Acquire);
            subject.exchange_key().await;
            while progress.signed.load(Ordering::Acquire) < signed + 4 {
                tokio::task::yield_now().await;
            }
        }
        progress.is_over.store(true, Ordering::Release);
        for caller in callers {
            for signature in caller.await.unwrap() {
                assert!(subject.verifies(b"text", &signature), "not made by version {}", signature.key_version);
            }
        }
    }

    /// The generation changes with every exchange and never comes back, so that what is kept of a key ends with it.
    async fn f26_each_key_has_a_generation_of_its_own(subject: &impl SignerSubject) {
        let signer = subject.signer();
        let mut seen = BTreeSet::from([signer.key_generation()]);
        for _ in 0..5 {
            assert_eq!(signer.key_generation(), *seen.last().unwrap(), "it changes only with the key");
            subject.exchange_key().await;
            assert!(seen.insert(signer.key_generation()), "a generation came back");
        }
    }

    /// A signer that fails says nothing of its key.
    async fn an_error_tells_nothing_of_the_key(subject: &impl SignerSubject) {
        subject.break_down().await;
        match subject.signer().sign(b"text").await {
            Ok(signature) => assert!(subject.verifies(b"text", &signature)),
            Err(error) => {
                let told = subject.secrets().into_iter().filter(|secret| format!("{error} {error:?}").contains(secret.as_str()));
                assert_eq!(told.count(), 0, "the error holds a secret");
            }
        }
    }
}

/// How far an exchange and those who sign during it have come.
#[derive(Default)]
struct Progress {
    signed: AtomicUsize,
    is_over: AtomicBool,
}

/// Signs until the exchanges are over, and once more. A signature that is given again is returned once.
async fn sign_until(signer: Arc<dyn MessageSigner>, progress: Arc<Progress>) -> Vec<Signature> {
    let mut made = Vec::new();
    loop {
        let is_last = progress.is_over.load(Ordering::Acquire);
        let signature = signer.sign(b"text").await.unwrap();
        if made.last() != Some(&signature) {
            made.push(signature);
        }
        progress.signed.fetch_add(1, Ordering::Release);
        if is_last {
            return made;
        }
        tokio::task::yield_now().await;
    }
}
