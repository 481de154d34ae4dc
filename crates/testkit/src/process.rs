//! One running `rescind serve`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::Value;

use crate::partner::AlipayPlus;
use crate::wallet::WalletClient;
use crate::{Deployment, program};

/// How long anything may take before a test gives up; far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process with both of its callers. Dropped, it is killed.
pub struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// Where Alipay+ calls.
    pub callback: SocketAddr,
    /// Where the wallet calls.
    pub wallet_api: SocketAddr,
    /// Calls the callback.
    pub alipayplus: AlipayPlus,
    /// Calls the wallet API.
    pub wallet: WalletClient,
}

impl Deployment {
    /// Starts a process and waits until it is ready. Several may serve one PostgreSQL.
    pub async fn start(&self) -> Process {
        Process::start(self, self.command(&["serve"])).await
    }

    /// Starts one that is not ended by writing past a limit on the size of files, but sees the write fail.
    pub async fn start_ignoring_file_limits(&self) -> Process {
        self.start_after("trap '' XFSZ").await
    }

    /// Starts one in a shell that did something before.
    pub async fn start_after(&self, line: &str) -> Process {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{line}; exec \"$0\" serve")]).arg(program("rescind"));
        Process::start(self, self.prepared(command)).await
    }
}

impl Process {
    async fn start(deployment: &Deployment, mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (log, addresses) = collect_log(child.stderr.take().unwrap());
        let Ok([callback, wallet_api]) = addresses.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("rescind serve did not start: {:?}", log.lock().unwrap());
        };
        let process = Self::of(deployment, (child, log), [callback, wallet_api]);
        process.wait_until_ready().await;
        process
    }

    /// Starts one whose log lines go elsewhere and are not looked at; `None` is a pipe that nobody reads from.
    pub async fn start_logging_to(deployment: &Deployment, log: Option<File>) -> Self {
        // Nobody else asks for these ports between here and there: they are the kernel's newest.
        let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let [callback, wallet_api] = [free(), free()];
        let listen = ["--callback-listen", &callback.to_string(), "--wallet-api-listen", &wallet_api.to_string()];
        let stderr = log.map_or_else(Stdio::piped, Stdio::from);
        let mut command = deployment.command(&["serve"]);
        let mut child = command.args(listen).stdin(Stdio::null()).stderr(stderr).spawn().unwrap();
        drop(child.stderr.take());
        let process = Self::of(deployment, (child, Log::default()), [callback, wallet_api]);
        process.wait_until_ready().await;
        process
    }

    fn of(deployment: &Deployment, (child, log): (Child, Log), [callback, wallet_api]: [SocketAddr; 2]) -> Self {
        let alipayplus = AlipayPlus::new(deployment, callback);
        let wallet = WalletClient::new(deployment, wallet_api);
        Self { child, log, callback, wallet_api, alipayplus, wallet }
    }

    /// What it logged so far, one JSON text a line.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// What it logged since the last call; [`log`](Self::log) forgets it.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    /// Whether `/readyz` says so.
    pub async fn is_ready(&self) -> bool {
        self.wallet.is_ready().await
    }

    async fn wait_until_ready(&self) {
        for _ in 0..600 {
            if self.is_ready().await {
                return;
            }
            tokio::time::sleep(PATIENCE / 600).await;
        }
        panic!("rescind serve did not become ready: {:?}", self.log());
    }

    /// SIGKILL: it gets no chance to finish anything. Calls that are under way see their connections break.
    pub fn kill(&self) {
        self.send("-KILL");
    }

    /// SIGTERM, without waiting for the end.
    pub fn ask_to_stop(&self) {
        self.send("-TERM");
    }

    /// SIGHUP: it reads its secrets and certificates again.
    pub fn hang_up(&self) {
        self.send("-HUP");
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn send(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// SIGTERM; returns how it ended.
    pub fn stop(mut self) -> ExitStatus {
        self.ask_to_stop();
        self.end()
    }

    /// How it ended. Ask it to stop first.
    pub fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Log = Arc<Mutex<Vec<String>>>;

/// Reads log lines for as long as there are any, and sends the addresses of the start line.
fn collect_log(stderr: ChildStderr) -> (Log, mpsc::Receiver<[SocketAddr; 2]>) {
    let (log, (found, addresses)) = (Log::default(), mpsc::channel());
    let lines = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if let Some(addresses) = start_line(&line) {
                let _ = found.send(addresses);
            }
            lines.lock().unwrap().push(line);
        }
    });
    (log, addresses)
}

fn start_line(line: &str) -> Option<[SocketAddr; 2]> {
    let line: Value = serde_json::from_str(line).ok()?;
    let address = |name: &str| line.get(name)?.as_str()?.parse().ok();
    (line.get("message")? == "serving").then_some(())?;
    Some([address("callback")?, address("wallet_api")?])
}
