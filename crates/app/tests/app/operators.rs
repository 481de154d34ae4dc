//! What support and operators do from the command line: find, look, and act under their names.

use adapters_db::{Database, DatabaseSettings};
use domain::{Action, AttemptEnd, Jitter, ReversalOutcome};
use ports::testing::{Wallet, core_policy};
use serde_json::{Value, json};
use testkit::{Deployment, TestEngine, for_each_engine};

for_each_engine! {
    f94_support_finds_a_payment_at_the_command_line
    f93_the_command_line_leaves_names_and_approves_under_another_one
}

fn lines(printed: &str) -> Vec<Value> {
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn refusal(deployment: &Deployment, args: &[&str]) -> String {
    let output = deployment.run(args);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

async fn f94_support_finds_a_payment_at_the_command_line(engine: TestEngine) {
    let deployment = Deployment::on(engine);
    let process = deployment.start().await;
    for (id, account) in [("P1", "user-1"), ("P2", "user-2"), ("P3", "user-1")] {
        process.wallet.announce(id, account, 1500).await.unwrap();
        process.wallet.report(id, "S").await.unwrap();
    }
    assert_eq!(process.alipayplus.cancel("P1").await.unwrap().brief(), "S SUCCESS");
    let table = deployment.succeed(&["find", "--account", "user-1"]);
    let words: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["initiated", "state", "amount", "account", "paymentRequestId", "paymentId"]);
    let rows: Vec<_> = words[1..].iter().map(|row| row[1..].join(" ")).collect();
    assert_eq!(rows, ["succeeded 1500 JPY user-1 P3 -", "cancelled 1500 JPY user-1 P1 -"]);

    let found = lines(&deployment.succeed(&["find", "--state", "cancelled", "--json"]));
    let listed = process.wallet.get("/payments?state=cancelled").await.unwrap();
    assert_eq!(json!(found), listed["payments"]);
    assert_eq!(lines(&deployment.succeed(&["find", "--account", "user-1", "--limit", "1", "--json"])).len(), 1);
    let earlier = ["find", "--initiated-to", "2020-01-01T00:00:00Z", "--json"];
    assert_eq!(deployment.succeed(&earlier), "");
    let explained = lines(&deployment.succeed(&["explain", "P1", "--json"]));
    assert_eq!(explained, [process.wallet.payment("P1").await.unwrap()]);
    assert!(refusal(&deployment, &["find", "--acquirer-id", "a"]).contains("at least one of --account"));
    for wrong in [["find", "--state", "Open"], ["find", "--initiated-from", "yesterday"], ["find", "--account", "a b"]] {
        assert_eq!(deployment.run(&wrong).status.code(), Some(2), "{wrong:?}");
    }
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
    assert!(store.decide(vec![wallet.is_cancelled(), parked]).await.iter().all(Result::is_ok));
}

fn last_event(deployment: &Deployment, id: &str) -> Value {
    let view: Value = serde_json::from_str(&deployment.succeed(&["explain", id, "--json"])).unwrap();
    let mut event = view["events"].as_array().unwrap().last().unwrap().clone();
    event.as_object_mut().unwrap().remove("at");
    event
}

async fn f93_the_command_line_leaves_names_and_approves_under_another_one(engine: TestEngine) {
    let mut deployment = Deployment::on(engine);
    deployment.set("funds.kind", "http");
    deployment.set("wallet_api.four_eyes", "true");
    park(&deployment, "P1").await;
    let retried = deployment.command(&["reversals", "retry", "P1", "--json"]).env("USER", "dora").output().unwrap();
    assert_eq!(String::from_utf8(retried.stdout).unwrap(), "{\"disposition\":\"reopened\",\"reversalId\":\"P1\"}\n");
    assert_eq!(last_event(&deployment, "P1"), json!({"what": "reversal-opened", "by": "dora"}));
    let act = |verb: &str, by: &str| deployment.succeed(&["reversals", verb, "P1", "--note", "by hand", "--by", by]);
    assert_eq!(act("park", "ann"), "the reversal P1 is parked until an operator decides\n");
    assert_eq!(act("resolve", "ann"), "the reversal P1 waits for another operator, who runs `rescind reversals approve`\n");
    let listed = lines(&deployment.succeed(&["reversals", "list", "--parked", "--json"]));
    assert_eq!((&listed[0]["resolution"]["by"], &listed[0]["resolution"]["note"]), (&json!("ann"), &json!("by hand")));
    let text = deployment.succeed(&["explain", "P1"]);
    assert!(text.contains("asked for by ann at") && text.contains("Another operator approves the resolution"), "{text}");
    let own = refusal(&deployment, &["reversals", "approve", "P1", "--by", "ann"]);
    assert!(own.contains("the reversal P1 is not resolved: the resolution was asked for under the same name"), "{own}");
    assert_eq!(deployment.succeed(&["reversals", "approve", "P1", "--by", "bob"]), "the reversal P1 is resolved\n");
    let resolved = json!({"what": "reversal-resolved", "note": "by hand", "by": "ann", "approvedBy": "bob"});
    assert_eq!(last_event(&deployment, "P1"), resolved);
    assert!(refusal(&deployment, &["reversals", "approve", "P1", "--by", "bob"]).contains("the reversal is not parked"));
}
