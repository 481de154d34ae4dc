//! A token that fails, hangs or goes away: what is signed then is right or not signed, and afterwards it signs again by itself.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use adapters_pkcs11::{Pkcs11Signer, TokenKey};
use ports::{MessageSigner, Signature};
use testkit::softhsm::{ModuleFault, PIN, SoftHsm, TOKEN, verifies};

use crate::{key, open, sign_at_last};

#[tokio::test]
async fn openssl_verifies_what_a_token_signs() {
    let hsm = SoftHsm::with_token();
    let pair = hsm.new_key("cancel", "a1");
    let text = b"POST /cancel\nclient.2026-01-02T03:04:05+08:00.{}";
    let signature = open(&hsm, 1, "cancel").sign(text).await.unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = hsm.module().with_file_name(name);
        fs::write(&path, content).unwrap();
        path
    };
    let [public, signed, text] =
        [file("public", pair.public_pem.as_bytes()), file("signature", &signature.bytes), file("text", text)];
    let mut openssl = Command::new("openssl");
    openssl.args(["dgst", "-sha256", "-verify"]).arg(public).arg("-signature").arg(signed).arg(text);
    assert_eq!(openssl.output().unwrap().stdout, b"Verified OK\n");
}

/// Signs all the time, and counts what is refused. A wrong signature ends the test.
struct Load {
    is_over: Arc<AtomicBool>,
    callers: Vec<tokio::task::JoinHandle<usize>>,
}

impl Load {
    fn begin(signer: &Arc<Pkcs11Signer>, public_pem: &str) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let caller = |number: usize| {
            let (signer, is_over, public_pem) = (Arc::clone(signer), Arc::clone(&is_over), public_pem.to_owned());
            tokio::spawn(async move {
                let mut refused = 0;
                for round in 0.. {
                    let text = format!("{number} {round}");
                    match signer.sign(text.as_bytes()).await {
                        Ok(Signature { bytes, .. }) => assert!(verifies(&public_pem, text.as_bytes(), &bytes)),
                        Err(error) => {
                            assert!(!format!("{error} {error:?}").contains(PIN));
                            refused += 1;
                        }
                    }
                    tokio::task::yield_now().await;
                    if is_over.load(Ordering::Acquire) {
                        break;
                    }
                }
                refused
            })
        };
        let callers = (0..4).map(caller).collect();
        Self { is_over, callers }
    }

    /// How many signatures were refused.
    async fn end(self) -> usize {
        self.is_over.store(true, Ordering::Release);
        let mut refused = 0;
        for caller in self.callers {
            refused += caller.await.unwrap();
        }
        refused
    }
}

