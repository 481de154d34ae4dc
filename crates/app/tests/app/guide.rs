//! The program in the wallet API's guide, run as it stands there.

use std::fs;
use std::process::Command;

use testkit::process::Process;
use testkit::{Deployment, TestEngine};

const GUIDE: &str = include_str!("../../../../docs/integrate/wallet-api.md");
/// The payment request of the program.
const ID: &str = "20260301190741010700166001";

fn run(deployment: &Deployment, process: &Process) -> String {
    let program = GUIDE.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let tokens = fs::read_to_string(deployment.dir().join("keys/wallet-api-tokens")).unwrap();
    let token = tokens.lines().find(|line| line.split(' ').nth(1) == Some("pay")).unwrap().split(' ').nth(2).unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", program]).env("RESCIND", format!("http://{}", process.wallet_api)).env("RESCIND_TOKEN", token);
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_program_pays() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    assert_eq!(run(&deployment, &process), "S SUCCESS\n");
    assert_eq!(process.alipayplus.cancel(ID).await.unwrap().brief(), "S SUCCESS");
    assert_eq!(process.wallet.report(ID, "S").await.unwrap(), "reversed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guides_program_does_not_pay_what_was_cancelled() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    assert_eq!(process.alipayplus.cancel(ID).await.unwrap().brief(), "S SUCCESS");
    assert_eq!(run(&deployment, &process), "F ORDER_IS_CLOSED\n");
}
