//! Databases for tests: a fresh one for each.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use adapters_db::{Database, DatabaseSettings, DeploymentPolicy};
use async_trait::async_trait;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use domain::{PaymentRequestId, Policy, Reply, ReportedResult};
use ports::testing::contracts::feed::FeedSubject;
use ports::testing::{Damage, Subject, Wallet};
use ports::{CancellationStore, EventFeed, ReceivedCommand, SettlementStore};

/// A database that tests also look into behind the stores' backs.
pub(crate) trait TestDatabase: Subject {
    fn url(&self) -> String;

    fn execute(&self, statements: &str) -> QueryResult<()>;

    /// The column `value` of what a query finds.
    fn texts(&self, query: &str) -> Vec<String>;

    fn number(&self, query: &str) -> i64 {
        self.texts(query).first().expect("one row").parse().expect("a number")
    }

    /// The one of two texts that is in the engine's own SQL.
    fn in_its_sql<'a>(&self, postgres: &'a str, sqlite: &'a str) -> &'a str;

    fn open_database(&self, pool_size: u32) -> Database {
        open(&self.url(), pool_size).unwrap()
    }
}

#[derive(QueryableByName)]
struct Value {
    #[diesel(sql_type = Text)]
    value: String,
}

fn values(rows: Vec<Value>) -> Vec<String> {
    rows.into_iter().map(|Value { value }| value).collect()
}

/// Every engine with how a test gets its database. A new engine has its line here, and every suite runs on it.
macro_rules! engines {
    ($then:ident! $arguments:tt) => {
        $then! {
            $arguments
            postgres: crate::fixtures::Postgres::migrated(),
            sqlite: crate::fixtures::Sqlite::migrated(),
        }
    };
}

/// Runs each test on a migrated database of every engine.
macro_rules! for_each_engine {
    ($($test:ident),+ $(,)?) => {
        crate::fixtures::engines! { for_each_engine! ($($test),+) }
    };
    ($tests:tt $($engine:ident: $database:expr,)+) => {
        $(mod $engine {
            crate::fixtures::for_each_engine! { @on ($database) $tests }
        })+
    };
    (@on $database:tt ($($test:ident),+)) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            super::$test(&$database).await;
        })+
    };
}

pub(crate) use {engines, for_each_engine};

/// Opens a database.
pub(crate) fn open(url: &str, pool_size: u32) -> Result<Database, adapters_db::DatabaseError> {
    let answer_budget = Duration::from_secs(6);
    Database::open(&DatabaseSettings { url: url.to_owned(), password: None, pool_size, answer_budget })
}

/// Opens one whose batches may take so long.
pub(crate) fn open_within(url: &str, pool_size: u32, answer_budget: Duration) -> Database {
    Database::open(&DatabaseSettings { url: url.to_owned(), password: None, pool_size, answer_budget }).unwrap()
}

fn migrated(url: &str) -> Database {
    let database = open(url, 4).unwrap();
    database.migrate().unwrap();
    database
}

/// The terms of a deployment on the embedded ledger.
pub(crate) fn deployment_policy() -> DeploymentPolicy {
    let [psp_id, funds, payments, period] = ["psp-1", "ledger", "recorded", "until 00:30 Asia/Shanghai"].map(str::to_owned);
    DeploymentPolicy { psp_id, funds, payments, period }
}

/// Decides a batch of which every command has an outcome.
pub(crate) async fn decided(store: &Arc<dyn CancellationStore>, batch: Vec<ReceivedCommand>) -> Vec<Reply> {
    let outcomes = store.decide(batch).await;
    outcomes.into_iter().map(|outcome| outcome.unwrap().reply).collect()
}

/// A payment that succeeded.
pub(crate) async fn paid(store: &Arc<dyn CancellationStore>, name: &str) -> Wallet {
    let wallet = Wallet::of(name);
    decided(store, vec![wallet.pays(), wallet.reports(ReportedResult::Succeeded)]).await;
    wallet
}

/// What an operator does after a restore.
fn raise_generation(database: &impl TestDatabase) {
    let database = database.open_database(1);
    database.check_deployment(&deployment_policy()).unwrap();
    database.raise_feed_generation().unwrap();
}

/// What somebody does to a case behind the stores' backs.
fn damage(database: &impl TestDatabase, id: &PaymentRequestId, how: Damage) {
    let statement = match how {
        Damage::Unreadable => format!("update cases set account = 'no identifier' where payment_request_id = '{id}'"),
        Damage::Unwritable => format!(
            "insert into ledger_entries (bucket, payment_request_id, kind, account, contra_account, value, currency, at)
             select bucket, payment_request_id, 'credit', 'thief', 'merchant payable', 1, 'JPY', 0
             from cases where payment_request_id = '{id}'"
        ),
    };
    database.execute(&statement).unwrap();
}

/// The server that `RESCIND_TEST_POSTGRES_URL` names.
pub(crate) fn server() -> String {
    std::env::var("RESCIND_TEST_POSTGRES_URL")
        .expect("RESCIND_TEST_POSTGRES_URL names no PostgreSQL server; scripts/test starts one")
}

/// A database of a PostgreSQL server, dropped with the server.
pub(crate) struct Postgres {
    /// As the server's own programs know it.
    url: String,
    /// What the URL begins with in the settings.
    scheme: &'static str,
}

