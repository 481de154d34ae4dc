//! The signing key in a token, as a real process uses it: the token goes and comes back, the module hangs, and the key is exchanged with one
//! from a file.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use testkit::partner::AlipayPlus;
use testkit::process::Process;
use testkit::softhsm::{ModuleFault, PIN, SoftHsm, TOKEN, generate};
use testkit::{Deployment, TestEngine};

/// What a caller says of an answer that could not be signed.
const UNSIGNED: &str = "HTTP 503 Service Unavailable";
const IN_FILE: &str = r#"{ version = 1, private_key_file = "keys/wallet-private.pem" }"#;

/// A deployment whose signing key is also in a token, under the same public half.
pub(crate) struct WithToken {
    pub(crate) deployment: Deployment,
    pub(crate) hsm: SoftHsm,
}

impl WithToken {
    pub(crate) fn on(engine: TestEngine) -> Self {
        let (deployment, hsm) = (Deployment::on(engine), SoftHsm::with_token());
        hsm.import("cancel", "a1", &fs::read_to_string(deployment.dir().join("keys/wallet-private.pem")).unwrap());
        let new = Self { deployment, hsm };
        new.write_pin(PIN);
        new
    }

    /// The same, where the token has the only copy of the key.
    pub(crate) fn alone_on(engine: TestEngine) -> Self {
        let new = Self::on(engine);
        fs::remove_file(new.deployment.dir().join("keys/wallet-private.pem")).unwrap();
        new.sign_with(IN_FILE, &new.in_token(1, "cancel", ""));
        new
    }

    /// The setting for a key of the token.
    fn in_token(&self, version: u32, label: &str, more: &str) -> String {
        let module = self.hsm.module();
        format!(
            r#"{{ version = {version}, pkcs11 = {{ module = "{}", token_label = "{TOKEN}", key_label = "{label}", pin_file = "pin"{more} }} }}"#,
            module.display()
        )
    }

    /// Puts another signing key into the settings' file, in one edit.
    fn sign_with(&self, before: &str, after: &str) {
        let file = self.deployment.dir().join("rescind.toml");
        let settings = fs::read_to_string(&file).unwrap();
        assert!(settings.contains(before), "{settings}");
        let new = file.with_extension("new");
        fs::write(&new, settings.replace(before, after)).unwrap();
        fs::rename(new, file).unwrap();
    }

    fn write_pin(&self, pin: &str) {
        let file = self.deployment.dir().join("pin");
        fs::write(&file, format!("{pin}\n")).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// What `config check` refuses.
    fn refusal(&self) -> String {
        let output = self.deployment.run(&["config", "check"]);
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert!(!sentence.contains(PIN), "{sentence}");
        sentence
    }
}

/// What callers heard, by its status or the failure's words, while something went on.
struct Load {
    is_over: Arc<AtomicBool>,
    callers: Vec<tokio::task::JoinHandle<BTreeMap<String, usize>>>,
}

impl Load {
    /// Each caller has ids of its own, so that no answer is the repeat of another.
    fn begin(alipayplus: &[Arc<AlipayPlus>]) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let caller = |(number, alipayplus): (usize, &Arc<AlipayPlus>)| {
            let (alipayplus, is_over) = (Arc::clone(alipayplus), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut heard = BTreeMap::new();
                for round in 0.. {
                    let answer = alipayplus.cancel(&format!("load-{number}-{round}")).await;
                    let said =
                        answer.map_or_else(|failure| failure, |answer| format!("{} {}", answer.brief(), answer.key_version));
                    *heard.entry(said).or_default() += 1;
                    if is_over.load(Ordering::Acquire) {
                        break;
                    }
                }
                heard
            })
        };
        let callers = alipayplus.iter().enumerate().map(caller).collect();
        Self { is_over, callers }
    }

    async fn end(self) -> BTreeMap<String, usize> {
        self.is_over.store(true, Ordering::Release);
        let mut all = BTreeMap::new();
        for caller in self.callers {
            for (said, times) in caller.await.unwrap() {
                *all.entry(said).or_default() += times;
            }
        }
        all
    }
}

