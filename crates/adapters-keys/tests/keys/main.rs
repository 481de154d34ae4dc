//! Keys from files: what they sign and verify, which files are refused, and how keys are exchanged.
#![cfg(test)]

mod contract;
mod reload;
mod vectors;

use adapters_keys::{ClientKey, FileSigner, KeyPair};
use chrono::{DateTime, Utc};

const CLIENT: &str = "SANDBOX_TEST0001";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_294_245_000).unwrap()
}

fn signer(version: u32, pair: &KeyPair) -> FileSigner {
    FileSigner::from_pem(version, pair.private_pem.as_bytes()).unwrap()
}

/// The public key of a pair, always in force.
fn public(version: u32, pair: &KeyPair) -> ClientKey {
    let pem = pair.public_pem.clone().into_bytes();
    ClientKey { client_id: CLIENT.into(), version, pem, not_before: None, not_after: None }
}
