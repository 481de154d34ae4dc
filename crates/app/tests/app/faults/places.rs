//! Where the cases of a run are kept, and how time goes there.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use adapters_db::{Database, DatabaseSettings};
use chrono::{DateTime, TimeDelta, Utc};
use domain::Policy;
use ports::testing::{MemoryStore, moment};
use ports::{CancellationStore, Clock};
use tokio::time::Instant;

/// The three stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Memory,
    Sqlite,
    Postgres,
}

impl Engine {
    /// PostgreSQL has a clock of its own, so that its time is real; elsewhere time passes as soon as everybody waits for it.
    fn has_real_time(self) -> bool {
        self == Self::Postgres
    }

    pub(crate) fn runtime(self) -> tokio::runtime::Runtime {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(!self.has_real_time());
        runtime.build().unwrap()
    }

    pub(crate) fn pace(self) -> Pace {
        let ms = Duration::from_millis;
        if self.has_real_time() {
            Pace { budget: ms(400), slow: ms(500), lease: TimeDelta::milliseconds(300), again: ms(25) }
        } else {
            Pace { budget: ms(6000), slow: ms(7000), lease: TimeDelta::seconds(3), again: ms(250) }
        }
    }
}

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Alipay+ is answered within it.
    pub(crate) budget: Duration,
    /// Longer than anybody waits.
    pub(crate) slow: Duration,
    pub(crate) lease: TimeDelta,
    /// Who was not answered asks again after it.
    pub(crate) again: Duration,
}

/// Where cases are kept. The cases of several runs may be in one place, under ids of their own.
pub(crate) enum Place {
    Memory(MemoryStore),
    File(tempfile::TempDir),
    /// Goes with the throw-away server: dropping it would cost a checkpoint.
    Server(String),
}

impl Place {
    pub(crate) fn new(engine: Engine, policy: &Policy) -> Self {
        let place = match engine {
            Engine::Memory => Self::Memory(MemoryStore::new(policy.clone())),
            Engine::Sqlite => Self::File(tempfile::tempdir().unwrap()),
            Engine::Postgres => Self::Server(new_database()),
        };
        if let Some(database) = place.database(2) {
            database.migrate().unwrap();
        }
        place
    }

    /// A connection of its own to the same cases, as each process has one.
    pub(crate) fn open(&self, policy: &Policy) -> Arc<dyn CancellationStore> {
        match (self, self.database(3)) {
            (Self::Memory(store), _) => Arc::new(store.under(policy.clone())),
            (Self::File(_) | Self::Server(_), database) => database.unwrap().store(policy.clone()),
        }
    }

    fn database(&self, pool_size: u32) -> Option<Database> {
        let url = match self {
            Self::Memory(_) => return None,
            Self::File(folder) => format!("sqlite://{}", folder.path().join("cases.db").display()),
            Self::Server(url) => url.clone(),
        };
        Some(Database::open(&DatabaseSettings { url, password: None, pool_size, answer_budget: Duration::from_secs(6) }).unwrap())
    }
}

fn server() -> String {
    std::env::var("RESCIND_TEST_POSTGRES_URL")
        .expect("RESCIND_TEST_POSTGRES_URL names no PostgreSQL server; scripts/test starts one")
}

/// psql, quiet, about to talk to the database of that URL.
pub(crate) fn psql(url: &str) -> Command {
    let mut psql = Command::new("psql");
    psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", url]);
    psql
}

fn new_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("faults_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let server = server();
    // A server that lives for long has seen this process's number before.
    let steps = [format!("drop database if exists {name} with (force)"), format!("create database {name}")];
    let made = psql(&server).args(steps.iter().flat_map(|step| ["--command", step])).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (address, _) = server.rsplit_once('/').expect("the server's URL ends with a database");
    format!("{address}/{name}")
}

/// A clock that goes as the runtime's time does, and can be set ahead.
pub(crate) struct RunningClock {
    begun_at: DateTime<Utc>,
    begun: Instant,
    ahead: AtomicI64,
}

impl RunningClock {
    /// Agrees with the store's own clock, where it has one.
    pub(crate) async fn beside(store: &Arc<dyn CancellationStore>) -> Self {
        let begun_at = store.check().await.unwrap().unwrap_or_else(|| moment(0));
        Self { begun_at, begun: Instant::now(), ahead: AtomicI64::new(0) }
    }

    /// When it began to go.
    pub(crate) fn begins(&self) -> DateTime<Utc> {
        self.begun_at
    }

    /// Sets it ahead.
    pub(crate) fn jumps(&self, by: TimeDelta) {
        self.ahead.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Clock for RunningClock {
    fn instant(&self) -> std::time::Instant {
        Instant::now().into_std()
    }

    fn now(&self) -> DateTime<Utc> {
        let passed = i64::try_from(self.begun.elapsed().as_micros()).unwrap_or_default();
        self.begun_at + TimeDelta::microseconds(passed) + TimeDelta::milliseconds(self.ahead.load(Ordering::SeqCst))
    }
}
