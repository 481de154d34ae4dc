//! The parts of the secrets: each is exchanged as a whole, and none waits for another.

use chrono::{DateTime, Utc};

use crate::output::CliError;
use crate::settings::{SettingFile, Settings};

/// Secrets and certificates that are exchanged together: either all of it is right and put in force, or what is in force stays
/// there.
pub(crate) trait SecretPart: Send {
    fn name(&self) -> PartName;

    /// The files that the settings name for it.
    fn files<'a>(&self, settings: &'a Settings) -> Vec<&'a SettingFile>;

    /// Reads all of it, to be put in force at this moment. `None` where the settings do not have it any more, which counts from the
    /// next start on.
    fn read(&self, settings: &Settings, now: DateTime<Utc>) -> Result<Option<FreshPart>, CliError>;
}

/// A part as it was read at the start.
pub(crate) struct ServedPart {
    pub(crate) part: Box<dyn SecretPart>,
    pub(crate) certificates: Vec<CertificateExpiry>,
}

/// What was read of a part, and is right.
pub(crate) struct FreshPart {
    pub(crate) in_force: InForce,
    /// Puts it in force.
    pub(crate) exchange: Box<dyn FnOnce()>,
}

/// What the log and the metrics say of a part in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) certificates: Vec<CertificateExpiry>,
    pub(crate) keys: Option<KeysInForce>,
}

/// The keys of messages, by their versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeysInForce {
    pub(crate) signing_key: u32,
    /// Clients with the versions of their keys.
    pub(crate) client_keys: String,
}

/// Until when certificates are valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CertificateExpiry {
    pub(crate) of: CertificateUse,
    /// The last second of the one that expires first.
    pub(crate) not_after: DateTime<Utc>,
}

/// A part's name, as logs and metrics have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartName {
    /// The settings themselves, which name the files.
    Settings,
    /// The signing key, the clients' keys and the tokens of the wallet API.
    Keys,
    CallbackTls,
    WalletApiTls,
    Funds,
    Payments,
    DatabasePassword,
}

impl PartName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Keys => "keys",
            Self::CallbackTls => "callback-tls",
            Self::WalletApiTls => "wallet-api-tls",
            Self::Funds => "funds",
            Self::Payments => "payments",
            Self::DatabasePassword => "database-password",
        }
    }
}

/// What certificates are for, as logs and metrics have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CertificateUse {
    Callback,
    WalletApi,
    FundsClient,
    FundsAuthorities,
    PaymentsClient,
    PaymentsAuthorities,
}

impl CertificateUse {
    pub(crate) const ALL: [Self; 6] = [
        Self::Callback,
        Self::WalletApi,
        Self::FundsClient,
        Self::FundsAuthorities,
        Self::PaymentsClient,
        Self::PaymentsAuthorities,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::WalletApi => "wallet-api",
            Self::FundsClient => "funds-client",
            Self::FundsAuthorities => "funds-authorities",
            Self::PaymentsClient => "payments-client",
            Self::PaymentsAuthorities => "payments-authorities",
        }
    }
}
