//! `[callback]`: what Alipay+ calls.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::PspId;

use super::section::{Section, SettingError};
use super::values::{
    ANSWER_BUDGET, CLIENT_ID, FRESHNESS, INSTANT, KEY_ID, KEY_LABEL, KEY_VERSION, LISTEN, PATH, PSP_ID, SESSIONS, SettingFile,
    TOKEN_LABEL,
};

/// The callback's settings.
pub(crate) struct CallbackSettings {
    pub(crate) listen: SocketAddr,
    pub(crate) cancel_payment_path: String,
    /// `None` where inquiries are not served.
    pub(crate) inquiry_payment_path: Option<String>,
    pub(crate) psp_id: PspId,
    pub(crate) signing_key: SigningKeySetting,
    pub(crate) answer_budget: Duration,
    /// How old a request may be; `None` does not look.
    pub(crate) freshness: Option<TimeDelta>,
    pub(crate) tls: Option<Tls>,
    /// All keys of all clients.
    pub(crate) keys: Vec<ClientKeySetting>,
}

/// The key that signs the answers.
pub(crate) struct SigningKeySetting {
    pub(crate) version: u32,
    pub(crate) place: KeyPlace,
}

/// Where a private key is.
pub(crate) enum KeyPlace {
    File(SettingFile),
    Token(Box<TokenSetting>),
}

/// A key in a token, reached by PKCS#11.
pub(crate) struct TokenSetting {
    /// The setting's own name.
    pub(crate) setting: String,
    pub(crate) module: SettingFile,
    pub(crate) token_label: String,
    pub(crate) key_label: String,
    pub(crate) key_id: Option<Vec<u8>>,
    pub(crate) pin: SettingFile,
    pub(crate) public_key: Option<SettingFile>,
    pub(crate) sessions: usize,
}

impl SigningKeySetting {
    /// The files that it is read from; not the module, which is loaded.
    pub(crate) fn files(&self) -> Vec<&SettingFile> {
        match &self.place {
            KeyPlace::File(file) => vec![file],
            KeyPlace::Token(token) => [&token.pin].into_iter().chain(&token.public_key).collect(),
        }
    }
}

/// A certificate and its key, for HTTPS without a proxy.
pub(crate) struct Tls {
    pub(crate) certificate: SettingFile,
    pub(crate) private_key: SettingFile,
}

/// One public key of one client.
pub(crate) struct ClientKeySetting {
    pub(crate) client_id: String,
    pub(crate) version: u32,
    pub(crate) file: SettingFile,
    pub(crate) not_before: Option<DateTime<Utc>>,
    pub(crate) not_after: Option<DateTime<Utc>>,
}

impl CallbackSettings {
    pub(super) fn read(section: &mut Section) -> Result<Self, SettingError> {
        let listen = section.or("listen", "127.0.0.1:8080", &LISTEN)?;
        let cancel_payment_path = section.or("cancel_payment_path", "/aps/api/v1/payments/cancelPayment", &PATH)?;
        let inquiry_payment_path = section.optional("inquiry_payment_path", &PATH)?;
        if inquiry_payment_path.as_ref() == Some(&cancel_payment_path) {
            let (path, taken) = (section.path_of("inquiry_payment_path"), cancel_payment_path);
            return Err(SettingError::new(format!("{path} is \"{taken}\", but must differ from callback.cancel_payment_path")));
        }
        Ok(Self {
            listen,
            cancel_payment_path,
            inquiry_payment_path,
            psp_id: section.required("psp_id", &PSP_ID)?,
            signing_key: signing_key(section)?,
            answer_budget: section.or("answer_budget", "6s", &ANSWER_BUDGET)?,
            freshness: section.or("freshness", "off", &FRESHNESS)?,
            tls: Tls::read(section)?,
            keys: clients(section)?,
        })
    }
}

impl Tls {
    pub(super) fn read(section: &mut Section) -> Result<Option<Self>, SettingError> {
        let Some(mut tls) = section.table("tls")? else { return Ok(None) };
        let certificate = SettingFile::required(&mut tls, "certificate_file")?;
        let private_key = SettingFile::required(&mut tls, "private_key_file")?.kept_secret(&tls);
        section.end(tls)?;
        Ok(Some(Self { certificate, private_key }))
    }

