//! The key that signs the answers, wherever it is.

use std::sync::Arc;

use adapters_keys::{FileSigner, public_key, public_key_in_pem};
use adapters_pkcs11::{Pkcs11Signer, TokenKey};
use async_trait::async_trait;
use ports::{MessageSigner, Signature, UnavailableError};

use crate::output::CliError;
use crate::settings::{KeyPlace, Settings, SigningKeySetting, TokenSetting};

/// The key that signs.
pub(super) enum SigningKey {
    File(FileSigner),
    Token(Arc<Pkcs11Signer>),
}

impl SigningKey {
    /// Reads it from its file, or connects with its token. A connection that is there already goes on: a token that is away for a
    /// while does not hinder other keys from being exchanged, and sees no second login.
    pub(super) fn read(setting: &SigningKeySetting, in_force: Option<&Self>) -> Result<Self, CliError> {
        match &setting.place {
            KeyPlace::File(file) => {
                let signer = FileSigner::from_pem(setting.version, &file.read_wiped()?);
                Ok(Self::File(signer.map_err(|error| file.wrong(format!("cannot be used: {error}")))?))
            }
            KeyPlace::Token(token) => {
                let key = token_key(setting.version, token)?;
                if let Some(Self::Token(connected)) = in_force
                    && connected.is_of(&key)
                {
                    return Ok(Self::Token(Arc::clone(connected)));
                }
                let opened = Pkcs11Signer::open(key);
                let opened = opened.map_err(|error| CliError::new(format!("{} cannot be used: {error}", token.setting)))?;
                Ok(Self::Token(Arc::new(opened)))
            }
        }
    }

    /// Its public half: DER by PKCS#1.
    pub(super) fn public_key(&self) -> &[u8] {
        match self {
            Self::File(key) => key.public_key(),
            Self::Token(key) => key.public_key(),
        }
    }
}

#[async_trait]
impl MessageSigner for SigningKey {
    async fn sign(&self, text: &[u8]) -> Result<Signature, UnavailableError> {
        match self {
            Self::File(key) => key.sign(text).await,
            Self::Token(key) => key.sign(text).await,
        }
    }

    fn key_generation(&self) -> u64 {
        match self {
            Self::File(key) => key.key_generation(),
            Self::Token(key) => key.key_generation(),
        }
    }
}

/// The signing key's public half, as Alipay+ takes it.
pub(crate) fn own_public_key(settings: &Settings) -> Result<String, CliError> {
    let key = SigningKey::read(&settings.callback.signing_key, None)?;
    public_key_in_pem(key.public_key()).map_err(|error| CliError::new(error.to_string()))
}

/// What is known of a key in a token before it is found.
fn token_key(version: u32, token: &TokenSetting) -> Result<TokenKey, CliError> {
    let public_key = token.public_key.as_ref().map(|file| {
        let key = public_key(&file.read()?);
        key.map_err(|error| file.wrong(format!("cannot be used: {error}")))
    });
    Ok(TokenKey {
        version,
        module: token.module.path().to_owned(),
        token_label: token.token_label.clone(),
        key_label: token.key_label.clone(),
        key_id: token.key_id.clone(),
        pin: token.pin.read_line_wiped()?,
        public_key: public_key.transpose()?,
        sessions: token.sessions,
    })
}
