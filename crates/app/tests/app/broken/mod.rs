//! Speaks to `rescind` in bytes, whole or broken, and says on its own what such bytes may bring about.

pub(crate) mod random;
pub(crate) mod reading;
pub(crate) mod request;
pub(crate) mod wire;

use testkit::Deployment;
use testkit::process::Process;
use wire::Connection;

/// How many messages: `ci` by default, `full` with `RESCIND_SCALE=full`.
pub(crate) fn scaled(ci: usize, full: usize) -> usize {
    if std::env::var("RESCIND_SCALE").as_deref() == Ok("full") { full } else { ci }
}

/// What all mutations come from: `RESCIND_SEED`, else always the same.
pub(crate) fn seed() -> u64 {
    std::env::var("RESCIND_SEED").map_or(20_200_101, |seed| seed.parse().expect("RESCIND_SEED is a number"))
}

/// The token of the wallet's pay flow.
pub(crate) fn token(deployment: &Deployment) -> String {
    let tokens = std::fs::read_to_string(deployment.dir().join("keys/wallet-api-tokens")).unwrap();
    let words = tokens.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    words.filter(|words| words.get(1) == Some(&"pay")).map(|words| words[2].to_owned()).next().unwrap()
}

/// The process is alive and none of its threads has died.
pub(crate) async fn assert_unharmed(process: &Process) {
    let panicked: Vec<_> = process.take_log().into_iter().filter(|line| line.contains("panicked")).collect();
    assert!(panicked.is_empty(), "{panicked:#?}");
    assert!(process.is_ready().await, "the process serves no more");
}

/// What the wallet API shows of a payment, byte for byte; `None` where it knows nothing of it.
pub(crate) async fn view(process: &Process, token: &str, id: &str) -> Option<Vec<u8>> {
    let request = format!("GET /wallet/v1/payments/{id} HTTP/1.1\r\nhost: wallet\r\nauthorization: Bearer {token}\r\n\r\n");
    let answer = Connection::to(process.wallet_api).ask(request.as_bytes()).await;
    match answer.status {
        200 => Some(answer.body),
        404 => None,
        other => panic!("{id}: HTTP {other}"),
    }
}
