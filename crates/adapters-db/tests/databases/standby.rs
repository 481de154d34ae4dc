//! A standby of PostgreSQL's answers from the past and records nothing.

use ports::testing::{Wallet, ledger_policy};

use crate::fixtures::{deployment_policy, open};
use crate::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn f39_a_standby_is_refused_whatever_it_is_asked() {
    let mut standby = Server::new();
    standby.is_a_standby();
    standby.start();
    let url = Server::url(&[&standby], "postgres");
    // A pool for each, because a pool gives its reason to only one of those who wait.
    let database = || open(&url, 1).unwrap();
    let store = || database().store(ledger_policy());
    let (starting, migrating, [checking, reading, writing]) = (database(), database(), [store(), store(), store()]);
    let wallet = Wallet::of("wallet");
    let (served, migrated, checked, found, decided) = tokio::join!(
        tokio::task::spawn_blocking(move || starting.check_deployment(&deployment_policy())),
        tokio::task::spawn_blocking(move || migrating.migrate()),
        checking.check(),
        reading.find(&wallet.id),
        writing.decide(vec![wallet.is_cancelled()]),
    );
    let sentences = [
        served.unwrap().unwrap_err().to_string(),
        migrated.unwrap().unwrap_err().to_string(),
        checked.unwrap_err().to_string(),
        found.unwrap_err().to_string(),
        decided[0].clone().unwrap_err().to_string(),
    ];
    for sentence in sentences {
        assert!(sentence.contains("in recovery") && sentence.contains("primary"), "{sentence}");
    }
}
