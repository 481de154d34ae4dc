//! The promises of [`MessageVerifier`].

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::testing::moment;
use crate::{MessageVerifier, SignedText};

/// Makes the verifiers under test, and signatures for them, with two key pairs that stay the same.
#[async_trait]
pub trait VerifierSubject: Send + Sync {
    /// A verifier that knows these keys and no others.
    fn verifier(&self, keys: &[KnownKey]) -> Arc<dyn MessageVerifier>;

    /// Signs with the private key of a pair.
    async fn sign(&self, pair: KeyPairName, text: &[u8]) -> Vec<u8>;
}

/// A public key as a verifier knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownKey {
    /// The client that signs with it.
    pub client_id: &'static str,
    /// The version that the client names it by.
    pub version: u32,
    /// Which pair it belongs to.
    pub pair: KeyPairName,
    /// The first moment at which it is in force; `None` is always.
    pub not_before: Option<DateTime<Utc>>,
    /// The first moment at which it is not in force any more; `None` is never.
    pub not_after: Option<DateTime<Utc>>,
}

/// One of a subject's two key pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPairName {
    /// The pair that is used before an exchange.
    Old,
    /// The pair that is used after it.
    New,
}

const CLIENT: &str = "CLIENT-1";
const TEXT: &[u8] = b"POST /cancel\nCLIENT-1.2026-03-01T12:00:00+08:00.{}";

