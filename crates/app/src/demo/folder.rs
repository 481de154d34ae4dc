//! The demonstration's own folder: keys of both sides, settings, database and log.

use std::fs::{DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use super::rows::PSP_ID;
use crate::keys;
use crate::output::CliError;

/// The client that Alipay+ is in the demonstration.
pub(super) const CLIENT_ID: &str = "SANDBOX_ALIPAYPLUS";
/// The version of every key in the demonstration.
pub(super) const KEY_VERSION: u32 = 1;
/// Alipay+'s private key, which a real wallet never has.
pub(super) const PARTNER_PRIVATE_KEY: &str = "alipayplus-private.pem";
const PARTNER_PUBLIC_KEY: &str = "alipayplus-public.pem";

/// The folder, by its absolute path.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes a folder that was not there, with everything that the service needs.
    pub(super) fn make(named: Option<PathBuf>) -> Result<Self, CliError> {
        let made = match named {
            Some(path) => make_new(&path)?.ok_or_else(|| {
                CliError::new(format!("{} is there already; the demonstration makes a new folder", path.display()))
            })?,
            None => make_random()?,
        };
        let folder = Self(made);
        keys::write_all(&folder.0)?;
        keys::write_pair(&folder.0, [PARTNER_PRIVATE_KEY, PARTNER_PUBLIC_KEY])?;
        keys::write_new(&folder.settings(), &folder.settings_text(), 0o644)?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn settings(&self) -> PathBuf {
        self.0.join("rescind.toml")
    }

    /// A file of the folder, as text.
    pub(super) fn read(&self, name: &str) -> Result<String, CliError> {
        let path = self.0.join(name);
        std::fs::read_to_string(&path).map_err(|error| CliError::new(format!("{} cannot be read: {error}", path.display())))
    }

    /// The file for the service's log.
    pub(super) fn log(&self) -> Result<(PathBuf, File), CliError> {
        let path = self.0.join("rescind.log");
        let file = File::options().append(true).create(true).open(&path);
        let file = file.map_err(|error| CliError::new(format!("{} cannot be written: {error}", path.display())))?;
        Ok((path, file))
    }

    fn settings_text(&self) -> String {
        // A text in JSON is a text in TOML.
        let quoted = |text: String| serde_json::Value::from(text).to_string();
        let file = |name: &str| quoted(self.0.join(name).display().to_string());
        let database = quoted(format!("sqlite://{}", self.0.join("rescind.db").display()));
        format!(
            r#"# Made by `rescind demo`. Port 0 is any free port.
[callback]
listen = "127.0.0.1:0"
psp_id = "{PSP_ID}"
signing_key = {{ version = {KEY_VERSION}, private_key_file = {private} }}
[[callback.clients]]
client_id = "{CLIENT_ID}"
keys = [{{ version = {KEY_VERSION}, public_key_file = {partner} }}]
[wallet_api]
listen = "127.0.0.1:0"
tokens_file = {tokens}
[database]
url = {database}
"#,
            private = file(keys::PRIVATE_KEY),
            partner = file(PARTNER_PUBLIC_KEY),
            tokens = file(keys::TOKENS),
        )
    }
}

/// `None` where something of that name is there.
fn make_new(path: &Path) -> Result<Option<PathBuf>, CliError> {
    let failure = |error| CliError::new(format!("the folder {} cannot be made: {error}", path.display()));
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => path.canonicalize().map(Some).map_err(failure),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(failure(error)),
    }
}

fn make_random() -> Result<PathBuf, CliError> {
    for _ in 0..100 {
        let mut bytes = [0; 2];
        SystemRandom::new().fill(&mut bytes).map_err(|_| CliError::new("the machine has no random numbers"))?;
        if let Some(made) = make_new(Path::new(&format!("rescind-demo-{:04x}", u16::from_be_bytes(bytes))))? {
            return Ok(made);
        }
    }
    Err(CliError::new("no name was free for a new folder; remove some rescind-demo-… or name one by --dir"))
}
