//! The vectors that other implementations agree on, and what is refused.

use adapters_keys::{ClientKey, FileSigner, KeyError, Keyring, generate, private_key_in_pem};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use ports::{MessageSigner, MessageVerifier, SignedText};
use serde_json::Value;

use crate::{CLIENT, now};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../fixtures/", $name)).as_slice()
    };
}

fn vectors() -> Value {
    serde_json::from_slice(fixture!("vectors.json")).unwrap()
}

/// Keys stand in the vectors as base64 of DER without armour.
fn key(signer: &str, form: &str) -> Vec<u8> {
    vectors()["keys"][signer][form].as_str().unwrap().into()
}

struct Vector {
    name: String,
    signer: String,
    text: Vec<u8>,
    signature: Vec<u8>,
}

fn cases() -> Vec<Vector> {
    let part = |case: &Value, name: &str| case[name].as_str().unwrap().to_owned();
    let case = |case: &Value| {
        let head =
            format!("{} {}\n{}.{}.", part(case, "method"), part(case, "path"), part(case, "client_id"), part(case, "time"));
        let body = part(case, "body_hex");
        let body = (0..body.len()).step_by(2).map(|at| u8::from_str_radix(&body[at..at + 2], 16).unwrap());
        Vector {
            name: part(case, "name"),
            signer: part(case, "signer"),
            text: head.into_bytes().into_iter().chain(body).collect(),
            signature: STANDARD.decode(part(case, "sig_b64")).unwrap(),
        }
    };
    let cases: Vec<_> = vectors()["cases"].as_array().unwrap().iter().map(case).collect();
    assert_eq!(cases.len(), 3);
    cases
}

fn client_key(version: u32, pem: &[u8]) -> ClientKey {
    ClientKey { client_id: CLIENT.into(), version, pem: pem.into(), not_before: None, not_after: None }
}

fn verifies(keyring: &Keyring, vector: &Vector, key_version: Option<u32>) -> bool {
    let Vector { text, signature, .. } = vector;
    keyring.verify(&SignedText { client_id: CLIENT, key_version, text, signature }, now())
}

/// Signed by "alipayplus", then by "mpp".
fn one_vector_of_each() -> (Vector, Vector) {
    let mut cases = cases();
    (cases.remove(0), cases.remove(1))
}

fn refusal<T>(result: Result<T, KeyError>) -> String {
    let sentence = result.err().expect("the key has to be refused").to_string();
    assert!(sentence.ends_with('.') && !sentence.contains("MII"), "{sentence}");
    sentence
}

#[tokio::test]
async fn every_vector_verifies_and_is_reproduced_byte_for_byte() {
    for vector in cases() {
        let signer = FileSigner::from_pem(7, &key(&vector.signer, "private_pkcs8_der_b64")).unwrap();
        let signature = signer.sign(&vector.text).await.unwrap();
        assert_eq!((signature.key_version, &signature.bytes), (7, &vector.signature), "{}", vector.name);
        let keyring = Keyring::new(vec![client_key(1, &key(&vector.signer, "public_spki_der_b64"))]).unwrap();
        assert!(verifies(&keyring, &vector, Some(1)), "{}", vector.name);
    }
}

#[tokio::test]
async fn every_form_of_a_private_key_gives_the_same_signature() {
    let (_, vector) = one_vector_of_each();
    let bare = |pem: &[u8]| std::str::from_utf8(pem).unwrap().lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let pkcs8 = String::from_utf8(key("mpp", "private_pkcs8_der_b64")).unwrap();
    let pkcs1 = fixture!("mpp-private-pkcs1.pem");
    let forms = [
        format!("-----BEGIN PRIVATE KEY-----\n{pkcs8}\n-----END PRIVATE KEY-----\n").into_bytes(),
        pkcs1.to_vec(),
        String::from_utf8_lossy(pkcs1).replace('\n', "\r\n").into_bytes(),
        bare(pkcs1).into_bytes(),
        format!("{pkcs8}\n").into_bytes(),
        [fixture!("ec-public.pem"), pkcs1].concat(),
    ];
    for (form, file) in forms.iter().enumerate() {
        let signer = FileSigner::from_pem(1, file).unwrap();
        assert_eq!(signer.sign(&vector.text).await.unwrap().bytes, vector.signature, "form {form}");
    }
}

