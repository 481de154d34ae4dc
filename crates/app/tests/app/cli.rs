//! The commands, as a person or a script runs them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use adapters_db::{Database, DatabaseSettings};
use domain::{Action, Answer, AttemptEnd, CancelReply, Jitter, Reply, ReversalOutcome};
use ports::testing::{Wallet, core_policy, replies};
use testkit::{Deployment, TestEngine, for_each_engine};

for_each_engine! {
    migrating_twice_is_fine_on_either_database
    other_terms_are_refused_until_they_are_adopted
    f50_other_funds_are_adopted_with_the_exact_number_of_payments_that_can_be_cancelled
    a_payment_is_explained_from_its_announcement_to_its_end
    only_a_parked_reversal_is_tried_again_from_the_command_line
    a_parked_reversal_is_open_again_for_whoever_serves_the_database
}

#[test]
fn generated_keys_are_private_and_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let generate =
        || std::process::Command::new(testkit::program("rescind")).args(["keys", "generate"]).arg(&keys).output().unwrap();
    let first = generate();
    assert!(first.status.success());
    assert!(String::from_utf8_lossy(&first.stdout).contains("upload this one to Alipay+"));
    let mode = |name: &str| fs::metadata(keys.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("wallet-private.pem"), 0o600);
    assert_eq!(mode("wallet-api-tokens"), 0o600);
    let roles: Vec<_> = fs::read_to_string(keys.join("wallet-api-tokens"))
        .unwrap()
        .lines()
        .map(|line| {
            let [_, role, token] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            assert_eq!(token.len(), 43, "256 bits in base64url");
            role.to_owned()
        })
        .collect();
    assert_eq!(roles, ["pay", "operator"]);

    fs::remove_file(keys.join("wallet-private.pem")).unwrap();
    let before = fs::read(keys.join("wallet-api-tokens")).unwrap();
    let again = generate();
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already and is never overwritten"));
    assert_eq!(fs::read(keys.join("wallet-api-tokens")).unwrap(), before);
    assert!(!keys.join("wallet-private.pem").exists(), "nothing is written where something is in the way");
}

