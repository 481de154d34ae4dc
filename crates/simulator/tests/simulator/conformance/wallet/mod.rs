//! A wallet built for these tests: a small one that is right, and that can be given one fault.

mod api;
mod callback;
mod core;
mod faults;
mod rules;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicUsize;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use aws_lc_rs::rsa::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;

pub(crate) use faults::Fault;
use rules::Wallet;

pub(crate) const PATH: &str = "/v1/payments/cancelPayment";
pub(crate) const INQUIRY_PATH: &str = "/v1/payments/inquiryPayment";
pub(crate) const CLIENT: &str = "SANDBOX_TEST0001";
pub(crate) const PSP: &str = "1022172000000000001";

/// What the wallet is served with.
pub(crate) struct Served {
    wallet: Wallet,
    /// The wallet's own.
    key: KeyPair,
    /// DER of the public one.
    alipayplus_key: Vec<u8>,
    /// Has the money, where the wallet's own books do not count.
    core: Option<String>,
    /// How many good cancels came.
    cancels: AtomicUsize,
}

/// Both sides' keys, in files.
pub(crate) struct Keys(tempfile::TempDir);

/// A wallet that serves until it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
}

impl Keys {
    /// Made by openssl.
    pub(crate) fn new() -> Self {
        let keys = Self(tempfile::tempdir().unwrap());
        for side in ["alipayplus", "wallet"] {
            keys.openssl(&format!("genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {side}.pem"));
            keys.openssl(&format!("pkey -in {side}.pem -pubout -out {side}-public.pem"));
        }
        std::fs::write(keys.file("tokens"), "suite pay secret\n").unwrap();
        keys
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, args: &str) {
        let output = Command::new("openssl").args(args.split(' ')).current_dir(self.0.path()).output().unwrap();
        assert!(output.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Running {
    /// Starts one on a free port, its clock ahead by so much.
    pub(crate) fn start(keys: &Keys, fault: Option<Fault>, clock_ahead: TimeDelta) -> Self {
        Self::serve(keys, (fault, clock_ahead), None)
    }

    /// Starts a right one whose money is in this core.
    pub(crate) fn with_core(keys: &Keys, core: &str) -> Self {
        Self::serve(keys, (None, TimeDelta::zero()), Some(core.to_owned()))
    }

    fn serve(keys: &Keys, (fault, clock_ahead): (Option<Fault>, TimeDelta), core: Option<String>) -> Self {
        let served = web::Data::new(Served {
            wallet: Wallet::new(fault, clock_ahead),
            key: KeyPair::from_pkcs8(&der(&keys.file("wallet.pem"))).unwrap(),
            alipayplus_key: der(&keys.file("alipayplus-public.pem")),
            core,
            cancels: AtomicUsize::new(0),
        });
        let app = move || {
            let app = App::new().app_data(served.clone()).configure(api::three);
            let app = app.configure(|app| {
                if fault != Some(Fault::ServesThreeCallsOnly) {
                    api::more(app)
                }
            });
            app.default_service(web::to(callback::answer))
        };
        let server = HttpServer::new(app).workers(2).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let (address, server) = (server.addrs()[0], server.run());
        let handle = server.handle();
        std::thread::spawn(move || actix_web::rt::System::new().block_on(server));
        Self { address, handle }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

fn der(file: &Path) -> Vec<u8> {
    let pem = std::fs::read_to_string(file).unwrap();
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with('-')).collect::<String>()).unwrap()
}