#[test]
fn every_form_of_a_public_key_verifies() {
    let (_, vector) = one_vector_of_each();
    let spki = String::from_utf8(key("mpp", "public_spki_der_b64")).unwrap();
    let forms = [
        spki.clone().into_bytes(),
        format!("-----BEGIN PUBLIC KEY-----\n{spki}\n-----END PUBLIC KEY-----").into_bytes(),
        fixture!("mpp-public-pkcs1.pem").to_vec(),
    ];
    for (form, file) in forms.iter().enumerate() {
        assert!(verifies(&Keyring::new(vec![client_key(1, file)]).unwrap(), &vector, Some(1)), "form {form}");
    }
}

#[test]
fn a_signature_counts_for_its_text_its_client_and_its_key_only() {
    let (vector, _) = one_vector_of_each();
    let keyring = Keyring::new(vec![client_key(1, &key("alipayplus", "public_spki_der_b64"))]).unwrap();
    let at = now();
    let signed = SignedText { client_id: CLIENT, key_version: Some(1), text: &vector.text, signature: &vector.signature };
    assert!(keyring.verify(&signed, at));
    let other_text = [&vector.text[..], b" "].concat();
    let (longer, shorter) = ([&vector.signature[..], b"\0"].concat(), &vector.signature[1..]);
    let mut flipped = vector.signature.clone();
    flipped[0] ^= 1;
    assert!(!keyring.verify(&SignedText { text: &other_text, ..signed }, at));
    assert!(!keyring.verify(&SignedText { client_id: "SANDBOX_TEST0002", ..signed }, at));
    assert!(!keyring.verify(&SignedText { key_version: Some(2), ..signed }, at));
    for signature in [&longer, shorter, &flipped, &[]] {
        assert!(!keyring.verify(&SignedText { signature, ..signed }, at));
        assert!(!keyring.verify(&SignedText { signature, key_version: None, ..signed }, at));
    }
}

#[test]
fn a_key_counts_from_not_before_until_just_before_not_after() {
    let (vector, _) = one_vector_of_each();
    let (first, end) = (now(), now() + TimeDelta::days(1));
    let windowed =
        ClientKey { not_before: Some(first), not_after: Some(end), ..client_key(3, &key("alipayplus", "public_spki_der_b64")) };
    let keyring = Keyring::new(vec![windowed]).unwrap();
    let millisecond = TimeDelta::milliseconds(1);
    for (at, counts) in [(first - millisecond, false), (first, true), (end - millisecond, true), (end, false)] {
        for key_version in [Some(3), None] {
            let signed = SignedText { client_id: CLIENT, key_version, text: &vector.text, signature: &vector.signature };
            assert_eq!(keyring.knows_key(CLIENT, key_version, at), counts, "{at} {key_version:?}");
            assert_eq!(keyring.verify(&signed, at), counts, "{at} {key_version:?}");
        }
        assert!(keyring.knows_client(CLIENT), "a client is known whatever the time");
        assert!(!keyring.knows_key(CLIENT, Some(4), at));
    }
    assert!(!keyring.knows_client("sandbox_test0001"));
}

#[test]
fn f26_two_key_versions_live_side_by_side_while_keys_are_exchanged() {
    let (by_old, by_new) = one_vector_of_each();
    let (old, new) = (key("alipayplus", "public_spki_der_b64"), key("mpp", "public_spki_der_b64"));
    let keyring = Keyring::new(vec![client_key(1, &old), client_key(2, &new)]).unwrap();
    assert!(verifies(&keyring, &by_old, Some(1)) && verifies(&keyring, &by_new, Some(2)));
    assert!(!verifies(&keyring, &by_old, Some(2)) && !verifies(&keyring, &by_new, Some(1)));
    assert!(verifies(&keyring, &by_old, None) && verifies(&keyring, &by_new, None), "without a version each key is tried");
    let expired = ClientKey { not_after: Some(now()), ..client_key(1, &old) };
    let keyring = Keyring::new(vec![expired, client_key(2, &new)]).unwrap();
    assert!(!verifies(&keyring, &by_old, None) && !verifies(&keyring, &by_old, Some(1)) && verifies(&keyring, &by_new, None));
}

#[test]
fn one_version_of_one_client_cannot_be_named_twice() {
    let public = key("mpp", "public_spki_der_b64");
    let sentence = refusal(Keyring::new(vec![client_key(1, &public), client_key(1, &public)]));
    assert!(sentence.contains("version 1") && sentence.contains(CLIENT), "{sentence}");
    let of_another = ClientKey { client_id: "SANDBOX_TEST0002".into(), ..client_key(1, fixture!("rsa-4096-public.pem")) };
    assert!(Keyring::new(vec![client_key(1, &public), client_key(2, &public), of_another]).is_ok());
}