    pub(crate) fn files(&self) -> [&SettingFile; 2] {
        [&self.certificate, &self.private_key]
    }
}

fn signing_key(section: &mut Section) -> Result<SigningKeySetting, SettingError> {
    let Some(mut key) = section.table("signing_key")? else {
        return Err(SettingError::new(format!(
            "{} is missing: it must be {{ version = 1, private_key_file = \"keys/wallet-private.pem\" }}, the key that signs answers",
            section.path_of("signing_key")
        )));
    };
    let version = key.required("version", &KEY_VERSION)?;
    let file = SettingFile::optional(&mut key, "private_key_file")?;
    let place = match (file, key.table("pkcs11")?) {
        (Some(file), None) => KeyPlace::File(file.kept_secret(&key)),
        (None, Some(mut token)) => {
            let setting = TokenSetting::read(&mut token, key.path_of("pkcs11"))?;
            key.end(token)?;
            KeyPlace::Token(Box::new(setting))
        }
        (file, _) => {
            let has = if file.is_some() { "both" } else { "neither" };
            return Err(SettingError::new(format!(
                "{} has {has} of private_key_file and pkcs11, but must have one of them: the private key's file, or its place in a token",
                section.path_of("signing_key")
            )));
        }
    };
    section.end(key)?;
    Ok(SigningKeySetting { version, place })
}

impl TokenSetting {
    fn read(token: &mut Section, setting: String) -> Result<Self, SettingError> {
        let module = SettingFile::required(token, "module")?;
        let token_label = token.required("token_label", &TOKEN_LABEL)?;
        let key_label = token.required("key_label", &KEY_LABEL)?;
        let key_id = token.optional("key_id", &KEY_ID)?;
        let pin = SettingFile::required(token, "pin_file")?.kept_secret(token);
        let public_key = SettingFile::optional(token, "public_key_file")?;
        let sessions = token.or("sessions", "4", &SESSIONS)?;
        Ok(Self { setting, module, token_label, key_label, key_id, pin, public_key, sessions })
    }
}

fn clients(section: &mut Section) -> Result<Vec<ClientKeySetting>, SettingError> {
    let (mut keys, mut ids) = (Vec::new(), HashSet::new());
    for mut client in section.tables("clients")? {
        let client_id = client.required("client_id", &CLIENT_ID)?;
        if !ids.insert(client_id.clone()) {
            return Err(SettingError::new(format!(
                "{} is {client_id:?} a second time: list all keys of a client in one entry",
                client.path_of("client_id")
            )));
        }
        keys.extend(keys_of(&mut client, &client_id)?);
        section.end(client)?;
    }
    if keys.is_empty() {
        return Err(SettingError::new(format!(
            "{} is missing: name each client of Alipay+ with client_id and keys, or nobody can call",
            section.path_of("clients")
        )));
    }
    Ok(keys)
}

fn keys_of(client: &mut Section, client_id: &str) -> Result<Vec<ClientKeySetting>, SettingError> {
    let (mut keys, mut versions) = (Vec::new(), HashSet::new());
    for mut key in client.tables("keys")? {
        let version = key.required("version", &KEY_VERSION)?;
        if !versions.insert(version) {
            let path = key.path_of("version");
            return Err(SettingError::new(format!(
                "{path} is {version} a second time: each key of a client has a version of its own"
            )));
        }
        let file = SettingFile::required(&mut key, "public_key_file")?;
        let not_before = key.optional("not_before", &INSTANT)?;
        let not_after = key.optional("not_after", &INSTANT)?;
        if let (Some(from), Some(to)) = (not_before, not_after)
            && from >= to
        {
            return Err(SettingError::new(format!("{} is {to}, but must be later than not_before", key.path_of("not_after"))));
        }
        client.end(key)?;
        keys.push(ClientKeySetting { client_id: client_id.to_owned(), version, file, not_before, not_after });
    }
    if keys.is_empty() {
        let path = client.path_of("keys");
        return Err(SettingError::new(format!("{path} is missing: it must be [{{ version = 1, public_key_file = \"…\" }}]")));
    }
    Ok(keys)
}
