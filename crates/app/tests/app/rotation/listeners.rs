//! TLS of both listeners.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use testkit::process::Process;
use testkit::wallet::WalletClient;
use testkit::{Deployment, TestEngine};

use super::authority::{Authority, LinkedFolder, Pair};
use super::{FAILED, Load, RELOADED, lines_with, logs, metric, part, rename_to, until, write_secret};

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

fn files(pair: &Pair) -> [(&str, &str); 2] {
    [(CERTIFICATE, &pair.certificate), (KEY, &pair.key)]
}

/// A deployment whose listeners both speak TLS with the files of one folder.
fn deployment(authority: &Authority) -> (Deployment, PathBuf) {
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    deployment.speaks_tls(authority.pem().into_bytes());
    for listener in ["callback", "wallet_api"] {
        deployment.set(&format!("{listener}.tls.certificate_file"), &format!("tls/{CERTIFICATE}"));
        deployment.set(&format!("{listener}.tls.private_key_file"), &format!("tls/{KEY}"));
    }
    let folder = deployment.dir().join("tls");
    (deployment, folder)
}

/// The certificate that a new connection meets.
async fn shown(deployment: &Deployment, process: &Process) -> Vec<u8> {
    WalletClient::new(deployment, process.wallet_api).certificate().await.unwrap()
}

/// A process that serves over TLS, with a connection that was there before anything was exchanged.
struct Serving {
    deployment: Arc<Deployment>,
    process: Process,
    kept: WalletClient,
    load: Load,
}

impl Serving {
    async fn start(deployment: Deployment) -> Self {
        let deployment = Arc::new(deployment);
        let process = deployment.start().await;
        let (kept, load) = (WalletClient::new(&deployment, process.wallet_api), Load::on(&deployment, &process));
        kept.certificate().await.unwrap();
        Self { deployment, process, kept, load }
    }

    /// Does something and waits until new connections to both listeners meet this certificate.
    async fn shows_after(&mut self, pair: &Pair, after: impl FnOnce()) {
        let reloaded = [RELOADED, &part("callback-tls")];
        let before = lines_with(&self.process, &reloaded);
        after();
        until("the certificate stays", &self.process, async || {
            // Used again and again, so that it does not end because it is idle.
            self.kept.certificate().await.unwrap();
            shown(&self.deployment, &self.process).await == pair.der()
        })
        .await;
        until("the callback's stays", &self.process, async || lines_with(&self.process, &reloaded) > before).await;
        self.load.goes_on().await;
    }

    /// Does something and waits until both listeners refuse what came of it, each with one line.
    async fn refuses_after(&mut self, sentence: &str, after: impl FnOnce()) {
        let of_wallet_api = part("wallet-api-tls");
        let all = lines_with(&self.process, &[FAILED]);
        logs(&self.process, &[FAILED, &of_wallet_api, sentence], after).await;
        until("the callback refuses nothing", &self.process, async || lines_with(&self.process, &[FAILED]) == all + 2).await;
        for name in ["callback-tls", "wallet-api-tls"] {
            assert_eq!(metric(&self.process, &format!("rescind_reload_failing{{{}}}", label(name))).await, 1.0);
        }
        self.load.goes_on().await;
    }

    async fn stop(self) {
        self.load.stop().await;
        for name in ["callback-tls", "wallet-api-tls", "keys"] {
            assert_eq!(metric(&self.process, &format!("rescind_reload_failing{{{}}}", label(name))).await, 0.0);
        }
    }
}

