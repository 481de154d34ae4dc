//! A wallet's own Rescind, before and between the processes that serve it.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{CLIENT_ID, INQUIRY_PATH, PATH, PSP_ID, TestEngine, program};

/// A wallet with keys of its own and a fresh database. It outlives the processes that serve it, and is gone when dropped.
pub struct Deployment {
    dir: tempfile::TempDir,
    /// Of PostgreSQL; dropped with the deployment.
    database: Option<String>,
    settings: Vec<(String, String)>,
    /// In PEM, where both listeners speak TLS.
    authority: Option<Vec<u8>>,
}

impl Deployment {
    /// Keys, settings and a fresh database, migrated.
    pub fn on(engine: TestEngine) -> Self {
        let mut new = Self { dir: tempfile::tempdir().unwrap(), database: None, settings: Vec::new(), authority: None };
        new.succeed(&["keys", "generate", "keys"]);
        new.succeed(&["keys", "generate", "alipayplus"]);
        let url = match engine {
            TestEngine::Sqlite => "sqlite://rescind.db".to_owned(),
            TestEngine::Postgres => {
                let name = fresh_database();
                let url = postgres_url(&name);
                new.database = Some(name);
                url
            }
        };
        std::fs::write(new.dir().join("rescind.toml"), settings(&url)).unwrap();
        new.succeed(&["migrate"]);
        new
    }

    /// The working directory of every process; `keys`, `alipayplus`, `rescind.toml` and a SQLite database are in it.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The database, as it is reached from any working directory.
    pub fn database_url(&self) -> String {
        match &self.database {
            Some(name) => postgres_url(name),
            None => format!("sqlite://{}", self.dir().join("rescind.db").display()),
        }
    }

    /// Puts a setting in force for processes that start from now on, such as `("database.pool_size", "2")`.
    pub fn set(&mut self, key: &str, value: &str) {
        let name = format!("RESCIND__{}", key.to_uppercase().replace('.', "__"));
        self.settings.push((name, value.to_owned()));
    }

    /// Both listeners speak TLS, with certificates of this authority. The settings have to say so too.
    pub fn speaks_tls(&mut self, authority_pem: Vec<u8>) {
        self.authority = Some(authority_pem);
    }

    /// A client for both listeners, with connections of its own, and what their URLs begin with.
    pub(crate) fn client(&self) -> (reqwest::Client, &'static str) {
        let Some(authority) = &self.authority else { return (crate::loopback(), "http") };
        let authority = reqwest::Certificate::from_pem(authority).unwrap();
        let client = reqwest::Client::builder().tls_certs_only([authority]).tls_info(true).no_proxy();
        (client.build().unwrap(), "https")
    }

    /// A command of `rescind` in this deployment.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program("rescind"));
        command.args(args);
        self.prepared(command)
    }

    /// A command in this deployment's folder, with its settings and nothing else of the environment.
    pub(crate) fn prepared(&self, mut command: Command) -> Command {
        command.current_dir(self.dir()).env_clear();
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command that has to succeed; returns what it printed.
    pub fn succeed(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "rescind {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        if let Some(name) = &self.database {
            // A process that is still connected does not keep it. What is left over goes with the throw-away server.
            let _ = psql(&format!("drop database if exists {name} with (force)"));
        }
    }
}

fn settings(database_url: &str) -> String {
    format!(
        r#"
[callback]
listen = "127.0.0.1:0"
cancel_payment_path = "{PATH}"
inquiry_payment_path = "{INQUIRY_PATH}"
psp_id = "{PSP_ID}"
signing_key = {{ version = 1, private_key_file = "keys/wallet-private.pem" }}
[[callback.clients]]
client_id = "{CLIENT_ID}"
keys = [{{ version = 1, public_key_file = "alipayplus/wallet-public.pem" }}]
[wallet_api]
listen = "127.0.0.1:0"
[database]
url = "{database_url}"
"#
    )
}

fn fresh_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("rescind_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    psql(&format!("create database {name}")).unwrap();
    name
}

/// The server's URL with another database.
fn postgres_url(database: &str) -> String {
    let server = server_url();
    let (base, _) = server.rsplit_once('/').expect("RESCIND_TEST_POSTGRES_URL names a database");
    format!("{base}/{database}")
}

fn server_url() -> String {
    std::env::var("RESCIND_TEST_POSTGRES_URL").expect(
        "RESCIND_TEST_POSTGRES_URL names no PostgreSQL to test on; run scripts/test, or scripts/with-postgres cargo nextest run",
    )
}

fn psql(statement: &str) -> Result<(), String> {
    let output = Command::new("psql").args(["--no-psqlrc", "--quiet", "--command", statement, &server_url()]).output();
    let output = output.map_err(|error| format!("psql cannot be run: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
