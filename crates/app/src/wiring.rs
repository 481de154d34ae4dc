//! Puts the parts together: only this module names concrete adapters.

mod core;
mod secrets;
mod settlement;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
pub(crate) use adapters_db::{Acceptance, Backup, Migrated};
use adapters_db::{AdoptionRequest, Database, DatabaseError, DatabaseSettings, DeploymentPolicy, MigrationRun};
use adapters_http::{Callback, Listening, Readiness, WalletApi, result_codes, serve_callback, serve_wallet_api};
use adapters_keys::KeyPair;
use chrono::TimeDelta;
use domain::FundsKind;
use ports::{CancellationStore, Clock, EventFeed};
use socket2::{Domain, Socket, Type};
use tokio::task::JoinHandle;
use tracing::{error, warn};
use use_cases::{FeedReaders, LaneSettings, Lanes, Ports, watch_history};

use crate::clock::SystemClock;
use crate::metrics;
use crate::output::CliError;
use crate::settings::{Settings, SynchronousStandby};

use self::core::Worker;
use secrets::Certificates;
pub(crate) use secrets::{FreshKeys, Keys};
pub(crate) use settlement::{check_failure, reconciliation_ports, settlement_ports};

/// How many commands may wait before more are refused.
const QUEUE: usize = 10_000;
/// How many commands share one commit at most.
const BATCH: usize = 128;

/// How many new connections may wait to be taken, where the system allows as many. In a storm a proxy opens hundreds at once, and one
/// that finds no room is tried again by its system after a second, then two, then four.
const BACKLOG: i32 = 4096;

/// How long work that was accepted may take once its caller has gone. Only a database that hangs takes longer.
const FINISH_WITHIN: Duration = Duration::from_secs(10);

/// A running service.
pub(crate) struct Service {
    /// Where Alipay+ calls.
    pub(crate) callback: SocketAddr,
    /// Where the wallet calls.
    pub(crate) wallet_api: SocketAddr,
    /// The two listeners; they end when they are stopped, or by a failure.
    pub(crate) servers: Servers,
    /// Stops the service.
    pub(crate) stop: Stop,
    /// What it signs, verifies and lets in with.
    pub(crate) keys: Keys,
}

/// The callback's server and the wallet API's, as tasks.
pub(crate) type Servers = [JoinHandle<io::Result<()>>; 2];

/// Stops a service.
pub(crate) struct Stop {
    handles: [ServerHandle; 2],
    worker: Worker,
    /// Ends with the process: what it makes true again is of no use to itself.
    history: JoinHandle<()>,
    ports: Arc<Ports>,
    feed: Arc<FeedReaders>,
    readiness: Readiness,
}

