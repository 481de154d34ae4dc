//! Strangers at both doors: whatever they do, memory stays, one line a minute says so, and a good caller is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use testkit::process::Process;
use testkit::{Deployment, PATH, TestEngine, loopback};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How many connections a stranger has at once.
const CONNECTIONS: usize = 8;
/// By how much the memory may grow meanwhile, in KiB.
const GROWTH: u64 = 16 * 1024;

/// How long an attack lasts.
fn duration() -> Duration {
    let is_full = std::env::var_os("RESCIND_SCALE").is_some_and(|scale| scale == "full");
    Duration::from_secs(if is_full { 60 } else { 5 })
}

/// How much memory the process has, in KiB.
fn memory(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What one connection of a stranger does until it is closed; how many bytes it sent.
type Attack = fn(TcpStream) -> std::pin::Pin<Box<dyn Future<Output = usize> + Send>>;

const STRANGER: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

fn never_reads(mut stream: TcpStream) -> std::pin::Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        let (many, mut sent) = (STRANGER.repeat(500), 0);
        while let Ok(more) = stream.write(&many).await {
            sent += more;
        }
        sent
    })
}

fn reads_slowly(stream: TcpStream) -> std::pin::Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        let (mut reading, mut writing) = stream.into_split();
        let reader = tokio::spawn(async move {
            let mut some = [0; 64];
            while reading.read(&mut some).await.is_ok_and(|read| read > 0) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let (many, mut sent) = (STRANGER.repeat(500), 0);
        while let Ok(more) = writing.write(&many).await {
            sent += more;
        }
        reader.abort();
        sent
    })
}

fn sends_halves(mut stream: TcpStream) -> std::pin::Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move {
        let half = format!("POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{}", "x".repeat(30_000));
        let _ = stream.write_all(half.as_bytes()).await;
        // Sometimes it waits for what comes of it.
        tokio::time::sleep(Duration::from_millis(if half.len() % 2 == 0 { 5 } else { 20 })).await;
        half.len()
    })
}

/// Attacks from so many connections, each of which is opened again when it is closed, until it is enough.
fn attack(to: SocketAddr, how: Attack, enough: &Arc<AtomicBool>, sent: &Arc<AtomicUsize>) -> JoinSet<()> {
    let mut attacks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (enough, sent) = (Arc::clone(enough), Arc::clone(sent));
        attacks.spawn(async move {
            while !enough.load(Ordering::Relaxed) {
                let Ok(stream) = TcpStream::connect(to).await else { continue };
                sent.fetch_add(how(stream).await, Ordering::Relaxed);
            }
        });
    }
    attacks
}

/// The lines that strangers caused.
fn complaints(process: &Process) -> Vec<String> {
    let is_one = |line: &String| line.contains("\"WARN\"") || line.contains("\"ERROR\"");
    process.log().into_iter().filter(is_one).collect()
}

async fn bear_strangers(how: Attack) {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    // What good callers take by themselves is taken before.
    for number in 0..300 {
        assert_eq!(process.alipayplus.cancel(&format!("warm-{}", number % 50)).await.unwrap().brief(), "S SUCCESS");
        assert!(process.is_ready().await);
    }
    for to in [process.callback, process.wallet_api] {
        let (enough, sent) = (Arc::default(), Arc::default());
        let before = memory(&process);
        let mut attacks = attack(to, how, &enough, &sent);
        let (begun, mut most, mut answered) = (Instant::now(), before, 0_usize);
        while begun.elapsed() < duration() {
            let answer = process.alipayplus.cancel(&format!("good-{to}-{}", answered % 50)).await.unwrap();
            assert_eq!(answer.brief(), "S SUCCESS");
            assert_eq!(loopback().get(format!("http://{}/livez", process.wallet_api)).send().await.unwrap().status(), 200);
            (most, answered) = (most.max(memory(&process)), answered + 1);
        }
        enough.store(true, Ordering::Relaxed);
        attacks.shutdown().await;
        println!("{to}: {before} KiB grew by {}, {answered} good cancels, {sent:?} bytes of strangers", most - before);
        assert!(most - before <= GROWTH, "{before} KiB became {most}");
        assert!(answered > 10, "{answered} good cancels were answered");
    }
    let said = complaints(&process);
    // One for each listener and minute.
    let minutes = usize::try_from(duration().as_secs() / 60).unwrap() + 1;
    assert!(said.len() <= 2 * minutes, "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn f68_strangers_who_never_read_take_little_memory_and_one_line_and_good_callers_are_answered() {
    bear_strangers(never_reads).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f68_strangers_who_read_slowly_take_little_memory_and_one_line_and_good_callers_are_answered() {
    bear_strangers(reads_slowly).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f68_strangers_who_send_half_requests_take_little_memory_and_one_line_and_good_callers_are_answered() {
    bear_strangers(sends_halves).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f68_what_was_closed_is_counted_with_its_reason_and_said_once() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        let stream = TcpStream::connect(process.callback).await.unwrap();
        silent.push(tokio::spawn(never_reads(stream)));
    }
    for one in silent {
        assert!(one.await.unwrap() > 0);
    }
    let metrics = loopback().get(format!("http://{}/metrics", process.wallet_api)).send().await.unwrap().text().await.unwrap();
    let closed = |reason: &str| format!("rescind_http_connections_closed_total{{listener=\"callback\",reason=\"{reason}\"}}");
    assert!(metrics.contains(&format!("{} 3\n", closed("slow-reader"))), "{metrics}");
    for reason in ["announced", "no-request", "no-handshake"] {
        assert!(metrics.contains(&format!("{} 0\n", closed(reason))), "{reason}: {metrics}");
    }
    assert!(metrics.contains("rescind_http_connections{listener=\"callback\"} 0\n"), "{metrics}");
    let said = complaints(&process);
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(said[0].contains("\"reason\":\"slow-reader\"") && said[0].contains("\"peer\":\"127.0.0.1\""), "{said:?}");
}
