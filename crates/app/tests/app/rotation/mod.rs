//! Every secret is exchanged while requests go on: none of them is U, no handshake fails, nothing is restarted.

mod authority;
mod core;
mod listeners;
mod password;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use testkit::Deployment;
use testkit::partner::AlipayPlus;
use testkit::process::Process;
use tokio::task::JoinSet;

const RELOADED: &str = "secrets are reloaded";
const FAILED: &str = "secrets could not be reloaded";

/// A file that its owner alone may read.
fn write_secret(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Writes a file under another name and gives it its own then.
fn rename_to(path: &Path, content: &str) {
    let other = path.with_extension("new");
    write_secret(&other, content);
    fs::rename(other, path).unwrap();
}

/// Looks until something holds.
async fn until(what: &str, process: &Process, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}: {:#?}", process.log());
}

/// How many lines have all of these parts.
fn lines_with(process: &Process, parts: &[&str]) -> usize {
    process.log().iter().filter(|line| parts.iter().all(|part| line.contains(part))).count()
}

/// Does something and waits for a line with all of these parts that comes after it.
async fn logs(process: &Process, parts: &[&str], after: impl FnOnce()) {
    let before = lines_with(process, parts);
    after();
    until(&format!("no line with {parts:?}"), process, async || lines_with(process, parts) > before).await;
}

fn part(name: &str) -> String {
    format!("\"part\":\"{name}\"")
}

/// The value of a line of `/metrics`.
async fn metric(process: &Process, line: &str) -> f64 {
    let all = process.wallet.metrics().await.unwrap();
    let value = all.lines().find_map(|shown| shown.strip_prefix(line)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {line} in {all}")).parse().unwrap()
}

/// Cancels that go on until they are stopped. Each is answered S, or its caller panics.
struct Load {
    callers: JoinSet<()>,
    answered: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
}

impl Load {
    /// Some callers keep their connection, the others open one for each cancel.
    fn on(deployment: &Arc<Deployment>, process: &Process) -> Self {
        let (mut callers, answered, enough) = (JoinSet::new(), Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        for caller in 0..6 {
            let (answered, enough, deployment) = (Arc::clone(&answered), Arc::clone(&enough), Arc::clone(deployment));
            let callback = process.callback;
            callers.spawn(async move {
                let mut alipayplus = AlipayPlus::new(&deployment, callback);
                for number in 0.. {
                    if caller % 2 == 0 {
                        alipayplus = AlipayPlus::new(&deployment, callback);
                    }
                    let answer = alipayplus.cancel(&format!("load-{caller}-{number}")).await.unwrap();
                    assert_eq!(answer.brief(), "S SUCCESS");
                    answered.fetch_add(1, Ordering::Relaxed);
                    if enough.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
        }
        Self { callers, answered, enough }
    }

    /// Waits until more cancels are answered, so that some are behind what was done before.
    async fn goes_on(&mut self) {
        let before = self.answered.load(Ordering::Relaxed);
        while self.answered.load(Ordering::Relaxed) < before + 50 {
            if let Some(ended) = self.callers.try_join_next() {
                ended.unwrap();
                panic!("a caller ended by itself");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it; all of it was answered S.
    async fn stop(mut self) -> usize {
        self.goes_on().await;
        self.enough.store(true, Ordering::Relaxed);
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        self.answered.load(Ordering::Relaxed)
    }
}
