//! What is made of the files with keys and tokens.

use std::sync::Arc;

use adapters_http::Tokens;
use adapters_keys::{ClientKey, Keyring, MemoizedSigner, Reloadable};
use chrono::{DateTime, Utc};
use ports::{MessageSigner, MessageVerifier};

use super::signing_key::SigningKey;
use crate::output::CliError;
use crate::reload::{FreshPart, InForce, KeysInForce, PartName, SecretPart, ServedPart};
use crate::settings::{SettingFile, Settings};

/// The keys and tokens in force: they are exchanged while requests are answered. Clones share them.
#[derive(Clone)]
pub(crate) struct Keys {
    signer: Reloadable<SigningKey>,
    verifier: Reloadable<Keyring>,
    tokens: Tokens,
}

/// Keys and tokens as their files hold them now.
struct FreshKeys {
    signer: SigningKey,
    verifier: Keyring,
    tokens: Tokens,
}

impl Keys {
    pub(crate) fn read(settings: &Settings) -> Result<Self, CliError> {
        let FreshKeys { signer, verifier, tokens } = FreshKeys::read(settings, None)?;
        Ok(Self { signer: Reloadable::new(signer), verifier: Reloadable::new(verifier), tokens })
    }

    /// As a part of the secrets, to be read again.
    pub(crate) fn served(&self) -> ServedPart {
        ServedPart { part: Box::new(self.clone()), certificates: Vec::new() }
    }

    /// Puts other keys and tokens in force, for every request that looks at them from now on.
    fn exchange(&self, FreshKeys { signer, verifier, tokens }: FreshKeys) {
        self.tokens.exchange(&tokens);
        self.verifier.exchange(verifier);
        self.signer.exchange(signer);
    }

    /// A signer for one purpose, with a memo of its own.
    pub(super) fn signer(&self) -> Arc<dyn MessageSigner> {
        Arc::new(MemoizedSigner::new(Arc::new(self.signer.clone())))
    }

    pub(super) fn verifier(&self) -> Arc<dyn MessageVerifier> {
        Arc::new(self.verifier.clone())
    }

    pub(super) fn tokens(&self) -> Tokens {
        self.tokens.clone()
    }
}

impl SecretPart for Keys {
    fn name(&self) -> PartName {
        PartName::Keys
    }

    fn files<'a>(&self, settings: &'a Settings) -> Vec<&'a SettingFile> {
        settings.key_files()
    }

    fn read(&self, settings: &Settings, _: DateTime<Utc>) -> Result<Option<FreshPart>, CliError> {
        let fresh = FreshKeys::read(settings, Some(&self.signer.current()))?;
        let callback = &settings.callback;
        let client_keys: Vec<_> = callback.keys.iter().map(|key| format!("{} {}", key.client_id, key.version)).collect();
        let keys = KeysInForce { signing_key: callback.signing_key.version, client_keys: client_keys.join(", ") };
        let (in_force, these) = (InForce { keys: Some(keys), ..InForce::default() }, self.clone());
        Ok(Some(FreshPart { in_force, exchange: Box::new(move || these.exchange(fresh)) }))
    }
}

impl FreshKeys {
    /// Reads every file; one that is wrong spoils all.
    fn read(settings: &Settings, in_force: Option<&SigningKey>) -> Result<Self, CliError> {
        let signer = SigningKey::read(&settings.callback.signing_key, in_force)?;
        let file = &settings.wallet_api.tokens;
        let content = file.read_wiped()?;
        let text = std::str::from_utf8(&content).map_err(|_| file.wrong("is not text in UTF-8"))?;
        let tokens =
            Tokens::parse(text).map_err(|error| file.wrong(format!("does not hold lines of NAME ROLE TOKEN: {error}")))?;
        let verifier = keyring(settings, &signer)?;
        Ok(Self { signer, verifier, tokens })
    }
}

/// With it every request of Alipay+ would be refused for good.
const OWN_PUBLIC_KEY: &str = "holds the wallet's own public key, the one that belongs to callback.signing_key: upload that one to Alipay+, and \
                              save here the key that Alipay+ shows afterwards";

/// Each key is tried alone first, so that the sentence about a wrong one can name its file.
fn keyring(settings: &Settings, own: &SigningKey) -> Result<Keyring, CliError> {
    let mut keys = Vec::new();
    for setting in &settings.callback.keys {
        let key = ClientKey {
            client_id: setting.client_id.clone(),
            version: setting.version,
            pem: setting.file.read()?,
            not_before: setting.not_before,
            not_after: setting.not_after,
        };
        let alone = Keyring::new(vec![key.clone()]);
        let alone = alone.map_err(|error| setting.file.wrong(format!("cannot be used: {error}")))?;
        if alone.has_key(own.public_key()) {
            return Err(setting.file.wrong(OWN_PUBLIC_KEY).into());
        }
        keys.push(key);
    }
    Keyring::new(keys).map_err(|error| CliError::new(format!("callback.clients cannot be used: {error}")))
}
