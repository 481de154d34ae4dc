//! What one signature costs: `cargo bench -p adapters-keys`.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot be made ends")]

use std::cell::Cell;
use std::sync::Arc;

use adapters_keys::{ClientKey, FileSigner, KeyPair, Keyring, MemoizedSigner, generate};
use chrono::DateTime;
use divan::{Bencher, black_box};
use ports::{MessageSigner, MessageVerifier, SignedText};

/// As long as a cancel's.
const TEXT: [u8; 250] = [b'x'; 250];

fn main() {
    divan::main();
}

fn signer(pair: &KeyPair) -> FileSigner {
    FileSigner::from_pem(1, pair.private_pem.as_bytes()).unwrap()
}

fn sign(signer: &FileSigner, text: &[u8]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(signer.sign(text)).unwrap().bytes
}

#[divan::bench]
fn verify(bencher: Bencher<'_, '_>) {
    let pair = generate().unwrap();
    let pem = pair.public_pem.clone().into_bytes();
    let key = ClientKey { client_id: "client".to_owned(), version: 1, pem, not_before: None, not_after: None };
    let (keyring, signature) = (Keyring::new(vec![key]).unwrap(), sign(&signer(&pair), &TEXT));
    let signed = SignedText { client_id: "client", key_version: Some(1), text: &TEXT, signature: &signature };
    bencher.bench_local(|| assert!(keyring.verify(black_box(&signed), DateTime::UNIX_EPOCH)));
}

#[divan::bench]
fn sign_a_new_text(bencher: Bencher<'_, '_>) {
    let (signer, number) = (signer(&generate().unwrap()), Cell::new(0_u64));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    bencher.bench_local(|| {
        number.set(number.get() + 1);
        runtime.block_on(signer.sign(&number.get().to_le_bytes()))
    });
}

#[divan::bench]
fn sign_a_text_again(bencher: Bencher<'_, '_>) {
    let signer = MemoizedSigner::new(Arc::new(signer(&generate().unwrap())));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    bencher.bench_local(|| runtime.block_on(signer.sign(black_box(&TEXT))));
}
