//! Puts the parts together: the only file that names concrete adapters.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use adapters_db::{Database, DatabaseError, DatabaseSettings, ServedTerms};
use adapters_http::{Callback, Listening, Readiness, Tokens, WalletApi, serve_callback, serve_wallet_api, tls_config};
use adapters_keys::{ClientKey, FileSigner, KeyPair, Keyring};
use domain::FundsKind;
use ports::{CancellationStore, Clock};
use tokio::task::JoinHandle;
use use_cases::{LaneSettings, Lanes};

use crate::output::Failure;
use crate::settings::{Settings, Tls};

/// How many cancels may wait before more are refused; at the speeds of `docs/architecture.md` about a second of work.
const QUEUE: usize = 10_000;
/// How many commands share one commit at most.
const BATCH: usize = 64;

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
}

/// The callback's server and the wallet-side API's, as tasks.
pub(crate) type Servers = [JoinHandle<io::Result<()>>; 2];

/// Stops a service.
pub(crate) struct Stop {
    handles: [ServerHandle; 2],
    lanes: Arc<Lanes>,
    readiness: Readiness,
}

/// The parts made from keys and certificates, before anything listens.
struct Secrets {
    signer: FileSigner,
    verifier: Keyring,
    tokens: Tokens,
    callback_tls: Option<rustls::ServerConfig>,
    wallet_api_tls: Option<rustls::ServerConfig>,
}

