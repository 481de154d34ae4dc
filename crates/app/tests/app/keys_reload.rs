//! Keys are exchanged while requests are answered, and what is broken takes none away.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::partner::AlipayPlus;
use testkit::process::Process;
use testkit::{CLIENT_ID, Deployment, TestEngine};

const RELOADED: &str = "secrets are reloaded";
const FAILED: &str = "secrets could not be reloaded";
const OLD: (u32, &str) = (1, "alipayplus/wallet-private.pem");
const NEW: (u32, &str) = (2, "alipayplus-2/wallet-private.pem");
const WALLET_KEYS: [(u32, &str); 2] = [(1, "keys/wallet-public.pem"), (2, "keys-2/wallet-public.pem")];
/// The client's keys as the settings list them.
const OLD_KEY: &str = r#"{ version = 1, public_key_file = "alipayplus/wallet-public.pem" }"#;
const NEW_KEY: &str = r#"{ version = 2, public_key_file = "alipayplus-2/wallet-public.pem" }"#;

/// A running process, and a second pair of keys on either side.
struct Rotation {
    deployment: Deployment,
    process: Process,
    settings: String,
}

impl Rotation {
    async fn begin() -> Self {
        let deployment = Deployment::on(TestEngine::Sqlite);
        deployment.succeed(&["keys", "generate", "keys-2"]);
        deployment.succeed(&["keys", "generate", "alipayplus-2"]);
        let settings = fs::read_to_string(deployment.dir().join("rescind.toml")).unwrap();
        let process = deployment.start().await;
        Self { deployment, process, settings }
    }

    /// Alipay+ with one of its keys; it knows both of the wallet's.
    fn alipayplus(&self, own: (u32, &str)) -> AlipayPlus {
        AlipayPlus::with_keys(&self.deployment, self.process.callback, own, &WALLET_KEYS)
    }

    /// The settings with a part of them replaced.
    fn settings_with(&self, before: &str, after: &str) -> String {
        assert!(self.settings.contains(before), "{before}");
        self.settings.replace(before, after)
    }

    /// Writes a file under another name and gives it its own then.
    fn rename_to(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.deployment.dir().join(name);
        let other = path.with_extension("new");
        fs::write(&other, content).unwrap();
        fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(other, path).unwrap();
    }

    fn write_in_place(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.deployment.dir().join(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.deployment.dir().join(name)).unwrap()
    }

