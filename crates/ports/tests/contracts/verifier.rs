//! A verifier of the sums that stand for signatures, as it should be and with one promise broken.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use ports::testing::async_trait;
use ports::testing::contracts::verifier::{KeyPairName, KnownKey, VerifierSubject};
use ports::{MessageVerifier, SignedText};

use crate::signer::keyed_sum;

/// Which promise is broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    LooksAtTheBeginning,
    PassesLongSignatures,
    IgnoresCase,
    TriesEveryVersion,
    IncludesTheEnd,
    TrustsStrangers,
}

pub(crate) struct Verifiers(Lie);

impl Verifiers {
    pub(crate) fn that(lie: Lie) -> Self {
        Self(lie)
    }
}

struct Verifier {
    lie: Lie,
    keys: Vec<KnownKey>,
}

fn secret(pair: KeyPairName) -> u64 {
    match pair {
        KeyPairName::Old => 7_919,
        KeyPairName::New => 104_729,
    }
}

impl Verifier {
    fn is_client(&self, key: &KnownKey, client_id: &str) -> bool {
        if self.lie == Lie::IgnoresCase { key.client_id.eq_ignore_ascii_case(client_id) } else { key.client_id == client_id }
    }

    fn in_force(&self, client_id: &str, version: Option<u32>, at: DateTime<Utc>) -> impl Iterator<Item = &KnownKey> {
        let version = version.filter(|_| self.lie != Lie::TriesEveryVersion);
        let late = if self.lie == Lie::IncludesTheEnd { TimeDelta::milliseconds(1) } else { TimeDelta::zero() };
        self.keys.iter().filter(move |key| {
            let is_named = version.is_none_or(|version| version == key.version);
            let is_in_force = key.not_before.is_none_or(|first| first <= at) && key.not_after.is_none_or(|end| at < end + late);
            self.is_client(key, client_id) && is_named && is_in_force
        })
    }

    fn made(&self, key: &KnownKey, signed: &SignedText<'_>) -> bool {
        let whole = keyed_sum(secret(key.pair), signed.text);
        match self.lie {
            // As if only so much of the text had been signed.
            Lie::LooksAtTheBeginning => signed.text.len() > 40 && signed.signature.len() == whole.len(),
            Lie::PassesLongSignatures => signed.signature.starts_with(&whole),
            Lie::None | Lie::IgnoresCase | Lie::TriesEveryVersion | Lie::IncludesTheEnd | Lie::TrustsStrangers => {
                signed.signature == whole
            }
        }
    }
}

impl MessageVerifier for Verifier {
    fn knows_client(&self, client_id: &str) -> bool {
        self.lie == Lie::TrustsStrangers || self.keys.iter().any(|key| self.is_client(key, client_id))
    }

    fn knows_key(&self, client_id: &str, key_version: Option<u32>, at: DateTime<Utc>) -> bool {
        self.in_force(client_id, key_version, at).next().is_some()
    }

    fn verify(&self, signed: &SignedText<'_>, at: DateTime<Utc>) -> bool {
        self.in_force(signed.client_id, signed.key_version, at).any(|key| self.made(key, signed))
    }
}

#[async_trait]
impl VerifierSubject for Verifiers {
    fn verifier(&self, keys: &[KnownKey]) -> Arc<dyn MessageVerifier> {
        Arc::new(Verifier { lie: self.0, keys: keys.to_vec() })
    }

    async fn sign(&self, pair: KeyPairName, text: &[u8]) -> Vec<u8> {
        keyed_sum(secret(pair), text)
    }
}

ports::verifier_contract!(Verifiers::that(Lie::None));