/// Makes the one provider of cryptography the default: with none, or two, TLS would fail at its first use.
pub(crate) fn install_cryptography() {
    // The only way to fail is that it is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Opens the database; nothing is connected yet.
pub(crate) fn open(settings: &Settings) -> Result<Database, Failure> {
    let setting = &settings.database;
    let (url, password, pool_size) = (setting.url.clone(), setting.read_password()?, setting.pool_size);
    Database::open(&DatabaseSettings { url, password, pool_size }).map_err(database_failure)
}

/// The cases as they are kept in the database of the settings.
pub(crate) fn store(settings: &Settings) -> Result<Arc<dyn CancellationStore>, Failure> {
    Ok(open(settings)?.store(settings.terms.clone()))
}

pub(crate) fn database_failure(error: DatabaseError) -> Failure {
    Failure::new(error.to_string())
}

/// What the database is served with.
pub(crate) fn served_terms(settings: &Settings) -> ServedTerms {
    let period = &settings.terms.period;
    let funds = match settings.terms.funds {
        FundsKind::Ledger => "ledger",
        FundsKind::Core => "http",
    };
    ServedTerms {
        psp_id: settings.callback.psp_id.to_string(),
        funds: funds.to_owned(),
        payments: "recorded".to_owned(),
        period: format!("until {} {}", period.closes_next_day_at.format("%H:%M"), period.zone),
    }
}

/// Reads every file that the settings name and makes of it what it is for.
pub(crate) fn check(settings: &Settings) -> Result<(), Failure> {
    settings.database.read_password()?;
    Secrets::read(settings).map(|_| ())
}

/// A new key pair.
pub(crate) fn key_pair() -> Result<KeyPair, Failure> {
    adapters_keys::generate().map_err(|error| Failure::new(error.to_string()))
}

/// Opens the database, migrates it where it is a file of this machine, and listens.
pub(crate) fn start(settings: &Settings, clock: &Arc<dyn Clock>) -> Result<Service, Failure> {
    let secrets = Secrets::read(settings)?;
    let database = open(settings)?;
    if database.is_sqlite() {
        database.migrate().map_err(database_failure)?;
    }
    database.check_served(&served_terms(settings)).map_err(database_failure)?;
    let store = database.store(settings.terms.clone());
    let queue = QUEUE.div_ceil(database.lanes().max(1));
    let lanes = Arc::new(Lanes::start(&store, LaneSettings { lanes: database.lanes(), queue, batch: BATCH }));

    let (callback_listener, callback) = listen("callback.listen", settings.callback.listen)?;
    let (wallet_listener, wallet_api) = listen("wallet_api.listen", settings.wallet_api.listen)?;
    let readiness = Readiness::new();
    let answers = Callback {
        path: settings.callback.cancel_payment_path.clone(),
        psp_id: settings.callback.psp_id.clone(),
        answer_budget: settings.callback.answer_budget,
        freshness: settings.callback.freshness,
        lanes: Arc::clone(&lanes),
        signer: Arc::new(secrets.signer),
        verifier: Arc::new(secrets.verifier),
        clock: Arc::clone(clock),
    };
    let api = WalletApi {
        psp_id: settings.callback.psp_id.clone(),
        call_budget: settings.callback.answer_budget,
        tokens: secrets.tokens,
        lanes: Arc::clone(&lanes),
        store,
        clock: Arc::clone(clock),
        readiness: readiness.clone(),
    };
    let listening = Listening { listener: callback_listener, tls: secrets.callback_tls };
    let answering = serve_callback(listening, answers).map_err(|error| cannot_serve("callback", &error))?;
    let listening = Listening { listener: wallet_listener, tls: secrets.wallet_api_tls };
    let recording = serve_wallet_api(listening, api).map_err(|error| cannot_serve("wallet_api", &error))?;
    let stop = Stop { handles: [answering.handle(), recording.handle()], lanes, readiness };
    Ok(Service { callback, wallet_api, servers: [answering, recording].map(tokio::spawn), stop })
}

impl Stop {
    /// Refuses new work, finishes what was accepted, and returns when all of it is done.
    pub(crate) async fn gracefully(self) {
        self.readiness.stopping();
        let [callback, wallet_api] = self.handles;
        tokio::join!(callback.stop(true), wallet_api.stop(true));
        self.lanes.stop().await;
    }
}

impl Secrets {
    fn read(settings: &Settings) -> Result<Self, Failure> {
        let callback = &settings.callback;
        let key = &callback.signing_key;
        let signer = FileSigner::from_pem(key.version, &key.file.read()?)
            .map_err(|error| key.file.wrong(format!("cannot be used: {error}")))?;
        let tokens_file = &settings.wallet_api.tokens;
        let tokens = Tokens::parse(&tokens_file.read_text()?)
            .map_err(|error| tokens_file.wrong(format!("does not hold lines of NAME ROLE TOKEN: {error}")))?;
        Ok(Self {
            signer,
            verifier: keyring(settings)?,
            tokens,
            callback_tls: tls(callback.tls.as_ref())?,
            wallet_api_tls: tls(settings.wallet_api.tls.as_ref())?,
        })
    }
}

/// Each key is tried alone first, so that the sentence about a wrong one can name its file.
fn keyring(settings: &Settings) -> Result<Keyring, Failure> {
    let mut keys = Vec::new();
    for setting in &settings.callback.keys {
        let key = ClientKey {
            client_id: setting.client_id.clone(),
            version: setting.version,
            pem: setting.file.read()?,
            not_before: setting.not_before,
            not_after: setting.not_after,
        };
        Keyring::new(vec![key.clone()]).map_err(|error| setting.file.wrong(format!("cannot be used: {error}")))?;
        keys.push(key);
    }
    Keyring::new(keys).map_err(|error| Failure::new(format!("callback.clients cannot be used: {error}")))
}

fn tls(setting: Option<&Tls>) -> Result<Option<rustls::ServerConfig>, Failure> {
    let Some(Tls { certificate, private_key }) = setting else { return Ok(None) };
    let config = tls_config(&certificate.read()?, &private_key.read()?);
    config.map(Some).map_err(|error| certificate.wrong(format!("cannot be used with its private_key_file: {error}")).into())
}

fn listen(key: &str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = TcpListener::bind(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (real, listener) = bound
        .map_err(|error| Failure::new(format!("{key} is \"{address}\", but that address cannot be listened on: {error}")))?;
    Ok((listener, real))
}

fn cannot_serve(door: &str, error: &io::Error) -> Failure {
    Failure::new(format!("{door} cannot be served: {error}"))
}
