//! A copy of the database is made while it is served, and serves when it is restored.

use testkit::{Deployment, TestEngine};

#[tokio::test(flavor = "multi_thread")]
async fn f86_a_backup_says_what_is_in_it_and_serves_when_it_is_restored() {
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    process.wallet.announce("P1", "user-1", 1500).await.unwrap();
    process.wallet.report("P1", "S").await.unwrap();
    assert_eq!(process.alipayplus.cancel("P1").await.unwrap().brief(), "S SUCCESS");
    let copy = deployment.dir().join("copy.db");
    let backup = |out: &str| deployment.run(&["backup", "--out", out]);
    let done = backup(copy.to_str().unwrap());
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success() && said.contains(" has 1 cases; the last event in it is of 20"), "{said}");
    assert_eq!(backup(copy.to_str().unwrap()).status.code(), Some(1), "a backup replaces nothing");

    process.wallet.announce("P2", "user-1", 10).await.unwrap();
    let before = deployment.succeed(&["explain", "P1"]);
    assert!(process.stop().success());
    deployment.set("database.url", &format!("sqlite://{}", copy.display()));
    assert_eq!(deployment.succeed(&["explain", "P1"]), before);
    assert_eq!(deployment.run(&["explain", "P2"]).status.code(), Some(1), "what came later is forgotten");
    let restored = deployment.start().await;
    assert_eq!(restored.alipayplus.cancel("P1").await.unwrap().brief(), "S SUCCESS");
    assert!(restored.stop().success());
}

#[test]
fn a_server_is_backed_up_with_its_own_tools() {
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    deployment.set("database.url", "postgres://rescind@127.0.0.1:1/rescind");
    let copy = deployment.dir().join("copy.db");
    let refused = deployment.run(&["backup", "--out", copy.to_str().unwrap()]);
    let sentence = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{sentence}");
    assert!(sentence.contains("pg_basebackup") && !copy.exists(), "{sentence}");
}