contract! {
    /// Makes one test for each promise of a [`MessageVerifier`]. The expression makes a [`VerifierSubject`] for each.
    ///
    /// In the tests of a crate with a verifier of its own:
    ///
    /// ```
    /// ports::verifier_contract!(OurDirectory::with_two_pairs());
    /// ```
    ($) verifier_contract! in (verifier)

    /// A signature counts for the text that was signed, and for no other.
    async fn a_signature_counts_for_its_text_only(subject: &impl VerifierSubject) {
        let verifier = subject.verifier(&[key(1, KeyPairName::Old)]);
        let signature = subject.sign(KeyPairName::Old, TEXT).await;
        assert!(counts(&*verifier, Some(1), &signature));
        for text in [&[TEXT, b" "].concat(), &TEXT[1..], b"".as_slice()] {
            let signed = SignedText { client_id: CLIENT, key_version: Some(1), text, signature: &signature };
            assert!(!verifier.verify(&signed, moment(0)), "it counts for {} bytes of another text", text.len());
        }
    }

    /// A signature of another length than the modulus is refused, and so is one with a single wrong bit.
    async fn a_changed_signature_is_refused(subject: &impl VerifierSubject) {
        let verifier = subject.verifier(&[key(1, KeyPairName::Old)]);
        let signature = subject.sign(KeyPairName::Old, TEXT).await;
        let mut flipped = signature.clone();
        flipped[0] ^= 1;
        let [before, behind] = [[b"\0", &*signature].concat(), [&*signature, b"\0"].concat()];
        for (what, changed) in [
            ("one bit", &*flipped),
            ("a zero before it", &before),
            ("a zero behind it", &behind),
            ("twice", &signature.repeat(2)),
            ("without its first byte", &signature[1..]),
            ("without its last byte", &signature[..signature.len() - 1]),
            ("nothing", &[]),
        ] {
            for version in [Some(1), None] {
                assert!(!counts(&*verifier, version, changed), "{what}");
            }
        }
    }

    /// Keys are those of one client, whose id is compared exactly.
    async fn a_key_counts_for_its_client_only(subject: &impl VerifierSubject) {
        let other = KnownKey { client_id: "CLIENT-2", ..key(1, KeyPairName::New) };
        let verifier = subject.verifier(&[key(1, KeyPairName::Old), other]);
        let signature = subject.sign(KeyPairName::Old, TEXT).await;
        assert!(verifier.knows_client(CLIENT) && verifier.knows_client("CLIENT-2"));
        for client_id in ["CLIENT-2", "client-1", "CLIENT-1 ", "CLIENT", ""] {
            let signed = SignedText { client_id, key_version: None, text: TEXT, signature: &signature };
            assert!(!verifier.verify(&signed, moment(0)), "{client_id:?}");
            let is_known = client_id == "CLIENT-2";
            assert_eq!(verifier.knows_client(client_id), is_known, "{client_id:?}");
            assert_eq!(verifier.knows_key(client_id, None, moment(0)), is_known, "{client_id:?}");
        }
    }

    /// Where the request names a version, no other key is tried; where it names none, each key in force is.
    async fn f26_only_the_named_version_counts(subject: &impl VerifierSubject) {
        let verifier = subject.verifier(&[key(1, KeyPairName::Old), key(2, KeyPairName::New)]);
        for (pair, own, other) in [(KeyPairName::Old, 1, 2), (KeyPairName::New, 2, 1)] {
            let signature = subject.sign(pair, TEXT).await;
            assert!(counts(&*verifier, Some(own), &signature) && counts(&*verifier, None, &signature), "{pair:?}");
            assert!(!counts(&*verifier, Some(other), &signature), "{pair:?} under the other version");
            assert!(!counts(&*verifier, Some(3), &signature), "{pair:?} under a version that nobody has");
        }
        for (version, is_known) in [(Some(1), true), (Some(2), true), (None, true), (Some(3), false), (Some(0), false)] {
            assert_eq!(verifier.knows_key(CLIENT, version, moment(0)), is_known, "{version:?}");
        }
    }

    /// A key is in force from its first moment until just before its last, and is looked at in no other.
    async fn f26_a_key_counts_while_it_is_in_force(subject: &impl VerifierSubject) {
        let (first, end, millisecond) = (moment(0), moment(100), TimeDelta::milliseconds(1));
        let windowed = KnownKey { not_before: Some(first), not_after: Some(end), ..key(7, KeyPairName::Old) };
        let verifier = subject.verifier(&[windowed]);
        let signature = subject.sign(KeyPairName::Old, TEXT).await;
        for (at, is_in_force) in [(first - millisecond, false), (first, true), (end - millisecond, true), (end, false)] {
            for key_version in [Some(7), None] {
                let signed = SignedText { client_id: CLIENT, key_version, text: TEXT, signature: &signature };
                assert_eq!(verifier.verify(&signed, at), is_in_force, "{at} {key_version:?}");
                assert_eq!(verifier.knows_key(CLIENT, key_version, at), is_in_force, "{at} {key_version:?}");
            }
            assert!(verifier.knows_client(CLIENT), "a client is known at every moment");
        }
    }

    /// During an exchange both keys count, and afterwards the new one alone.
    async fn f26_two_versions_overlap_while_keys_are_exchanged(subject: &impl VerifierSubject) {
        let ending = KnownKey { not_after: Some(moment(100)), ..key(1, KeyPairName::Old) };
        let beginning = KnownKey { not_before: Some(moment(50)), ..key(2, KeyPairName::New) };
        let verifier = subject.verifier(&[ending, beginning]);
        for (at, counting) in [(49, [true, false]), (50, [true, true]), (99, [true, true]), (100, [false, true])] {
            for (pair, is_counted) in [KeyPairName::Old, KeyPairName::New].into_iter().zip(counting) {
                let signature = subject.sign(pair, TEXT).await;
                let signed = SignedText { client_id: CLIENT, key_version: None, text: TEXT, signature: &signature };
                assert_eq!(verifier.verify(&signed, moment(at)), is_counted, "{pair:?} at {at}");
            }
        }
    }

    /// A verifier without keys knows nobody and refuses everything.
    async fn nobody_is_known_without_a_key(subject: &impl VerifierSubject) {
        let verifier = subject.verifier(&[]);
        let signature = subject.sign(KeyPairName::Old, TEXT).await;
        assert!(!verifier.knows_client(CLIENT) && !verifier.knows_key(CLIENT, None, moment(0)));
        assert!(!counts(&*verifier, None, &signature) && !counts(&*verifier, Some(1), &signature));
    }
}

/// A key of [`CLIENT`] that is always in force.
fn key(version: u32, pair: KeyPairName) -> KnownKey {
    KnownKey { client_id: CLIENT, version, pair, not_before: None, not_after: None }
}

fn counts(verifier: &dyn MessageVerifier, key_version: Option<u32>, signature: &[u8]) -> bool {
    verifier.verify(&SignedText { client_id: CLIENT, key_version, text: TEXT, signature }, moment(0))
}
