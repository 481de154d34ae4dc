//! The database's password, on a server that asks for it.

use std::path::PathBuf;
use std::sync::Arc;

use testkit::process::Process;
use testkit::{Deployment, TestEngine};

use super::{Load, RELOADED, lines_with, logs, metric, part, rename_to, until, write_secret};
use crate::failover::server::Server;

const ROLE: &str = "rescind";

/// A server, and a process that shows it the password of a file.
struct Guarded {
    server: Server,
    deployment: Arc<Deployment>,
    file: PathBuf,
    process: Process,
}

impl Guarded {
    async fn start(password: &str, log: &str) -> Self {
        let mut server = Server::new();
        server.start();
        server.make_role(ROLE, password);
        let mut deployment = Deployment::on(TestEngine::Sqlite);
        let file = deployment.dir().join("database-password");
        write_secret(&file, &format!("{password}\n"));
        deployment.set("database.url", &format!("postgres:///{ROLE}?user={ROLE}&host={}", server.socket()));
        deployment.set("database.password_file", "database-password");
        deployment.succeed(&["migrate"]);
        let deployment = Arc::new(deployment);
        let process = deployment.start_after(&format!("export RESCIND_LOG={log}")).await;
        Self { server, deployment, file, process }
    }

    fn server_takes(&self, password: &str) {
        self.server.says(&format!("alter role {ROLE} password '{password}'"));
    }

    /// Ends the connections that are at rest, one after the other, so that others take their place.
    async fn has_new_connections(&self, load: &mut Load) {
        let before = self.server.says("select clock_timestamp()");
        let of_role = format!("from pg_stat_activity where usename = '{ROLE}'");
        let old = format!("{of_role} and backend_start < '{before}'");
        while self.server.says(&format!("select count(*) {old}")) != "0" {
            self.server.says(&format!("select pg_terminate_backend(pid) {old} and state = 'idle' limit 1"));
            load.goes_on().await;
        }
        while self.server.says(&format!("select count(*) {of_role}")) == "0" {
            load.goes_on().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f81_the_database_s_password_is_exchanged_under_load() {
    let guarded = Guarded::start("first of @ll/%", "info").await;
    let mut load = Load::on(&guarded.deployment, &guarded.process);
    load.goes_on().await;

    // The file first: until the server follows, new connections use the password before.
    logs(&guarded.process, &[RELOADED, &part("database-password")], || rename_to(&guarded.file, "second:of&all")).await;
    guarded.has_new_connections(&mut load).await;
    assert_eq!(lines_with(&guarded.process, &["the database does not take the password of its file"]), 1);
    assert_eq!(metric(&guarded.process, "rescind_database_password_refused").await, 1.0);
    guarded.server_takes("second:of&all");
    guarded.has_new_connections(&mut load).await;
    assert_eq!(lines_with(&guarded.process, &["the database takes the password of its file again"]), 1);
    assert_eq!(metric(&guarded.process, "rescind_database_password_refused").await, 0.0);

    // The server first: the connections that are there go on.
    guarded.server_takes("third of all");
    load.goes_on().await;
    rename_to(&guarded.file, "third of all\n");
    guarded.has_new_connections(&mut load).await;
    load.stop().await;
    assert_eq!(lines_with(&guarded.process, &["no database connection"]), 0);
}

/// What is said of each way in which a password that was exchanged does not lead to the database, with everything logged.
#[tokio::test(flavor = "multi_thread")]
async fn f82_a_password_that_does_not_work_any_more_is_in_no_output() {
    const PLANTED: [&str; 2] = ["Pl4nted-f1rst%@/", "Pl4nted-s3cond&=?"];
    let mut guarded = Guarded::start(PLANTED[0], "trace").await;
    rename_to(&guarded.file, PLANTED[1]);
    guarded.server_takes("neither of them");
    guarded.server.says(&format!("select pg_terminate_backend(pid) from pg_stat_activity where usename = '{ROLE}'"));
    let is_unready = async || guarded.process.wallet.readiness().await.unwrap()["ready"] == false;
    until("it is ready", &guarded.process, is_unready).await;
    let mut said = vec![guarded.process.wallet.readiness().await.unwrap().to_string()];
    let answer = guarded.process.alipayplus.cancel("p1").await.unwrap();
    assert_eq!(answer.brief(), "U UNKNOWN_EXCEPTION");
    said.push(answer.body);
    said.extend(guarded.process.wallet.payment("p1").await.err());
    for command in [
        ["migrate"].as_slice(),
        &["serve"],
        &["backup", "--out", "copy"],
        &["explain", "p1"],
        &["config", "check"],
        &["config", "adopt"],
    ] {
        let output = guarded.deployment.command(command).env("RESCIND_LOG", "trace").output().unwrap();
        said.extend([output.stdout, output.stderr].map(|output| String::from_utf8(output).unwrap()));
    }
    assert!(said.iter().any(|said| said.contains("rescind: ") && said.contains("password authentication failed")), "{said:#?}");
    guarded.server.kill();
    let is_away = async || guarded.process.wallet.payment("p1").await.is_err_and(|said| said.starts_with("503"));
    until("it has a database", &guarded.process, is_away).await;
    said.push(guarded.process.wallet.readiness().await.unwrap().to_string());
    std::fs::remove_file(&guarded.file).unwrap();
    until("nothing is said of the file", &guarded.process, async || {
        lines_with(&guarded.process, &["could not be reloaded", "database.password_file"]) > 0
    })
    .await;
    said.extend(guarded.process.log());
    for (text, piece) in said.iter().flat_map(|text| ["Pl4nted", "f1rst", "s3cond"].map(|piece| (text, piece))) {
        assert!(!text.contains(piece), "{piece} is in {text}");
    }
}