/// Four callers of Alipay+, who know the wallet's keys of these versions.
fn callers(with: &WithToken, process: &Process, wallet: &[(u32, &str)]) -> Vec<Arc<AlipayPlus>> {
    let own = (1, "alipayplus/wallet-private.pem");
    (0..4).map(|_| Arc::new(AlipayPlus::with_keys(&with.deployment, process.callback, own, wallet))).collect()
}

/// Cancels until it is answered so.
async fn until(alipayplus: &AlipayPlus, id: &str, wanted: &str) {
    let mut heard = String::new();
    for _ in 0..1_200 {
        heard = alipayplus.cancel(id).await.map_or_else(|failure| failure, |answer| answer.brief());
        if heard == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{heard}");
}

async fn the_token_goes_and_comes_back(engine: TestEngine) {
    let with = WithToken::alone_on(engine);
    let process = with.deployment.start().await;
    let callers = callers(&with, &process, &[(1, "keys/wallet-public.pem")]);
    let load = Load::begin(&callers);
    for round in 0..3 {
        until(&process.alipayplus, &format!("before-{round}"), "S SUCCESS").await;
        with.hsm.remove_tokens();
        until(&process.alipayplus, &format!("away-{round}"), UNSIGNED).await;
        with.hsm.return_tokens();
        until(&process.alipayplus, &format!("away-{round}"), "S SUCCESS").await;
    }
    let heard = load.end().await;
    assert_eq!(heard.keys().map(String::as_str).collect::<Vec<_>>(), [UNSIGNED, "S SUCCESS 1"], "{heard:?}");
    let log = process.log().concat();
    assert!(
        log.contains("the signing key's token does not sign") && log.contains("the signing key's token signs again"),
        "{log}"
    );
    assert!(!log.contains(PIN));
    assert!(process.stop().success(), "it is the same process as in the beginning");
}

testkit::for_each_engine!(the_token_goes_and_comes_back);

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_hangs_leaves_answers_unsigned_until_it_goes_on() {
    let with = WithToken::alone_on(TestEngine::Sqlite);
    let process = with.deployment.start().await;
    until(&process.alipayplus, "a", "S SUCCESS").await;
    with.hsm.begin(ModuleFault::Hangs);
    until(&process.alipayplus, "hangs", UNSIGNED).await;
    with.hsm.end(ModuleFault::Hangs);
    until(&process.alipayplus, "hangs", "S SUCCESS").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_a_key_moves_from_its_file_to_a_token_and_on_without_a_gap() {
    let with = WithToken::on(TestEngine::Sqlite);
    let second = generate().unwrap();
    with.hsm.import("second", "a2", &second.private_pem);
    fs::write(with.deployment.dir().join("second-public.pem"), &second.public_pem).unwrap();
    let process = with.deployment.start().await;
    let callers =
        callers(&with, &process, &[(1, "keys/wallet-public.pem"), (2, "second-public.pem"), (3, "keys/wallet-public.pem")]);
    let load = Load::begin(&callers);
    let in_token = with.in_token(2, "second", r#", key_id = "a2", public_key_file = "second-public.pem", sessions = 2"#);
    let first_in_token = with.in_token(3, "cancel", "");
    let moves = [(IN_FILE, in_token.as_str(), 2), (&in_token, &first_in_token, 3), (&first_in_token, IN_FILE, 1)];
    for (before, after, version) in moves {
        with.sign_with(before, after);
        process.hang_up();
        let mut signed_by = 0;
        for round in 0..1_200 {
            signed_by = callers[0].cancel(&format!("move-{version}-{round}")).await.unwrap().key_version;
            if signed_by == version {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(signed_by, version, "{:?}", process.log());
    }
    let heard = load.end().await;
    assert_eq!(heard.keys().map(String::as_str).collect::<Vec<_>>(), ["S SUCCESS 1", "S SUCCESS 2", "S SUCCESS 3"], "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_away_hinders_no_other_key_from_being_exchanged() {
    let with = WithToken::alone_on(TestEngine::Sqlite);
    with.deployment.succeed(&["keys", "generate", "keys-2"]);
    let process = with.deployment.start().await;
    until(&process.alipayplus, "a", "S SUCCESS").await;
    with.hsm.remove_tokens();
    let (logins, tokens) = (with.hsm.count("logins"), with.deployment.dir().join("keys-2/wallet-api-tokens"));
    fs::copy(tokens, with.deployment.dir().join("keys/wallet-api-tokens")).unwrap();
    process.hang_up();
    for _ in 0..1_200 {
        if process.log().iter().any(|line| line.contains("keys are reloaded")) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(process.wallet.payment("a").await.unwrap_err().starts_with("401"), "the old token is revoked");
    assert_eq!(with.hsm.count("logins"), logins);
    with.hsm.return_tokens();
    until(&process.alipayplus, "b", "S SUCCESS").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pin_in_a_reload_is_tried_once() {
    let with = WithToken::on(TestEngine::Sqlite);
    let process = with.deployment.start().await;
    with.write_pin("0000-wrong-0000");
    with.sign_with(IN_FILE, &with.in_token(2, "cancel", ""));
    let complaints = || process.log().iter().filter(|line| line.contains("keys could not be reloaded")).count();
    // Asked by the operator each time, so that the log says it each time.
    for wanted in 1..=4 {
        process.hang_up();
        while complaints() < wanted {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(with.hsm.count("logins"), 1);
    until(&process.alipayplus, "a", "S SUCCESS").await;
    assert!(!process.log().concat().contains("0000-wrong-0000"));
}

#[test]
fn the_public_half_for_upload_is_printed_wherever_the_private_one_is() {
    let with = WithToken::on(TestEngine::Sqlite);
    let public = fs::read_to_string(with.deployment.dir().join("keys/wallet-public.pem")).unwrap();
    assert_eq!(with.deployment.succeed(&["keys", "public"]), public);
    fs::remove_file(with.deployment.dir().join("keys/wallet-private.pem")).unwrap();
    with.sign_with(IN_FILE, &with.in_token(1, "cancel", ""));
    assert_eq!(with.deployment.succeed(&["keys", "public"]), public);
}

#[test]
fn a_key_in_a_token_is_checked_with_the_settings() {
    let with = WithToken::on(TestEngine::Sqlite);
    let right = with.in_token(1, "cancel", r#", public_key_file = "keys/wallet-public.pem""#);
    with.sign_with(IN_FILE, &right);
    let shown = with.deployment.succeed(&["config", "check"]);
    for line in ["callback.signing_key.pkcs11.sessions = \"4\"", "callback.signing_key.pkcs11.pin_file = \"pin\"", "ok"] {
        assert!(shown.lines().any(|shown| shown == line), "{shown}");
    }
    assert!(!shown.contains(PIN));

    let place = format!("rescind: callback.signing_key.pkcs11 cannot be used: module {}, token", with.hsm.module().display());
    let other = right.replace("\"cancel\"", "\"other\"");
    with.sign_with(&right, &other);
    let sentence = with.refusal();
    assert!(sentence.starts_with(&place) && sentence.ends_with("the token has no such private key\n"), "{sentence}");

    let expecting_other = right.replace("keys/wallet-public.pem", "alipayplus/wallet-public.pem");
    with.sign_with(&other, &expecting_other);
    let sentence = with.refusal();
    assert!(
        sentence.starts_with(&place) && sentence.contains("not the one whose public half public_key_file holds"),
        "{sentence}"
    );

    let expecting_private = right.replace("keys/wallet-public.pem", "keys/wallet-private.pem");
    with.sign_with(&expecting_other, &expecting_private);
    let sentence =
        "rescind: callback.signing_key.pkcs11.public_key_file names the file \"keys/wallet-private.pem\", which cannot be used: ";
    assert!(with.refusal().starts_with(sentence));

    with.sign_with(&expecting_private, &right);
    fs::set_permissions(with.deployment.dir().join("pin"), fs::Permissions::from_mode(0o644)).unwrap();
    let sentence =
        "rescind: callback.signing_key.pkcs11.pin_file names the file \"pin\", which everybody on this machine may read";
    assert!(with.refusal().starts_with(sentence));
    with.write_pin("");
    assert!(with.refusal().contains("is blank, but must hold a secret"));
}

#[test]
fn f66_the_wallet_s_own_public_key_is_refused_where_its_private_half_is_in_a_token() {
    let with = WithToken::alone_on(TestEngine::Sqlite);
    let public = with.deployment.dir().join("keys/wallet-public.pem");
    fs::copy(public, with.deployment.dir().join("alipayplus/wallet-public.pem")).unwrap();
    assert!(with.refusal().contains("holds the wallet's own public key"));
}