    /// Does something and waits for a log line with both parts that comes after it.
    async fn logs(&self, parts: [&str; 2], after: impl AsyncFnOnce()) -> String {
        let before = self.process.log().len();
        after().await;
        for _ in 0..1_200 {
            let log = self.process.log();
            if let Some(line) = log[before..].iter().find(|line| parts.iter().all(|part| line.contains(part))) {
                return line.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no line with {parts:?} in {:#?}", self.process.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_old_and_new_client_keys_verify_side_by_side() {
    let rotation = Rotation::begin().await;
    let (old, new) = (rotation.alipayplus(OLD), rotation.alipayplus(NEW));
    assert_eq!(old.cancel("a").await.unwrap().brief(), "S SUCCESS");
    assert_eq!(new.cancel("b").await.unwrap().brief(), "F KEY_NOT_FOUND");

    let both = rotation.settings_with(OLD_KEY, &format!("{OLD_KEY}, {NEW_KEY}"));
    let line = rotation.logs([RELOADED, "a file changed"], async || rotation.rename_to("rescind.toml", both)).await;
    assert!(line.contains(&format!("{CLIENT_ID} 1, {CLIENT_ID} 2")), "{line}");
    assert_eq!(old.cancel("a").await.unwrap().brief(), "S SUCCESS");
    assert_eq!(new.cancel("b").await.unwrap().brief(), "S SUCCESS");

    let expired = OLD_KEY.replace(" }", r#", not_after = "2020-01-01T00:00:00+08:00" }"#);
    let new_only = rotation.settings_with(OLD_KEY, &format!("{expired}, {NEW_KEY}"));
    rotation.logs([RELOADED, "a file changed"], async || rotation.write_in_place("rescind.toml", new_only)).await;
    assert_eq!(old.cancel("a").await.unwrap().brief(), "F KEY_NOT_FOUND");
    assert_eq!(new.cancel("b").await.unwrap().brief(), "S SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_the_signing_key_is_exchanged_under_load() {
    let rotation = Arc::new(Rotation::begin().await);
    let enough = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|caller| {
            let (rotation, enough) = (Arc::clone(&rotation), Arc::clone(&enough));
            tokio::spawn(async move { versions_seen(&rotation.alipayplus(OLD), caller, &enough).await })
        })
        .collect();
    let signing_key = r#"{ version = 1, private_key_file = "keys/wallet-private.pem" }"#;
    let second = rotation.settings_with(signing_key, r#"{ version = 2, private_key_file = "keys-2/wallet-private.pem" }"#);
    let alipayplus = rotation.alipayplus(OLD);
    for round in 0..6 {
        let (version, settings) = if round % 2 == 0 { (2, &second) } else { (1, &rotation.settings) };
        let exchanged = async || {
            rotation.rename_to("rescind.toml", settings);
            rotation.process.hang_up();
        };
        rotation.logs([RELOADED, &format!("\"signing_key\":{version}")], exchanged).await;
        assert_eq!(alipayplus.cancel("between").await.unwrap().key_version, version);
    }
    enough.store(true, Ordering::Relaxed);
    let mut seen = BTreeSet::new();
    for caller in callers {
        seen.extend(caller.await.unwrap());
    }
    assert_eq!(seen, BTreeSet::from([1, 2]));
}

/// Cancels until it is enough; each answer is verified with the key of the version that it names.
async fn versions_seen(alipayplus: &AlipayPlus, caller: usize, enough: &AtomicBool) -> BTreeSet<u32> {
    let mut seen = BTreeSet::new();
    for number in 0.. {
        let answer = alipayplus.cancel(&format!("load-{caller}-{number}")).await.unwrap();
        assert_eq!(answer.brief(), "S SUCCESS");
        seen.insert(answer.key_version);
        if enough.load(Ordering::Relaxed) {
            break;
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_a_broken_file_takes_no_keys_away_and_a_restored_one_counts() {
    let rotation = Rotation::begin().await;
    let alipayplus = rotation.alipayplus(OLD);
    let key = rotation.read("keys/wallet-private.pem");
    let half = &key[..key.len() / 2];
    let sentence = "callback.signing_key.private_key_file names the file";
    let broken = async || {
        rotation.write_in_place("keys/wallet-private.pem", half);
        rotation.process.hang_up();
    };
    rotation.logs([FAILED, sentence], broken).await;
    assert_eq!(alipayplus.cancel("a").await.unwrap().brief(), "S SUCCESS");

    let restored = async || rotation.write_in_place("keys/wallet-private.pem", &key);
    rotation.logs([RELOADED, "\"signing_key\":1"], restored).await;
    assert_eq!(alipayplus.cancel("a").await.unwrap().brief(), "S SUCCESS");

    let gone = async || fs::remove_file(rotation.deployment.dir().join("alipayplus/wallet-public.pem")).unwrap();
    rotation.logs([FAILED, "callback.clients[0].keys[0].public_key_file names the file"], gone).await;
    assert_eq!(alipayplus.cancel("a").await.unwrap().brief(), "S SUCCESS");
    let other_key = rotation.read("alipayplus-2/wallet-public.pem");
    let replaced = async || rotation.rename_to("alipayplus/wallet-public.pem", &other_key);
    rotation.logs([RELOADED, "a file changed"], replaced).await;
    assert_eq!(alipayplus.cancel("a").await.unwrap().brief(), "F INVALID_SIGNATURE");
}

#[tokio::test(flavor = "multi_thread")]
async fn f66_the_wallet_s_own_public_key_is_refused_at_a_reload_and_the_right_one_stays() {
    let rotation = Rotation::begin().await;
    let own = rotation.read("keys/wallet-public.pem");
    let sentence = "which holds the wallet's own public key";
    rotation.logs([FAILED, sentence], async || rotation.rename_to("alipayplus/wallet-public.pem", &own)).await;
    assert_eq!(rotation.alipayplus(OLD).cancel("a").await.unwrap().brief(), "S SUCCESS");
}

#[tokio::test(flavor = "multi_thread")]
async fn f90_a_secret_that_becomes_readable_is_not_read_again_until_it_is_mended() {
    let rotation = Rotation::begin().await;
    let key = rotation.deployment.dir().join("keys/wallet-private.pem");
    let chmod = |mode| fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    rotation.logs([FAILED, "everybody on this machine may read (mode 0644)"], async || chmod(0o644)).await;
    assert_eq!(rotation.alipayplus(OLD).cancel("a").await.unwrap().brief(), "S SUCCESS");
    rotation.logs([RELOADED, "a file changed"], async || chmod(0o640)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_a_revoked_token_is_refused_without_a_restart() {
    let rotation = Rotation::begin().await;
    let wallet = &rotation.process.wallet;
    wallet.announce("a", "user", 1000).await.unwrap();
    let others = rotation.read("keys-2/wallet-api-tokens");
    let exchanged = async || rotation.rename_to("keys/wallet-api-tokens", others);
    rotation.logs([RELOADED, "a file changed"], exchanged).await;
    assert!(wallet.payment("a").await.unwrap_err().starts_with("401"), "the token is not in the file any more");
    let by_new_token = testkit::loopback()
        .get(format!("http://{}/wallet/v1/payments/a", rotation.process.wallet_api))
        .bearer_auth(tokens(&rotation)[0].clone())
        .send();
    assert_eq!(by_new_token.await.unwrap().status(), 200);
}

fn tokens(rotation: &Rotation) -> Vec<String> {
    let tokens = rotation.read("keys/wallet-api-tokens");
    tokens.lines().map(|line| line.split(' ').nth(2).unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_a_failing_reload_logs_nothing_of_any_secret() {
    const SECRET: &str = "RECOGNISABLE0SECRET0IN0A0FILE0THAT0IS0BROKEN";
    let rotation = Rotation::begin().await;
    let key = rotation.read("keys/wallet-private.pem");
    let one_line: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let tokens = rotation.read("keys/wallet-api-tokens");
    let in_place_of_path = |text: &str| rotation.settings_with("\"keys/wallet-private.pem\"", text);
    let signing_key = "callback.signing_key.private_key_file";
    let mut broken = vec![
        ("keys/wallet-private.pem", key[..key.len() - 100].to_owned(), signing_key),
        ("keys/wallet-private.pem", SECRET.to_owned(), signing_key),
        ("keys/wallet-private.pem", format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"), signing_key),
        ("keys/wallet-private.pem", one_line.replacen('A', "?", 1), signing_key),
        ("alipayplus/wallet-public.pem", key.clone(), "callback.clients[0].keys[0].public_key_file"),
        ("alipayplus/wallet-public.pem", one_line.clone(), "callback.clients[0].keys[0].public_key_file"),
        ("rescind.toml", in_place_of_path(&format!("'''{key}'''")), signing_key),
        ("rescind.toml", in_place_of_path(&format!("\"{one_line}\"")), signing_key),
    ];
    for line in [format!("ops {SECRET}"), format!("ops admin {SECRET}"), format!("ops pay {SECRET} {SECRET}\n")] {
        broken.push(("keys/wallet-api-tokens", format!("{tokens}{line}"), "wallet_api.tokens_file"));
    }
    for url in [format!("\"postgres://rescind:{SECRET}@db"), format!("postgres://rescind:{SECRET}@db\n")] {
        let half_written = rotation.settings.split_once("url = ").unwrap().0;
        broken.push((
            "rescind.toml",
            format!("{half_written}url = {url}"),
            "the settings (rescind.toml, environment) cannot be read",
        ));
    }
    for (name, content, sentence) in broken {
        let right = rotation.read(name);
        let reloading = async || {
            rotation.write_in_place(name, &content);
            rotation.process.hang_up();
        };
        rotation.logs([FAILED, sentence], reloading).await;
        let answer = rotation.process.alipayplus.cancel("a").await.unwrap();
        assert_eq!(answer.brief(), "S SUCCESS", "{name}: {sentence}");
        rotation.write_in_place(name, right);
    }
    rotation.logs([RELOADED, "SIGHUP"], async || rotation.process.hang_up()).await;
    let log = rotation.process.log().concat();
    // Any sixteen characters would be too much.
    let pieces = one_line.as_bytes().chunks(16).chain(SECRET.as_bytes().chunks(16)).filter(|piece| piece.len() == 16);
    let mut all: Vec<_> = pieces.map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    all.extend(tokens.split_whitespace().filter(|word| word.len() >= 16));
    for secret in all {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f26_key_files_leave_no_copy_in_the_memory_of_the_process() {
    let rotation = Rotation::begin().await;
    let private = rotation.read("keys/wallet-private.pem");
    let lines: Vec<_> = private.lines().filter(|line| line.len() == 64).collect();
    let as_der: Vec<_> = lines.iter().map(|line| STANDARD.decode(line).unwrap()).collect();
    let token = tokens(&rotation)[0].clone();
    // Far behind the beginning, so that nothing else soon takes the place in memory where it was read to.
    rotation.rename_to("keys/wallet-private.pem", format!("{}\n{private}", "#".repeat(100_000)));
    rotation.logs([RELOADED, "SIGHUP"], async || rotation.process.hang_up()).await;
    let memory = memory_of(&rotation.process);
    assert!(is_in(&memory, token.as_bytes()), "a token in force is in memory, or this looks at the wrong place");
    // The first and last lines hold the public part, too.
    for (line, der) in lines.iter().zip(&as_der).skip(7) {
        assert!(!is_in(&memory, line.as_bytes()), "a line of the private key's file");
        assert!(!is_in(&memory, der), "a piece of the private key's DER");
    }
}

/// Everything that the process may write to.
fn memory_of(process: &Process) -> Vec<u8> {
    let place = format!("/proc/{}", process.id());
    let (areas, memory) = (fs::read_to_string(format!("{place}/maps")).unwrap(), fs::File::open(format!("{place}/mem")).unwrap());
    let mut all = Vec::new();
    for area in areas.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = area.split(' ').next().unwrap().split_once('-').unwrap();
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        let begin = all.len();
        all.resize(begin + usize::try_from(to - from).unwrap(), 0);
        if memory.read_exact_at(&mut all[begin..], from).is_err() {
            all.truncate(begin);
        }
    }
    all
}

fn is_in(memory: &[u8], piece: &[u8]) -> bool {
    let first = piece[0];
    let mut rest = memory;
    while let Some(place) = rest.iter().position(|byte| *byte == first) {
        if rest[place..].starts_with(piece) {
            return true;
        }
        rest = &rest[place + 1..];
    }
    false
}
