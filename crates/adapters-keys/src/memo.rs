//! Signatures that are made once and given again for a second.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use ports::{MessageSigner, Signature, UnavailableError};

/// How long a signature is given again. An answer's text names its second, so it is not asked for later.
const KEPT_FOR: Duration = Duration::from_secs(1);

/// How many signatures are kept at most, some 400 bytes each. Within one second, answers of the same result to the same client have
/// the same text, so a handful is enough; the rest is room for answers to requests that anybody can send.
const KEPT: usize = 1024;

/// Gives a signature again where the same text was signed by the same key within the last second.
///
/// It is a decorator over any signer, and each purpose has one of its own, so that no flood of one kind of text drives another kind
/// out. Signing is by far the dearest part of an answer, and this kind of signature is the same whenever text and key are. A signature
/// is kept with the generation of the key that was in force before it was made: after an exchange none of the former key is given.
pub struct MemoizedSigner {
    signer: Arc<dyn MessageSigner>,
    memo: Mutex<Memo>,
}

/// The key's generation and the text's digest.
type MemoKey = (u64, [u8; 32]);

/// The signatures of the last second.
#[derive(Default)]
struct Memo {
    signatures: HashMap<MemoKey, (Signature, Instant)>,
    /// The same keys, the earliest first.
    order: VecDeque<MemoKey>,
}

impl Memo {
    fn recall(&self, key: &MemoKey, now: Instant) -> Option<Signature> {
        let (signature, made_at) = self.signatures.get(key)?;
        is_recent(*made_at, now).then(|| signature.clone())
    }

    /// Forgets what is older than a second, and the oldest of the rest where there is no room.
    fn keep(&mut self, key: MemoKey, signature: Signature, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let is_over = self.signatures.get(oldest).is_none_or(|(_, made_at)| !is_recent(*made_at, now));
            if !is_over && self.order.len() < KEPT {
                break;
            }
            self.signatures.remove(oldest);
            self.order.pop_front();
        }
        // Two calls may have signed the same text at once: the first of them is kept.
        if let Entry::Vacant(free) = self.signatures.entry(key) {
            free.insert((signature, now));
            self.order.push_back(key);
        }
    }
}

fn is_recent(made_at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(made_at) < KEPT_FOR
}

impl MemoizedSigner {
    /// Signs with `signer`, and keeps what it signs from now on.
    pub fn new(signer: Arc<dyn MessageSigner>) -> Self {
        Self { signer, memo: Mutex::default() }
    }