#[test]
fn f66_one_key_of_two_clients_is_refused_in_any_form_of_it() {
    let spki = key("mpp", "public_spki_der_b64");
    for form in [&spki, &fixture!("mpp-public-pkcs1.pem").to_vec()] {
        let of_another = ClientKey { client_id: "SANDBOX_TEST0002".into(), ..client_key(7, form) };
        let sentence = refusal(Keyring::new(vec![client_key(3, &spki), of_another]));
        for part in ["version 7 of client \"SANDBOX_TEST0002\"", &format!("version 3 of client \"{CLIENT}\""), "keys of its own"]
        {
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}

#[test]
fn f66_a_signer_s_own_public_key_is_recognised_in_any_form_of_it() {
    let signer = FileSigner::from_pem(1, fixture!("mpp-private-pkcs1.pem")).unwrap();
    for form in [key("mpp", "public_spki_der_b64"), fixture!("mpp-public-pkcs1.pem").to_vec()] {
        assert!(Keyring::new(vec![client_key(1, &form)]).unwrap().has_key(signer.public_key()));
    }
    let other = Keyring::new(vec![client_key(1, fixture!("rsa-4096-public.pem"))]).unwrap();
    assert!(!other.has_key(signer.public_key()));
}

/// The same content under another label.
fn armoured(label: &str, pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).unwrap();
    let content: Vec<_> = text.lines().filter(|line| !line.starts_with("-----")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", content.join("\n")).into_bytes()
}

#[tokio::test]
async fn f67_the_content_says_what_a_key_is_and_not_its_armour() {
    let (pkcs1, pkcs8) = (fixture!("mpp-private-pkcs1.pem").to_vec(), key("mpp", "private_pkcs8_der_b64"));
    let signature = FileSigner::from_pem(1, &pkcs1).unwrap().sign(b"text").await.unwrap();
    for content in [&pkcs1, &pkcs8] {
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY"] {
            let signer = FileSigner::from_pem(1, &armoured(label, content)).unwrap();
            assert_eq!(signer.sign(b"text").await.unwrap(), signature, "{label}");
        }
    }
    let public = FileSigner::from_pem(1, &pkcs1).unwrap();
    for content in [fixture!("mpp-public-pkcs1.pem").to_vec(), key("mpp", "public_spki_der_b64")] {
        for label in ["PUBLIC KEY", "RSA PUBLIC KEY"] {
            let keyring = Keyring::new(vec![client_key(1, &armoured(label, &content))]).unwrap();
            assert!(keyring.has_key(public.public_key()), "{label}");
        }
    }
}

#[test]
fn f67_libraries_that_go_by_the_label_get_the_right_one() {
    let label_of = |pem: &[u8]| {
        let text = private_key_in_pem(pem).unwrap();
        text.lines().next().unwrap().trim_matches('-').trim_start_matches("BEGIN ").to_owned()
    };
    let (pkcs1, pkcs8) = (fixture!("mpp-private-pkcs1.pem").to_vec(), key("mpp", "private_pkcs8_der_b64"));
    for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"] {
        assert_eq!(label_of(&armoured(label, &pkcs1)), "RSA PRIVATE KEY");
        assert_eq!(label_of(&armoured(label, &pkcs8)), "PRIVATE KEY");
        assert_eq!(label_of(&armoured(label, fixture!("ec-private.pem"))), "PRIVATE KEY");
    }
    assert_eq!(*private_key_in_pem(&pkcs1).unwrap(), String::from_utf8(pkcs1).unwrap(), "what is right stays as it is");
    refusal(private_key_in_pem(fixture!("mpp-public-pkcs1.pem")));
    refusal(private_key_in_pem(&armoured("PRIVATE KEY", fixture!("mpp-public-pkcs1.pem"))));
}

#[test]
fn f67_an_encrypted_key_has_a_sentence_of_its_own() {
    let encrypted = fixture!("encrypted-private.pem");
    let bare: String = std::str::from_utf8(encrypted).unwrap().lines().filter(|line| !line.starts_with("-----")).collect();
    let older = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let labelled = [armoured("PRIVATE KEY", encrypted), armoured("RSA PRIVATE KEY", encrypted)];
    for file in [encrypted, bare.as_bytes(), older.as_bytes(), &labelled[0], &labelled[1]] {
        for sentence in [refusal(FileSigner::from_pem(1, file)), refusal(private_key_in_pem(file))] {
            assert!(sentence.starts_with("The private key in the file is encrypted"), "{sentence}");
            assert!(sentence.contains("`openssl pkey -in FILE -out NEW-FILE`"), "{sentence}");
        }
    }
}

