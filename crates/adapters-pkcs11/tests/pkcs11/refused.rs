//! What is refused before it signs anything, in a sentence that says which module, slot, token and key.

use adapters_pkcs11::{Pkcs11Signer, TokenKey};
use ports::MessageSigner;
use testkit::softhsm::{PIN, SoftHsm, TOKEN, public_key, verifies};

use crate::key;

fn refusal(key: TokenKey) -> String {
    let sentence = Pkcs11Signer::open(key).err().unwrap().to_string();
    assert!(!sentence.contains(PIN), "{sentence}");
    sentence
}

/// The sentence behind the names, with `SLOT` for the slot's number, which SoftHSM makes up.
fn reason(hsm: &SoftHsm, key: TokenKey) -> String {
    let names = format!("module {}, {key}: ", hsm.module().display());
    let sentence = refusal(key);
    let reason = sentence.strip_prefix(&names).unwrap_or_else(|| panic!("{names}: {sentence}"));
    let mut hidden = reason.to_owned();
    for number in reason.split(|c: char| !c.is_ascii_digit()).filter(|digits| digits.len() >= 6) {
        hidden = hidden.replace(number, "SLOT");
    }
    hidden
}

#[test]
fn a_module_that_is_none_is_refused() {
    let hsm = SoftHsm::with_token();
    let missing = TokenKey { module: "/no/such/module.so".into(), ..key(&hsm, 1, "cancel") };
    assert_eq!(
        refusal(missing),
        "module /no/such/module.so, token \"rescind test\", key \"cancel\": the file cannot be read: No such file or directory (os error 2)"
    );
    let text = hsm.module().with_file_name("softhsm2.conf");
    let sentence = refusal(TokenKey { module: text, ..key(&hsm, 1, "cancel") });
    assert!(sentence.contains("it cannot be used as a module: "), "{sentence}");
}

#[test]
fn a_wrong_pin_is_tried_once_and_another_one_at_once() {
    let hsm = SoftHsm::with_token();
    hsm.new_key("cancel", "a1");
    let wrong = || TokenKey { pin: "0000-wrong-0000".to_owned().into(), ..key(&hsm, 1, "cancel") };
    assert_eq!(reason(&hsm, wrong()), "slot SLOT: the token refuses the PIN: C_Login failed with CKR_PIN_INCORRECT");
    let again = "slot SLOT: the token has refused the PIN before; it is not tried again until it is another one, or Rescind is started again";
    for _ in 0..3 {
        assert_eq!(reason(&hsm, wrong()), again);
    }
    assert_eq!(hsm.count("logins"), 1, "a token locks itself after a few wrong ones");
    crate::open(&hsm, 1, "cancel");
}

#[test]
fn a_token_is_found_by_its_label_exactly_once() {
    let hsm = SoftHsm::with_token();
    hsm.new_key("cancel", "a1");
    let elsewhere = TokenKey { token_label: "other".to_owned(), ..key(&hsm, 1, "cancel") };
    let sentence = reason(&hsm, elsewhere);
    assert!(
        sentence.starts_with("there is no token with this label; the module shows \"rescind test\" in slot SLOT"),
        "{sentence}"
    );
    crate::open(&hsm, 1, "cancel");

    let hsm = SoftHsm::with_token();
    hsm.add_token(TOKEN);
    let sentence = reason(&hsm, key(&hsm, 1, "cancel"));
    assert_eq!(sentence, "tokens in the slots SLOT, SLOT have this label; it has to be that of one alone");
}

#[tokio::test]
async fn a_key_is_found_by_its_label_and_id_exactly_once() {
    let hsm = SoftHsm::with_token();
    let pairs = [hsm.new_key("cancel", "a1"), hsm.new_key("cancel", "0b02")];
    assert_eq!(reason(&hsm, key(&hsm, 1, "other")), "slot SLOT: the token has no such private key");
    let sentence = reason(&hsm, key(&hsm, 1, "cancel"));
    let both = [r#""a1", "0b02""#, r#""0b02", "a1""#]
        .map(|ids| format!("slot SLOT: the token has 2 such private keys, with the ids {ids}; name one of them by key_id"));
    assert!(both.contains(&sentence), "{sentence}");
    let with_id = |id: &[u8]| TokenKey { key_id: Some(id.to_vec()), ..key(&hsm, 1, "cancel") };
    assert_eq!(reason(&hsm, with_id(&[0xa2])), "slot SLOT: the token has no such private key");
    for (pair, id) in pairs.iter().zip([&[0xa1][..], &[0x0b, 0x02]]) {
        let signature = Pkcs11Signer::open(with_id(id)).unwrap().sign(b"text").await.unwrap();
        assert!(verifies(&pair.public_pem, b"text", &signature.bytes));
    }
}

#[test]
fn the_key_is_the_one_whose_public_half_is_expected() {
    let hsm = SoftHsm::with_token();
    let [own, other] = [hsm.new_key("cancel", "a1"), hsm.new_key("other", "a2")];
    let expecting = |pem: &str| TokenKey { public_key: Some(public_key(pem.as_bytes()).unwrap()), ..key(&hsm, 1, "cancel") };
    let sentence = "slot SLOT: the token's key is not the one whose public half public_key_file holds";
    assert_eq!(reason(&hsm, expecting(&other.public_pem)), sentence);
    let signer = Pkcs11Signer::open(expecting(&own.public_pem)).unwrap();
    assert_eq!(signer.public_key(), public_key(own.public_pem.as_bytes()).unwrap());
}

#[test]
fn a_key_that_is_too_short_or_not_rsa_is_refused() {
    let hsm = SoftHsm::with_token();
    hsm.import("short", "a1", include_str!("../../../adapters-keys/tests/fixtures/rsa-1024-private.pem"));
    assert_eq!(reason(&hsm, key(&hsm, 1, "short")), "slot SLOT: the RSA key has 1024 bits; 2048 to 4096 are accepted");
    hsm.import("curve", "a2", include_str!("../../../adapters-keys/tests/fixtures/ec-private.pem"));
    assert_eq!(reason(&hsm, key(&hsm, 1, "curve")), "slot SLOT: the key is not an RSA key");
}