    fn with_memo<T>(&self, use_it: impl FnOnce(&mut Memo) -> T) -> T {
        use_it(&mut self.memo.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl MessageSigner for MemoizedSigner {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        let of_text = <[u8; 32]>::try_from(digest(&SHA256, text).as_ref());
        let digest = of_text.map_err(|_| UnavailableError::because("a SHA-256 digest does not have 32 bytes"))?;
        // Before signing: a key that comes into force meanwhile signs under the number of its predecessor, which is not looked for again.
        let key = (self.signer.key_generation(), digest);
        if let Some(signature) = self.with_memo(|memo| memo.recall(&key, Instant::now())) {
            return Ok(signature);
        }
        let signature = self.signer.sign(text).await?;
        self.with_memo(|memo| memo.keep(key, signature.clone(), Instant::now()));
        Ok(signature)
    }

    fn key_generation(&self) -> u64 {
        self.signer.key_generation()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use super::*;

    /// Counts what it signs. The signature says how many came before.
    #[derive(Default)]
    struct Counting {
        signed: AtomicU32,
        is_unavailable: AtomicBool,
    }

    #[async_trait]
    impl MessageSigner for Counting {
        async fn sign(&self, _: &[u8]) -> Result<Signature, UnavailableError> {
            if self.is_unavailable.load(Ordering::Relaxed) {
                return Err(UnavailableError::because("the module is away"));
            }
            Ok(signature(self.signed.fetch_add(1, Ordering::Relaxed)))
        }
    }

    fn signature(number: u32) -> Signature {
        Signature { key_version: 1, bytes: number.to_be_bytes().to_vec() }
    }

    fn key(number: u64) -> MemoKey {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.to_be_bytes());
        (0, digest)
    }

    #[tokio::test]
    async fn what_was_signed_before_is_not_signed_again() {
        let counting = Arc::new(Counting::default());
        let signer = MemoizedSigner::new(Arc::clone(&counting) as _);
        for _ in 0..3 {
            assert_eq!(signer.sign(b"text").await, Ok(signature(0)));
        }
        assert_eq!(signer.sign(b"other").await, Ok(signature(1)));
        assert_eq!(counting.signed.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn each_purpose_keeps_its_own() {
        let counting = Arc::new(Counting::default());
        let purposes = [MemoizedSigner::new(Arc::clone(&counting) as _), MemoizedSigner::new(Arc::clone(&counting) as _)];
        for (purpose, number) in purposes.iter().zip([0, 1]) {
            assert_eq!(purpose.sign(b"text").await, Ok(signature(number)));
            assert_eq!(purpose.sign(b"text").await, Ok(signature(number)));
        }
    }

    #[tokio::test]
    async fn a_failure_is_not_kept() {
        let counting = Arc::new(Counting::default());
        let signer = MemoizedSigner::new(Arc::clone(&counting) as _);
        counting.is_unavailable.store(true, Ordering::Relaxed);
        assert!(signer.sign(b"text").await.is_err());
        counting.is_unavailable.store(false, Ordering::Relaxed);
        assert_eq!(signer.sign(b"text").await, Ok(signature(0)));
    }

    #[test]
    fn what_is_older_than_a_second_is_forgotten_and_the_rest_is_not() {
        let (mut memo, begin) = (Memo::default(), Instant::now());
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        memo.keep(key(1), signature(1), at(0));
        memo.keep(key(2), signature(2), at(600));
        assert_eq!(memo.recall(&key(1), at(999)), Some(signature(1)));
        assert_eq!(memo.recall(&key(1), at(1000)), None, "a second has passed");
        memo.keep(key(3), signature(3), at(1000));
        assert_eq!((memo.signatures.len(), memo.order.len()), (2, 2), "the first one takes no room any more");
        assert_eq!(memo.recall(&key(2), at(1599)), Some(signature(2)));
        assert_eq!(memo.recall(&key(3), at(1599)), Some(signature(3)));
    }

    #[test]
    fn what_two_calls_sign_at_once_is_kept_once() {
        let (mut memo, begin) = (Memo::default(), Instant::now());
        memo.keep(key(1), signature(1), begin);
        memo.keep(key(1), signature(1), begin + Duration::from_millis(500));
        assert_eq!((memo.signatures.len(), memo.order.len()), (1, 1));
        assert_eq!(memo.recall(&key(1), begin + KEPT_FOR), None, "it is as old as the first of both");
    }

    #[test]
    fn another_key_generation_finds_nothing_of_the_one_before() {
        let (mut memo, now) = (Memo::default(), Instant::now());
        let (_, text) = key(1);
        memo.keep((1, text), signature(1), now);
        assert_eq!(memo.recall(&(2, text), now), None);
        assert_eq!(memo.recall(&(1, text), now), Some(signature(1)));
    }

    #[test]
    fn f42_a_flood_drives_out_the_oldest_and_takes_a_fixed_room() {
        let (mut memo, now) = (Memo::default(), Instant::now());
        let last = 3 * KEPT as u64;
        for number in 0..last {
            memo.keep(key(number), signature(0), now);
            assert!(memo.signatures.len() <= KEPT && memo.order.len() == memo.signatures.len());
        }
        let kept = (0..last).filter(|number| memo.recall(&key(*number), now).is_some());
        assert!(kept.eq(last - KEPT as u64..last), "exactly the newest are kept");
    }
}
