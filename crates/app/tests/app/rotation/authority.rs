//! A certificate authority of a test's own.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// An authority; gone with its keys when dropped.
pub(crate) struct Authority(tempfile::TempDir);

/// A certificate with its private key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

impl Authority {
    /// A new one, valid for this many days.
    pub(crate) fn new(days: i32) -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        let days = days.to_string();
        let own = ["-subj", "/CN=authority of a test", "-days", &days, "-keyout", "ca-key.pem", "-out", "ca.pem"];
        this.openssl(&[&["req", "-x509"], &NEW_KEY[..], &own].concat());
        this
    }

    /// Its certificate.
    pub(crate) fn pem(&self) -> String {
        self.read("ca.pem")
    }

    /// A new pair for this machine, valid for this many days; none of them where the number is negative.
    pub(crate) fn issue(&self, days: i32) -> Pair {
        self.openssl(&[&["req"], &NEW_KEY[..], &["-subj", "/CN=peer", "-keyout", "key.pem", "-out", "request.pem"]].concat());
        fs::write(self.0.path().join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n").unwrap();
        let (days, sign) = (days.to_string(), ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem"]);
        let rest = ["-CAcreateserial", "-extfile", "names", "-out", "certificate.pem", "-days", &days];
        self.openssl(&[&sign[..], &rest].concat());
        Pair { certificate: self.read("certificate.pem"), key: self.read("key.pem") }
    }

    fn openssl(&self, arguments: &[&str]) {
        let made = Command::new("openssl").args(arguments).current_dir(&self.0).output().unwrap();
        assert!(made.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&made.stderr));
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

impl Pair {
    /// The certificate as a peer sees it.
    pub(crate) fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap().to_vec()
    }

    /// As a server of rustls takes it.
    pub(crate) fn for_server(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        (vec![CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()], key)
    }
}

/// A folder whose files are exchanged at one moment, as Kubernetes does it: each is a link through `..data`, and that is a link
/// too.
pub(crate) struct LinkedFolder<'a>(&'a Path);

impl<'a> LinkedFolder<'a> {
    /// A new folder with these files.
    pub(crate) fn with(folder: &'a Path, files: &[(&str, &str)]) -> Self {
        fs::create_dir(folder).unwrap();
        let this = Self(folder);
        this.exchange("1", files);
        for (name, _) in files {
            std::os::unix::fs::symlink(Path::new("..data").join(name), folder.join(name)).unwrap();
        }
        this
    }

    /// Exchanges all of them; `version` is a name that was not used before.
    pub(crate) fn exchange(&self, version: &str, files: &[(&str, &str)]) {
        let (version, next) = (format!("..{version}"), self.0.join("..data_tmp"));
        fs::create_dir(self.0.join(&version)).unwrap();
        files.iter().for_each(|(name, content)| super::write_secret(&self.0.join(&version).join(name), content));
        std::os::unix::fs::symlink(&version, &next).unwrap();
        fs::rename(next, self.0.join("..data")).unwrap();
    }
}
