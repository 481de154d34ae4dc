//! A password stays out of every error of connecting, however the URL is wrong.

use std::time::Duration;

use adapters_db::{Database, DatabaseSettings};
use ports::testing::{id, ledger_policy};
use tokio::runtime::Handle;

use crate::deployment::at_noon;
use crate::fixtures::{deployment_policy, server};

/// The two halves of the planted password; neither may be shown.
const HALVES: [&str; 2] = ["Pl4nted", "S3cret"];

/// The test server's URL with a login, another database, and more parameters.
fn with(login: &str, database: &str, parameters: &str) -> String {
    let url = server();
    let (place, own) = url.split_once('?').map_or((url.as_str(), String::new()), |(server, own)| (server, format!("&{own}")));
    let (place, _) = place.strip_prefix("postgres://").unwrap().rsplit_once('/').unwrap();
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    format!("postgres://{login}@{host}/{database}?application_name=planted{own}{parameters}")
}

/// URLs that do not lead to a database, each with the planted password.
fn urls() -> Vec<String> {
    let mut urls: Vec<String> = [
        "postgres://rescind:Pl4nted%S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4ntedS3cret%@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted%00S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted@S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted/S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted?S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted?a=S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted#S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted:S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted[S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted%25S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted%40S3cret@127.0.0.1:1/rescind",
        "postgres://rescind:Pl4nted%40S3cret@no-such-host.invalid/rescind",
        "postgres://rescind:Pl4ntedS3cret@127.0.0.1:99999/rescind",
        "postgres://rescind:Pl4ntedS3cret@127.0.0.1:1/rescind?sslmode=nonsense",
        "postgres://rescind:Pl4ntedS3cret@127.0.0.1:1/rescind?nonsense=1",
        "postgres://rescind:Pl4ntedS3cret@127.0.0.1:1/rescind?sslmode=verify-full&sslrootcert=%2Fnowhere",
        "postgres://rescind:Pl4ntedS3cret",
        "postgres://rescind:Pl4ntedS3cret/rescind",
        "postgres://[Pl4ntedS3cret",
        "postgres://127.0.0.1:1/rescind?password=Pl4nted%S3cret",
        "postgres://127.0.0.1:1/rescind?password=Pl4nted&S3cret",
        "postgres://127.0.0.1:1/rescind?password=Pl4nted=S3cret",
        "postgres://127.0.0.1:1/rescind?password=Pl4nted%20S3cret&connect_timeout=x",
        "postgres://127.0.0.1:1/rescind?sslpassword=Pl4ntedS3cret",
        "postgres://127.0.0.1:1/rescind?pasword=Pl4ntedS3cret",
        "mysql://rescind:Pl4ntedS3cret@127.0.0.1:1/rescind",
        "rescind:Pl4ntedS3cret@127.0.0.1:1/rescind",
        "host=127.0.0.1 password=Pl4ntedS3cret",
        "sqlite:///nowhere/rescind.db",
    ]
    .map(ToOwned::to_owned)
    .to_vec();
    urls.push(with("nobody_with_this_name:Pl4nted%40S3cret", "rescind", ""));
    urls.push(with("postgres:Pl4nted%40S3cret", "no_database_with_this_name", ""));
    urls.push(with("postgres:Pl4nted%40S3cret", "postgres", "&options=-c%20no_such_setting%3Dx"));
    urls
}

/// What is said by a command; where there is time, also at the start and by a store that serves.
fn said(settings: &DatabaseSettings, by_all: Option<&Handle>) -> Vec<String> {
    let database = match Database::open(settings) {
        Ok(database) => database,
        Err(refused) => return vec![refused.to_string()],
    };
    let mut said = Vec::new();
    said.extend(database.migrate().err().map(|error| error.to_string()));
    if let Some(runtime) = by_all {
        said.extend(database.check_migrated().err().map(|error| error.to_string()));
        said.extend(database.check_deployment(&deployment_policy()).err().map(|error| error.to_string()));
        said.extend(database.adopt(&deployment_policy(), &at_noon()).err().map(|error| error.to_string()));
        let store = database.store(ledger_policy());
        said.extend(runtime.block_on(store.check()).err().map(|error| error.to_string()));
        said.extend(runtime.block_on(store.backlog()).err().map(|error| error.to_string()));
        said.extend(runtime.block_on(store.find(&id("p1"))).err().map(|error| error.to_string()));
    }
    assert!(!said.is_empty(), "a way to a database that is wrong leads there");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn f82_no_error_of_connecting_shows_a_piece_of_the_password() {
    let runtime = Handle::current();
    let mut ways = Vec::new();
    // Each way is waited for: together they take as long as the slowest.
    for (number, url) in urls().into_iter().enumerate() {
        for password in [None, Some("Pl4nted%@/:S3cret".to_owned())] {
            let (settings, runtime) = (
                DatabaseSettings { url: url.clone(), password, pool_size: 1, answer_budget: Duration::from_secs(6) },
                runtime.clone(),
            );
            let by_all = number % 5 == 0 || url.contains("application_name=planted");
            ways.push((url.clone(), std::thread::spawn(move || said(&settings, by_all.then_some(&runtime)))));
        }
    }
    let mut all = Vec::new();
    for (url, way) in ways {
        let said = way.join().unwrap();
        for sentence in &said {
            assert!(!HALVES.iter().any(|half| sentence.contains(half)), "{url}: {sentence}");
        }
        all.extend(said);
    }
    // Each kind of failure was met: what is refused here, what libpq says, and what the server says.
    for kind in ["database.url cannot be read", "could not translate host name", "Connection refused", "does not exist"] {
        assert!(all.iter().any(|sentence| sentence.contains(kind)), "{kind}: {all:#?}");
    }
}