/// Signs until it is refused, and returns why.
async fn refusal(signer: &Pkcs11Signer) -> String {
    for _ in 0..1_000_000 {
        if let Err(error) = signer.sign(b"text").await {
            return error.to_string();
        }
    }
    panic!("it goes on signing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_goes_and_comes_back_under_load_signs_again() {
    let hsm = SoftHsm::with_token();
    let pair = hsm.new_key("cancel", "a1");
    let signer = Arc::new(open(&hsm, 1, "cancel"));
    let load = Load::begin(&signer, &pair.public_pem);
    for _ in 0..3 {
        sign_at_last(&*signer, b"text").await;
        hsm.remove_tokens();
        let reason = refusal(&signer).await;
        let names = format!("module {}, token \"{TOKEN}\", key \"cancel\": ", hsm.module().display());
        assert!(reason.contains(&names), "{reason}");
        hsm.return_tokens();
        let signature = sign_at_last(&*signer, b"text").await;
        assert!(verifies(&pair.public_pem, b"text", &signature.bytes));
    }
    assert!(load.end().await >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_pulled_out_is_found_again() {
    let hsm = SoftHsm::with_token();
    let pair = hsm.new_key("cancel", "a1");
    let signer = Arc::new(open(&hsm, 1, "cancel"));
    let load = Load::begin(&signer, &pair.public_pem);
    hsm.begin(ModuleFault::Removed);
    let reason = refusal(&signer).await;
    assert!(reason.contains("slot ") && reason.contains("CKR_DEVICE_REMOVED"), "{reason}");
    hsm.end(ModuleFault::Removed);
    sign_at_last(&*signer, b"text").await;
    load.end().await;
}

#[tokio::test]
async fn one_failure_is_not_seen_by_the_caller() {
    let hsm = SoftHsm::with_token();
    let pair = hsm.new_key("cancel", "a1");
    let signer = open(&hsm, 1, "cancel");
    hsm.begin(ModuleFault::FailsOnce);
    let signature = signer.sign(b"text").await.unwrap();
    assert!(verifies(&pair.public_pem, b"text", &signature.bytes));
}

#[tokio::test]
async fn a_wrong_signature_is_not_given_out() {
    let hsm = SoftHsm::with_token();
    hsm.new_key("cancel", "a1");
    hsm.begin(ModuleFault::Garbles);
    let sentence = Pkcs11Signer::open(key(&hsm, 1, "cancel")).err().unwrap().to_string();
    let wrong = "the token gave a signature that the key's public half does not verify";
    assert!(sentence.ends_with(wrong), "{sentence}");
    hsm.end(ModuleFault::Garbles);
    let signer = open(&hsm, 1, "cancel");
    hsm.begin(ModuleFault::Garbles);
    let reason = refusal(&signer).await;
    assert!(reason.contains(wrong), "{reason}");
    hsm.end(ModuleFault::Garbles);
    sign_at_last(&signer, b"text").await;
}

#[tokio::test]
async fn another_key_that_comes_back_under_the_same_name_does_not_sign() {
    let hsm = SoftHsm::with_token();
    let pair = hsm.new_key("cancel", "a1");
    let signer = open(&hsm, 1, "cancel");
    hsm.remove_tokens();
    refusal(&signer).await;
    hsm.add_token(TOKEN);
    hsm.new_key("cancel", "a1");
    let mut reason = refusal(&signer).await;
    for _ in 0..600 {
        if reason.contains("another key") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        reason = refusal(&signer).await;
    }
    assert!(reason.contains("the token holds another key under this name than before"), "{reason}");
    hsm.discard_tokens();
    hsm.return_tokens();
    let signature = sign_at_last(&signer, b"text").await;
    assert!(verifies(&pair.public_pem, b"text", &signature.bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_hangs_refuses_in_time_and_signs_again_once_it_goes_on() {
    let hsm = SoftHsm::with_token();
    hsm.new_key("cancel", "a1");
    let signer = open(&hsm, 1, "cancel");
    hsm.begin(ModuleFault::Hangs);
    let reason = signer.sign(b"text").await.unwrap_err().to_string();
    assert!(reason.contains("no signature was made within 2 s"), "{reason}");
    // The second session hangs as well, and then there is none to wait for.
    let all = "calls into the module have hung for more than 2 s in every session";
    while !signer.sign(b"text").await.unwrap_err().to_string().contains(all) {}
    assert_eq!(hsm.count("hung"), 2);
    hsm.end(ModuleFault::Hangs);
    sign_at_last(&signer, b"text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_hangs_for_long_is_replaced_by_another_one() {
    let hsm = SoftHsm::with_token();
    hsm.new_key("cancel", "a1");
    let signer = Pkcs11Signer::open(TokenKey { sessions: 1, ..key(&hsm, 1, "cancel") }).unwrap();
    hsm.begin(ModuleFault::Hangs);
    signer.sign(b"text").await.unwrap_err();
    while hsm.count("hung") < 2 {
        signer.sign(b"text").await.unwrap_err();
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    hsm.end(ModuleFault::Hangs);
    sign_at_last(&signer, b"text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_one_key_takes_no_signature_from_another() {
    let hsm = SoftHsm::with_token();
    let pair = hsm.new_key("cancel", "a1");
    let signer = Arc::new(open(&hsm, 1, "cancel"));
    let load = Load::begin(&signer, &pair.public_pem);
    let initializations = hsm.count("initializations");
    let elsewhere = || TokenKey { token_label: "other".to_owned(), ..key(&hsm, 2, "cancel") };
    while hsm.count("initializations") == initializations {
        assert!(Pkcs11Signer::open(elsewhere()).is_err());
    }
    drop(open(&hsm, 2, "cancel"));
    sign_at_last(&*signer, b"text").await;
    assert_eq!(load.end().await, 0, "the module was initialised anew beside it");
}