#[test]
fn f67_the_wrong_half_of_a_pair_is_called_that() {
    let public = armoured("PRIVATE KEY", fixture!("mpp-public-pkcs1.pem"));
    assert!(refusal(FileSigner::from_pem(1, &public)).contains("holds a public key"));
    for form in ["PUBLIC KEY", "RSA PUBLIC KEY"] {
        let private = armoured(form, fixture!("mpp-private-pkcs1.pem"));
        assert!(refusal(Keyring::new(vec![client_key(1, &private)])).contains("holds a private key"));
    }
}

#[test]
fn a_key_that_would_never_count_is_refused() {
    let public = key("mpp", "public_spki_der_b64");
    let never = ClientKey { not_before: Some(now()), not_after: Some(now()), ..client_key(1, &public) };
    assert!(refusal(Keyring::new(vec![never])).contains("not_after"));
}

#[test]
fn a_key_of_another_length_is_refused() {
    assert!(FileSigner::from_pem(1, fixture!("rsa-4096-private.pem")).is_ok());
    assert!(refusal(FileSigner::from_pem(1, fixture!("rsa-1024-private.pem"))).contains("2048 to 4096"));
    assert!(refusal(FileSigner::from_pem(1, fixture!("rsa-5120-private.pem"))).contains("5120 bits; 2048 to 4096"));
    assert!(Keyring::new(vec![client_key(1, fixture!("rsa-4096-public.pem"))]).is_ok());
    assert!(refusal(Keyring::new(vec![client_key(1, fixture!("rsa-1024-public.pem"))])).contains("1024 bits; 2048 to 4096"));
    assert!(refusal(Keyring::new(vec![client_key(1, fixture!("rsa-5120-public.pem"))])).contains("5120 bits; 2048 to 4096"));
}

#[test]
fn a_file_without_exactly_one_usable_key_is_refused() {
    let private = fixture!("mpp-private-pkcs1.pem");
    let cut_off = &private[..private.len() - 40];
    let twice = [private, private].concat();
    let others = [
        b"".as_slice(),
        b"\xff\xfe",
        b"!",
        b"MIIB",
        fixture!("ec-private.pem"),
        fixture!("encrypted-private.pem"),
        cut_off,
        &twice,
    ];
    for file in others.into_iter().chain([fixture!("mpp-public-pkcs1.pem")]) {
        refusal(FileSigner::from_pem(1, file));
    }
    for file in others.into_iter().chain([private, fixture!("ec-public.pem")]) {
        refusal(Keyring::new(vec![client_key(1, file)]));
    }
}

#[test]
fn a_refusal_says_what_the_file_has_and_what_it_needs() {
    let ec = FileSigner::from_pem(1, b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n");
    let needed = "The file needs a complete PEM section \"PRIVATE KEY\" or \"RSA PRIVATE KEY\", and has";
    assert_eq!(refusal(ec), format!("{needed} \"EC PRIVATE KEY\"."));
    assert_eq!(refusal(FileSigner::from_pem(1, b"-----BEGIN RSA PRIVATE KEY-----\nMIIE")), format!("{needed} none."));
    // Nothing of what stands where a label should be is shown.
    let torn = FileSigner::from_pem(1, b"-----BEGIN PRIVATE KEY\nMIIE-----\n-----END PRIVATE KEY\nMIIE-----\n");
    assert_eq!(refusal(torn), format!("{needed} none."));
}

#[tokio::test]
async fn a_new_pair_signs_for_itself_and_openssl_can_read_it() {
    let pair = generate().unwrap();
    let signer = FileSigner::from_pem(1, pair.private_pem.as_bytes()).unwrap();
    let keyring = Keyring::new(vec![client_key(1, pair.public_pem.as_bytes())]).unwrap();
    let signature = signer.sign(b"text").await.unwrap().bytes;
    assert_eq!(signature.len(), 256);
    let signed = SignedText { client_id: CLIENT, key_version: Some(1), text: b"text", signature: &signature };
    assert!(keyring.verify(&signed, now()));

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let openssl = |arguments: &[&std::ffi::OsStr]| {
        let output = std::process::Command::new("openssl").args(arguments).output().expect("openssl has to be installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let (private, public) = (write("private.pem", pair.private_pem.as_bytes()), write("public.pem", pair.public_pem.as_bytes()));
    let (text, signature) = (write("text", b"text"), write("signature", &signature));
    openssl(&["pkey".as_ref(), "-in".as_ref(), private.as_ref(), "-check".as_ref(), "-noout".as_ref()]);
    let verify = ["dgst", "-sha256", "-verify"].map(std::ffi::OsStr::new);
    openssl(&[&verify[..], &[public.as_ref(), "-signature".as_ref(), signature.as_ref(), text.as_ref()]].concat());
}
