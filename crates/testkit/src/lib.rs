//! For tests only: starts `rescind` as a wallet would and talks to it from both sides, over HTTP.
//!
//! A [`Deployment`] is a folder with settings, keys, tokens and a database. Each [`process::Process`] that serves it has its two
//! callers with it: Alipay+, which signs, and the wallet. [`core`] is a wallet core inside the test, and [`softhsm`] a token with keys.
//! [`for_each_engine!`] makes a test
//! on each database.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

pub mod core;
mod deployment;
mod engine;
pub mod partner;
pub mod process;
pub mod softhsm;
pub mod wallet;

use std::path::PathBuf;

pub use deployment::Deployment;
pub use engine::{TestEngine, run};

/// The wallet's id at Alipay+.
pub const PSP_ID: &str = "1022172000000000001";
/// The acquirer of a payment, unless a test says otherwise.
pub const ACQUIRER: &str = "1022188000000000001";
/// The client that Alipay+ is.
pub const CLIENT_ID: &str = "SANDBOX_ALIPAYPLUS";
/// Where Alipay+ calls.
pub const PATH: &str = "/aps/api/v1/payments/cancelPayment";
/// Where Alipay+ inquires.
pub const INQUIRY_PATH: &str = "/aps/api/v1/payments/inquiryPayment";

/// An HTTP client that never leaves this machine, and needs nothing of it.
pub fn loopback() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap()
}

/// A program of this workspace. Cargo puts it one folder above its tests; it builds `rescind` before the tests of the crate `app`, and
/// all programs before the tests of the workspace.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).expect("a test is in a folder of the folder with the programs");
    let program = folder.join(name);
    assert!(program.exists(), "{} is not built; run scripts/test, or cargo build --workspace", program.display());
    program
}
