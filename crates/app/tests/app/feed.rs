//! The feed with real processes: the reader in the guide, the command, a restore, and a process that stops.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use testkit::process::Process;
use testkit::{Deployment, TestEngine};

const GUIDE: &str = include_str!("../../../../docs/integrate/events.md");
const CANCELLED: [&str; 3] = ["cancellation.received", "payment.cancelled", "money.returned"];

async fn cancelled(process: &Process, id: &str) {
    process.wallet.announce(id, "user-1", 1500).await.unwrap();
    process.wallet.report(id, "S").await.unwrap();
    assert_eq!(process.alipayplus.cancel(id).await.unwrap().brief(), "S SUCCESS");
}

/// A program that prints a line for each event, and is killed in the end.
struct Reader {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Reader {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn next(&mut self) -> String {
        let mut line = String::new();
        assert!(self.lines.read_line(&mut line).unwrap() > 0, "the reader has ended");
        line.trim_end().to_owned()
    }

    /// Its exit code, and what it says at its end.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let said = std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap();
        (status.code(), said)
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// The program of the guide.
fn guide(deployment: &Deployment, process: &Process, kept: &Path) -> Reader {
    let program = GUIDE.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(program.lines().filter(|line| !line.trim().is_empty()).count() <= 25, "about twenty lines");
    let tokens = fs::read_to_string(deployment.dir().join("keys/wallet-api-tokens")).unwrap();
    let token = tokens.lines().find(|line| line.split(' ').nth(1) == Some("pay")).unwrap().split(' ').nth(2).unwrap();
    let mut python = Command::new("python3");
    python.args(["-u", "-c", program]).env("RESCIND", format!("http://{}", process.wallet_api)).env("RESCIND_TOKEN", token);
    Reader::start(python.env("CURSOR_FILE", kept))
}

fn lines_of(id: &str) -> [String; 3] {
    let data = ["{}", r#"{"rule": "money-taken"}"#, r#"{"amount": {"value": "1500", "currency": "JPY"}}"#];
    [0, 1, 2].map(|place| format!("{} {id} {}", CANCELLED[place], data[place]))
}

#[tokio::test(flavor = "multi_thread")]
async fn f95_the_guides_reader_hears_everything_and_goes_on_where_it_was_killed() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    let kept = deployment.dir().join("cursor");
    cancelled(&process, "P1").await;
    let mut reader = guide(&deployment, &process, &kept);
    assert_eq!([(); 3].map(|()| reader.next()), lines_of("P1"));
    while !kept.exists() {
        tokio::task::yield_now().await;
    }
    reader.kill();
    cancelled(&process, "P2").await;
    let mut reader = guide(&deployment, &process, &kept);
    assert_eq!([(); 3].map(|()| reader.next()), lines_of("P2"), "what it had heard is not told again");
    reader.kill();

    // After a restore the cursor leads nowhere, and the reader says so.
    assert!(process.stop().success());
    let said = deployment.succeed(&["events", "new-generation"]);
    assert!(said.starts_with("the feed is of generation 2 from now on"), "{said}");
    let process = deployment.start().await;
    let (code, said) = guide(&deployment, &process, &kept).end();
    assert!(code == Some(1) && said.contains("urn:rescind:problem:stale-cursor"), "{said}");
    fs::remove_file(&kept).unwrap();
    let mut reader = guide(&deployment, &process, &kept);
    assert_eq!([(); 6].map(|()| reader.next())[..3], lines_of("P1"));
    reader.kill();
    assert!(process.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_follows_events_in_words_and_in_json() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    cancelled(&process, "P1").await;
    let mut in_words = Reader::start(&mut deployment.command(&["events", "follow"]));
    let first = in_words.next();
    assert!(first.contains("  cancellation.received  P1  after 1-"), "{first}");
    let second = in_words.next();
    assert!(second.contains("  payment.cancelled  P1  rule=\"money-taken\"  after 1-"), "{second}");
    let cursor = second.rsplit_once(' ').unwrap().1.to_owned();
    in_words.kill();

    let mut in_json = Reader::start(&mut deployment.command(&["events", "follow", "--json", "--after", &cursor]));
    let event: Value = serde_json::from_str(&in_json.next()).unwrap();
    assert_eq!((event["type"].as_str(), event["paymentRequestId"].as_str()), (Some("money.returned"), Some("P1")));
    let of_api = process.wallet.get("/wallet/v1/events").await.unwrap();
    assert_eq!(event["data"], of_api["events"][2]["data"]);
    assert_eq!(event["cursor"], of_api["events"][2]["cursor"]);
    cancelled(&process, "P2").await;
    let event: Value = serde_json::from_str(&in_json.next()).unwrap();
    assert_eq!(event["paymentRequestId"], "P2");
    in_json.kill();
    let refused = deployment.run(&["events", "follow", "--after", "nothing"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(process.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stops_does_not_wait_for_those_who_wait_for_events() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    cancelled(&process, "P1").await;
    let page = process.wallet.get("/wallet/v1/events").await.unwrap();
    let after = format!("/wallet/v1/events?wait=30s&after={}", page["cursor"].as_str().unwrap());
    let begun = std::time::Instant::now();
    let (waited, ()) = tokio::join!(process.wallet.get(&after), async {
        // Some time for the call to come: both orders are right.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        process.ask_to_stop();
    });
    if let Ok(page) = waited {
        assert_eq!(page["events"], serde_json::json!([]));
    }
    assert!(process.stop().success());
    assert!(begun.elapsed() < std::time::Duration::from_secs(25), "{:?}", begun.elapsed());
}
