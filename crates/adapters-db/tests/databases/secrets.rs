//! A password stays out of every error of connecting, however the URL is wrong.

use std::fmt::{Debug, Display};
use std::net::TcpListener;
use std::time::Duration;

use adapters_db::{Database, DatabaseSettings, PasswordSource};
use ports::testing::{id, ledger_policy};
use tokio::runtime::Handle;

use crate::deployment::at_noon;
use crate::fixtures::{Postgres, deployment_policy, server};
use crate::pooler::Pooler;
use crate::server::Server;

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
        "postgres://rescind:Pl4nted%40S3cret@127.0.0.1:1,[::1]:1,no-such-host.invalid/rescind?target_session_attrs=read-write",
        "postgres://rescind:Pl4nted%40S3cret@127.0.0.1:1,127.0.0.1:1/rescind?port=1,2,3",
        "postgres://rescind:Pl4nted%40S3cret@%2Fnowhere/rescind",
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
    // The server has no TLS.
    urls.push(with("postgres:Pl4nted%40S3cret", "postgres", "&sslmode=require"));
    urls.push(with("postgres:Pl4nted%40S3cret", "postgres", "&sslmode=verify-full&sslrootcert=%2Fnowhere"));
    urls.push(with("postgres:Pl4nted%40S3cret", "postgres", "&target_session_attrs=standby"));
    urls.push(with("postgres:Pl4nted%40S3cret", "postgres", "&channel_binding=require"));
    urls
}

/// An error as people see it, and as programmers do.
fn shown(error: impl Display + Debug) -> String {
    format!("{error} {error:?}")
}

/// What is said by a command; where there is time, also at the start and by a store that serves.
fn said(settings: &DatabaseSettings, by_all: Option<&Handle>) -> Vec<String> {
    let database = match Database::open(settings) {
        Ok(database) => database,
        Err(refused) => return vec![shown(refused)],
    };
    let mut said = Vec::new();
    said.extend(database.migrate().err().map(shown));
    if let Some(runtime) = by_all {
        said.extend(database.check_migrated().err().map(shown));
        said.extend(database.check_deployment(&deployment_policy()).err().map(shown));
        said.extend(database.adopt(&deployment_policy(), &at_noon()).err().map(shown));
        let store = database.store(ledger_policy());
        said.extend(runtime.block_on(store.check()).err().map(shown));
        said.extend(runtime.block_on(store.backlog()).err().map(shown));
        said.extend(runtime.block_on(store.find(&id("p1"))).err().map(shown));
    }
    assert!(!said.is_empty(), "a way to a database that is wrong leads there");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn f82_no_error_of_connecting_shows_a_piece_of_the_password() {
    let runtime = Handle::current();
    let mut ways = Vec::new();
    // A server that never says a word, one that asks for another password, and a pooler that is not taken.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut asking, database) = (Server::new(), Postgres::migrated());
    asking.start();
    asking.make_role("planted", "another one");
    let pooler = Pooler::before(&database, "pool_mode = transaction");
    let not_taken = pooler.url(&database).replacen("postgres@", "postgres:Pl4nted%40S3cret@", 1);
    let others = [
        format!("postgres://rescind:Pl4nted%40S3cret@{}/rescind?application_name=planted", silent.local_addr().unwrap()),
        format!("postgres:///planted?user=planted&host={}&password=Pl4nted%40S3cret&application_name=planted", asking.socket()),
        format!("{not_taken}?application_name=planted"),
    ];
    // Each way is waited for: together they take as long as the slowest.
    for (number, url) in urls().into_iter().chain(others).enumerate() {
        for password in [None, Some(Ok("Pl4nted%@/:S3cret".to_owned())), Some(Err("the file cannot be read".to_owned()))] {
            let password = password.map(|password| PasswordSource::reading(move || password.clone()));
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
    for kind in [
        "database.url cannot be read",
        "could not translate host name",
        "Connection refused",
        "does not exist",
        "does not support SSL",
        "timeout expired",
        "password authentication failed",
        "leads to a pooler",
        "the file cannot be read",
    ] {
        assert!(all.iter().any(|sentence| sentence.contains(kind)), "{kind}: {all:#?}");
    }
}
