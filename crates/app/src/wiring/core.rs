//! The wallet core as the settings reach it, and the worker that goes with it.

use std::sync::Arc;

use adapters_keys::private_key_in_pem;
use adapters_wallet_core::{CoreSettings, WalletCore};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use use_cases::{Core, Ports};
use zeroize::Zeroizing;

use crate::output::CliError;
use crate::settings::{CoreSection, CoreSetting, SettingFile};

/// The wallet core; `None` where the embedded ledger has the money.
pub(super) fn read(settings: &CoreSection) -> Result<Option<Core>, CliError> {
    let Some(funds) = &settings.funds else { return Ok(None) };
    let payments = settings.payments.as_ref().map(|payments| reach("payments", payments)).transpose()?;
    let funds = Arc::new(reach("funds", funds)?);
    Ok(Some(Core { funds, payments: payments.map(|payments| Arc::new(payments) as _) }))
}

fn reach(section: &str, setting: &CoreSetting) -> Result<WalletCore, CliError> {
    let read = |file: &Option<SettingFile>| file.as_ref().map(SettingFile::read).transpose();
    let token = setting.token.as_ref().map(SettingFile::read_line).transpose()?;
    // rustls takes a client's identity as one text: its certificates, then its key.
    let identity = match (read(&setting.client_certificate)?, setting.client_key.as_ref().map(private_key).transpose()?) {
        (Some(certificate), Some(key)) => Some([&certificate, b"\n".as_slice(), key.as_bytes()].concat()),
        (Some(_) | None, _) => None,
    };
    let reached = CoreSettings {
        url: setting.url.clone(),
        timeout: setting.timeout,
        max_connection_age: setting.max_connection_age,
        token,
        ca_pem: read(&setting.ca)?,
        client_identity_pem: identity,
    };
    WalletCore::new(&reached).map_err(|error| CliError::new(format!("{section} cannot reach the wallet core: {error}")))
}

fn private_key(file: &SettingFile) -> Result<Zeroizing<String>, CliError> {
    let key = private_key_in_pem(&file.read_wiped()?);
    key.map_err(|error| file.wrong(format!("cannot be used: {error}")).into())
}

/// The worker of this process.
pub(super) struct Worker {
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

impl Worker {
    pub(super) fn start(ports: &Arc<Ports>) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, running: tokio::spawn(use_cases::run_worker(Arc::clone(ports), stopped)) }
    }

    /// Begins nothing more; what it has begun is finished by [`Ports::stop`].
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(died) = self.running.await {
            tracing::error!(error = %died, "the worker had died");
        }
    }
}
