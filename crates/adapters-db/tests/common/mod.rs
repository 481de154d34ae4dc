//! Databases for tests: a fresh one for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use adapters_db::{Database, DatabaseSettings};
use async_trait::async_trait;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use domain::{PaymentRequestId, Terms};
use ports::CancellationStore;
use ports::testing::{Damage, Subject};

/// Opens and migrates a database.
pub fn migrated(url: &str, pool_size: u32) -> Database {
    let settings = DatabaseSettings { url: url.to_owned(), password: None, pool_size };
    let database = Database::open(&settings).unwrap();
    database.migrate().unwrap();
    database
}

/// What somebody does to a case behind the stores' backs.
pub fn damage(connection: &mut impl SimpleConnection, id: &PaymentRequestId, how: Damage) {
    let statement = match how {
        Damage::Unreadable => format!("update cases set account = 'no identifier' where payment_request_id = '{id}'"),
        Damage::Unwritable => format!(
            "insert into ledger_entries (payment_request_id, kind, account, contra_account, value, currency, at)
             values ('{id}', 'credit', 'thief', 'merchant payable', 1, 'JPY', 0)"
        ),
    };
    connection.batch_execute(&statement).unwrap();
}

/// A database of a PostgreSQL server, dropped with the server.
pub struct Postgres {
    pub url: String,
}

impl Postgres {
    /// A new, empty database on the server that `RESCIND_TEST_POSTGRES_URL` names.
    pub fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("RESCIND_TEST_POSTGRES_URL")
            .expect("RESCIND_TEST_POSTGRES_URL names no PostgreSQL server; scripts/test starts one");
        let name = format!("store_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::establish(&server).unwrap();
        connection.batch_execute(&format!("create database {name}")).unwrap();
        let (address, _) = server.rsplit_once('/').expect("the server's URL ends with a database");
        Self { url: format!("{address}/{name}") }
    }

    /// Created and migrated.
    pub fn migrated() -> Self {
        let database = Self::create();
        migrated(&database.url, 1);
        database
    }

    pub fn connection(&self) -> PgConnection {
        PgConnection::establish(&self.url).unwrap()
    }
}

#[async_trait]
impl Subject for Postgres {
    fn open(&self, terms: Terms) -> Arc<dyn CancellationStore> {
        migrated(&self.url, 4).store(terms)
    }

    async fn damage(&self, id: &PaymentRequestId, how: Damage) {
        damage(&mut self.connection(), id, how);
    }
}

/// A file of SQLite's, removed afterwards.
pub struct Sqlite {
    folder: tempfile::TempDir,
}

impl Sqlite {
    /// A new, empty file.
    pub fn create() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> String {
        self.folder.path().join("cases.db").display().to_string()
    }

    pub fn url(&self) -> String {
        format!("sqlite://{}", self.path())
    }
}

#[async_trait]
impl Subject for Sqlite {
    fn open(&self, terms: Terms) -> Arc<dyn CancellationStore> {
        migrated(&self.url(), 4).store(terms)
    }

    async fn damage(&self, id: &PaymentRequestId, how: Damage) {
        let mut connection = SqliteConnection::establish(&self.path()).unwrap();
        connection.batch_execute("pragma busy_timeout = 5000").unwrap();
        damage(&mut connection, id, how);
    }
}
