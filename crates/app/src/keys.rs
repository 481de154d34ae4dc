//! `rescind keys`: makes the wallet's key pair and the tokens of its API, and prints the public key for upload.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::output::{CliError, print_line};
use crate::settings::Settings;
use crate::wiring;

/// The wallet's private key; it signs every answer.
pub(crate) const PRIVATE_KEY: &str = "wallet-private.pem";
/// The wallet's public key; Alipay+ verifies answers with it.
pub(crate) const PUBLIC_KEY: &str = "wallet-public.pem";
/// The tokens of the wallet API.
pub(crate) const TOKENS: &str = "wallet-api-tokens";

const SECRET: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// Makes the files and says what to do with them.
pub(crate) fn generate(dir: &Path) -> Result<(), CliError> {
    write_all(dir)?;
    let shown = dir.display();
    print_line(format_args!("{shown}/{PRIVATE_KEY}  signs the answers: callback.signing_key.private_key_file"))?;
    print_line(format_args!("{shown}/{PUBLIC_KEY}   upload this one to Alipay+ (Developer Center, Settings, public key)"))?;
    print_line(format_args!("{shown}/{TOKENS}   lines of NAME ROLE TOKEN for the wallet: wallet_api.tokens_file"))?;
    print_line("Alipay+ shows its own public key after the upload; save it and name it in callback.clients.")
}

/// Prints the public half of the key that signs the answers, in PEM.
pub(crate) fn print_public(settings: &Settings) -> Result<(), CliError> {
    print_line(wiring::own_public_key(settings)?.trim_end())
}

/// Makes the files; refuses before anything is written if one of them is there.
pub(crate) fn write_all(dir: &Path) -> Result<(), CliError> {
    for name in [PRIVATE_KEY, PUBLIC_KEY, TOKENS] {
        if dir.join(name).symlink_metadata().is_ok() {
            return Err(CliError::new(format!("{} is there already and is never overwritten", dir.join(name).display())));
        }
    }
    create_dir(dir)?;
    write_pair(dir, [PRIVATE_KEY, PUBLIC_KEY])?;
    let tokens = format!("wallet pay {}\noperator operator {}\n", token()?, token()?);
    write_new(&dir.join(TOKENS), &tokens, SECRET)
}

/// Makes one key pair in files of these names, the private key's first.
pub(crate) fn write_pair(dir: &Path, [private, public]: [&str; 2]) -> Result<(), CliError> {
    let pair = wiring::key_pair()?;
    write_new(&dir.join(private), &pair.private_pem, SECRET)?;
    write_new(&dir.join(public), &pair.public_pem, PUBLIC)
}

/// Makes a folder that others cannot look into, unless it is there.
pub(crate) fn create_dir(dir: &Path) -> Result<(), CliError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| CliError::new(format!("the folder {} cannot be made: {error}", dir.display())))
}

/// Writes a file that must not be there yet.
pub(crate) fn write_new(path: &Path, content: &str, mode: u32) -> Result<(), CliError> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| file.write_all(content.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| {
        let path = path.display();
        if error.kind() == ErrorKind::AlreadyExists {
            return CliError::new(format!("{path} is there already and is never overwritten"));
        }
        CliError::new(format!("{path} cannot be written: {error}"))
    })
}

/// 256 random bits.
fn token() -> Result<String, CliError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| CliError::new("the machine has no random numbers to make a token of"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
