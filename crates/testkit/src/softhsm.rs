//! SoftHSM, a token in files, for one test: with its own tokens, as a module that fails and hangs when the test says so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use adapters_keys::{ClientKey, Keyring};
// An adapter is no dependency of another one's tests.
pub use adapters_keys::{KeyPair, MemoizedSigner, Reloadable, generate, public_key};
use ports::{MessageVerifier, SignedText};

use crate::CLIENT_ID;

/// The user's PIN of every token. No other text holds it by chance.
pub const PIN: &str = "84029-17356-pin";
/// The label of a test's token.
pub const TOKEN: &str = "rescind test";

/// Where Debian has it.
const LIBRARY: &str = "/usr/lib/softhsm/libsofthsm2.so";
const SOURCE: &str = include_str!("softhsm/module.c");

/// A folder with tokens and the module that shows them. Both are gone when it is dropped, but for what is loaded.
pub struct SoftHsm(tempfile::TempDir);

/// What the module does instead of what it should, until it is mended.
#[derive(Debug, Clone, Copy)]
pub enum ModuleFault {
    /// `C_Sign` does not return.
    Hangs,
    /// `C_Sign` returns a signature that is wrong by one bit.
    Garbles,
    /// The device is gone: sessions cannot be used and not be opened.
    Removed,
    /// `C_Sign` fails one time.
    FailsOnce,
}

impl ModuleFault {
    fn file(self) -> &'static str {
        match self {
            Self::Hangs => "hangs",
            Self::Garbles => "garbles",
            Self::Removed => "removed",
            Self::FailsOnce => "fails-once",
        }
    }
}

impl SoftHsm {
    /// A module with one empty token of the label [`TOKEN`].
    ///
    /// # Panics
    /// Where SoftHSM or a C compiler is missing.
    pub fn with_token() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        assert!(Path::new(LIBRARY).exists(), "{LIBRARY} is missing; run scripts/test, or install softhsm2");
        for folder in ["tokens", "away", "discarded"] {
            fs::create_dir(path(folder)).unwrap();
        }
        let tokens = path("tokens");
        let configuration =
            format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
        fs::write(path("softhsm2.conf"), configuration).unwrap();
        fs::copy(LIBRARY, path("libsofthsm2.so")).unwrap();
        fs::write(path("module.c"), SOURCE).unwrap();
        let define = |name: &str, value: &Path| format!("-D{name}=\"{}\"", value.display());
        let lock = std::env::temp_dir().join("rescind-test-softhsm.lock");
        run(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(path("module.so")).arg(path("module.c")).args([
            define("FOLDER", dir.path()),
            define("LIBRARY", &path("libsofthsm2.so")),
            define("LOCK", &lock),
            "-ldl".to_owned(),
        ]));
        let new = Self(dir);
        new.add_token(TOKEN);
        new
    }

    /// The module's library.
    pub fn module(&self) -> PathBuf {
        self.0.path().join("module.so")
    }

    /// Makes one more token, which may have the label of another.
    pub fn add_token(&self, label: &str) {
        run(self.util().args(["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "so-84029"]));
    }

    /// Puts a key pair into [`TOKEN`]. `id` is in hexadecimal digits.
    pub fn import(&self, label: &str, id: &str, private_pem: &str) {
        let file = self.0.path().join("imported.pem");
        fs::write(&file, private_pem).unwrap();
        run(self.util().arg("--import").arg(&file).args(["--token", TOKEN, "--label", label, "--id", id, "--pin", PIN]));
        fs::remove_file(file).unwrap();
    }

    /// A new key pair, imported.
    pub fn new_key(&self, label: &str, id: &str) -> KeyPair {
        let pair = generate().unwrap();
        self.import(label, id, &pair.private_pem);
        pair
    }

    /// Takes all tokens away.
    pub fn remove_tokens(&self) {
        self.rename_all("tokens", "away");
    }

    /// Puts the tokens back that were taken away.
    pub fn return_tokens(&self) {
        self.rename_all("away", "tokens");
    }

    /// Takes the tokens away that are there, for good.
    pub fn discard_tokens(&self) {
        self.rename_all("tokens", "discarded");
    }

    /// Puts a fault into the module.
    pub fn begin(&self, fault: ModuleFault) {
        fs::write(self.0.path().join(fault.file()), "").unwrap();
    }

    /// Takes it out again.
    pub fn end(&self, fault: ModuleFault) {
        fs::remove_file(self.0.path().join(fault.file())).unwrap();
    }

    /// How often something has happened: `logins`, `initializations` or `hung`.
    pub fn count(&self, what: &str) -> u64 {
        fs::metadata(self.0.path().join(what)).map_or(0, |file| file.len())
    }

    fn util(&self) -> Command {
        let mut command = Command::new("softhsm2-util");
        command.env("SOFTHSM2_CONF", self.0.path().join("softhsm2.conf"));
        command
    }

    fn rename_all(&self, from: &str, to: &str) {
        for token in fs::read_dir(self.0.path().join(from)).unwrap() {
            let token = token.unwrap();
            fs::rename(token.path(), self.0.path().join(to).join(token.file_name())).unwrap();
        }
    }
}

/// Whether a signature over a text was made by the private half of this key.
pub fn verifies(public_pem: &str, text: &[u8], signature: &[u8]) -> bool {
    let (client_id, pem) = (CLIENT_ID.to_owned(), public_pem.as_bytes().to_vec());
    let keyring = Keyring::new(vec![ClientKey { client_id, version: 0, pem, not_before: None, not_after: None }]).unwrap();
    let signed = SignedText { client_id: CLIENT_ID, key_version: None, text, signature };
    keyring.verify(&signed, chrono::DateTime::UNIX_EPOCH)
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
