//! TLS of the listeners, and until when certificates are valid.

use adapters_http::ServerTls;
use adapters_keys::{Validity, private_key_in_pem};
use chrono::{DateTime, SecondsFormat, Utc};

use crate::output::CliError;
use crate::reload::{CertificateExpiry, CertificateUse, FreshPart, InForce, PartName, SecretPart, ServedPart};
use crate::settings::{SettingError, SettingFile, Settings, Tls};

/// A listener that speaks TLS.
#[derive(Clone, Copy)]
pub(super) struct TlsListener {
    part: PartName,
    certificate: CertificateUse,
    setting: fn(&Settings) -> Option<&Tls>,
}

pub(super) const CALLBACK: TlsListener = TlsListener {
    part: PartName::CallbackTls,
    certificate: CertificateUse::Callback,
    setting: |settings| settings.callback.tls.as_ref(),
};

pub(super) const WALLET_API: TlsListener = TlsListener {
    part: PartName::WalletApiTls,
    certificate: CertificateUse::WalletApi,
    setting: |settings| settings.wallet_api.tls.as_ref(),
};

/// TLS of a listener as its files have it now; `None` where it has none. A certificate that has expired is taken: a process that
/// does not start is worse.
pub(super) fn read(listener: TlsListener, settings: &Settings) -> Result<Option<ListenerTls>, CliError> {
    let read = (listener.setting)(settings).map(|tls| read_pair(tls, None)).transpose()?;
    Ok(read.map(|(tls, not_after)| ListenerTls { listener, tls, not_after }))
}

/// Whether it would be put in force at this moment.
pub(super) fn check(listener: TlsListener, settings: &Settings, now: DateTime<Utc>) -> Result<(), CliError> {
    (listener.setting)(settings).map_or(Ok(()), |tls| read_pair(tls, Some(now)).map(drop))
}

/// TLS of a listener that was read.
pub(super) struct ListenerTls {
    listener: TlsListener,
    pub(super) tls: ServerTls,
    not_after: DateTime<Utc>,
}

impl ListenerTls {
    /// As a part of the secrets, to be read again.
    pub(super) fn served(self) -> ServedPart {
        let certificates = self.in_force().certificates;
        ServedPart { part: Box::new(self), certificates }
    }

    fn in_force(&self) -> InForce {
        let expiry = CertificateExpiry { of: self.listener.certificate, not_after: self.not_after };
        InForce { certificates: vec![expiry], ..InForce::default() }
    }
}

impl SecretPart for ListenerTls {
    fn name(&self) -> PartName {
        self.listener.part
    }

    fn files<'a>(&self, settings: &'a Settings) -> Vec<&'a SettingFile> {
        (self.listener.setting)(settings).into_iter().flat_map(Tls::files).collect()
    }

    fn read(&self, settings: &Settings, now: DateTime<Utc>) -> Result<Option<FreshPart>, CliError> {
        let Some(setting) = (self.listener.setting)(settings) else { return Ok(None) };
        let (fresh, not_after) = read_pair(setting, Some(now))?;
        let (in_force, served) = (Self { not_after, listener: self.listener, tls: fresh.clone() }.in_force(), self.tls.clone());
        Ok(Some(FreshPart { in_force, exchange: Box::new(move || served.exchange(&fresh)) }))
    }
}

/// A certificate with its key, and until when its chain is valid. Where a moment is given, the certificate has to be valid at it.
fn read_pair(setting: &Tls, now: Option<DateTime<Utc>>) -> Result<(ServerTls, DateTime<Utc>), CliError> {
    let Tls { certificate, private_key } = setting;
    let key = private_key_in_pem(&private_key.read_wiped()?);
    let key = key.map_err(|error| private_key.wrong(format!("cannot be used: {error}")))?;
    let chain = certificate.read()?;
    let tls = ServerTls::from_pem(&chain, key.as_bytes())
        .map_err(|error| certificate.wrong(format!("cannot be used with its private_key_file: {error}")))?;
    Ok((tls, validity_of_chain(certificate, &chain, now)?))
}

/// Until when a chain is valid. Where a moment is given, its first certificate has to be valid at it; what is wrong with others may
/// not matter to those who know their authority.
pub(super) fn validity_of_chain(
    file: &SettingFile,
    content: &[u8],
    now: Option<DateTime<Utc>>,
) -> Result<DateTime<Utc>, SettingError> {
    let all = Validity::in_pem(content).map_err(|error| file.wrong(format!("cannot be used: {error}")))?;
    now.into_iter().zip(&all).try_for_each(|(now, first)| must_include(file, first, now))?;
    Ok(first_end(&all))
}

/// Until when every one of some authorities is valid. Where a moment is given, one of them has to be valid at it.
pub(super) fn validity_of_authorities(
    file: &SettingFile,
    content: &[u8],
    now: Option<DateTime<Utc>>,
) -> Result<DateTime<Utc>, SettingError> {
    let all = Validity::in_pem(content).map_err(|error| file.wrong(format!("cannot be used: {error}")))?;
    let last = all.iter().max_by_key(|validity| validity.not_after);
    if let Some((now, last)) = now.zip(last)
        && !all.iter().any(|validity| validity.includes(now))
    {
        must_include(file, last, now)?;
    }
    Ok(first_end(&all))
}

fn must_include(file: &SettingFile, validity: &Validity, now: DateTime<Utc>) -> Result<(), SettingError> {
    let shown = |moment: DateTime<Utc>| moment.to_rfc3339_opts(SecondsFormat::Secs, true);
    if validity.not_before > now {
        return Err(
            file.wrong(format!("holds a certificate that is valid from {} on and not before", shown(validity.not_before)))
        );
    }
    if validity.not_after < now {
        return Err(file.wrong(format!("holds a certificate that expired at {}", shown(validity.not_after))));
    }
    Ok(())
}

fn first_end(all: &[Validity]) -> DateTime<Utc> {
    all.iter().map(|validity| validity.not_after).min().unwrap_or(DateTime::UNIX_EPOCH)
}