/// Makes the one provider of cryptography the default: with none, or two, TLS would fail at its first use.
pub(crate) fn install_cryptography() {
    // The only way to fail is that it is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Opens the database; nothing is connected yet.
pub(crate) fn open(settings: &Settings) -> Result<Database, CliError> {
    let setting = &settings.database;
    let (url, password, pool_size) = (setting.url.clone(), setting.read_password()?, setting.pool_size);
    let answer_budget = settings.callback.answer_budget;
    Database::open(&DatabaseSettings { url, password, pool_size, answer_budget }).map_err(database_failure)
}

/// Brings the schema up to date. `report` hears how far it is, where that takes long.
pub(crate) fn migrate(settings: &Settings, finish: bool, report: &dyn Fn(&str)) -> Result<Migrated, CliError> {
    open(settings)?.migrate_with(&MigrationRun { finish, report, ..MigrationRun::quiet() }).map_err(database_failure)
}

/// Copies the database to a file that is not there yet.
pub(crate) fn back_up(settings: &Settings, out: &Path) -> Result<Backup, CliError> {
    open(settings)?.back_up(out).map_err(database_failure)
}

/// The cases as they are kept in the database of the settings.
pub(crate) fn store(settings: &Settings) -> Result<Arc<dyn CancellationStore>, CliError> {
    let database = open(settings)?;
    database.check_migrated().map_err(database_failure)?;
    Ok(database.store(settings.policy.clone()))
}

/// The same, where the database is served with these settings: what is decided by others must not be recorded in it.
pub(crate) fn deployment_store(settings: &Settings) -> Result<Arc<dyn CancellationStore>, CliError> {
    let database = open(settings)?;
    database.check_deployment(&deployment_policy(settings)).map_err(database_failure)?;
    Ok(database.store(settings.policy.clone()))
}

/// The feed of the database of the settings.
pub(crate) fn feed(settings: &Settings) -> Result<Arc<dyn EventFeed>, CliError> {
    let database = open(settings)?;
    database.check_migrated().map_err(database_failure)?;
    Ok(database.feed())
}

/// Begins a new generation of the feed, and gives its number.
pub(crate) fn begin_feed_generation(settings: &Settings) -> Result<u64, CliError> {
    open(settings)?.raise_feed_generation().map_err(database_failure)
}

/// Has the database served with these settings from now on.
pub(crate) fn adopt(settings: &Settings, acceptance: Option<Acceptance>) -> Result<(), CliError> {
    let request = AdoptionRequest { at: SystemClock.now(), policy: settings.policy.clone(), acceptance };
    open(settings)?.adopt(&deployment_policy(settings), &request).map_err(database_failure)
}

pub(crate) fn database_failure(error: DatabaseError) -> CliError {
    CliError::new(error.to_string())
}

/// What the database is served with.
pub(crate) fn deployment_policy(settings: &Settings) -> DeploymentPolicy {
    let period = &settings.policy.period;
    let funds = match settings.policy.funds {
        FundsKind::Ledger => "ledger",
        FundsKind::Http => "http",
    };
    DeploymentPolicy {
        psp_id: settings.callback.psp_id.to_string(),
        funds: funds.to_owned(),
        payments: if settings.core.payments.is_some() { "core" } else { "recorded" }.to_owned(),
        period: format!("until {} {}{}", period.closes_next_day_at.format("%H:%M"), period.zone, grace(period.grace)),
    }
}

/// The process that closes days has to know the same grace as the one that answers: a day closed early refuses cancels that came in time.
fn grace(grace: TimeDelta) -> String {
    if grace.is_zero() { String::new() } else { format!(" with a grace of {} ms", grace.num_milliseconds()) }
}

/// Reads every file that the settings name and makes of it what it is for.
pub(crate) fn check(settings: &Settings) -> Result<(), CliError> {
    settings.database.read_password()?;
    Keys::read(settings)?;
    core::read(&settings.core)?;
    Certificates::read(settings).map(|_| ())
}

/// The status and the code of each result that Alipay+ can be answered.
fn answer_codes() -> [(&'static str, &'static str); result_codes::ANSWERED.len()] {
    result_codes::ANSWERED.map(|code| (code.status.as_str(), code.name))
}

/// A new key pair.
pub(crate) fn key_pair() -> Result<KeyPair, CliError> {
    adapters_keys::generate().map_err(|error| CliError::new(error.to_string()))
}

/// Opens the database, migrates it where it is a file of this machine, and listens.
pub(crate) fn start(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Service, CliError> {
    let (keys, certificates) = (Keys::read(settings)?, Certificates::read(settings)?);
    let core = core::read(&settings.core)?;
    let database = open(settings)?;
    database.check_deployment(&deployment_policy(settings)).map_err(database_failure)?;
    let store = database.store(settings.policy.clone());
    say_whether_commits_wait(settings.database.synchronous_standby, store.state().waits_for_standby);
    let queue = QUEUE.div_ceil(database.lanes().max(1));
    let lanes = Lanes::start(&store, clock, LaneSettings { lanes: database.lanes(), queue, batch: BATCH });
    let ports = Arc::new(Ports::new(lanes, store, Arc::clone(clock), core));

    let (callback_listener, callback) = listen("callback.listen", settings.callback.listen)?;
    let (wallet_listener, wallet_api) = listen("wallet_api.listen", settings.wallet_api.listen)?;
    let readiness = Readiness::new();
    let answers = Callback {
        cancel_payment_path: settings.callback.cancel_payment_path.clone(),
        psp_id: settings.callback.psp_id.clone(),
        answer_budget: settings.callback.answer_budget,
        freshness: settings.callback.freshness,
        ports: Arc::clone(&ports),
        signer: keys.signer(),
        verifier: keys.verifier(),
    };
    let feed = Arc::new(FeedReaders::new(database.feed(), Arc::clone(clock)));
    let days = database.settlements(settings.policy.clone());
    let api = WalletApi {
        psp_id: settings.callback.psp_id.clone(),
        call_budget: settings.callback.answer_budget,
        tokens: keys.tokens(),
        ports: Arc::clone(&ports),
        feed: Arc::clone(&feed),
        days,
        oldest_open_reversal: settings.wallet_api.oldest_open_reversal,
        requires_standby: settings.database.synchronous_standby == SynchronousStandby::Required,
        readiness: readiness.clone(),
        metrics: Arc::new(metrics::start(&answer_codes())?),
    };
    let listening = Listening { listener: callback_listener, tls: certificates.callback };
    let answering = serve_callback(listening, answers).map_err(|error| cannot_serve("callback", &error))?;
    let listening = Listening { listener: wallet_listener, tls: certificates.wallet_api };
    let recording = serve_wallet_api(listening, api).map_err(|error| cannot_serve("wallet_api", &error))?;
    let (worker, history) = (Worker::start(&ports), watch_history(&ports));
    let stop = Stop { handles: [answering.handle(), recording.handle()], worker, history, ports, feed, readiness };
    Ok(Service { callback, wallet_api, servers: [answering, recording].map(tokio::spawn), stop, keys })
}

/// A failover to a standby that is copied only later loses what was answered last.
fn say_whether_commits_wait(setting: SynchronousStandby, waits: Option<bool>) {
    match (setting, waits) {
        (SynchronousStandby::Off, _) | (_, None | Some(true)) => {}
        (SynchronousStandby::Warn, Some(false)) => {
            warn!(
                "commits wait for no standby: a failover may lose what was answered last (set synchronous_standby_names, or database.synchronous_standby)"
            );
        }
        (SynchronousStandby::Required, Some(false)) => {
            error!(
                "commits wait for no standby, which database.synchronous_standby requires: the process is unready (set synchronous_standby_names)"
            );
        }
    }
}

impl Stop {
    /// Refuses new work, finishes what was accepted, and returns whether all of it was done in time.
    pub(crate) async fn gracefully(self) -> bool {
        self.readiness.stopping();
        // Who waits for events waits no longer, so that the listener can end.
        self.feed.stop();
        let [callback, wallet_api] = self.handles;
        callback.stop(true).await;
        let finish = async {
            self.worker.stop().await;
            self.history.abort();
            self.ports.stop().await;
        };
        let finished = tokio::time::timeout(FINISH_WITHIN, finish).await.is_ok();
        // Last, so that a balancer that watches `/readyz` sees it stopping, and is not refused as if it had died.
        wallet_api.stop(true).await;
        finished
    }
}

fn listen(key: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), CliError> {
    let bound = bind(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (real, listener) = bound
        .map_err(|error| CliError::new(format!("{key} is \"{address}\", but that address cannot be listened on: {error}")))?;
    Ok((listener, real))
}

/// As the standard library does, but for the 128 connections that may wait with it.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn cannot_serve(listener: &str, error: &io::Error) -> CliError {
    CliError::new(format!("{listener} cannot be served: {error}"))
}
