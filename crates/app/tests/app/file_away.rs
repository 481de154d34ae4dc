//! A SQLite file that is not there, or not there any more.

use std::fs;

use serde_json::Value;
use testkit::process::Process;
use testkit::{Deployment, TestEngine, run};

/// What `/readyz` says, and to a caller with a token.
async fn readyz(process: &Process) -> (u16, Value) {
    let answer = reqwest::get(format!("http://{}/readyz", process.wallet_api)).await.unwrap();
    (answer.status().as_u16(), process.wallet.readiness().await.unwrap())
}

#[test]
fn f64_serve_makes_no_database() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let file = deployment.dir().join("rescind.db");
    fs::remove_file(&file).unwrap();
    let refused = deployment.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    let sentence = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(sentence.contains("its file rescind.db is not there") && sentence.contains("rescind migrate"), "{sentence}");
    assert!(!file.exists());
    deployment.succeed(&["migrate"]);
    run(async { assert!(deployment.start().await.stop().success()) });
}

#[test]
fn f64_a_file_that_is_moved_or_exchanged_makes_the_process_unready_and_every_answer_u() {
    run(async {
        let deployment = Deployment::on(TestEngine::Sqlite);
        let process = deployment.start().await;
        process.wallet.announce("P1", "user", 1000).await.unwrap();
        process.wallet.report("P1", "S").await.unwrap();
        let (file, aside) = (deployment.dir().join("rescind.db"), deployment.dir().join("aside.db"));
        let says = async |what: &str| {
            let (status, body) = readyz(&process).await;
            assert_eq!(status, 503, "within one probe: {body}");
            assert!(body["details"][0].as_str().unwrap().contains(what), "{body}");
            assert_eq!(process.alipayplus.cancel("P1").await.unwrap().brief(), "U UNKNOWN_EXCEPTION");
            assert!(process.wallet.announce("P2", "user", 1000).await.unwrap_err().starts_with("503"));
        };
        fs::rename(&file, &aside).unwrap();
        says("rescind.db is gone").await;
        assert!(!file.exists(), "nobody makes a new one");
        fs::copy(&aside, &file).unwrap();
        says("another file has taken the place").await;
        fs::rename(&aside, &file).unwrap();
        assert_eq!(readyz(&process).await.0, 200, "it is back");
        assert_eq!(process.alipayplus.cancel("P1").await.unwrap().brief(), "S SUCCESS");
        assert_eq!(process.wallet.balance("user").await.unwrap(), 0);
    });
}
