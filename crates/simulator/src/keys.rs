//! RSA keys out of files: PEM, or the bare base64 that Alipay+'s key tool gives.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use rustls_pki_types::pem::{PemObject, SectionKind};

use crate::output::{CommandError, read, say};

/// The key that Alipay+ signs requests with.
pub(crate) struct SigningKey(KeyPair);

/// The key that the wallet signs answers with.
pub(crate) struct WalletKey(ParsedPublicKey);

impl SigningKey {
    /// Reads a private key in PKCS#8 or PKCS#1.
    pub(crate) fn from_file(file: &Path) -> Result<Self, CommandError> {
        let der = der(&read(file)?, &[SectionKind::PrivateKey, SectionKind::RsaPrivateKey]);
        let key = der.and_then(|der| KeyPair::from_pkcs8(&der).or_else(|_| KeyPair::from_der(&der)).ok());
        key.map(Self).ok_or_else(|| unusable(file, "an unencrypted RSA private key in PKCS#8 or PKCS#1"))
    }

    /// A new key that nobody knows.
    pub(crate) fn generate() -> Result<Self, CommandError> {
        KeyPair::generate(KeySize::Rsa2048).map(Self).map_err(|_| CommandError::new("a key could not be made"))
    }

    /// Both keys in PEM: the private one in PKCS#8, the public one in SubjectPublicKeyInfo.
    fn pem(&self) -> Result<(String, String), CommandError> {
        let unwritable = |_| CommandError::new("a key could not be written");
        let private: Pkcs8V1Der<'_> = self.0.as_der().map_err(unwritable)?;
        let public: PublicKeyX509Der<'_> = self.0.public_key().as_der().map_err(unwritable)?;
        Ok((pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref())))
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, CommandError> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let signed = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature);
        signed.map_err(|_| CommandError::new("the signature could not be made")).map(|()| signature)
    }
}

impl WalletKey {
    /// Reads a public key in SubjectPublicKeyInfo.
    pub(crate) fn from_file(file: &Path) -> Result<Self, CommandError> {
        let der = der(&read(file)?, &[SectionKind::PublicKey]);
        let key = der.and_then(|der| ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &der).ok());
        key.map(Self).ok_or_else(|| unusable(file, "an RSA public key (PUBLIC KEY) of 2048 bits or more"))
    }

    pub(crate) fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(text, signature).is_ok()
    }
}

/// Makes keys.
#[derive(Subcommand, Debug)]
pub(crate) enum KeysCommand {
    /// Makes a pair of RSA keys of 2048 bits for the side of Alipay+, in two files
    Generate {
        /// The folder for alipayplus-private.pem and alipayplus-public.pem; neither may be there
        folder: PathBuf,
    },
}