fn label(part: &str) -> String {
    format!("part=\"{part}\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn f81_the_listeners_certificates_are_exchanged_under_load() {
    let authority = Authority::new(30);
    let [first, second, third] = [0; 3].map(|_| authority.issue(20));
    let (deployment, folder) = deployment(&authority);
    let linked = folder.clone();
    let linked = LinkedFolder::with(&linked, &files(&first));
    let mut serving = Serving::start(deployment).await;
    assert_eq!(shown(&serving.deployment, &serving.process).await, first.der());

    // As Kubernetes does it: all files at one moment.
    serving.shows_after(&second, || linked.exchange("2", &files(&second))).await;
    // By renaming, one file after the other: in between the key does not fit.
    serving.refuses_after("cannot be used with its private_key_file", || rename_to(&folder.join(KEY), &third.key)).await;
    assert_eq!(shown(&serving.deployment, &serving.process).await, second.der());
    serving.shows_after(&third, || rename_to(&folder.join(CERTIFICATE), &third.certificate)).await;
    assert_eq!(serving.kept.certificate().await.unwrap(), first.der(), "a connection ends by itself and not before");
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f81_a_pair_that_is_half_written_or_expired_leaves_the_one_before_in_force() {
    let authority = Authority::new(30);
    let [first, second, expired] = [20, 20, -1].map(|days| authority.issue(days));
    let (deployment, folder) = deployment(&authority);
    fs::create_dir(&folder).unwrap();
    files(&first).iter().for_each(|(name, content)| write_secret(&folder.join(name), content));
    let mut serving = Serving::start(deployment).await;

    // In place: the file is the same one, and has a part of its content.
    let (half, rest) = second.certificate.split_at(second.certificate.len() / 2);
    serving.refuses_after("is not valid PEM", || fs::write(folder.join(CERTIFICATE), half).unwrap()).await;
    assert_eq!(shown(&serving.deployment, &serving.process).await, first.der());
    let whole = [half, rest].concat();
    let append = || fs::write(folder.join(CERTIFICATE), whole).unwrap();
    serving.refuses_after("cannot be used with its private_key_file", append).await;
    serving.shows_after(&second, || fs::write(folder.join(KEY), &second.key).unwrap()).await;

    let put = |pair: &Pair| files(pair).iter().for_each(|(name, content)| fs::write(folder.join(name), content).unwrap());
    serving.refuses_after("holds a certificate that expired at ", || put(&expired)).await;
    serving.refuses_after("cannot be read: No such file", || fs::remove_file(folder.join(KEY)).unwrap()).await;
    assert_eq!(shown(&serving.deployment, &serving.process).await, second.der());
    write_secret(&folder.join(KEY), &first.key);
    serving.shows_after(&first, || put(&first)).await;
    serving.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f81_until_when_certificates_are_valid_is_counted_and_told() {
    const LINE: &str = "rescind_certificate_expires_in_seconds{certificate=\"callback\"}";
    let authority = Authority::new(30);
    let (deployment, folder) = deployment(&authority);
    let [expired, soon, later] = [-1, 3, 20].map(|days| authority.issue(days));
    fs::create_dir(&folder).unwrap();
    let put = |pair: &Pair| files(pair).iter().for_each(|(name, content)| write_secret(&folder.join(name), content));
    put(&soon);
    let process = deployment.start().await;
    let days = |seconds: f64| seconds / 86_400.0;
    assert!((2.5..=3.0).contains(&days(metric(&process, LINE).await)));
    assert_eq!(lines_with(&process, &["a certificate expires within 14 days", "\"certificate\":\"callback\""]), 1);
    logs(&process, &[RELOADED, &part("callback-tls")], || put(&later)).await;
    until("the metric stays", &process, async || (19.5..=20.0).contains(&days(metric(&process, LINE).await))).await;
    assert!(metric(&process, "rescind_certificate_expires_in_seconds{certificate=\"funds-client\"}").await.is_nan());
    let unready = process.wallet.readiness().await.unwrap();
    assert_eq!(unready["ready"], true, "{unready}");
    assert!(process.stop().success());

    // A process starts with what it has, and a check says what is wrong.
    put(&expired);
    let check = deployment.run(&["config", "check"]);
    let sentence = String::from_utf8(check.stderr).unwrap();
    assert!(sentence.contains("callback.tls.certificate_file") && sentence.contains("expired at"), "{sentence}");
    let mut serving = deployment.command(&["serve"]).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(serving.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<_> = lines.take_while(|line| !line.contains("\"serving\"")).collect();
    serving.kill().unwrap();
    serving.wait().unwrap();
    let told = said.iter().filter(|line| line.contains("a certificate has expired") && line.contains("\"level\":\"ERROR\""));
    assert_eq!(told.count(), 2, "{said:#?}");
}
