//! Rescind as Alipay+ meets it: the simulator's whole suite, program against program, on each database and with the money in either
//! place.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use testkit::{ACQUIRER, CLIENT_ID, Deployment, INQUIRY_PATH, PATH, PSP_ID, TestEngine};

use crate::token_keys::WithToken;

/// The simulator's program. It is not a dependency, so that it shares no code with what it looks at.
fn simulator() -> Command {
    Command::new(testkit::program("alipayplus-sim"))
}

/// A stand-in for the wallet core. Dropped, it is killed.
struct Core {
    child: Child,
    url: String,
}

impl Core {
    fn start(deployment: &Deployment) -> Self {
        Self::start_with(deployment, &[])
    }

    fn start_with(deployment: &Deployment, more: &[&str]) -> Self {
        let mut command = simulator();
        command
            .args(["wallet-core", "serve", "--listen", "127.0.0.1:0", "--journal"])
            .arg(deployment.dir().join("journal"))
            .args(more);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once("http://").unwrap().1.split(';').next().unwrap().trim();
        Self { child, url: format!("http://{address}") }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many cases the suite lists.
fn cases() -> usize {
    let listed = simulator().args(["conformance", "--list"]).output().unwrap();
    assert!(listed.status.success());
    String::from_utf8(listed.stdout).unwrap().lines().count()
}

/// Runs the whole suite; each case has to pass, and none may be left out.
async fn the_suite_passes(deployment: &Deployment, core: Option<&Core>) {
    let process = deployment.start().await;
    let mut command = simulator();
    command.current_dir(deployment.dir()).args(["conformance", "--client-id", CLIENT_ID]);
    command.args(["--psp-id", PSP_ID, "--acquirer-id", ACQUIRER, "--key", "alipayplus/wallet-private.pem"]);
    command.args(["--wallet-key", "keys/wallet-public.pem", "--target", &format!("http://{}{PATH}", process.callback)]);
    command.args(["--inquiry-target", &format!("http://{}{INQUIRY_PATH}", process.callback)]);
    command.args(["--wallet-api", &format!("http://{}", process.wallet_api), "--wallet-token-file", "keys/wallet-api-tokens"]);
    if let Some(core) = core {
        command.args(["--wallet-core", &core.url]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let all = said.lines().find(|line| line.starts_with("all ")).unwrap();
    let counts: Vec<usize> = all.split_whitespace().skip(1).map(|count| count.parse().unwrap()).collect();
    assert_eq!(counts, [cases(), 0, 0], "{said}");
}

#[tokio::test]
async fn the_whole_suite_passes_on_sqlite() {
    the_suite_passes(&Deployment::on(TestEngine::Sqlite), None).await;
}

#[tokio::test]
async fn the_whole_suite_passes_on_postgresql() {
    the_suite_passes(&Deployment::on(TestEngine::Postgres), None).await;
}

#[tokio::test]
async fn the_whole_suite_passes_with_a_wallet_core() {
    let mut deployment = Deployment::on(TestEngine::Postgres);
    let core = Core::start(&deployment);
    deployment.set("funds.kind", "http");
    deployment.set("funds.url", &core.url);
    the_suite_passes(&deployment, Some(&core)).await;
    let audit = simulator().args(["wallet-core", "audit"]).arg(deployment.dir().join("journal")).output().unwrap();
    assert!(audit.status.success(), "the journal tells otherwise: {}", String::from_utf8_lossy(&audit.stdout));
}

#[tokio::test]
async fn the_whole_suite_passes_with_a_signing_key_in_a_token() {
    the_suite_passes(&WithToken::alone_on(TestEngine::Postgres).deployment, None).await;
}

/// Two cores with nothing but this to do, until it is dropped.
struct Load(Arc<AtomicBool>);

impl Load {
    fn begin() -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        for _ in 0..2 {
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || while !is_over.load(Ordering::Relaxed) {});
        }
        Self(is_over)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Once with every change, and twenty times on a loaded machine at full size.
#[tokio::test]
async fn f88_the_suite_passes_with_a_core_that_fails_one_call_in_forty() {
    let is_full = std::env::var_os("RESCIND_SCALE").is_some_and(|scale| scale == "full");
    let (rounds, load) = if is_full { (20, Some(Load::begin())) } else { (1, None) };
    for _ in 0..rounds {
        let mut deployment = Deployment::on(TestEngine::Postgres);
        let core = Core::start_with(&deployment, &["--faults", "fail-before=1/80,fail-after=1/80"]);
        deployment.set("funds.kind", "http");
        deployment.set("funds.url", &core.url);
        the_suite_passes(&deployment, Some(&core)).await;
    }
    drop(load);
}
