//! A pooler between the program and PostgreSQL.

use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use domain::{Answer, CancelReply, Reply};
use ports::testing::ledger_policy;

use crate::fixtures::{Postgres, decided, deployment_policy, open, paid};
use crate::server::{id_of, program};

const CANCELLED: Reply = Reply::Cancel(CancelReply::Answered(Answer::Cancelled));

/// PgBouncer; gone when dropped.
pub(crate) struct Pooler {
    folder: tempfile::TempDir,
    running: Child,
    port: u16,
}

impl Pooler {
    /// Starts one in front of a database's server, with these lines in its settings.
    pub(crate) fn before(database: &Postgres, lines: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = database.server_url();
        let (_, place) = url.rsplit_once('@').unwrap();
        let (host, server_port) = place.split('/').next().unwrap().rsplit_once(':').unwrap();
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "[databases]\n* = host={host} port={server_port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\nmax_client_conn = 500\n{lines}\n"
        );
        let file = folder.path().join("settings.ini");
        std::fs::write(&file, settings).unwrap();
        let running = Self::start(&file, port);
        Self { folder, running, port }
    }

    fn start(file: &Path, port: u16) -> Child {
        let mut command = Command::new(program("pgbouncer"));
        command.arg("-q").arg(file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if id_of("-u", None) == 0 {
            std::os::unix::fs::chown(file.parent().unwrap(), Some(id_of("-u", Some("postgres"))), None).unwrap();
            command.uid(id_of("-u", Some("postgres"))).gid(id_of("-g", Some("postgres")));
        }
        let running = command.spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
        running
    }

    /// The database's URL through it.
    pub(crate) fn url(&self, database: &Postgres) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, database.name())
    }

    /// Begins again with another setting in the place of one.
    fn restart(&mut self, setting: &str, instead: &str) {
        let file = self.folder.path().join("settings.ini");
        let settings = std::fs::read_to_string(&file).unwrap();
        assert!(settings.contains(setting));
        std::fs::write(&file, settings.replace(setting, instead)).unwrap();
        let _ = (self.running.kill(), self.running.wait());
        self.running = Self::start(&file, self.port);
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = (self.running.kill(), self.running.wait());
    }
}

/// Whichever session it gives a transaction: the one that was used last, or each in its turn.
#[test]
fn f75_a_pooler_in_transaction_mode_is_refused_twenty_times_of_twenty() {
    let database = Postgres::migrated();
    for lines in ["pool_mode = transaction", "pool_mode = transaction\nserver_round_robin = 1", "pool_mode = statement"] {
        let pooler = Pooler::before(&database, lines);
        // One after the other, and all at once.
        for at_once in [1, 19] {
            std::thread::scope(|scope| {
                for _ in 0..at_once {
                    scope.spawn(|| {
                        let served = open(&pooler.url(&database), 4).unwrap();
                        let refused = served.check_deployment(&deployment_policy()).unwrap_err().to_string();
                        assert!(refused.contains("pooler"), "{lines}: {refused}");
                        assert_eq!(refused.lines().count(), 1, "{refused}");
                    });
                }
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f75_through_a_pooler_in_session_mode_all_is_as_without() {
    let database = Postgres::migrated();
    let pooler = Pooler::before(&database, "pool_mode = session\ndefault_pool_size = 50");
    for attempt in 0..20 {
        let served = open(&pooler.url(&database), 1).unwrap();
        served.check_deployment(&deployment_policy()).unwrap();
        let store = served.store(ledger_policy());
        let wallet = paid(&store, &format!("session-{attempt}")).await;
        assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [CANCELLED]);
        store.check().await.unwrap();
    }
}

/// What a pooler does that has only one session for us cannot be told.
#[test]
fn f75_a_pooler_without_a_second_session_is_refused_with_the_number_it_needs() {
    let database = Postgres::migrated();
    let pooler = Pooler::before(&database, "pool_mode = session\ndefault_pool_size = 1");
    let refused = open(&pooler.url(&database), 1).unwrap().check_deployment(&deployment_policy()).unwrap_err().to_string();
    assert!(refused.contains("database.pool_size + 1"), "{refused}");
    assert_eq!(refused.lines().count(), 1, "{refused}");
}

/// Sessions that come later are looked at as the first one is.
#[tokio::test(flavor = "multi_thread")]
async fn f75_a_pooler_that_changes_its_mode_is_refused_from_then_on() {
    let database = Postgres::migrated();
    let mut pooler = Pooler::before(&database, "pool_mode = session");
    let store = open(&pooler.url(&database), 4).unwrap().store(ledger_policy());
    let wallet = paid(&store, "before").await;
    pooler.restart("pool_mode = session", "pool_mode = transaction");
    for _ in 0..3 {
        let batches = (0..4).map(|_| {
            let (store, command) = (Arc::clone(&store), wallet.is_cancelled());
            tokio::spawn(async move { store.decide(vec![command]).await.remove(0) })
        });
        for batch in batches.collect::<Vec<_>>() {
            assert!(batch.await.unwrap().is_err());
        }
    }
    pooler.restart("pool_mode = transaction", "pool_mode = session");
    while store.decide(vec![wallet.is_cancelled()]).await.remove(0).is_err() {}
    assert_eq!(decided(&store, vec![wallet.is_cancelled()]).await, [CANCELLED]);
}