#[test]
fn wrong_usage_ends_with_code_two() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    for args in [&["sevre"][..], &["explain"], &["keys", "generate"], &["serve", "--port", "1"], &[]] {
        assert_eq!(deployment.run(args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn asking_a_database_that_is_not_there_makes_none() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let file = deployment.dir().join("rescind.db");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "accounts and balances are nobody else's");
    fs::remove_file(&file).unwrap();
    for args in [&["explain", "id"][..], &["reversals", "retry", "id"], &["config", "adopt"]] {
        let output = deployment.run(args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        let sentence = String::from_utf8(output.stderr).unwrap();
        let expected = "rescind: the database is not migrated: its file rescind.db is not there.";
        assert!(sentence.starts_with(expected) && sentence.contains("`rescind migrate`"), "{args:?}: {sentence}");
        assert!(!file.exists(), "{args:?}");
    }
}

async fn migrating_twice_is_fine_on_either_database(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    assert_eq!(deployment.succeed(&["migrate"]), "the schema is up to date\n", "{engine:?}");
    assert_eq!(deployment.succeed(&["migrate", "--finish"]), "the schema is up to date\n", "{engine:?}");
}

async fn other_terms_are_refused_until_they_are_adopted(engine: TestEngine) {
    let mut deployment = Deployment::on(engine);
    assert!(deployment.start().await.stop().success());
    deployment.set("cancellable_period.zone", "Asia/Tokyo");
    let refused = deployment.run(&["serve"]);
    assert_eq!(refused.status.code(), Some(1), "{engine:?}");
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("Asia/Tokyo") && text.contains("config adopt"), "{text}");
    deployment.succeed(&["config", "adopt"]);
    assert!(deployment.start().await.stop().success(), "{engine:?}");
}

async fn f50_other_funds_are_adopted_with_the_exact_number_of_payments_that_can_be_cancelled(engine: TestEngine) {
    let mut deployment = Deployment::on(engine);
    let process = deployment.start().await;
    process.wallet.announce("P1", "user", 1000).await.unwrap();
    process.wallet.report("P1", "S").await.unwrap();
    assert!(process.stop().success());
    deployment.set("funds.kind", "http");
    let refused = |args: &[&str]| {
        let output = deployment.run(&[&["config", "adopt"], args].concat());
        assert_eq!(output.status.code(), Some(1), "{engine:?} {args:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let text = refused(&[]);
    assert!(text.contains("1 payments can still be cancelled") && text.contains("--accept 1 --note TEXT"), "{text}");
    let text = refused(&["--accept", "2", "--note", "carried over"]);
    assert!(text.contains("--accept says 2, but 1 payments"), "{text}");
    deployment.succeed(&["config", "adopt", "--accept", "1", "--note", "carried over", "--by", "ann"]);
    assert!(deployment.start().await.stop().success(), "{engine:?}");
    let text = deployment.succeed(&["explain", "P1"]);
    assert!(text.contains("settings-adopted") && text.contains("carried over") && text.contains("ann"), "{text}");
}

#[test]
fn a_server_that_is_away_is_no_reason_to_make_a_file() {
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    let before = fs::read_dir(deployment.dir()).unwrap().count();
    deployment.set("database.url", "postgres://rescind@127.0.0.1:1/rescind");
    let output = deployment.run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_dir(deployment.dir()).unwrap().count(), before);
}

async fn a_payment_is_explained_from_its_announcement_to_its_end(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let unknown = deployment.run(&["explain", "P1"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&unknown.stderr),
        "rescind: nothing is known of P1: neither a payment nor a cancel came\n"
    );
    let malformed = deployment.run(&["explain", ".."]);
    assert!(String::from_utf8_lossy(&malformed.stderr).starts_with("rescind: the ID \"..\" must be 1 to 64"));

    let process = deployment.start().await;
    process.wallet.announce("P1", "user-1", 1500).await.unwrap();
    process.wallet.report("P1", "S").await.unwrap();
    let text = deployment.succeed(&["explain", "P1"]);
    for part in ["payment      1500 JPY from account user-1, succeeded (S)", "no cancel came yet", "S SUCCESS"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(process.alipayplus.cancel("P1").await.unwrap().brief(), "S SUCCESS");
    let text = deployment.succeed(&["explain", "P1"]);
    for part in [
        "money-taken: the payment succeeded → cancelled, the full amount goes back; answer S once the money is back",
        "reversal     of 1500 JPY, done at",
        "S SUCCESS, because it is cancelled; this answer is recorded and given for ever",
        "Nothing: the money is back.",
        "cancel-received",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }

    assert_eq!(process.alipayplus.cancel("P2").await.unwrap().brief(), "S SUCCESS");
    let text = deployment.succeed(&["explain", "P2"]);
    assert!(text.contains("never-received: no payment is recorded") && text.contains("is told not to debit"), "{text}");
}

async fn only_a_parked_reversal_is_tried_again_from_the_command_line(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let retry = |id: &str| deployment.run(&["reversals", "retry", id]);
    let refused = |id: &str, sentence: &str| {
        let output = retry(id);
        let text = (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), output.stdout);
        assert_eq!(text, (Some(1), format!("rescind: {sentence}\n"), vec![]), "{engine:?}");
    };
    refused("P1", "there is no reversal P1");
    assert!(String::from_utf8_lossy(&retry("..").stderr).starts_with("rescind: the ID \"..\" must be 1 to 64"));

    let process = deployment.start().await;
    process.wallet.announce("P1", "user-1", 1500).await.unwrap();
    process.wallet.report("P1", "S").await.unwrap();
    refused("P1", "there is no reversal P1");
    assert_eq!(process.alipayplus.cancel("P1").await.unwrap().brief(), "S SUCCESS");
    let before = deployment.succeed(&["explain", "P1"]);
    refused("P1", "the reversal P1 is not tried again: the reversal is not parked");
    assert_eq!(deployment.succeed(&["explain", "P1"]), before);
}

async fn a_parked_reversal_is_open_again_for_whoever_serves_the_database(engine: TestEngine) {
    let mut deployment = Deployment::on(engine);
    deployment.set("funds.kind", "http");
    park(&deployment, "P1").await;
    let text = deployment.succeed(&["explain", "P1"]);
    assert!(text.contains("parked: the account is closed"), "{text}");

    deployment.set("cancellable_period.zone", "Asia/Tokyo");
    deployment.succeed(&["config", "adopt"]);
    deployment.set("cancellable_period.zone", "Asia/Shanghai");
    let under_other_terms = deployment.run(&["reversals", "retry", "P1"]);
    assert_eq!(under_other_terms.status.code(), Some(1), "{engine:?}");
    assert_eq!(deployment.succeed(&["explain", "P1"]), text);

    deployment.succeed(&["config", "adopt"]);
    let retried = deployment.succeed(&["reversals", "retry", "P1"]);
    assert_eq!(retried, "the reversal P1 is open again and due at once\n");
    let text = deployment.succeed(&["explain", "P1"]);
    assert!(text.contains("reversal     of whatever was taken, open, next attempt from"), "{text}");
    assert_eq!(deployment.run(&["reversals", "retry", "P1"]).status.code(), Some(1));
}

/// Has a cancel decided as under a wallet core, and its money called impossible to give back.
async fn park(deployment: &Deployment, id: &str) {
    let settings = DatabaseSettings {
        url: deployment.database_url(),
        password: None,
        pool_size: 1,
        answer_budget: std::time::Duration::from_secs(6),
    };
    let store = Database::open(&settings).unwrap().store(core_policy());
    let wallet = Wallet::of(id);
    let outcome = ReversalOutcome::Impossible("the account is closed".to_owned());
    let parked = wallet.does(Action::CompleteAttempt(AttemptEnd { attempt: 1, outcome, jitter: Jitter(0) }));
    let decided = store.decide(vec![wallet.is_cancelled(), parked]).await;
    assert_eq!(
        replies(decided),
        [Ok(Reply::Cancel(CancelReply::ReversalPending { attempt: Some(1) })), Ok(Reply::Attempt(Answer::Pending))]
    );
}

#[tokio::test]
async fn a_process_that_is_told_to_stop_ends_with_code_zero() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    assert_eq!(process.alipayplus.cancel("P1").await.unwrap().brief(), "S SUCCESS");
    assert!(process.stop().success());
    let process = deployment.start().await;
    assert_eq!(process.wallet.announce("P1", "user-1", 5).await.unwrap(), "closed", "the fence outlives the process");
}

#[tokio::test]
async fn a_process_that_serves_is_healthy_and_one_that_does_not_is_not() {
    let deployment = Deployment::on(TestEngine::Sqlite);
    let process = deployment.start().await;
    let health = |deployment: &Deployment, listen: String| {
        deployment.command(&["health"]).env("RESCIND__WALLET_API__LISTEN", listen).output().unwrap()
    };
    let everywhere = format!("0.0.0.0:{}", process.wallet_api.port());
    for listen in [process.wallet_api.to_string(), everywhere] {
        let healthy = health(&deployment, listen);
        assert!(healthy.status.success(), "{}", String::from_utf8_lossy(&healthy.stderr));
    }
    let gone = process.wallet_api.to_string();
    assert!(process.stop().success());
    let unhealthy = health(&deployment, gone);
    assert_eq!(unhealthy.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unhealthy.stderr).contains("/livez does not answer: "), "{unhealthy:?}");
}

#[test]
fn a_process_that_serves_over_tls_is_healthy_too() {
    let mut deployment = Deployment::on(TestEngine::Sqlite);
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=wallet.example", "-keyout", "key.pem"])
        .args(["-out", "certificate.pem"])
        .current_dir(deployment.dir())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    deployment.set("wallet_api.tls.certificate_file", "certificate.pem");
    deployment.set("wallet_api.tls.private_key_file", "key.pem");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    deployment.set("wallet_api.listen", &free.to_string());
    let mut serving = deployment.command(&["serve"]).stderr(std::process::Stdio::null()).spawn().unwrap();
    let is_healthy = || deployment.run(&["health"]).status.success();
    let healthy = (0..600).any(|_| {
        is_healthy() || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            false
        }
    });
    serving.kill().unwrap();
    serving.wait().unwrap();
    assert!(healthy, "{}", String::from_utf8_lossy(&deployment.run(&["health"]).stderr));
}