impl Postgres {
    /// A new, empty database.
    pub(crate) fn create() -> Self {
        Self::create_for("postgres")
    }

    /// A new, empty database for the engine of this scheme.
    pub(crate) fn create_for(scheme: &'static str) -> Self {
        // By chance and not by the process's number: those come again, and the server may outlive many runs.
        let name = format!("store_{:016x}", RandomState::new().hash_one(()));
        let mut connection = PgConnection::establish(&server()).unwrap();
        connection.batch_execute(&format!("create database {name}")).unwrap();
        let server = server();
        let (address, _) = server.rsplit_once('/').expect("the server's URL ends with a database");
        Self { url: format!("{address}/{name}"), scheme }
    }

    /// Created and migrated.
    pub(crate) fn migrated() -> Self {
        Self::migrated_for("postgres")
    }

    /// Created, and migrated by the engine of this scheme.
    pub(crate) fn migrated_for(scheme: &'static str) -> Self {
        let database = Self::create_for(scheme);
        migrated(&database.url());
        database
    }

    pub(crate) fn connection(&self) -> PgConnection {
        PgConnection::establish(&self.url).unwrap()
    }

    /// Where it is, as the server's own programs know it.
    pub(crate) fn server_url(&self) -> &str {
        &self.url
    }

    /// The database's name.
    pub(crate) fn name(&self) -> &str {
        self.url.rsplit_once('/').expect("ends with a name").1
    }
}

impl TestDatabase for Postgres {
    /// Through the pooler that `RESCIND_TEST_POOLER` names by its host and port, where it names one.
    fn url(&self) -> String {
        let (_, server) = self.url.split_once("://").expect("a URL has a scheme");
        let Ok(pooler) = std::env::var("RESCIND_TEST_POOLER") else { return format!("{}://{server}", self.scheme) };
        let (user, _) = server.rsplit_once('@').expect("a user before the host");
        format!("{}://{user}@{pooler}/{}", self.scheme, self.name())
    }

    fn in_its_sql<'a>(&self, postgres: &'a str, _: &'a str) -> &'a str {
        postgres
    }

    fn execute(&self, statements: &str) -> QueryResult<()> {
        self.connection().batch_execute(statements)
    }

    fn texts(&self, query: &str) -> Vec<String> {
        values(diesel::sql_query(query).load(&mut self.connection()).unwrap())
    }
}

#[async_trait]
impl Subject for Postgres {
    fn open(&self, policy: Policy) -> Arc<dyn CancellationStore> {
        self.open_database(4).store(policy)
    }

    fn open_days(&self, policy: Policy) -> Arc<dyn SettlementStore> {
        self.open_database(4).settlements(policy)
    }

    async fn damage(&self, id: &PaymentRequestId, how: Damage) {
        damage(self, id, how);
    }
}

#[async_trait]
impl FeedSubject for Postgres {
    fn open_feed(&self) -> Arc<dyn EventFeed> {
        self.open_database(4).feed()
    }

    async fn raise_generation(&self) {
        raise_generation(self);
    }

    /// Other tests write to the same server.
    async fn catch_up(&self) {
        let reached = self.texts("select pg_current_xact_id()::text as value").remove(0);
        let is_told = format!("select (pg_snapshot_xmin(pg_current_snapshot()) > '{reached}')::text as value");
        while self.texts(&is_told) != ["true"] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A file of SQLite's, removed afterwards.
pub(crate) struct Sqlite {
    folder: tempfile::TempDir,
}

impl Sqlite {
    /// A new folder, where the file will be.
    pub(crate) fn create() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Created and migrated.
    pub(crate) fn migrated() -> Self {
        let database = Self::create();
        migrated(&database.url());
        database
    }

    pub(crate) fn path(&self) -> String {
        self.folder.path().join("cases.db").display().to_string()
    }

    pub(crate) fn connection(&self) -> SqliteConnection {
        let mut connection = SqliteConnection::establish(&self.path()).unwrap();
        connection.batch_execute("pragma busy_timeout = 5000").unwrap();
        connection
    }
}

impl TestDatabase for Sqlite {
    fn url(&self) -> String {
        format!("sqlite://{}", self.path())
    }

    fn in_its_sql<'a>(&self, _: &'a str, sqlite: &'a str) -> &'a str {
        sqlite
    }

    fn execute(&self, statements: &str) -> QueryResult<()> {
        self.connection().batch_execute(statements)
    }

    fn texts(&self, query: &str) -> Vec<String> {
        values(diesel::sql_query(query).load(&mut self.connection()).unwrap())
    }
}

#[async_trait]
impl Subject for Sqlite {
    fn open(&self, policy: Policy) -> Arc<dyn CancellationStore> {
        self.open_database(4).store(policy)
    }

    fn open_days(&self, policy: Policy) -> Arc<dyn SettlementStore> {
        self.open_database(4).settlements(policy)
    }

    async fn damage(&self, id: &PaymentRequestId, how: Damage) {
        damage(self, id, how);
    }
}

#[async_trait]
impl FeedSubject for Sqlite {
    fn open_feed(&self) -> Arc<dyn EventFeed> {
        self.open_database(4).feed()
    }

    async fn raise_generation(&self) {
        raise_generation(self);
    }

    async fn catch_up(&self) {}
}
