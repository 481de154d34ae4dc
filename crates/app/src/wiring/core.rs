//! The wallet core as the settings reach it, and the worker that goes with it.

use std::sync::Arc;

use adapters_keys::private_key_in_pem;
use adapters_wallet_core::{CoreError, CoreSettings, WalletCore};
use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use use_cases::{Core, Ports};
use zeroize::Zeroizing;

use crate::output::CliError;
use crate::reload::{CertificateExpiry, CertificateUse, FreshPart, InForce, PartName, SecretPart, ServedPart};
use crate::settings::{CoreSection, CoreSetting, SettingFile, Settings};

use super::certificates::{validity_of_authorities, validity_of_chain};

/// One side of the wallet core.
#[derive(Clone, Copy)]
struct Side {
    name: PartName,
    client: CertificateUse,
    authorities: CertificateUse,
    setting: fn(&CoreSection) -> Option<&CoreSetting>,
}

const FUNDS: Side = Side {
    name: PartName::Funds,
    client: CertificateUse::FundsClient,
    authorities: CertificateUse::FundsAuthorities,
    setting: |core| core.funds.as_ref(),
};

const PAYMENTS: Side = Side {
    name: PartName::Payments,
    client: CertificateUse::PaymentsClient,
    authorities: CertificateUse::PaymentsAuthorities,
    setting: |core| core.payments.as_ref(),
};

/// The wallet core as the settings reach it.
pub(super) struct ReachedCore {
    /// `None` where the embedded ledger has the money.
    pub(super) core: Option<Core>,
    /// What proves who is who, to be read again.
    pub(super) secrets: Vec<ServedPart>,
}

/// Reads what proves who is who. Certificates that have expired are taken: a process that does not start is worse.
pub(super) fn read(settings: &CoreSection) -> Result<ReachedCore, CliError> {
    let (funds, payments) = (reach(FUNDS, settings)?, reach(PAYMENTS, settings)?);
    let gateways = |reached: &ReachedSide| Arc::new(reached.core.clone());
    let lookups = payments.as_ref().map(|payments| gateways(payments) as _);
    let core = funds.as_ref().map(|funds| Core { funds: gateways(funds), payments: lookups });
    let secrets = [funds, payments].into_iter().flatten().map(ReachedSide::served).collect();
    Ok(ReachedCore { core, secrets })
}

/// Whether what proves who is who would be put in force at this moment.
pub(super) fn check(settings: &CoreSection, now: DateTime<Utc>) -> Result<(), CliError> {
    for side in [FUNDS, PAYMENTS] {
        let Some(setting) = (side.setting)(settings) else { continue };
        let (settings, _) = read_side(side, setting, Some(now))?;
        WalletCore::new(&settings).map_err(|error| not_reached(side, &error))?;
    }
    Ok(())
}

/// One side that is reached.
struct ReachedSide {
    side: Side,
    core: WalletCore,
    certificates: Vec<CertificateExpiry>,
}

fn reach(side: Side, settings: &CoreSection) -> Result<Option<ReachedSide>, CliError> {
    let Some(setting) = (side.setting)(settings) else { return Ok(None) };
    let (settings, certificates) = read_side(side, setting, None)?;
    let core = WalletCore::new(&settings).map_err(|error| not_reached(side, &error))?;
    Ok(Some(ReachedSide { side, core, certificates }))
}

fn not_reached(side: Side, error: &CoreError) -> CliError {
    CliError::new(format!("{} cannot reach the wallet core: {error}", side.name.as_str()))
}

impl ReachedSide {
    fn served(self) -> ServedPart {
        let certificates = self.certificates.clone();
        ServedPart { part: Box::new(self), certificates }
    }
}

impl SecretPart for ReachedSide {
    fn name(&self) -> PartName {
        self.side.name
    }

    fn files<'a>(&self, settings: &'a Settings) -> Vec<&'a SettingFile> {
        (self.side.setting)(&settings.core).into_iter().flat_map(CoreSetting::files).collect()
    }

    fn read(&self, settings: &Settings, now: DateTime<Utc>) -> Result<Option<FreshPart>, CliError> {
        let Some(setting) = (self.side.setting)(&settings.core) else { return Ok(None) };
        let (settings, certificates) = read_side(self.side, setting, Some(now))?;
        let renewal = self.core.renewal(&settings).map_err(|error| not_reached(self.side, &error))?;
        let (in_force, core) = (InForce { certificates, ..InForce::default() }, self.core.clone());
        Ok(Some(FreshPart { in_force, exchange: Box::new(move || core.exchange(renewal)) }))
    }
}

/// Reads the files of one side. Where a moment is given, certificates have to be valid at it.
fn read_side(
    side: Side,
    setting: &CoreSetting,
    now: Option<DateTime<Utc>>,
) -> Result<(CoreSettings, Vec<CertificateExpiry>), CliError> {
    let mut certificates = Vec::new();
    let token = setting.token.as_ref().map(SettingFile::read_line).transpose()?;
    let mut ca_pem = None;
    if let Some(file) = &setting.ca {
        let content = file.read()?;
        let not_after = validity_of_authorities(file, &content, now)?;
        certificates.push(CertificateExpiry { of: side.authorities, not_after });
        ca_pem = Some(content);
    }
    let mut client_identity_pem = None;
    if let (Some(file), Some(key)) = (&setting.client_certificate, &setting.client_key) {
        let (key, content) = (private_key(key)?, file.read()?);
        let not_after = validity_of_chain(file, &content, now)?;
        certificates.push(CertificateExpiry { of: side.client, not_after });
        // rustls takes a client's identity as one text: its certificates, then its key.
        client_identity_pem = Some([&content, b"\n".as_slice(), key.as_bytes()].concat());
    }
    let CoreSetting { url, timeout, max_connection_age, .. } = setting;
    let (url, timeout, max_connection_age) = (url.clone(), *timeout, *max_connection_age);
    Ok((CoreSettings { url, timeout, max_connection_age, token, ca_pem, client_identity_pem }, certificates))
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
