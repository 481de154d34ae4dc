//! `rescind serve`: from the first listener until a signal says stop.

use std::process::ExitCode;
use std::sync::Arc;

use ports::Clock;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::clock::SystemClock;
use crate::output::CliError;
use crate::reload;
use crate::settings::Settings;
use crate::telemetry::{self, LogTo};
use crate::wiring::{self, Servers, Service, Stop};

/// Serves until SIGTERM or SIGINT; a second signal ends it at once. SIGHUP has the keys read again.
pub(crate) async fn serve(settings: Settings) -> Result<ExitCode, CliError> {
    let _writing = telemetry::start(LogTo::Stderr)?;
    allow_open_files();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut signals = Signals::new()?;
    // From here on, SIGHUP does not end the process.
    let hangup = listen_for(SignalKind::hangup())?;
    let files = reload::Files::of(&settings);
    let Service { callback, wallet_api, servers, stop, keys } = wiring::start(&settings, &clock)?;
    reload::start(keys, settings, files, hangup)?;
    info!(%callback, %wallet_api, version = env!("CARGO_PKG_VERSION"), "serving");
    until_stopped(servers, stop, &mut signals).await
}

/// As many as the system allows: each connection is one, and where there are no more of them no caller is answered. What shells and systemd allow by
/// themselves, 1024, is less than one storm.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }) {
        warn!(%error, "no more files can be open than {:?}", limit.current);
    }
}

/// Keeps the servers running until a signal comes or one of them fails, then stops both.
pub(crate) async fn until_stopped(servers: Servers, stop: Stop, signals: &mut Signals) -> Result<ExitCode, CliError> {
    let [mut callback, mut wallet_api] = servers;
    let ended = tokio::select! {
        name = signals.next() => { info!(signal = name, "stopping: accepted work is finished first"); None }
        ended = &mut callback => Some(("callback", ended)),
        ended = &mut wallet_api => Some(("wallet_api", ended)),
    };
    tokio::select! {
        finished = stop.gracefully() => if !finished {
            error!("the database did not answer; what was committed stays, Alipay+ and the wallet ask again for the rest");
            return Ok(ExitCode::FAILURE);
        },
        name = signals.next() => {
            warn!(signal = name, "stopped at once; what was committed stays, Alipay+ and the wallet ask again for the rest");
            return Ok(ExitCode::FAILURE);
        }
    }
    match ended {
        None => {
            info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        Some((listener, ended)) => Err(CliError::new(format!("{listener} ended by itself: {ended:?}"))),
    }
}

/// SIGTERM and SIGINT.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn new() -> Result<Self, CliError> {
        Ok(Self { terminate: listen_for(SignalKind::terminate())?, interrupt: listen_for(SignalKind::interrupt())? })
    }

    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn listen_for(kind: SignalKind) -> Result<Signal, CliError> {
    signal(kind).map_err(|error| CliError::new(format!("signals cannot be received: {error}")))
}
