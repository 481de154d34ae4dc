//! Keys that are exchanged while they are in use, and what is left of those that were.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use adapters_keys::{ClientKey, KeyPair, Keyring, Reloadable, generate};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use ports::{MessageSigner, MessageVerifier, SignedText};

use crate::{CLIENT, now, public, signer};

#[tokio::test(flavor = "multi_thread")]
async fn f26_a_signature_names_the_key_that_made_it_during_an_exchange() {
    let pairs = [generate().unwrap(), generate().unwrap()];
    let keyring = Keyring::new(vec![public(0, &pairs[0]), public(1, &pairs[1])]).unwrap();
    let in_use = Reloadable::new(signer(0, &pairs[0]));
    let exchanged = AtomicBool::new(false);
    let signatures = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(|| sign_until(&in_use, &exchanged))).collect();
        for round in 1..=50_usize {
            in_use.exchange(signer(u32::from(round % 2 == 1), &pairs[round % 2]));
        }
        exchanged.store(true, Ordering::Release);
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<Vec<_>>()
    });
    for (key_version, signature) in &signatures {
        let signed = SignedText { client_id: CLIENT, key_version: Some(*key_version), text: b"text", signature };
        assert!(keyring.verify(&signed, now()), "not made by version {key_version}");
    }
}

/// Signs until the last exchange is over, and once more.
fn sign_until(signer: &dyn MessageSigner, exchanged: &AtomicBool) -> Vec<(u32, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut made = Vec::new();
    loop {
        let last = exchanged.load(Ordering::Acquire);
        let signature = runtime.block_on(signer.sign(b"text")).unwrap();
        made.push((signature.key_version, signature.bytes));
        if last {
            return made;
        }
    }
}

#[tokio::test]
async fn f26_an_expired_key_is_not_found_while_its_successor_verifies() {
    let [old, new] = [generate().unwrap(), generate().unwrap()];
    let in_use = Reloadable::new(Keyring::new(vec![public(1, &old)]).unwrap());
    let (begin, end) = (now(), now() + TimeDelta::days(1));
    let ending = ClientKey { not_after: Some(end), ..public(1, &old) };
    let beginning = ClientKey { not_before: Some(begin), ..public(2, &new) };
    let millisecond = TimeDelta::milliseconds(1);
    let shared = in_use.clone();
    assert!(!shared.knows_key(CLIENT, Some(2), begin));
    in_use.exchange(Keyring::new(vec![ending, beginning]).unwrap());

    let by_old = signer(1, &old).sign(b"text").await.unwrap().bytes;
    let by_new = signer(2, &new).sign(b"text").await.unwrap().bytes;
    for (at, old_counts, new_counts) in [
        (begin - millisecond, true, false),
        (begin, true, true),
        (end - millisecond, true, true),
        (end, false, true),
        (end + TimeDelta::days(365), false, true),
    ] {
        for (version, signature, counts) in [(1, &by_old, old_counts), (2, &by_new, new_counts)] {
            let signed = SignedText { client_id: CLIENT, key_version: Some(version), text: b"text", signature };
            assert_eq!(shared.knows_key(CLIENT, Some(version), at), counts, "version {version} at {at}");
            assert_eq!(shared.verify(&signed, at), counts, "version {version} at {at}");
        }
    }
    assert!(shared.knows_client(CLIENT) && !shared.knows_client("SANDBOX_TEST0002"));
}

#[tokio::test]
async fn f26_nothing_of_a_key_is_left_in_memory_once_it_is_exchanged() {
    let pair = generate().unwrap();
    let traces = traces_of(&pair);
    let in_use = Reloadable::new(signer(1, &pair));
    assert_ne!(places(&traces)[0], 0, "a text that is still held is in memory, or this looks at the wrong place");
    drop(pair);
    in_use.sign(b"text").await.unwrap();
    let found = places(&traces);
    assert_eq!(found[..2], [0, 0], "a private key's text and DER are wiped as soon as it is read");
    assert_ne!(found[2], 0, "a key in force is in memory, or this looks at the wrong place");
    in_use.exchange(signer(2, &generate().unwrap()));
    assert_eq!(places(&traces), [0, 0, 0]);
}

/// A piece of the private key as it stands in PEM, in DER and in AWS-LC's words: each byte inverted, so that what is looked for
/// is not found in itself.
fn traces_of(pair: &KeyPair) -> [Vec<u8>; 3] {
    // Each line holds 48 bytes of the DER; the eleventh lies within the private exponent.
    let line = pair.private_pem.lines().nth(11).unwrap().as_bytes();
    let mut hidden = Vec::new();
    for group in line.chunks(4) {
        let mut bytes = [0; 3];
        STANDARD.decode_slice(group, &mut bytes).unwrap();
        hidden.extend(bytes.map(|byte| !byte));
        bytes.fill(0);
        std::hint::black_box(&mut bytes);
    }
    let text = line.iter().map(|byte| !byte).collect();
    let words = hidden.iter().rev().copied().collect();
    [text, hidden, words]
}

/// How often each is found in this process's memory.
fn places(hidden: &[Vec<u8>; 3]) -> [usize; 3] {
    const PIECE: usize = 1 << 20;
    let memory = File::open("/proc/self/mem").unwrap();
    let mut found = [0; 3];
    let mut piece = vec![0; PIECE];
    for [from, to] in writable_areas() {
        for begin in (from..to).step_by(PIECE) {
            let length = PIECE.min(usize::try_from(to - begin).unwrap());
            // Inverted at once, so that this copy of the memory holds nothing that is looked for.
            let Ok(()) = memory.read_exact_at(&mut piece[..length], begin) else { continue };
            piece.iter_mut().for_each(|byte| *byte = !*byte);
            for (count, hidden) in found.iter_mut().zip(hidden) {
                *count += piece[..length].windows(hidden.len()).filter(|bytes| bytes == hidden).count();
            }
            // What was hidden is plain in the piece now, and the piece itself is looked at, too.
            piece.fill(0);
        }
    }
    found
}

fn writable_areas() -> Vec<[u64; 2]> {
    let lines = BufReader::new(File::open("/proc/self/maps").unwrap()).lines();
    let lines = lines.map(|line| line.unwrap()).filter(|line| line.contains(" rw"));
    let address = |text: &str| u64::from_str_radix(text, 16).unwrap();
    lines
        .map(|line| {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            [address(from), address(to)]
        })
        .collect()
}