/// Runs the command that was asked for.
pub(crate) fn run(command: &KeysCommand) -> Result<ExitCode, CommandError> {
    let KeysCommand::Generate { folder } = command;
    let (private, public) = SigningKey::generate()?.pem()?;
    let failed = |file: &Path, error: io::Error| CommandError::new(format!("{} cannot be made: {error}", file.display()));
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    for (name, text, mode) in [("alipayplus-private.pem", private, 0o600), ("alipayplus-public.pem", public, 0o644)] {
        let file = folder.join(name);
        let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(&file);
        let written = made.and_then(|mut made| made.write_all(text.as_bytes()));
        written.map_err(|error| failed(&file, error))?;
        say(file.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn unusable(file: &Path, wanted: &str) -> CommandError {
    CommandError::new(format!("{} does not hold {wanted}", file.display()))
}

/// The DER of the file's only section of one of these kinds, or of a file without any armour.
fn der(file: &[u8], kinds: &[SectionKind]) -> Option<Vec<u8>> {
    let armoured = file.windows(11).any(|window| window == b"-----BEGIN ");
    if !armoured {
        let base64: Vec<u8> = file.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
        return STANDARD.decode(base64).ok();
    }
    let sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(file).collect::<Result<Vec<_>, _>>().ok()?;
    let mut wanted = sections.into_iter().filter(|(kind, _)| kinds.contains(kind));
    wanted.next().filter(|_| wanted.next().is_none()).map(|(_, der)| der)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use serde_json::Value;

    use super::*;

    const VECTORS: &str = include_str!("../../adapters-keys/tests/fixtures/vectors.json");

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn file(&self, name: &str, content: impl AsRef<[u8]>) -> std::path::PathBuf {
            let file = self.0.path().join(name);
            std::fs::write(&file, content).unwrap();
            file
        }

        fn openssl(&self, args: &str) -> Vec<u8> {
            let output = Command::new("openssl").args(args.split(' ')).current_dir(self.0.path()).output().unwrap();
            assert!(output.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        }
    }

    #[test]
    fn every_vector_is_reproduced_byte_for_byte_and_verifies() {
        let vectors: Value = serde_json::from_str(VECTORS).unwrap();
        let folder = Folder::new();
        let cases = vectors["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 3);
        for case in cases {
            let part = |name: &str| case[name].as_str().unwrap();
            let key = |form: &str| folder.file(form, vectors["keys"][part("signer")][form].as_str().unwrap());
            let hex = part("body_hex");
            let body: Vec<u8> = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
            let (method, uri, client_id) = (part("method"), part("path"), part("client_id"));
            let text = crate::signature::Content { method, uri, client_id, time: part("time"), body: &body }.text();
            let signature = SigningKey::from_file(&key("private_pkcs8_der_b64")).unwrap().sign(&text).unwrap();
            assert_eq!(crate::signature::encode(&signature), part("sig_pct"), "{}", part("name"));
            assert!(WalletKey::from_file(&key("public_spki_der_b64")).unwrap().verify(&text, &signature), "{}", part("name"));
        }
    }

    #[test]
    fn openssl_verifies_what_is_signed_here_and_the_other_way_round() {
        let folder = Folder::new();
        folder.openssl("genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out pkcs8.pem");
        folder.openssl("rsa -in pkcs8.pem -traditional -out pkcs1.pem");
        folder.openssl("pkey -in pkcs8.pem -pubout -out public.pem");
        folder.file("text", "POST /cancel\nclient.time.{}");
        let by_openssl = folder.openssl("dgst -sha256 -sign pkcs8.pem text");
        for form in ["pkcs8.pem", "pkcs1.pem"] {
            let key = SigningKey::from_file(&folder.0.path().join(form)).unwrap();
            let signature = key.sign(b"POST /cancel\nclient.time.{}").unwrap();
            assert_eq!(signature, by_openssl, "{form}");
            folder.file("signature", &signature);
            folder.openssl("dgst -sha256 -verify public.pem -signature signature text");
        }
        let public = WalletKey::from_file(&folder.0.path().join("public.pem")).unwrap();
        assert!(public.verify(b"POST /cancel\nclient.time.{}", &by_openssl));
        assert!(!public.verify(b"POST /cancel\nclient.time.{} ", &by_openssl));
    }

    #[test]
    fn generated_keys_are_read_again_and_openssl_takes_them() {
        let folder = Folder::new();
        let inside = folder.0.path().join("new");
        run(&KeysCommand::Generate { folder: inside.clone() }).unwrap();
        let (private, public) = (inside.join("alipayplus-private.pem"), inside.join("alipayplus-public.pem"));
        let signature = SigningKey::from_file(&private).unwrap().sign(b"text").unwrap();
        assert!(WalletKey::from_file(&public).unwrap().verify(b"text", &signature));
        assert_eq!(folder.openssl("pkey -in new/alipayplus-private.pem -pubout"), std::fs::read(&public).unwrap());
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&private).unwrap().permissions()) & 0o777, 0o600);
        let again = run(&KeysCommand::Generate { folder: inside }).unwrap_err().to_string();
        assert!(again.contains("alipayplus-private.pem cannot be made"), "{again}");
    }

    #[test]
    fn a_file_without_the_one_key_is_refused_by_name() {
        let folder = Folder::new();
        folder.openssl("genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem");
        let refused = |file: &Path| SigningKey::from_file(file).err().unwrap().to_string();
        assert!(refused(&folder.0.path().join("ec.pem")).contains("ec.pem does not hold an unencrypted RSA private key"));
        assert!(refused(&folder.0.path().join("absent")).contains("absent cannot be read"));
        assert!(WalletKey::from_file(&folder.file("text", "!")).is_err());
    }
}
